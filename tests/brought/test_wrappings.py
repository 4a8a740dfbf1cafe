"""What certificates come wrapped in is taken apart within bounds; litter is left, hostile wrappings give nothing."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from certsvc.brought import wrappings, zip_file
from certsvc.brought.wrappings import MOST_PARTS, Wrapping, unpack, wrapping_of
from tests.builders import damage

PDF = b"%PDF-1.7\n" + b"x" * 2000
JSON = b'\xef\xbb\xbf {"proof": 1}'


def png() -> bytes:
    target = io.BytesIO()
    Image.new("L", (9, 9)).save(target, "PNG")
    return target.getvalue()


def archive(*entries: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries:
            made.writestr(name, content)
    return target.getvalue()


def taken(content: bytes, *, bounded: bool = False) -> list[tuple[str, bytes]]:
    wrapping = wrapping_of(content)
    assert wrapping is not None
    return list(unpack(content, wrapping, bounded=bounded).parts)


WRAPPED = {
    Wrapping.ZIP: archive(("a/证书.pdf", PDF)),
    Wrapping.MAIL: damage.mailed(PDF),
    Wrapping.SIGNED_MAIL: damage.mailed_and_signed(PDF),
    Wrapping.CMS: damage.in_cms(PDF),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_a_certificate_is_taken_out_of_what_it_came_in(kind: Wrapping) -> None:
    content = WRAPPED[kind]
    first = Wrapping.MAIL if kind is Wrapping.SIGNED_MAIL else kind
    assert wrapping_of(content) is first
    for bounded in (False, True):
        found = unpack(content, first, bounded=bounded)
        assert (found.wrapping, [part for _, part in found.parts], found.whole) == (kind, [PDF], True)


def test_a_signed_mail_that_hides_its_content_in_the_signature_is_opened() -> None:
    opaque = damage.in_cms(damage.mailed(PDF))
    assert taken(opaque) == [("证书.pdf", PDF)]
    for text in (
        base64.encodebytes(opaque),
        b"-----BEGIN PKCS7-----\n" + base64.encodebytes(opaque) + b"-----END PKCS7-----",
    ):
        assert taken(text) == [("证书.pdf", PDF)]
    mail = b"MIME-Version: 1.0\nContent-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\n"
    assert taken(mail + base64.encodebytes(opaque)) == [("证书.pdf", PDF)]
    assert taken(damage.in_cms(damage.in_cms(PDF))) == [("?", PDF)]


def test_only_what_can_be_a_certificate_is_taken() -> None:
    picture = png()
    content = archive(
        ("__MACOSX/._a.pdf", PDF),
        ("x/.DS_Store", PDF),
        ("Thumbs.db", PDF),
        ("._b.pdf", PDF),
        ("folder/", b""),
        ("read.txt", b"hello"),
        ("a.pdf", PDF),
        ("b.json", JSON),
        ("c.png", picture),
    )
    assert taken(content) == [("a.pdf", PDF), ("b.json", JSON), ("c.png", picture)]


def test_names_of_windows_in_chinese_are_read() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        info = zipfile.ZipInfo("证书-王芳.pdf".encode("gb18030").decode("cp437"))
        made.writestr(info, PDF)
    content = target.getvalue()
    plain = "证书-王芳.pdf".encode("gb18030")
    # As such archives are: the name in GBK, and no word of it.
    spelt = info.filename.encode("utf-8")
    content = content.replace(spelt, plain.ljust(len(spelt), b"_")).replace(b"\x00\x08", b"\x00\x00")
    assert [name.startswith("证书-王芳.pdf") for name, _ in taken(content)] == [True]


def test_a_name_is_never_more_than_a_name() -> None:
    assert [name for name, _ in taken(archive(("../../etc/\x1b[2Jx.pdf", PDF)))] == ["\ufffd[2Jx.pdf"]


def test_more_than_the_bounds_is_left_out_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    many = archive(*((f"{number}.pdf", PDF) for number in range(MOST_PARTS + 5)))
    found = unpack(many, Wrapping.ZIP, bounded=False)
    assert (len(found.parts), found.whole) == (MOST_PARTS, False)
    monkeypatch.setattr(wrappings, "LARGEST_PART", 1000)
    assert unpack(archive(("a.pdf", PDF)), Wrapping.ZIP, bounded=False) == wrappings.Unpacked(
        Wrapping.ZIP, (), whole=False
    )
    monkeypatch.setattr(zip_file, "MOST_ENTRIES", 2)
    monkeypatch.setattr(wrappings, "_MOST_ENTRIES", 2)
    assert not unpack(archive(*((str(n), b"") for n in range(3))), Wrapping.ZIP, bounded=False).whole
    assert not unpack(damage.mailed(PDF), Wrapping.MAIL, bounded=False).whole


def test_a_bomb_ends_within_its_bounds() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for number in range(30):
            made.writestr(f"{number}.pdf", b"%PDF-" + bytes(19 * 2**20))
    found = unpack(target.getvalue(), Wrapping.ZIP)
    assert not found.whole
    assert sum(len(part) for _, part in found.parts) <= 40 * 2**20


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + bytes(100),
        archive(("a.pdf", PDF))[:-30],
        b"From: a\nContent-Type: multipart/mixed; boundary=x\n\n--x\n",
        b"From: a\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n!!!!",
        damage.in_cms(PDF)[:60] + bytes(100),
        b"Rar!\x1a\x07\x01\x00" + PDF,
    ],
)
def test_what_cannot_be_taken_apart_gives_nothing(content: bytes) -> None:
    assert taken(content) == []


def test_a_member_with_a_password_or_damage_is_left_out(tmp_path: Path) -> None:
    content = bytearray(archive(("a.pdf", PDF), ("b.pdf", PDF)))
    at = content.index(b"a.pdf") + 8
    content[at] ^= 0xFF
    found = unpack(bytes(content), Wrapping.ZIP, bounded=False)
    assert ([name for name, _ in found.parts], found.whole) == (["b.pdf"], False)


def test_a_child_beyond_its_bounds_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrappings, "_BOUNDS", wrappings.Bounds(0, 2**20, 10))
    assert unpack(WRAPPED[Wrapping.ZIP], Wrapping.ZIP) == wrappings.Unpacked(Wrapping.ZIP, (), whole=False)


def test_what_is_no_wrapping_is_none() -> None:
    for content in (b"", PDF, JSON, b"hello: world", b"HTTPS://CERTSVC.EXAMPLE/V/A", b"0" * 100, b"A" * 200):
        assert wrapping_of(content) is None
