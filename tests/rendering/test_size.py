"""A certificate's file is at most 80,000 octets: issued as in service, with portrait, credential and log receipt."""

from __future__ import annotations

import io
from random import Random

import pytest
from PIL import Image, ImageDraw, ImageFilter

from certsvc.rendering.press import open_press
from certsvc.roster.photo import KEPT_BYTES, check_photo
from certsvc.signing.pdf_examination import examine_pdf
from tests.builders.installation import Installation, Person, made_up
from tests.rendering.faces import face
from tests.rendering.test_overlap import ALL

MOST = 80_000
LARGEST_PORTRAIT = KEPT_BYTES
WITHOUT_PORTRAIT = 61_000


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


def heavy() -> bytes:
    """The one of several that takes most."""
    return max((picture(grain / 20) for grain in range(2, 12)), key=lambda brought: len(check_photo(brought)))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("size") / "home")


@pytest.mark.parametrize("at", range(3))
def test_a_certificate_takes_eighty_thousand_octets_at_most_whatever_its_portrait(home: Installation, at: int) -> None:
    person: Person = made_up(at, ("王芳", "欧阳建国", "阿卜杜热西提·买买提依明")[at])
    (one,) = home.issue(person, photo=heavy())
    (kept,) = home.services.folders.photos.glob("*.jpg")
    assert LARGEST_PORTRAIT - 1500 < kept.stat().st_size <= LARGEST_PORTRAIT
    pdf = home.pdf(one.number)
    found = examine_pdf(pdf, home.services.trust.certificates())
    assert set(found.attachments) == {"credential.json", "opening.json", "receipt.tlog-proof"}
    assert len(pdf) <= MOST
    assert len(pdf) - kept.stat().st_size <= WITHOUT_PORTRAIT


def test_so_does_one_of_the_second_scheme_with_its_identifier_scores_and_validity(home: Installation) -> None:
    person = made_up(7, "欧阳建国")
    (one,) = home.issue(
        person, photo=heavy(), scheme_key="emergency-rescuer-5/haiyue-2026", registered="2026-10-02", sat="2026-11-01"
    )
    pdf = home.pdf(one.number)
    assert len(pdf) <= 80 * 1024


def test_the_longest_record_imaginable_takes_a_hundred_and_twenty_thousand_without_its_portrait() -> None:
    # A hundred different Han in the name, every field, and each of them at its longest.
    name = "".join(map(chr, range(0x4E00, 0x4E64)))
    assert len(open_press().press(face(name, photo=None, more=ALL), [])) <= 120_000
