"""CSV: encodings, row numbers, form."""

from __future__ import annotations

import pytest

from certsvc.errors import FileRefused
from certsvc.roster.cells import Limits, NumberedCells, Unreadable
from certsvc.roster.csv_file import find_encoding, read_csv_rows


def _rows(content: bytes, limits: Limits) -> NumberedCells:
    return read_csv_rows(content, find_encoding(content), limits)


def rows_of(content: bytes, limits: Limits | None = None) -> list[tuple[int, list[object]]]:
    return [(number, list(cells)) for number, cells in _rows(content, limits or Limits())]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_each_encoding_gives_the_same_rows(encoding: str) -> None:
    assert rows_of("姓名,a\n张𬭊,1\n".encode(encoding)) == [(1, ["姓名", "a"]), (2, ["张𬭊", "1"])]


def test_ascii_alone_is_read() -> None:
    assert rows_of(b"name\nx\n") == [(1, ["name"]), (2, ["x"])]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_utf16_and_utf32_are_refused(encoding: str) -> None:
    content = "姓名\n张三\n".encode(encoding)
    with pytest.raises(FileRefused) as refused:
        rows_of(b"\xff\xfe" + content if encoding == "utf-16-le" else content)
    assert refused.value.rule == "file.encoding"


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


def test_padding_goes_and_control_characters_stay() -> None:
    assert rows_of("\u3000张三 \u00a0,\u200b李\n".encode()) == [(1, ["张三", "\u200b李"])]


def test_a_cell_beyond_the_bound_is_unreadable_and_only_its_beginning_is_kept() -> None:
    [(_, [cell])] = rows_of(b"x" * 31 + b"\n", Limits(cell_length=30))
    assert isinstance(cell, Unreadable)
    assert (cell.rule, len(cell.shown)) == ("file.length", 32)


def test_a_chunk_border_may_cut_a_character() -> None:
    content = b"a\n" + "张三李四\n".encode() * 11_000
    assert content[128 * 1024] & 0xC0 == 0x80
    assert rows_of(content)[-1] == (11_001, ["张三李四"])
