"""The register of former paper certificates: in whole or not at all, and never changed by a later file (R8.1)."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from certsvc.errors import ImportRefused
from certsvc.services.certificates.import_paper import import_paper
from certsvc.services.context import Services
from certsvc.services.imports import ImportReport
from certsvc.services.verification.look_up import by_number_and_name
from certsvc.store import PaperCertificateRecord
from tests.builders.person import Candidate, write_csv


def cells(number: str = "2063010001500001", **changes: str) -> dict[str, str]:
    person = Candidate()
    return {
        "number": number,
        "name": person.name,
        "id_type": "居民身份证",
        "id_number": person.id_number,
        "occupation": "应急救援员",
        "level": "五级/初级工",
        "issued_on": "2020/6/1",
        "issuer": "原鉴定中心",
        **changes,
    }


def take(services: Services, path: Path, *rows: dict[str, str], dry_run: bool = False) -> ImportReport:
    return import_paper(services, write_csv(path / "paper.csv", rows), by="登记员", dry_run=dry_run)


def count(services: Services) -> int:
    with services.database.reading() as session:
        return session.scalar(select(func.count()).select_from(PaperCertificateRecord)) or 0


def test_a_register_is_stored_once(services: Services, tmp_path: Path) -> None:
    rows = [cells(), cells("2063010001500002")]
    assert take(services, tmp_path, *rows, dry_run=True).new == 2
    assert count(services) == 0
    assert take(services, tmp_path, *rows).new == 2
    report = take(services, tmp_path, *rows)
    assert (report.new, report.unchanged, count(services)) == (0, 2, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "别人"},
        {"id_number": Candidate(serial=7).id_number},
        {"occupation": "消防员"},
        {"level": "4"},
        {"issued_on": "2020-06-02"},
        {"issuer": "别处"},
    ],
)
def test_the_same_number_with_other_content_is_a_conflict(
    services: Services, tmp_path: Path, changes: dict[str, str]
) -> None:
    take(services, tmp_path, cells())
    with pytest.raises(ImportRefused) as caught:
        take(services, tmp_path, cells("2063010001500009"), cells(**changes))
    ((column, rule),) = [(error.column, error.rule) for error in caught.value.errors]
    assert (column, rule) == (next(iter(changes)), "R8.1")
    assert count(services) == 1


def test_a_number_is_found_in_whatever_letters_it_was_registered(services: Services, tmp_path: Path) -> None:
    take(services, tmp_path, cells("qh-2010-a1"))
    found = by_number_and_name(services, "Qh-2010-A1", Candidate().name)
    assert found is not None
    assert found.number == "QH-2010-A1"
    assert take(services, tmp_path, cells("QH-2010-a1")).unchanged == 1


@pytest.mark.parametrize("number", ["0", "00-00", "-"])
def test_nought_is_no_number(services: Services, tmp_path: Path, number: str) -> None:
    """It stands for every number that is none."""
    with pytest.raises(ImportRefused):
        take(services, tmp_path, cells(number))


def test_a_name_that_no_font_draws_is_said_at_the_import(services: Services, tmp_path: Path) -> None:
    report = take(services, tmp_path, cells(name="王\U00031350"), cells("2063010001500002"))
    assert report.new == 2
    assert [(said.row, said.column, said.rule) for said in report.warnings] == [(2, "name", "R9")]
    assert "U+31350" in report.warnings[0].en
