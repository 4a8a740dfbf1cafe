"""What measuring an archive cannot see ends in a refusal, and never in the end of the process that asked."""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pytest

from certsvc.errors import FileRefused
from certsvc.roster.cells import Limits
from certsvc.roster.xlsx_bounded import read_in_child, read_sheet_bounded
from certsvc.roster.xlsx_file import open_sheet, read_sheet_rows
from tests.builders.roster import rewrite_archive, sheet_file

LIMITS = Limits(memory_bytes=256 * 1024 * 1024, unpacked_bytes=64 * 1024 * 1024)
SHEET = "xl/worksheets/sheet1.xml"


def refusal(content: bytes, limits: Limits = LIMITS) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        read_sheet_bounded(content, limits)
    return refused.value


def test_the_bounded_reading_gives_the_same_rows() -> None:
    content = sheet_file(
        [["姓名", " 张𬭊 ", date(2025, 3, 24)], [60, 59.99, 110105194912310021], ["x" * 1001]], [["b"]]
    )
    opened = open_sheet(content, LIMITS)
    bounded = read_sheet_bounded(content, LIMITS)
    assert (bounded.name, bounded.others) == ("Sheet", opened.others)
    assert list(bounded.rows()) == list(bounded.rows()) == list(read_sheet_rows(opened, LIMITS))


def test_a_refusal_comes_through_in_its_own_words() -> None:
    content = rewrite_archive(sheet_file([["a"]]), lambda name, part: None if name == "xl/workbook.xml" else part)
    assert "no XLSX workbook" in refusal(content).en


def test_a_long_string_that_every_cell_repeats_is_refused() -> None:
    """Half a megabyte as it comes, four gigabytes as the reader makes a copy of the string for each cell."""
    # Not the same letter over and over, which would be refused for how well it packs.
    string = bytes(random.Random(1).choices(b"abcdefghijklmnop", k=20_000))
    rows = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (row, row) for row in range(2, 200_000))
    content = io.BytesIO(
        rewrite_archive(
            sheet_file([["a"]]),
            lambda name, part: part.replace(b"</sheetData>", rows + b"</sheetData>") if name == SHEET else part,
        )
    )
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", b"<sst><si><t>" + string + b"</t></si></sst>")
    assert "time and memory" in refusal(content.getvalue()).en


def test_one_part_named_as_hundreds_of_sheets_is_refused() -> None:
    def name_again(name: str, part: bytes) -> bytes:
        if name != "xl/workbook.xml":
            return part
        [sheet] = re.findall(rb"<sheet [^>]*/>", part)
        return part.replace(sheet, b"".join(sheet.replace(b'"Sheet1"', b'"s%d"' % at) for at in range(200)))

    content = rewrite_archive(sheet_file([["a"]]), name_again)
    assert "200 sheets" in refusal(content).en


@pytest.mark.parametrize("prefix", [b"a-b", b"a.b", "é".encode(), b"", b'"', b"a<b"])
def test_a_cell_is_seen_under_whatever_prefix_the_reader_takes(prefix: bytes) -> None:
    cell = b"<" + prefix + b':c r="XFD1048576" /></sheetData>'
    content = rewrite_archive(
        sheet_file([["a"]]), lambda name, part: part.replace(b"</sheetData>", cell) if name == SHEET else part
    )
    assert "1048576" in refusal(content).en


def test_a_cell_that_measuring_misses_ends_the_child_alone() -> None:
    """To the reader, which respects quotes in a name, this is a cell; no tag of XML begins so."""
    cell = b'<"a>b:c r="XFD1048576"/>"></sheetData>'
    content = rewrite_archive(
        sheet_file([["a"]]), lambda name, part: part.replace(b"</sheetData>", cell) if name == SHEET else part
    )
    assert refusal(content).rule in {"file.size", "file.form"}


def test_the_child_answers_line_by_line() -> None:
    said = io.BytesIO()
    asked = {"limits": asdict(LIMITS), "columns": []}
    read_in_child(asked, sheet_file([["a"]]), said.write)
    opened, *rows = map(json.loads, said.getvalue().splitlines())
    assert opened == {"name": "Sheet", "others": [], "hidden_rows": [], "hidden_columns": []}
    assert rows == [[1, ["a"]]]
    read_in_child(asked, b"PK", (refused := io.BytesIO()).write)
    assert b"damaged" in refused.getvalue()


def test_a_child_that_never_ends_is_a_refusal() -> None:
    assert "time and memory" in refusal(sheet_file([["a"]]), Limits(seconds=0)).en


def test_no_module_is_taken_from_the_folder_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tempfile.py").write_text("raise SystemExit('planted')")
    monkeypatch.chdir(tmp_path)
    assert list(read_sheet_bounded(sheet_file([["a"]]), LIMITS).rows()) == [(1, ["a"])]
