"""A certificate's file is at most 80,000 octets: issued as in service, with portrait, credential and log receipt."""

from __future__ import annotations

import io
from random import Random

import pytest
from PIL import Image, ImageDraw, ImageFilter

from certsvc.rendering.press import open_press
from certsvc.roster.photo import check_photo
from certsvc.signing.pdf_examination import examine_pdf
from tests.builders.installation import Installation, Person, made_up
from tests.rendering.faces import face
from tests.rendering.test_overlap import ALL

MOST = 80_000
TYPICAL_PORTRAIT = 17_000
WITHOUT_PORTRAIT = 62_000


def picture(grain: float) -> bytes:
    """No one's head and shoulders, with as much grain as a camera leaves."""
    image = Image.new("RGB", (413, 579), (70, 130, 190))
    draw = ImageDraw.Draw(image)
    draw.ellipse((28, 420, 385, 780), fill=(40, 52, 66))
    draw.ellipse((115, 112, 298, 385), fill=(233, 198, 170))
    noise = Random(1).randbytes(413 * 579)
    veil = Image.frombytes("L", (413, 579), noise).filter(ImageFilter.GaussianBlur(0.8)).convert("RGB")
    written = io.BytesIO()
    Image.blend(image, veil, grain).save(written, "PNG")
    return written.getvalue()


def typical() -> bytes:
    """One that is kept in about 17,000 octets."""
    low, high = 0.0, 1.0
    while high - low > 0.001:
        middle = (low + high) / 2
        low, high = (middle, high) if len(check_photo(picture(middle))) < TYPICAL_PORTRAIT else (low, middle)
    return picture(high)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("size") / "home")


@pytest.mark.parametrize("at", range(3))
def test_a_certificate_takes_eighty_thousand_octets_at_most(home: Installation, at: int) -> None:
    person: Person = made_up(at, ("王芳", "欧阳建国", "阿卜杜热西提·买买提依明")[at])
    (one,) = home.issue(person, photo=typical())
    (kept,) = home.services.folders.photos.glob("*.jpg")
    assert abs(kept.stat().st_size - TYPICAL_PORTRAIT) < 400
    pdf = home.pdf(one.number)
    found = examine_pdf(pdf, home.services.trust.certificates())
    assert set(found.attachments) == {"credential.json", "opening.json", "receipt.tlog-proof"}
    assert len(pdf) <= MOST
    assert len(pdf) - kept.stat().st_size <= WITHOUT_PORTRAIT


def test_the_longest_record_imaginable_takes_a_hundred_and_twenty_thousand_without_its_portrait() -> None:
    # A hundred different Han in the name, every field, and each of them at its longest.
    name = "".join(map(chr, range(0x4E00, 0x4E64)))
    assert len(open_press().press(face(name, photo=None, more=ALL), [])) <= 120_000
