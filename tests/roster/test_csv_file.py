"""CSV: encodings, row numbers, form."""

from __future__ import annotations

import codecs

import pytest

from certsvc.errors import FileRefused
from certsvc.roster.cells import Limits, NumberedCells, Unreadable
from certsvc.roster.csv_file import CsvForm, find_encoding, find_form, read_csv_rows
from certsvc.roster.headers import Column


def _rows(content: bytes, limits: Limits) -> NumberedCells:
    return read_csv_rows(content, CsvForm(find_encoding(content)), limits)


def rows_of(content: bytes, limits: Limits | None = None) -> list[tuple[int, list[object]]]:
    return [(number, list(cells)) for number, cells in _rows(content, limits or Limits())]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_each_encoding_gives_the_same_rows(encoding: str) -> None:
    assert rows_of("姓名,a\n张𬭊,1\n".encode(encoding)) == [(1, ["姓名", "a"]), (2, ["张𬭊", "1"])]


def test_ascii_alone_is_read() -> None:
    assert rows_of(b"name\nx\n") == [(1, ["name"]), (2, ["x"])]


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_utf16_is_read_where_it_says_so(mark: bytes) -> None:
    encoding = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
    assert rows_of(mark + "姓名,a\n张𬭊,1\n".encode(encoding)) == [(1, ["姓名", "a"]), (2, ["张𬭊", "1"])]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_utf16_without_its_mark_and_utf32_are_refused(encoding: str) -> None:
    with pytest.raises(FileRefused) as refused:
        rows_of("姓名,number\n张三,2663010001500001\n".encode(encoding))
    assert refused.value.rule == "file.encoding"
    assert "UTF-16" in refused.value.en


def test_damaged_utf16_is_refused() -> None:
    with pytest.raises(FileRefused) as refused:
        rows_of(codecs.BOM_UTF16_LE + "a\nb".encode("utf-16-le") + b"\x00\xd8a")
    assert refused.value.where == "第 2 行 line 2"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_damaged_utf8_file_is_refused_and_never_read_as_gb18030(mark: bytes) -> None:
    content = mark + "name\n张三\n李四\n王五赵六孙七\n".encode().replace("四".encode(), b"\xe5\x9b", 1)
    with pytest.raises(FileRefused) as refused:
        rows_of(content)
    assert refused.value.where == "第 3 行 line 3"


def test_bytes_of_neither_encoding_are_refused() -> None:
    with pytest.raises(FileRefused, match="UTF-8"):
        rows_of(b"a\n\xff\xff\xff\n")


def test_a_quoted_cell_over_several_lines_is_one_row_and_blank_lines_count() -> None:
    assert [number for number, _ in rows_of(b'a,b\n"1\n2\n3",x\n\n4,y\n')] == [1, 2, 3, 4]


def test_an_open_quote_is_refused_with_its_row() -> None:
    with pytest.raises(FileRefused) as refused:
        rows_of(b'a,b\n1,2\n"3,4\n')
    assert refused.value.where == "第 3 行 row 3"


def test_a_quote_left_open_above_the_headers_is_told_and_not_an_empty_file() -> None:
    with pytest.raises(FileRefused) as refused:
        find_form(b'"a,b\n1,2\n', [Column("name", "姓名")], Limits())
    assert refused.value.where == "第 1 行 row 1"


def test_a_quote_that_another_separator_leaves_open_is_no_matter() -> None:
    """By commas this is broken, by semicolons two cells."""
    content = b'"a";"name"\n'
    with pytest.raises(FileRefused):
        list(read_csv_rows(content, CsvForm("utf-8"), Limits()))
    form, header = find_form(content, [Column("name", "姓名")], Limits())
    assert (form.separator, header is not None and header.complete) == (";", True)


def test_a_cell_comes_as_it_is_written() -> None:
    assert rows_of("\u3000张三 \u00a0,\u200b李\n".encode()) == [(1, ["\u3000张三 \u00a0", "\u200b李"])]


def test_a_cell_beyond_the_bound_is_unreadable_and_only_its_beginning_is_kept() -> None:
    [(_, [cell])] = rows_of(b"x" * 31 + b"\n", Limits(cell_length=30))
    assert isinstance(cell, Unreadable)
    assert (cell.rule, len(cell.shown)) == ("file.length", 32)
    assert rows_of(b" " * 31 + b"x\n", Limits(cell_length=30)) == [(1, [" " * 31 + "x"])]


def test_a_chunk_border_may_cut_a_character() -> None:
    content = b"a\n" + "张三李四\n".encode() * 11_000
    assert content[128 * 1024] & 0xC0 == 0x80
    assert rows_of(content)[-1] == (11_001, ["张三李四"])
