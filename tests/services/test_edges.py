"""Small parts at their edges: files replaced whole, places in lists, sealed parts that are not what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import text

from certsvc.credential.canonical import canonical_bytes
from certsvc.errors import KeyMissing, KeyRefused, LogMismatch, MalformedLog, Refused, Unavailable
from certsvc.files.folder import write_if_changed
from certsvc.services.audit.witness import WitnessKey
from certsvc.services.certificates.give_out import prove
from certsvc.services.kit import register as kit_register
from certsvc.services.kit.parts import CREDENTIALS, path_of, read_credential, seal_part
from certsvc.services.kit.register import open_photo, seal_photo
from certsvc.services.log import read as log_read
from certsvc.services.log.fetch import fetcher
from certsvc.services.publishing import status_places
from certsvc.services.publishing.static import publish_static
from certsvc.services.records.secrets import open_secrets
from tests.builders.installation import Installation, made_up

TOKEN = "a" * 26


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "home")


def test_a_file_that_cannot_be_replaced_leaves_nothing_half_written(tmp_path: Path) -> None:
    target = tmp_path / "one"
    target.mkdir()
    (target / "in the way").touch()
    with pytest.raises(OSError, match="one"):
        write_if_changed(target, b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_places_are_all_different_and_go_on_in_a_second_list(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_places, "_FULL", 3)
    home.issue(made_up(1), made_up(2))
    with home.services.database.reading() as session:
        places = status_places.draw_indexes(session, 5)
    assert len(set(places)) == 5
    assert [name for name, _ in places] == ["1", "2", "2", "2", "3"]


def test_a_place_is_drawn_again_where_it_is_taken(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    home.issue(made_up(1))
    with home.services.database.reading() as session:
        taken = session.execute(text("select status_index from certificate")).scalar_one()
        drawn = iter([taken, 7, 8])
        monkeypatch.setattr(status_places._random, "randrange", lambda _: next(drawn))
        assert status_places.draw_index(session)[1] in {7, 8}


def test_secrets_that_are_not_whole_are_named(home: Installation) -> None:
    (issued,) = home.issue(made_up(1))
    sealed = home.services.vault.seal({"id_number": "1", "salt": "not hex"}, issued.token.encode())
    row = home.row(issued.number)
    row.sealed, row.sealed_kid = sealed.content, sealed.kid
    with pytest.raises(KeyMissing):
        open_secrets(home.services.vault, row)


@pytest.mark.parametrize(
    "content", [b"[]", b"{}", b"nonsense", canonical_bytes({"credential": "x", "cose": "!", "format": 1})]
)
def test_a_kit_file_of_another_form_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / path_of(CREDENTIALS, TOKEN)
    path.parent.mkdir(parents=True)
    path.write_bytes(seal_part(CREDENTIALS, TOKEN, content))
    assert read_credential(tmp_path, TOKEN) is None


def test_a_large_register_is_sealed_in_chunks_and_comes_back(
    home: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit_register, "_CHUNK", 512)
    home.issue(*(made_up(serial) for serial in range(1, 5)))
    path = tmp_path / "register.sealed"
    with home.services.database.reading() as session:
        rows = kit_register.write_register(home.services, session, path)
    lines = list(kit_register._read_lines(home.services, path)[1])
    assert len(lines) == rows
    swapped = bytearray(path.read_bytes())
    start = swapped.index(b"\n") + 1
    length = 4 + 512 + 16
    first, second = swapped[start : start + length], swapped[start + length : start + 2 * length]
    path.write_bytes(bytes(swapped[:start] + second + first + swapped[start + 2 * length :]))
    with pytest.raises(Refused):
        list(kit_register._read_lines(home.services, path)[1])


def test_a_photo_comes_back_only_whole_and_under_its_own_name(home: Installation) -> None:
    sealed = seal_photo(home.services, "ab", b"photo")
    assert open_photo(home.services, "ab", sealed) == b"photo"
    for name, content in (("cd", sealed), ("ab", sealed[:-1]), ("ab", sealed[:-1] + bytes([sealed[-1] ^ 1]))):
        with pytest.raises(Refused):
            open_photo(home.services, name, content)


def test_no_receipt_is_made_for_a_leaf_of_another_certificate(home: Installation) -> None:
    one, two = home.issue(made_up(1), made_up(2))
    with home.services.database.writing() as session:
        session.execute(text("update certificate set leaf_index = 99 where number = :n"), {"n": two.number})
        session.execute(text("update certificate set leaf_index = 2 where number = :n"), {"n": one.number})
    with pytest.raises(LogMismatch):
        prove(home.services, one.number)
    with pytest.raises(LogMismatch):
        prove(home.services, two.number)


def test_a_gap_in_the_stored_log_is_named(home: Installation) -> None:
    with home.services.database.reading() as session:
        with pytest.raises(LogMismatch):
            log_read.hash_reader(session)(3, 0)
        with pytest.raises(LogMismatch):
            list(log_read.contents(session, 0, 1))


def test_when_the_log_was_last_signed_must_be_readable(home: Installation) -> None:
    home.issue(made_up(1))
    publish_static(home.services)
    home.issue(made_up(2))
    (home.home / "log-signed-at.json").write_text("nonsense")
    with pytest.raises(MalformedLog):
        publish_static(home.services)


def test_a_witness_takes_no_other_kind_of_key_and_no_endless_file(tmp_path: Path) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "witness-key.pem").write_bytes(pem)
    with pytest.raises(KeyRefused):
        WitnessKey(tmp_path, "witness.example")
    (tmp_path / "checkpoint").write_bytes(bytes(1000))
    with pytest.raises(Refused):
        fetcher(str(tmp_path))("checkpoint", 999)
    with pytest.raises(Unavailable):
        fetcher(str(tmp_path))("nowhere", 999)
