"""A code is read from whatever people bring, another code is never made of it, and hostile pictures end in words."""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import Callable
from typing import Any

import pillow_heif
import pytest
import qrcode
from PIL import Image, ImageDraw, ImageFile, ImageFilter, ImageOps

from certsvc.errors import PictureRefused
from certsvc.pictures import codes, reading
from certsvc.pictures.codes import is_picture, read_codes

pillow_heif.register_heif_opener()

TEXT = "HTTPS://CERTSVC.EXAMPLE/V/BRBKTAHD4XTTXX4FUTOIM5YQ3A#" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" * 6


def code(text: str = TEXT, module: int = 6) -> Image.Image:
    made = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, box_size=module, border=4)
    made.add_data(text)
    made.make(fit=True)
    return made.make_image().get_image().convert("L")


CODE = code()


def written(picture: Image.Image, form: str = "PNG", **how: Any) -> bytes:
    target = io.BytesIO()
    picture.save(target, form, **how)
    return target.getvalue()


def on_page(*placed: tuple[Image.Image, tuple[int, int]], size: tuple[int, int] = (1240, 1754)) -> Image.Image:
    page = Image.new("L", size, 250)
    for picture, place in placed:
        page.paste(picture, place)
    return page


def transparent(colour: int) -> Image.Image:
    picture = Image.new("LA", CODE.size, (colour, 0))
    picture.putalpha(ImageOps.invert(CODE))
    return picture


def read_here(content: bytes, seconds: float = 6.0) -> dict[str, Any]:
    """The child's work, in this process."""
    said = io.BytesIO()
    reading.read({"seconds": seconds}, content, said.write)
    answer: dict[str, Any] = json.loads(said.getvalue())
    return answer


def moire() -> Image.Image:
    stripes = Image.new("L", CODE.size, 255)
    draw = ImageDraw.Draw(stripes)
    for x in range(0, CODE.width, 3):
        draw.line((x, 0, x + 40, CODE.height), fill=150)
    return Image.blend(CODE, stripes, 0.45)


def uneven() -> Image.Image:
    shade = Image.linear_gradient("L").resize(CODE.size)
    return Image.blend(CODE, shade, 0.7)


WAYS: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: written(CODE),
    "JPEG of 22 KB": lambda: written(CODE.resize((900, 900)), "JPEG", quality=8),
    "CMYK JPEG": lambda: written(CODE.convert("CMYK"), "JPEG"),
    "HEIC": lambda: written(CODE.convert("RGB"), "HEIF"),
    "AVIF": lambda: written(CODE.convert("RGB"), "AVIF"),
    "WebP": lambda: written(CODE, "WEBP", quality=40),
    "GIF": lambda: written(CODE, "GIF"),
    "BMP": lambda: written(CODE, "BMP"),
    "fax": lambda: written(on_page((CODE, (500, 900))).convert("1"), "TIFF", compression="group4"),
    "sixteen bits": lambda: written(CODE.convert("I").point(lambda value: value * 257).convert("I;16"), "TIFF"),
    "scan as PDF": lambda: written(on_page((CODE, (300, 1100))), "PDF", resolution=150),
    "second page of a PDF": lambda: written(
        on_page(), "PDF", resolution=150, save_all=True, append_images=[on_page((CODE, (40, 40)))]
    ),
    "second page of a TIFF": lambda: written(on_page(), "TIFF", save_all=True, append_images=[on_page((CODE, (9, 9)))]),
    "mirrored": lambda: written(ImageOps.mirror(CODE)),
    "inverted": lambda: written(ImageOps.invert(CODE)),
    "mirrored and inverted": lambda: written(ImageOps.invert(ImageOps.mirror(CODE))),
    "turned": lambda: written(CODE.rotate(33, expand=True, fillcolor=255)),
    "upside down": lambda: written(CODE.rotate(180)),
    "black on nothing": lambda: written(transparent(0)),
    "white on nothing": lambda: written(transparent(255)),
    "small": lambda: written(code(module=2)),
    "smaller": lambda: written(CODE.resize((130, 130), Image.Resampling.BICUBIC)),
    "blurred": lambda: written(CODE.filter(ImageFilter.GaussianBlur(2.5))),
    "a screen's pattern": lambda: written(moire()),
    "in half shadow": lambda: written(uneven()),
    "noise": lambda: written(Image.blend(CODE, Image.effect_noise(CODE.size, 60), 0.4)),
    "a large photo": lambda: written(on_page((CODE.resize((700, 700)), (1800, 2100)), size=(4000, 3000)), "JPEG"),
    "cut off": lambda: written(on_page((CODE, (100, 100))).convert("RGB"), "JPEG")[:-3000],
}


@pytest.mark.parametrize("way", WAYS)
def test_the_code_is_read_from_what_people_bring(way: str) -> None:
    assert read_here(WAYS[way]()) == {"codes": [TEXT]}


def test_the_child_gives_the_same_answer() -> None:
    assert read_codes(WAYS["turned"]()) == (TEXT,)
    assert read_codes(written(on_page())) == ()
    with pytest.raises(PictureRefused, match="cannot be opened as a picture"):
        read_codes(b"\x89PNG\r\n\x1a\njunk")


def test_the_code_of_a_certificate_comes_first() -> None:
    other = code("https://u.wechat.com/EAabc", module=4)
    found = read_here(written(on_page((other, (50, 50)), (CODE, (500, 900)))))
    assert found == {"codes": [TEXT, "https://u.wechat.com/EAabc"]}


def test_each_of_several_certificates_is_read_once() -> None:
    second = TEXT.replace("BRBK", "CRBK")
    page = on_page((CODE, (50, 50)), (code(second), (600, 900)))
    assert sorted(read_here(written(page, "TIFF", save_all=True, append_images=[page]))["codes"]) == [TEXT, second]


def test_another_code_is_given_as_it_is() -> None:
    assert read_here(written(code("hello"))) == {"codes": ["hello"]}


def test_a_page_without_a_code_gives_none_within_its_time() -> None:
    noise = Image.frombytes("L", (1500, 1500), random.Random(7).randbytes(1500 * 1500))
    assert read_here(written(noise, "JPEG"), 1.0) == {"codes": []}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "form"),
        (b"hello", "form"),
        (b"\x89PNG\r\n\x1a\njunk", "form"),
        (b"%PDF-1.7\njunk", "form"),
        (b"\0\0\0\x18ftypheic" + bytes(500), "form"),
        (b"PK\x03\x04" + bytes(20) + b"%PDF-1.7", "form"),
        (written(Image.new("1", (30_000, 30_000))), "pixels"),
        (written(Image.new("1", (7_000, 7_000))), "pixels"),
        (written(Image.new("L", (200, 200), 200), "PDF").replace(b"/Count 1", b"/Count 0"), "form"),
    ],
)
def test_what_cannot_be_opened_is_told_as_that(content: bytes, reason: str) -> None:
    assert read_here(content) in ({"refused": reason}, {"codes": []} if b"Count 0" in content else {})


def test_a_pdf_with_a_password_to_open_is_told_as_that() -> None:
    import pikepdf

    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(written(on_page(), "PDF"))) as pdf:
        pdf.save(target, encryption=pikepdf.Encryption(owner="a", user="b"))
    assert read_here(target.getvalue()) == {"refused": "password"}


def test_without_its_reader_a_heic_is_told_as_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    assert read_here(WAYS["HEIC"]()) == {"refused": "form"}


def test_what_is_too_large_or_too_slow_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PictureRefused, match="time and memory"):
        read_codes(bytes(codes.LARGEST_BYTES + 1))
    monkeypatch.setattr(codes, "_BOUNDS", codes.Bounds(0, 2**20, 10))
    with pytest.raises(PictureRefused, match="time and memory"):
        read_codes(written(CODE))


def test_looking_ends_when_its_time_is_over() -> None:
    """A first view is always taken, so that an easy code is found on the slowest machine."""
    pages = written(on_page((CODE, (9, 9))), "TIFF", save_all=True, append_images=[on_page((code("x"), (9, 9)))])
    assert read_here(pages, -1.0) == {"codes": [TEXT]}
    assert read_here(written(on_page()), -1.0) == {"codes": []}


def test_a_picture_is_known_by_how_it_begins() -> None:
    for way in ("PNG", "JPEG of 22 KB", "HEIC", "AVIF", "WebP", "GIF", "BMP", "fax"):
        assert is_picture(WAYS[way]())
    assert not any(map(is_picture, (b"", b"%PDF-1.7", b"{}", b"PK\x03\x04", b"RIFF1234WAVE", b"....ftypmp42")))


def test_reading_leaves_pillow_as_strict_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    said: list[bytes] = []
    reading.read({"seconds": 1}, b"no picture", said.append)
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
