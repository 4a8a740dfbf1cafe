"""The kind of a file is found from its bytes; its name is asked only where they leave it open."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from certsvc.brought.kinds import Kind, kind_of, why_unread
from certsvc.roster.export import write_xlsx


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return out.getvalue()


def picture(form: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, form)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7", Kind.DOCUMENT),
        (b'\xef\xbb\xbf{"proof": 1}', Kind.DOCUMENT),
        (b"HTTPS://CERTSVC.EXAMPLE/V/A", Kind.DOCUMENT),
        (zipped("a.pdf"), Kind.ZIP),
        (zipped("[Content_Types].xml", "word/document.xml"), Kind.UNREAD),
        (write_xlsx(["证书编号"], [["1"]]), Kind.LIST),
        ("证书编号,姓名\n1,王芳\n".encode(), Kind.LIST),
        ("姓名;证书编号\n".encode("gb18030"), Kind.LIST),
        ("\ufeffnumber\tname\n".encode(), Kind.LIST),
        (b"Rar!\x1a\x07\x00", Kind.UNREAD),
        (b"7z\xbc\xaf\x27\x1c", Kind.UNREAD),
        (b"", Kind.UNREAD),
    ],
)
def test_the_bytes_tell_the_kind_whatever_the_name(content: bytes, kind: Kind) -> None:
    for name in ("a.pdf", "a.jpg", "a", "名单.zip"):
        assert kind_of(content, name) is kind


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_every_picture_is_one(form: str) -> None:
    assert kind_of(picture(form), "certificate.pdf") is Kind.PICTURE


def test_a_text_without_a_header_is_a_list_by_its_name_alone() -> None:
    assert kind_of(b"1,2\n3,4\n", "list.CSV") is Kind.LIST
    assert kind_of(b"1,2\n3,4\n", "list.txt") is Kind.DOCUMENT
    assert kind_of("证书编号,姓名".encode("utf-16"), "list.csv") is Kind.LIST
    assert kind_of(b"%PDF-1.7", "list.csv") is Kind.DOCUMENT
    assert kind_of(b"\0" * 40, "list.csv") is Kind.DOCUMENT


def test_what_is_never_read_says_what_to_bring_instead() -> None:
    said = [
        why_unread(content)
        for content in (
            b"",
            b"Rar!\x1a\x07",
            zipped("word/document.xml"),
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le"),
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "__substg1.0_".encode("utf-16-le"),
        )
    ]
    assert all(said)
    assert "RAR" in str(said[1])
    assert said[2] == said[3] != said[4]
    assert why_unread(b"%PDF-") is None


@pytest.mark.parametrize("damage", [slice(0, -30), slice(0, 30), slice(0, 4)])
def test_a_damaged_zip_is_still_a_zip(damage: slice) -> None:
    assert kind_of(zipped("xl/workbook.xml")[damage]) is Kind.ZIP
