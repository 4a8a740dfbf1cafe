"""A certificate's PDF is drawn once: neither a newer layout nor a newer key draws it again (R8.5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from certsvc.errors import Unavailable
from certsvc.resources import templates_folder
from certsvc.signing.keys import Purpose
from certsvc.signing.pdf import PLACE
from certsvc.signing.pdf_examination import examine_pdf
from tests.builders.installation import Installation, made_up


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "home")


def another_layout(home: Installation) -> None:
    home.services.folders.layout.mkdir()
    text = (templates_folder() / "certificate" / "default" / "layout.toml").read_text("utf-8")
    assert "y_mm = 37.8" in text
    (home.services.folders.layout / "layout.toml").write_text(text.replace("y_mm = 37.8", "y_mm = 39"), "utf-8")
    home.reopen()


def test_a_newer_layout_changes_what_is_issued_from_then_on_and_nothing_before(home: Installation) -> None:
    (first,) = home.issue(made_up(1))
    before = home.pdf(first.number)
    another_layout(home)
    (second,) = home.issue(made_up(2))
    assert home.services.layout.title.zh.y_mm == 39
    assert home.pdf(second.number) != before
    assert home.pdf(first.number) == before


def test_a_file_that_is_lost_is_told_and_not_drawn_again(home: Installation) -> None:
    (one,) = home.issue(made_up(1))
    content = home.pdf(one.number)
    place = home.services.folders.certificate_pdf(one.number, 1)
    place.unlink()
    another_layout(home)
    with pytest.raises(Unavailable, match="backup"):
        home.pdf(one.number)
    assert not place.exists()
    place.write_bytes(content)
    assert home.pdf(one.number) == content


def test_the_place_for_the_seal_follows_the_key_in_use(home: Installation) -> None:
    (first,) = home.issue(made_up(1))
    assert home.pdf(first.number)
    press = home.services.press
    assert home.services.press is press
    home.services.keystore.rotate(Purpose.PDF_SEAL, development=True)
    assert home.services.press is not press
    (second,) = home.issue(made_up(2))
    place = PLACE.match(home.pdf(second.number))
    assert place is not None
    assert len(place["contents"]) == 2 * home.services.pdf_seal.room(stamped=False)
    assert examine_pdf(home.pdf(second.number), home.services.trust.certificates()).ok
