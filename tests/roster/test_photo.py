"""Portraits: bounded before decoding, upright, stripped, the same each time."""

from __future__ import annotations

import io
import os
import struct
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from certsvc.errors import PhotoRefused
from certsvc.person.identity import Sex
from certsvc.roster.photo import KEPT_BYTES, check_photo, check_photo_name, read_photo
from examples.portraits import draw_portrait
from tests.builders.roster import picture


def refusal(data: bytes) -> PhotoRefused:
    with pytest.raises(PhotoRefused) as refused:
        check_photo(data)
    assert refused.value.rule == "file.photo"
    return refused.value


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def giant_png(side: int) -> bytes:
    """A PNG that says it is side × side, and holds nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def giant_jpeg(side: int) -> bytes:
    data = picture()
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", side, side) + data[at + 4 :]


@pytest.mark.parametrize("side", [5_100, 10_000, 20_000])
@pytest.mark.parametrize("build", [giant_png, giant_jpeg])
def test_a_giant_photo_is_refused_without_decoding(build: object, side: int) -> None:
    started = time.perf_counter()
    assert "pixels" in refusal(build(side)).en  # type: ignore[operator]
    assert time.perf_counter() - started < 1


def test_a_photo_is_kept_as_rgb_jpeg_within_bounds() -> None:
    image = opened(check_photo(picture(1000, 1400, form="PNG")))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (413, 578))


def test_a_small_photo_is_not_enlarged() -> None:
    assert opened(check_photo(picture(150, 210))).size == (150, 210)


def test_the_same_photo_gives_the_same_bytes() -> None:
    portrait = draw_portrait(1, Sex.FEMALE)
    assert check_photo(portrait) == check_photo(portrait)
    assert len(check_photo(portrait)) < KEPT_BYTES


def test_even_noise_fits() -> None:
    noise = Image.frombytes("RGB", (413, 579), os.urandom(413 * 579 * 3))
    out = io.BytesIO()
    noise.save(out, "PNG")
    assert len(check_photo(out.getvalue())) <= KEPT_BYTES


def test_orientation_is_applied_and_every_metadata_stripped() -> None:
    sideways = Image.new("RGB", (413, 295), "red")
    sideways.paste("blue", (0, 0, 206, 295))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "CANARY-CAMERA"
    out = io.BytesIO()
    sideways.save(out, "JPEG", exif=exif, comment=b"CANARY-COMMENT", icc_profile=b"CANARY-PROFILE", dpi=(301, 301))
    kept = check_photo(out.getvalue())
    image = opened(kept)
    assert image.size == (295, 413)
    top, bottom = image.getpixel((147, 20)), image.getpixel((147, 390))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[2] > 200 > top[0]
    assert bottom[0] > 200 > bottom[2]
    assert b"CANARY" not in kept
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_texts_of_a_png_are_stripped() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "CANARY", zip=True)
    assert b"CANARY" not in check_photo(picture(form="PNG", pnginfo=texts))


@pytest.mark.parametrize(("mode", "colour"), [("L", 128), ("P", 3), ("1", 1), ("I;16", 40_000), ("LA", (0, 0))])
def test_other_modes_become_rgb(mode: str, colour: object) -> None:
    assert opened(check_photo(picture(mode=mode, form="PNG", colour=colour))).mode == "RGB"


def test_cmyk_becomes_rgb() -> None:
    assert opened(check_photo(picture(mode="CMYK", colour=(0, 0, 0, 0)))).mode == "RGB"


def test_what_is_transparent_is_white() -> None:
    image = opened(check_photo(picture(mode="RGBA", form="PNG", colour=(255, 0, 0, 0))))
    assert image.getpixel((10, 10)) == (255, 255, 255)


@pytest.mark.parametrize("size", [(413, 413), (579, 413), (300, 500), (2000, 100)])
def test_another_shape_than_one_inch_is_refused(size: tuple[int, int]) -> None:
    assert "one-inch" in refusal(picture(*size)).en


@pytest.mark.parametrize("size", [(295, 413), (413, 579), (250, 350), (300, 400)])
def test_shapes_near_one_inch_are_taken(size: tuple[int, int]) -> None:
    assert opened(check_photo(picture(*size))).size == size


def test_a_stamp_is_too_small() -> None:
    assert "90" in refusal(picture(50, 70)).en


@pytest.mark.parametrize(
    "data",
    [b"", b"not a photo", picture(form="GIF"), picture(form="BMP"), picture()[:500], picture(form="PNG")[:200]],
)
def test_what_is_no_intact_jpeg_or_png_is_refused(data: bytes) -> None:
    assert "JPEG or PNG" in refusal(data).en


def test_a_file_too_large_is_refused_unread() -> None:
    assert "MB" in refusal(bytes(8 * 1024 * 1024 + 1)).en


def test_damage_anywhere_is_refused_or_read_but_never_crashes() -> None:
    portrait = draw_portrait(2, Sex.MALE)
    for at in range(2, 700, 3):
        damaged = bytearray(portrait)
        damaged[at] ^= 0xFF
        try:
            check_photo(bytes(damaged))
        except PhotoRefused:
            continue


@pytest.mark.parametrize("name", ["a.jpg", "A.PNG", "张三.jpeg", "a b-1.jpg"])
def test_plain_file_names_are_taken(name: str) -> None:
    assert check_photo_name(name) == name


def test_a_photo_stands_beside_the_roster_or_in_photos(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"beside")
    (tmp_path / "photos" / "b.jpg").write_bytes(b"in photos")
    assert read_photo(tmp_path, "a.jpg") == b"beside"
    assert read_photo(tmp_path, "b.jpg") == b"in photos"
    with pytest.raises(PhotoRefused, match=r"c\.jpg"):
        read_photo(tmp_path, "c.jpg")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    roster = tmp_path / "roster"
    roster.mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (roster / "a.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(PhotoRefused):
        read_photo(roster, "a.jpg")
    with pytest.raises(PhotoRefused):
        read_photo(roster, "../secret.jpg")
