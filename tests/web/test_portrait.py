"""The photo is public where the scheme says so, only as signed, and nowhere else (R10)."""

from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from certsvc.app import create_app
from certsvc.credential.commitment import digest_multibase
from certsvc.services.certificates import change_status, give_out
from certsvc.services.verification import scan
from tests.builders.site import NAMES, Register

PUBLIC = "expired"  # the one certificate of the scheme that shows photos
PRIVATE = [state for state in NAMES if state != PUBLIC]


def _kept(register: Register) -> str:
    """The address of the public certificate's photo."""
    return f"/v/{register.held[PUBLIC].token}/portrait"


def test_a_scheme_that_shows_photos_shows_the_one_that_was_signed(client: FlaskClient, register: Register) -> None:
    answer = client.get(_kept(register))
    assert answer.status_code == 200
    assert answer.content_type == "image/jpeg"
    assert answer.headers["Cache-Control"] == "no-store"
    record = scan.by_token(register.services, register.held[PUBLIC].token)
    assert record is not None
    assert digest_multibase(answer.data) == record.portrait_digest
    upper = client.get(f"/V/{register.held[PUBLIC].token.upper()}/portrait")
    assert upper.data == answer.data
    assert f'src="{_kept(register)}"' in client.get(f"/v/{register.held[PUBLIC].token}").text


@pytest.mark.parametrize("state", PRIVATE)
def test_no_other_scheme_shows_one(client: FlaskClient, register: Register, state: str) -> None:
    address = f"/v/{register.held[state].token}"
    assert client.get(address + "/portrait").status_code == 404
    page = client.get(address).text
    assert "<img" not in page
    assert "/portrait" not in page


@pytest.mark.parametrize("token", ["a" * 26, "a", "%00", "..%2f..", "张"])
def test_what_is_not_there_has_no_photo(client: FlaskClient, token: str) -> None:
    assert client.get(f"/v/{token}/portrait").status_code in {404, 308}


def test_a_photo_swapped_or_lost_on_the_disk_is_not_shown(own: Register) -> None:
    client = create_app(own.settings, services=own.services).test_client()
    address = _kept(own)
    (photo,) = own.services.folders.photos.glob("*.jpg")
    photo.write_bytes(photo.read_bytes() + b"x")
    assert client.get(address).status_code == 503
    photo.unlink()
    assert client.get(address).status_code == 503
    # The certificate's own answer is none the worse for it.
    assert 'data-state="expired"' in client.get(f"/v/{own.held[PUBLIC].token}").text


def test_a_certificate_taken_back_shows_no_face(own: Register) -> None:
    client = create_app(own.settings, services=own.services).test_client()
    with own.services.database.writing() as session:
        session.execute(text("update certificate set scheme_id = (select id from scheme where key like '%haiyue%')"))
    address = f"/v/{own.valid.token}"
    assert client.get(address + "/portrait").status_code == 200
    change_status.revoke(own.services, own.valid.number, reason="x", by="issuer")
    assert client.get(address + "/portrait").status_code == 404
    assert client.get(f"/v/{own.held['forged'].token}/portrait").status_code == 404


def test_a_file_is_shown_beside_the_photo_that_was_signed(client: FlaskClient, register: Register) -> None:
    for state, shown in ((PUBLIC, True), ("valid", False)):
        content = give_out.pdf_of(register.services, register.held[state].number)
        page = client.post("/verify/file", data={"file": (io.BytesIO(content), "a.pdf")}).text
        assert (f"/v/{register.held[state].token}/portrait" in page) == shown
