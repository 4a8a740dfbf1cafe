"""Applications for a reissue from home: what applicants type and the pictures they take."""

from __future__ import annotations

import io
from collections.abc import Sequence
from random import Random

from PIL import Image, ImageDraw

from certsvc.person.identity import IdentityDocument
from certsvc.pictures.copies import plain_copy
from certsvc.services.certificates import home
from certsvc.services.certificates.home import Picture, Shows
from certsvc.services.certificates.reissue_request import Loss
from certsvc.services.context import Services

PHONE = "13900001234"
KEY = bytes(range(32))


def photograph(seed: int = 1, *, size: tuple[int, int] = (1600, 1200), form: str = "JPEG", words: str = "ID") -> bytes:
    """A phone's picture of something lying on a table, with the place where it was taken written into it."""
    image = Image.new("RGB", size, (90 + seed % 60, 70, 50))
    draw = ImageDraw.Draw(image)
    wide, high = size
    draw.rectangle((wide // 6, high // 6, wide * 5 // 6, high * 5 // 6), fill="ivory")
    draw.text((wide // 4, high // 4), words, fill="black", font_size=high // 6)
    grain = Image.frombytes("RGB", (64, 64), Random(seed).randbytes(64 * 64 * 3)).resize(size)
    image = Image.blend(image, grain, 0.05)
    exif = Image.Exif()
    exif[0x010F] = "CANARY-PHONE"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (36.0, 37.0, 22.0)
    out = io.BytesIO()
    image.save(out, form, exif=exif)
    return out.getvalue()


def apply_from_home(
    services: Services,
    *,
    number: str,
    name: str,
    identity: IdentityDocument,
    phone: str = PHONE,
    reason: Loss = Loss.LOST,
    shows: Sequence[Shows] = (Shows.DOCUMENT,),
    once: str = "once",
) -> str:
    """Apply as the page does; the reference."""
    application = home.well_formed(number, name, identity, phone=phone, reason=reason, said="")
    pictures = [Picture(one, plain_copy(photograph(at))) for at, one in enumerate(shows)]
    reference = home.reference_of(KEY, once, application)
    home.apply(services, application, pictures, reference)
    return reference
