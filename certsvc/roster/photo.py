"""A portrait as handed in → the JPEG that is kept: bounded, upright, stripped of everything but the picture.

Size in bytes and pixels is checked before a pixel is decoded. Not here: where photos are kept (services). Source: R7.2
(one-inch portrait), the fixed file formats (photo = a file name beside the roster).
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageOps

from certsvc.errors import PhotoRefused

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 25_000_000
SHORTEST_SIDE = 90
WIDTH, HEIGHT = 413, 579  # 25 mm × 35 mm at about 420 dots per inch
ASPECT, ASPECT_TOLERANCE = 25 / 35, 0.08
KEPT_BYTES = 15_000
"""So that a certificate's file stays within 80 KB whatever the portrait."""
FORMER_BYTES = 40 * 1024
"""What earlier programs kept."""
_QUALITIES = (88, 80, 72)
_FORMER_QUALITIES = (*_QUALITIES, 64, 56, 48, 40)
_LONGEST_NAME = 120
_SUFFIXES = (".jpg", ".jpeg", ".png")
PHOTO_FOLDER = "photos"


def check_photo_name(name: str) -> str:
    """The name of a JPEG or PNG beside the roster; raises PhotoRefused for a path or anything else."""
    plain = not name.startswith(".") and not any(c in '/\\:*?"<>|' or ord(c) < 32 for c in name) and ".." not in name
    if not plain or not name.lower().endswith(_SUFFIXES) or len(name) > _LONGEST_NAME:
        raise PhotoRefused(
            "照片应为名册旁的 .jpg 或 .png 文件名，不含路径",
            "a photo is given as the name of a .jpg or .png file beside the roster, without a path",
            rule="file.photo",
        )
    return name


def read_photo(folder: Path, name: str) -> bytes:
    """The bytes of a photo beside the roster, or in `photos` beside it; raises PhotoRefused."""
    check_photo_name(name)
    root = folder.resolve()
    for path in (folder / name, folder / PHOTO_FOLDER / name):
        # A link that leads elsewhere must not bring other files of this machine into the register.
        if path.is_file() and path.resolve().is_relative_to(root):
            with path.open("rb") as file:
                return file.read(MOST_BYTES + 1)
    raise PhotoRefused(
        f"名册旁没有照片文件 {name}", f"there is no photo {name} beside the roster", rule="file.photo", where=name
    )


def check_photo(data: bytes) -> bytes:
    """The portrait as a fresh RGB JPEG of at most 413 × 579 pixels and 15,000 octets; the same for the same input.

    Raises PhotoRefused for what is too large, too small, not of one-inch shape, or no JPEG or PNG.
    """
    return _encode(_opened(data), KEPT_BYTES, _QUALITIES)


def former_photo(data: bytes) -> bytes:
    """The same photo as earlier programs kept it, by which a roster that was imported then is known again."""
    return _encode(_opened(data), FORMER_BYTES, _FORMER_QUALITIES)


def _opened(data: bytes) -> Image.Image:
    if len(data) > MOST_BYTES:
        raise _refused(f"照片文件超过 {MOST_BYTES >> 20} MB", f"the photo exceeds {MOST_BYTES >> 20} MB")
    return _fit(_decode(data))


def _decode(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            _check_pixels(image.size)
            # A JPEG is decoded at a fraction of its size where that is enough; no effect on PNG.
            image.draft("RGB", (2 * WIDTH, 2 * HEIGHT))
            upright = ImageOps.exif_transpose(image)
            return _on_white(upright)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except PhotoRefused:
        raise
    except Exception as error:  # Pillow raises many kinds for damaged files, and every one of them means this
        raise _refused("照片不是完整的 JPEG 或 PNG 图像", "the photo is no intact JPEG or PNG image") from error


def _check_pixels(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MOST_PIXELS:
        raise _too_many_pixels()


def _too_many_pixels() -> PhotoRefused:
    return _refused(
        f"照片像素过多，上限 {MOST_PIXELS // 1_000_000} 百万像素",
        f"the photo has too many pixels; at most {MOST_PIXELS // 1_000_000} million are read",
    )


def _on_white(image: Image.Image) -> Image.Image:
    """The picture alone, in RGB: a new image, so that no profile, comment or thumbnail comes along."""
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    canvas = Image.new("RGB", image.size, "white")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        canvas.paste(layer, mask=layer.getchannel("A"))
    else:
        canvas.paste(image.convert("RGB"))
    return canvas


def _fit(image: Image.Image) -> Image.Image:
    width, height = image.size
    if min(width, height) < SHORTEST_SIDE:
        raise _refused(
            f"照片只有 {width} × {height} 像素，短边至少 {SHORTEST_SIDE}",
            f"the photo has {width} × {height} pixels; its short side needs {SHORTEST_SIDE}",
        )
    if abs(width / height - ASPECT) > ASPECT_TOLERANCE * ASPECT:
        raise _refused(
            f"照片比例 {width} × {height} 不是一寸照（25 × 35 毫米）",
            f"the photo is {width} × {height}, not of one-inch shape (25 × 35 mm)",
        )
    scale = min(WIDTH / width, HEIGHT / height, 1.0)
    if scale == 1.0:
        return image
    return image.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)


def _encode(image: Image.Image, most: int, qualities: tuple[int, ...]) -> bytes:
    while True:
        for quality in qualities:
            out = io.BytesIO()
            image.save(out, "JPEG", quality=quality, optimize=True, subsampling="4:2:0")
            if out.tell() <= most:
                return out.getvalue()
        # Fewer pixels look better than coarser ones; a smaller picture always fits in the end.
        image = image.resize((image.width * 4 // 5, image.height * 4 // 5), Image.Resampling.LANCZOS)


def _refused(zh: str, en: str) -> PhotoRefused:
    return PhotoRefused(zh, en, rule="file.photo")
