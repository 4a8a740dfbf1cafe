"""XLSX: what cells become, and archives that mean harm. Spreadsheets know no time zones."""

# ruff: noqa: DTZ001

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zipfile
import zlib
from datetime import date, datetime, time, timedelta

import pytest

from certsvc.errors import FileRefused
from certsvc.roster import xlsx_archive
from certsvc.roster.cells import Cell, Limits, Unreadable
from certsvc.roster.xlsx_file import OtherSheet, open_sheet, read_sheet_rows
from tests.builders.roster import rewrite_archive, sheet_file

LIMITS = Limits()
SHEET = "xl/worksheets/sheet1.xml"


def first_row(*cells: object) -> list[Cell]:
    [(number, row)] = read_sheet_rows(open_sheet(sheet_file([list(cells)]), LIMITS), LIMITS)
    assert number == 1
    return row


def refusal(content: bytes, limits: Limits = LIMITS) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        open_sheet(content, limits)
    return refused.value


def test_cells_become_text_or_days() -> None:
    assert first_row("张𬭊", date(2025, 3, 24), datetime(2025, 3, 24), 60, 60.0, 59.99, 12000000001, True, False) == [
        "张𬭊",
        date(2025, 3, 24),
        date(2025, 3, 24),
        "60",
        "60",
        "59.99",
        "12000000001",
        "TRUE",
        "FALSE",
    ]


def test_a_number_is_never_rounded() -> None:
    assert first_row(59.995, 59.99999999999) == ["59.995", "59.99999999999"]


def test_a_long_number_has_lost_digits_and_is_unreadable() -> None:
    [cell] = first_row(110105194912310021)
    assert isinstance(cell, Unreadable)
    assert cell.rule == "file.number"
    assert first_row(999_999_999_999_999) == ["999999999999999"]


@pytest.mark.parametrize("moment", [datetime(2025, 3, 24, 10, 30), time(10, 30), timedelta(hours=30)])
def test_a_time_of_day_is_no_day(moment: object) -> None:
    [cell] = first_row(moment)
    assert isinstance(cell, Unreadable)
    assert cell.rule == "file.date"


def test_a_long_text_is_unreadable() -> None:
    [cell] = first_row("x" * 1001)
    assert isinstance(cell, Unreadable)
    assert cell.rule == "file.length"


def test_rows_keep_the_numbers_of_the_sheet() -> None:
    rows = read_sheet_rows(open_sheet(sheet_file([["a"], [], ["b"]]), LIMITS), LIMITS)
    assert list(rows) == [(1, ["a"]), (2, [""]), (3, ["b"])]


def test_a_sheet_that_starts_elsewhere_keeps_its_rows_and_columns() -> None:
    assert list(read_sheet_rows(open_sheet(sheet_file([[], [None, "b"]]), LIMITS), LIMITS))[-1] == (2, ["", "b"])


def test_an_empty_sheet_has_no_rows() -> None:
    assert list(read_sheet_rows(open_sheet(sheet_file([]), LIMITS), LIMITS)) == []


def test_further_sheets_are_named() -> None:
    assert open_sheet(sheet_file([["a"]], [], [["b"]]), LIMITS).others == (OtherSheet("Sheet2", False, 1),)


def test_a_formula_without_a_value_is_unreadable() -> None:
    cell, other = first_row("=1+1", "x")
    assert isinstance(cell, Unreadable)
    assert (cell.rule, other) == ("R9", "x")


@pytest.mark.parametrize("kept", [4, 100, 1000, -1])
def test_a_truncated_file_is_refused(kept: int) -> None:
    assert refusal(sheet_file([["a", "b"]])[:kept]).rule == "file.form"


def test_every_truncation_and_many_flips_are_refused_or_read_but_never_crash() -> None:
    content = sheet_file([["a", "b"]])
    for at in range(4, len(content), 37):
        refusal(content[:at])
        flipped = bytearray(content)
        flipped[at] ^= 0x5A
        try:
            open_sheet(bytes(flipped), LIMITS)
        except FileRefused:
            continue


def test_macros_are_refused() -> None:
    content = rewrite_archive(sheet_file([["a"]]), lambda name, part: part)
    out = io.BytesIO(content)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    assert "macros" in refusal(out.getvalue()).en


def test_another_archive_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("content.xml", b"x")
    assert "no XLSX workbook" in refusal(out.getvalue()).en


def test_an_encrypted_entry_is_refused() -> None:
    content = bytearray(sheet_file([["a"]]))
    at = content.find(b"PK\x01\x02")
    content[at + 8] |= 1
    assert "encrypted" in refusal(bytes(content)).en


def test_doubled_entries_are_refused() -> None:
    out = io.BytesIO(sheet_file([["a"]]))
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(SHEET, b"<worksheet/>")
    assert "damaged" in refusal(out.getvalue()).en


def test_a_workbook_without_a_visible_sheet_is_refused() -> None:
    content = rewrite_archive(
        sheet_file([["a"]]),
        lambda name, part: part.replace(b'state="visible"', b'state="hidden"') if name == "xl/workbook.xml" else part,
    )
    assert "no visible sheet" in refusal(content).en


def test_a_part_that_is_missing_is_refused() -> None:
    content = rewrite_archive(sheet_file([["a"]]), lambda name, part: None if name == SHEET else part)
    assert "damaged" in refusal(content).en


def test_a_zip_bomb_is_refused_without_unpacking_it() -> None:
    bomb = rewrite_archive(
        sheet_file([["a"]]), lambda name, part: b" " * 300_000_000 if name == "docProps/app.xml" else part
    )
    tracemalloc.start()
    assert refusal(bomb).rule == "file.size"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_bomb_that_lies_about_its_size_is_refused() -> None:
    bomb = bytearray(
        rewrite_archive(sheet_file([["a"]]), lambda n, p: b" " * 90_000_000 if n == "docProps/app.xml" else p)
    )
    assert bomb.count(struct.pack("<I", 90_000_000)) == 2
    lying = bytes(bomb).replace(struct.pack("<I", 90_000_000), struct.pack("<I", 1_000))
    assert refusal(lying).rule == "file.size"


def test_a_small_lie_about_a_size_is_refused() -> None:
    content = sheet_file([["a"]])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = struct.pack("<I", archive.getinfo("xl/styles.xml").file_size)
    assert "damaged" in refusal(content.replace(size, struct.pack("<I", 7))).en


def test_the_total_is_bounded_whatever_the_ratio() -> None:
    assert refusal(sheet_file([["a"]]), Limits(unpacked_bytes=100)).rule == "file.size"


def test_too_many_entries_are_refused() -> None:
    assert refusal(sheet_file([["a"]]), Limits(archive_entries=3)).rule == "file.size"


@pytest.mark.parametrize("reference", [b"XFD1048576", b"A1048576", b"ZZ1", b"xfd2"])
def test_a_cell_at_the_end_of_the_world_reserves_no_grid(reference: bytes) -> None:
    content = rewrite_archive(
        sheet_file([["a"]]),
        lambda name, part: part.replace(b'r="A1"', b"r = '" + reference + b"'") if name == SHEET else part,
    )
    assert refusal(content).rule == "file.size"


@pytest.mark.parametrize(
    "attributes",
    [b"", b' s="0"', b' r="A1" r="XFD9"', b" r=A1", b' r="&#65;1"', b' R="A1"', b' r="1"'],
)
def test_a_cell_that_does_not_say_once_where_it_is_is_refused(attributes: bytes) -> None:
    content = rewrite_archive(
        sheet_file([["a"]]), lambda name, part: part.replace(b' r="A1"', attributes) if name == SHEET else part
    )
    assert "where they are" in refusal(content).en


def test_a_sheet_under_another_name_is_measured_too() -> None:
    def move(name: str, part: bytes) -> bytes:
        return part.replace(b"worksheets/sheet1.xml", b"other.bin").replace(b'r="A1"', b'r="XFD1048576"')

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sheet_file([["a"]]))) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            target.writestr("xl/other.bin" if name == SHEET else name, move(name, source.read(name)))
    assert refusal(out.getvalue()).rule == "file.size"


def test_prefixes_and_other_attributes_are_seen_through() -> None:
    content = rewrite_archive(
        sheet_file([["a", "b"]]),
        lambda name, part: part.replace(b'<c r="B1"', b"<x:c  s='0'\n r = 'B1' a.b-c=\"\"") if name == SHEET else part,
    )
    assert open_sheet(content, LIMITS).sheet.width >= 1


def test_cells_and_strings_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_archive, "_MOST_CELLS", 5)
    assert refusal(sheet_file([["a"] * 6])).rule == "file.size"
    strings = rewrite_archive(
        sheet_file([["a"]]), lambda name, part: part + b"<si/>" * 6 if name == "xl/styles.xml" else part
    )
    assert refusal(strings).rule == "file.size"


def test_a_tag_longer_than_any_is_refused_since_it_may_hide_a_cell() -> None:
    long = b'<c x="' + os.urandom(700_000).hex().encode() + b'" r="XFD1048576"'
    content = rewrite_archive(
        sheet_file([["a"]]), lambda name, part: part.replace(b'<c r="A1"', long) if name == SHEET else part
    )
    assert "damaged" in refusal(content).en


def test_a_picture_in_the_workbook_is_no_matter() -> None:
    out = io.BytesIO(sheet_file([["a"]]))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("xl/media/image1.png", os.urandom(300_000) + b"<c >" + b"x" * 2_000_000)
    assert open_sheet(out.getvalue(), LIMITS).sheet.width == 1


def test_a_sheet_among_the_pictures_is_looked_at_like_any_other() -> None:
    def moved(name: str, part: bytes) -> bytes:
        return part.replace(b"worksheets/sheet1.xml", b"media/sheet1.xml") if name.endswith(".rels") else part

    out = io.BytesIO(rewrite_archive(sheet_file([["a"]]), moved))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("xl/media/sheet1.xml", b"<sheetData><row><c ></c></row></sheetData>")
    assert refusal(out.getvalue()).rule == "file.form"


def test_rows_times_columns_are_bounded() -> None:
    content = rewrite_archive(
        sheet_file([["a"]]),
        lambda name, part: part.replace(b'r="A1"', b'r="BL190000"') if name == SHEET else part,
    )
    assert refusal(content).rule == "file.size"


def _archive_of(method: int, packed: bytes, size: int) -> bytes:
    """A ZIP whose one odd entry is written by hand, beside the parts of a workbook."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", b"x" * 300_000)
        archive.writestr("xl/workbook.xml", b"x")
    content = bytearray(out.getvalue())
    at = content.find(b"PK\x01\x02")
    content[at + 10 : at + 12] = struct.pack("<H", method)
    content[at + 20 : at + 24] = struct.pack("<I", len(packed))
    content[at + 24 : at + 28] = struct.pack("<I", size)
    start = 30 + len("[Content_Types].xml")
    content[start : start + len(packed)] = packed
    return bytes(content)


def test_stored_entries_are_measured_and_then_judged_by_the_reader() -> None:
    assert "damaged" in refusal(_archive_of(zipfile.ZIP_STORED, b"x" * 300_000, 300_000)).en


@pytest.mark.parametrize(
    ("method", "packed"),
    [
        (zipfile.ZIP_BZIP2, b"x"),
        (zipfile.ZIP_DEFLATED, b"\xff\xff\xff"),
        (zipfile.ZIP_DEFLATED, zlib.compress(b"half of it" * 50, wbits=-15)[:6]),
    ],
)
def test_odd_compression_is_refused(method: int, packed: bytes) -> None:
    assert "damaged" in refusal(_archive_of(method, packed, 500)).en


def test_an_entry_that_points_nowhere_is_refused() -> None:
    content = bytearray(sheet_file([["a"]]))
    at = content.find(b"PK\x01\x02")
    content[at + 42 : at + 46] = struct.pack("<I", 11)
    assert "damaged" in refusal(bytes(content)).en
