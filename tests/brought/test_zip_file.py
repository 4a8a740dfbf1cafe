"""A ZIP is opened under limits; litter is no file, names are read as they were, and nothing hides the others."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from benchmarks.weapons import zip_of_many_entries, zip_of_zeros
from certsvc.brought.zip_file import LARGEST_FILE, MOST_FILES, Member, name_of, nested, open_zip, unpack


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def opened(content: bytes) -> list[Member]:
    return list(open_zip(content, "brought.zip"))


def reasons(content: bytes) -> list[str]:
    return [member.reason[1] for member in opened(content) if member.reason]


def test_what_systems_leave_beside_files_is_neither_opened_nor_counted() -> None:
    files = [(f"证书/{place:02}.pdf", b"%PDF-") for place in range(16)]
    litter = [(f"__MACOSX/证书/._{place:02}.pdf", b"\0") for place in range(16)]
    more = [("证书/.DS_Store", b"x"), ("Thumbs.db", b"x"), ("desktop.ini", b"x"), ("~$list.xlsx", b"x"), ("证书/", b"")]
    members = opened(zipped(*files, *litter, *more))
    assert [member.name for member in members] == [name for name, _ in files]
    assert all(member.content == b"%PDF-" for member in members)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_a_name_in_gbk_or_unmarked_utf8_is_read(encoding: str) -> None:
    name = "证书-王芳.pdf"
    raw = name.encode(encoding)
    content = zipped(("a" * len(raw), b"%PDF-")).replace(b"a" * len(raw), raw)
    assert [member.name for member in opened(content)] == [name]


def test_a_name_in_the_unicode_path_field_goes_before_the_other() -> None:
    entry = zipfile.ZipInfo("x.pdf")
    field = b"\1" + b"\0" * 4 + "王芳.pdf".encode()
    entry.extra = struct.pack("<HH", 1, 0) + struct.pack("<HH", 0x7075, len(field)) + field
    assert name_of(entry) == "王芳.pdf"
    entry.extra = struct.pack("<HH", 0x7075, 5) + b"\1" + b"\0" * 4
    assert name_of(entry) == "x.pdf"


def test_a_name_in_no_encoding_stays_as_it_is() -> None:
    entry = zipfile.ZipInfo("a.pdf")
    entry.filename = b"\xff\xff.pdf".decode("cp437")
    assert name_of(entry) == entry.filename


def test_what_cannot_be_opened_has_its_reason_and_hides_no_other() -> None:
    content = bytearray(zipped(("a.pdf", b"%PDF-" * 50), ("b.pdf", b"%PDF-"), method=zipfile.ZIP_STORED))
    content[content.index(b"%PDF-")] ^= 1  # the checksum is wrong now
    first, second = opened(bytes(content))
    assert (first.name, first.content) == ("a.pdf", None)
    assert "damaged" in str(first.reason)
    assert second.content == b"%PDF-"


def test_an_encrypted_file_is_told_as_that() -> None:
    content = zipped(("a.pdf", b"%PDF-"))
    directory = content.index(b"PK\1\2")
    content = content[: directory + 8] + b"\1" + content[directory + 9 :]
    assert "encrypted" in reasons(content)[0]


def test_the_size_that_a_directory_claims_is_not_believed() -> None:
    large = zipped(("a.pdf", b"%PDF-" + bytes(LARGEST_FILE)))
    assert "over 10 MB" in reasons(large)[0]
    end = large.index(b"PK\1\2")
    small = large[: end + 24] + struct.pack("<I", 9) + large[end + 28 :]
    assert len(reasons(small)) == 1


def test_number_and_size_are_bounded_and_the_rest_is_told() -> None:
    many = opened(zipped(*((f"{place}.pdf", b"x") for place in range(MOST_FILES + 5))))
    assert len(many) == MOST_FILES + 1
    assert (many[-1].name, many[-1].content) == ("brought.zip", None)
    zeros = opened(zip_of_zeros())
    assert len(zeros) < 5
    assert "30 MB" in str(zeros[-1].reason)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (zip_of_many_entries(420_000), "limits"),
        (zip_of_many_entries(5_000), "limits"),
        (b"PK\x03\x04" + b"\xff" * 200, "damaged"),
        (zipped(("__MACOSX/._a", b"")), "no file"),
    ],
)
def test_a_zip_that_cannot_be_opened_is_told_in_one_line(content: bytes, word: str) -> None:
    assert [word in reason for reason in reasons(content)] == [True]


def test_a_zip_within_a_zip_is_told() -> None:
    assert nested("inner.zip").reason is not None


def test_the_child_tells_of_a_method_that_no_one_here_knows() -> None:
    content = zipped(("a.pdf", b"%PDF-" * 9), method=zipfile.ZIP_LZMA)
    broken = bytearray(content)
    broken[content.index(b"a.pdf") + 14] ^= 0xFF
    said = io.BytesIO()
    unpack({}, bytes(broken), said.write)
    assert b'"damaged"' in said.getvalue()
