"""The register of former paper certificates (R8.1)."""

from __future__ import annotations

from datetime import date

import pytest

from certsvc.person.identity import IdentityDocument, IdType
from certsvc.roster.paper import PaperRow, read_paper
from tests.builders.roster import NUMBER, PAPER, csv_file, sheet_file


def found(**changes: object) -> list[tuple[str, str]]:
    return [(error.column, error.rule) for error in read_paper(csv_file(PAPER | changes)).errors]


def test_a_row_is_read_whole() -> None:
    assert read_paper(csv_file(PAPER)).check().rows == [
        PaperRow(
            2,
            "2063010001500001",
            "张𬭊",
            IdentityDocument(IdType.RESIDENT_ID, NUMBER),
            "应急救援员",
            5,
            date(2020, 5, 6),
            "样例鉴定中心",
        )
    ]


@pytest.mark.parametrize("column", [key for key in PAPER if key != "证件类型"])
def test_every_cell_but_the_type_is_required(column: str) -> None:
    assert found(**{column: ""}) == [(column, "file.required")]


@pytest.mark.parametrize(
    ("typed", "kept"), [("20 63", "2063"), ("qh–2063", "QH-2063"), ("２０６３", "2063"), ("'2063", "2063")]
)
def test_a_number_is_kept_as_it_is_asked_for(typed: str, kept: str) -> None:
    [row] = read_paper(csv_file(PAPER | {"证书编号": typed})).check().rows
    assert row.number == kept


@pytest.mark.parametrize("number", ["=2063", "编号1", "20/63", "x" * 65])
def test_a_number_is_plain(number: str) -> None:
    assert found(证书编号=number)[0][0] == "证书编号"


def test_a_long_number_stored_as_a_number_is_refused() -> None:
    cells = list(PAPER.values())
    cells[0] = 2063010001500001
    [error] = read_paper(sheet_file([list(PAPER), cells], [["x"]])).errors
    assert (error.column, error.rule) == ("证书编号", "file.number")


def test_the_same_row_twice_counts_once_and_a_number_twice_is_refused() -> None:
    parsed = read_paper(csv_file(PAPER, PAPER, PAPER | {"姓名": "李四"}))
    assert len(parsed.rows) == 1
    assert [(error.row, error.column, error.rule) for error in parsed.errors] == [(4, "证书编号", "file.twice")]
