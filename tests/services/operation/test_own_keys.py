"""Keys and register belong together (docs/keys.md): strangers' keys and old copies are refused by name."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, text

from certsvc.app import create_app, open_services
from certsvc.config import Settings
from certsvc.errors import KeyRefused, Unavailable, WrongKeys
from certsvc.services.certificates.distrust import distrust
from certsvc.services.context import Services
from certsvc.services.operation.backup import back_up, restore
from certsvc.services.operation.init import initialise
from certsvc.services.operation.own_keys import deed, note_keys, refuse_fresh_keys, require_own_keys
from certsvc.signing.keystore import KeyState, Purpose
from certsvc.store import AuditEventRecord, CertificateRecord, KeyCheckRecord
from tests.builders.installation import Installation, made_up
from tests.builders.older import downgrade


def opened(at: Installation, keys: Path, home: Path | None = None) -> Services:
    """The register of an installation, with the keys of another folder."""
    settings = Settings.from_environment(
        {
            "CERTSVC_HOME": str(home or at.home),
            "CERTSVC_KEYS": str(keys),
            "CERTSVC_DATABASE_URL": f"sqlite:///{at.home / 'certsvc.sqlite3'}",
        }
    )
    return open_services(settings, now=at.clock)


def checks(services: Services) -> dict[str, KeyCheckRecord]:
    with services.database.reading() as session:
        return {row.kid: row for row in session.scalars(select(KeyCheckRecord))}


def changed(path: Path, change: Callable[[bytearray], None]) -> None:
    """A secret's file in clear, changed by hand as by an editor."""
    members = json.loads(path.read_bytes())
    secret = bytearray(base64.b64decode(members["secret"]))
    change(secret)
    path.write_text(json.dumps({"secret": base64.b64encode(secret).decode()}))


def test_the_register_knows_every_key_from_the_first_start_on(own: Installation) -> None:
    known = checks(own.services)
    assert set(known) == {record.kid for record in own.services.keystore.records()}
    assert all(record.check == known[record.kid].check for record in own.services.keystore.records())
    assert len({row.check for row in known.values()}) == len(known)


def test_one_character_changed_in_the_look_up_key_is_found_before_anyone_is_looked_up(own: Installation) -> None:
    record = own.services.keystore.active(Purpose.LOOKUP)
    changed(own.home / "keys" / f"lookup-{record.kid}.json", lambda secret: secret.__setitem__(0, secret[0] ^ 1))
    with pytest.raises(KeyRefused, match="check value"):
        own.issue(made_up(1))  # the roll is not taken for new people
    own.reopen()
    with pytest.raises(KeyRefused, match="check value"):
        own.issue(made_up(1))


def test_a_key_changed_together_with_its_own_check_value_is_found_by_the_register(own: Installation) -> None:
    record = own.services.keystore.active(Purpose.LOOKUP)
    path = own.home / "keys" / f"lookup-{record.kid}.json"
    changed(path, lambda secret: secret.__setitem__(0, secret[0] ^ 1))
    index = own.home / "keys" / "keys.json"
    members = json.loads(index.read_bytes())
    for one in members["keys"]:
        one["check"] = None if one["kid"] == record.kid else one["check"]
    index.write_text(json.dumps(members))
    with pytest.raises(WrongKeys, match=f"lookup key {record.kid} does not give the check value"):
        require_own_keys(own.reopen())


def test_a_fresh_home_on_a_used_register_makes_no_keys(at: Installation, tmp_path: Path) -> None:
    fresh = opened(at, tmp_path / "fresh" / "keys", tmp_path / "fresh")
    with pytest.raises(WrongKeys, match="CERTSVC_KEYS"):
        initialise(fresh)
    assert not (tmp_path / "fresh").exists()
    assert at.issue(made_up(3))  # and the rightful keys go on


def test_nor_on_a_register_of_an_earlier_program_that_knows_no_keys(at: Installation, tmp_path: Path) -> None:
    downgrade(at.services.database, "0009")
    fresh = opened(at, tmp_path / "fresh" / "keys", tmp_path / "fresh")
    with pytest.raises(WrongKeys):
        initialise(fresh)
    assert not (tmp_path / "fresh").exists()
    initialise(at.reopen())  # the home itself needs no step by hand
    assert len(checks(at.services)) == len(at.services.keystore.records())


def test_a_strangers_keys_are_refused_by_fingerprint(at: Installation, tmp_path: Path) -> None:
    stranger = Installation(tmp_path / "stranger")
    mixed = opened(at, stranger.home / "keys")
    with pytest.raises(WrongKeys, match="fingerprint"):
        require_own_keys(mixed)
    with pytest.raises(WrongKeys, match="fingerprint"):
        create_app(Settings.from_environment({"CERTSVC_HOME": str(at.home)}), services=mixed)
    assert not set(checks(at.services)) & {record.kid for record in stranger.services.keystore.records()}


def test_a_register_without_check_values_takes_keys_only_under_which_its_record_verifies(
    at: Installation, tmp_path: Path
) -> None:
    with at.services.database.writing() as session:
        session.execute(delete(KeyCheckRecord))
    stranger = Installation(tmp_path / "stranger")
    with pytest.raises(WrongKeys):
        require_own_keys(opened(at, stranger.home / "keys"))
    with at.services.database.writing() as session:  # persons alone tell it as well
        session.execute(text("update certificate set stage = 'reserved', leaf_index = null"))
    with pytest.raises(WrongKeys):
        require_own_keys(opened(at, stranger.home / "keys"))
    require_own_keys(at.services)
    assert len(checks(at.services)) == len(at.services.keystore.records())


def test_a_copy_made_before_a_rotation_is_an_old_copy(at: Installation, tmp_path: Path) -> None:
    shutil.copytree(at.home / "keys", tmp_path / "old")
    old = at.services.keystore.active_kid(Purpose.CREDENTIAL)
    made = at.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    require_own_keys(at.services)  # a rotation that was not noted is noted
    with pytest.raises(WrongKeys, match=f"old copy: the register knows the credential key ({made.kid}|{old})"):
        require_own_keys(opened(at, tmp_path / "old"))


@pytest.mark.parametrize("step", ["retired", "distrusted", "distrusted earlier"])
def test_a_copy_that_has_not_heard_what_became_of_a_key_is_an_old_copy(
    at: Installation, step: str, tmp_path: Path
) -> None:
    kid = at.services.keystore.active_kid(Purpose.CREDENTIAL)
    if step == "distrusted earlier":
        distrust(at.services, kid, 2, by="甲")
    shutil.copytree(at.home / "keys", tmp_path / "old")
    if step == "retired":
        at.services.keystore.retire(kid)
        note_keys(at.services)
    else:
        distrust(at.services, kid, 1, by="甲")
    with pytest.raises(WrongKeys, match=kid):
        require_own_keys(opened(at, tmp_path / "old"))
    require_own_keys(at.services)


def test_an_index_of_an_earlier_program_is_taken_and_completed(at: Installation) -> None:
    index = at.home / "keys" / "keys.json"
    members = json.loads(index.read_bytes())
    for one in members["keys"]:
        del one["check"]
    index.write_text(json.dumps(members))
    with at.services.database.writing() as session:
        session.execute(delete(KeyCheckRecord))
    services = at.reopen()
    assert all(record.check is None for record in services.keystore.records())
    require_own_keys(services)
    assert all(record.check for record in services.keystore.records())
    assert len(checks(services)) == len(members["keys"])


def test_a_retired_secret_whose_file_was_destroyed_hinders_nothing(at: Installation) -> None:
    old = at.services.keystore.active_kid(Purpose.SESSION)
    at.services.keystore.rotate(Purpose.SESSION, development=True)
    (at.home / "keys" / f"session-{old}.json").unlink()
    index = at.home / "keys" / "keys.json"
    members = json.loads(index.read_bytes())
    for one in members["keys"]:
        del one["check"]
    index.write_text(json.dumps(members))
    with at.services.database.writing() as session:
        session.execute(delete(KeyCheckRecord))
    require_own_keys(at.reopen())
    assert checks(at.services)[old].check == ""
    require_own_keys(at.reopen())


def test_a_restored_backup_goes_on_under_its_own_keys_and_no_others(at: Installation, tmp_path: Path) -> None:
    back_up(at.services, tmp_path / "now.backup")
    for name, keys, fits in (
        ("own", at.home / "keys", True),
        ("other", Installation(tmp_path / "stranger").home / "keys", False),
    ):
        settings = Settings.from_environment({"CERTSVC_HOME": str(tmp_path / name), "CERTSVC_KEYS": str(keys)})
        services = open_services(settings, now=at.clock)
        restore(services, tmp_path / "now.backup", unproven=not fits)
        if fits:
            require_own_keys(services)
        else:
            with pytest.raises(WrongKeys):
                require_own_keys(services)


def test_a_deed_that_cannot_be_noted_is_not_done(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    before = own.services.keystore.records()
    files = sorted(path.name for path in (own.home / "keys").iterdir())
    pages = own.services.database.engine.connect().exec_driver_sql("pragma page_count").scalar_one()

    def full(connection: object, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")  # type: ignore[attr-defined]
        connection.execute("PRAGMA cache_size=10")  # type: ignore[attr-defined]

    from sqlalchemy import event

    own.services.database.engine.dispose()
    event.listen(own.services.database.engine, "connect", full)
    with own.services.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(AuditEventRecord)) is not None
    long = "长" * 90_000
    with pytest.raises(Unavailable, match="full"):
        own.services.keystore.rotate(
            Purpose.CREDENTIAL,
            development=True,
            announce=deed(own.services, "key.rotate", "甲", lambda: {"padding": long}),
        )
    assert own.services.keystore.records() == before
    assert sorted(path.name for path in (own.home / "keys").iterdir()) == files
    assert own.services.keystore.active(Purpose.CREDENTIAL).state is KeyState.ACTIVE


def test_fresh_keys_are_for_a_register_that_has_none(own: Installation) -> None:
    refuse_fresh_keys(own.services)  # it has keys: the other comparison decides
    assert own.issue(made_up(1))
    with own.services.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(CertificateRecord)) == 1
