"""Evidence is kept as a picture of our own making, and what is none is told so, within its limits (R8.2)."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from certsvc.errors import PictureRefused
from certsvc.pictures.copies import KEPT_BYTES, LARGEST_BYTES, plain_copy
from tests.builders.applying import photograph


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_comes_out_as_a_jpeg_with_nothing_but_the_picture(form: str) -> None:
    brought = photograph(form=form)
    assert b"CANARY-PHONE" in brought
    copy = plain_copy(brought)
    assert b"CANARY-PHONE" not in copy
    assert b"Exif" not in copy
    assert (opened(copy).format, opened(copy).size) == ("JPEG", (1600, 1200))
    assert not opened(copy).getexif()


def test_heic_as_phones_take_it_is_read() -> None:
    heif = pytest.importorskip("pillow_heif")
    picture = Image.open(io.BytesIO(photograph()))
    out = io.BytesIO()
    heif.from_pillow(picture).save(out)
    assert opened(plain_copy(out.getvalue())).size == (1600, 1200)


def test_what_a_phone_took_sideways_stands_upright() -> None:
    image = opened(photograph())
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    assert opened(plain_copy(out.getvalue())).size == (1200, 1600)


def test_a_large_picture_becomes_one_that_can_be_kept() -> None:
    noise = Image.effect_noise((4000, 3000), 90).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=80)
    assert len(out.getvalue()) < LARGEST_BYTES
    copy = plain_copy(out.getvalue())
    assert len(copy) <= KEPT_BYTES
    assert max(opened(copy).size) <= 2000


def bomb() -> bytes:
    """A PNG of a few kilobytes that says it has 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no picture"),
        (b"%PDF-1.7 a document", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
        (b"\xff\xd8\xff" + bytes(5000), "no picture"),
        (photograph()[:9000], "no picture"),
        (b"GIF89a" + bytes(100), "no picture"),
        (bomb(), "pixels"),
        (photograph(size=(320, 240)), "too small"),
        (b"\xff\xd8\xff" + bytes(LARGEST_BYTES), "exceeds"),
    ],
    ids=["empty", "pdf", "svg", "no-jpeg", "half", "gif", "bomb", "small", "large"],
)
def test_what_is_no_picture_to_look_at_is_told(content: bytes, said: str) -> None:
    with pytest.raises(PictureRefused, match=said):
        plain_copy(content)


def test_an_empty_picture_shows_nothing() -> None:
    out = io.BytesIO()
    Image.new("RGB", (800, 600), "white").save(out, "PNG")
    with pytest.raises(PictureRefused, match="nothing in the picture"):
        plain_copy(out.getvalue())
