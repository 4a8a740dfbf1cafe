"""What the world sees: files that any web server serves, cheap when unchanged, refused when something is wrong."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from certsvc.credential.status_list import Purpose
from certsvc.errors import CertsvcError, ClockWentBack, LogMismatch, MalformedCredential
from certsvc.services.certificates import change_status
from certsvc.services.log.publish import log_keys, origin, publish_log
from certsvc.services.publishing.static import publish_static, refresh
from certsvc.services.publishing.status_lists import LIFE, read_published
from certsvc.services.publishing.status_places import list_url
from certsvc.signing.keys import KeyState
from certsvc.signing.keys import Purpose as KeyPurpose
from certsvc.signing.trust import TrustBundle
from certsvc.transparency import tiles
from certsvc.transparency.audit import audit
from certsvc.transparency.checkpoint import open_checkpoint
from tests.builders.installation import Installation, made_up


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "home")


def published(home: Installation) -> Path:
    return home.services.folders.published


def bit(home: Installation, number: str, purpose: Purpose) -> bool:
    row = home.row(number)
    url = list_url(home.services.base_url, purpose.value, row.status_list)
    content = (published(home) / "status" / url.rsplit("/", 1)[1]).read_bytes()
    claims = read_published(content, home.services.trust, url=url, purpose=purpose)
    assert claims.is_current(home.clock())
    return claims.entries.is_set(row.status_index)


def test_everything_a_verifier_needs_is_there_and_a_second_run_writes_nothing(home: Installation) -> None:
    home.issue(made_up(1))
    first = publish_static(home.services)
    assert first.files_written > 0
    folder = published(home)
    for name in (
        ".well-known/did.json",
        ".well-known/jwks.json",
        "trust.json",
        "log/checkpoint",
        "status/revocation-1",
    ):
        assert (folder / name).is_file(), name
    assert json.loads((folder / ".well-known/did.json").read_bytes())["id"] == "did:web:certsvc.example"
    assert TrustBundle.load(folder).to_json() == home.services.trust.to_json()
    assert publish_static(home.services).files_written == 0


def test_a_status_sets_its_own_bits_and_only_those(home: Installation) -> None:
    one, two = home.issue(made_up(1), made_up(2))
    change_status.suspend(home.services, one.number, reason="核查", by="甲")
    change_status.revoke(home.services, two.number, reason="错发", by="甲")
    publish_static(home.services)
    assert [bit(home, one.number, purpose) for purpose in Purpose] == [False, True, False]
    assert [bit(home, two.number, purpose) for purpose in Purpose] == [True, False, False]
    change_status.reinstate(home.services, one.number, reason="查无问题", by="甲")
    publish_static(home.services)
    assert [bit(home, one.number, purpose) for purpose in Purpose] == [False, False, False]


def test_a_list_is_signed_anew_once_half_its_life_is_over(home: Installation) -> None:
    home.issue(made_up(1))
    publish_static(home.services)
    home.clock.at += LIFE / 2 - timedelta(minutes=1)
    assert publish_static(home.services).files_written == 0
    home.clock.move(minutes=2)
    assert publish_static(home.services).files_written == len(Purpose)


def test_a_list_signed_by_another_key_or_changed_is_not_believed(home: Installation, tmp_path: Path) -> None:
    home.issue(made_up(1))
    publish_static(home.services)
    other = Installation(tmp_path / "other")
    content = (published(home) / "status" / "revocation-1").read_bytes()
    url = list_url(home.services.base_url, "revocation", "1")
    for specimen, trust in (
        (content, other.services.trust),
        (content.replace(b"2026", b"2027"), home.services.trust),
        ((published(home) / "status" / "suspension-1").read_bytes(), home.services.trust),
    ):
        with pytest.raises(MalformedCredential):
            read_published(specimen, trust, url=url, purpose=Purpose.REVOCATION)


def test_an_auditor_recounts_the_log_from_the_published_files_alone(home: Installation) -> None:
    home.issue(*(made_up(serial) for serial in range(1, 6)))
    publish_static(home.services)
    home.issue(made_up(7))
    publish_static(home.services)
    folder = published(home) / "log"
    head = open_checkpoint(
        (folder / "checkpoint").read_bytes(), origin(home.services), log_keys(home.services)
    ).checkpoint
    bundle = tiles.tile_of(tiles.ENTRIES, head.size - 1, head.size)
    contents = tiles.read_entry_bundle((folder / bundle.path).read_bytes(), bundle.width)
    report = audit(head, contents)
    assert report.ok, [str(problem) for problem in report.problems]
    ((session, count),) = report.sessions.items()
    assert count.passed is not None
    assert count.issued == 6 <= count.passed
    assert session.startswith("emergency-rescuer-5/")


def test_the_log_is_not_signed_when_a_leaf_was_changed(home: Installation) -> None:
    home.issue(made_up(1))
    with home.services.database.writing() as session:
        session.execute(text('update log_leaf set content = :other where "index" = 1'), {"other": b"{}"})
    with pytest.raises(LogMismatch):
        publish_static(home.services)
    assert not (published(home) / "log" / "checkpoint").exists()


def test_a_log_that_does_not_continue_the_last_checkpoint_is_not_signed(home: Installation, tmp_path: Path) -> None:
    home.issue(made_up(1))
    backup = tmp_path / "backup.sqlite3"
    file = home.services.database.sqlite_file
    assert file is not None
    home.services.database.close()
    shutil.copy(file, backup)
    home.issue(made_up(2))
    publish_static(home.services)
    home.services.database.close()
    shutil.copy(backup, file)
    home.reopen()
    for folder in (published(home) / "log", tmp_path / "elsewhere"):
        with pytest.raises(LogMismatch):
            publish_log(home.services, folder)
    home.issue(made_up(3), made_up(4))
    with pytest.raises(LogMismatch):
        publish_log(home.services, tmp_path / "elsewhere")


def test_the_log_is_not_signed_when_the_clock_went_back(home: Installation) -> None:
    home.issue(made_up(1))
    publish_static(home.services)
    home.issue(made_up(2))
    home.clock.move(hours=-1)
    with pytest.raises(ClockWentBack):
        publish_static(home.services)


def test_what_hinders_publishing_after_a_deed_is_told_and_not_raised(home: Installation) -> None:
    home.issue(made_up(1))
    assert refresh(home.services) is None
    with home.services.database.writing() as session:
        session.execute(text("update log_head set root = zeroblob(32)"))
    assert isinstance(refresh(home.services), LogMismatch)
    shutil.rmtree(published(home))
    published(home).write_text("a file in the way")
    assert isinstance(refresh(home.services), CertsvcError)


def test_nothing_personal_is_published(home: Installation) -> None:
    canary = made_up(7, "卡纳丽金丝雀")
    (issued,) = home.issue(canary)
    change_status.revoke(home.services, issued.number, reason="卡纳丽金丝雀冒名", by="甲")
    publish_static(home.services)
    for path in published(home).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for personal in (canary.name, canary.id_number, canary.last_six, issued.number, issued.token):
                assert personal.encode() not in content, path


# How far the lists reach is kept, sealed


def no_list_is_read(*_: object, **__: object) -> None:
    raise AssertionError("a list was read apart")


def test_with_nothing_new_no_list_is_read_apart_nor_written(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = home.issue(made_up(1), made_up(2))
    change_status.suspend(home.services, one.number, reason="核查", by="甲")
    publish_static(home.services)
    with monkeypatch.context() as patch:
        for module in ("status_lists", "logged_status"):
            patch.setattr(f"certsvc.services.publishing.{module}.read_published", no_list_is_read)
        assert publish_static(home.services).files_written == 0
        home.issue(made_up(3))
        publish_static(home.services)  # leaves that change nothing
    change_status.suspend(home.services, two.number, reason="核查", by="甲")
    stamps = {path.name: path.stat().st_mtime_ns for path in (published(home) / "status").iterdir()}
    publish_static(home.services)
    changed = [
        path.name for path in (published(home) / "status").iterdir() if path.stat().st_mtime_ns != stamps[path.name]
    ]
    assert changed == ["suspension-1"]
    assert bit(home, two.number, Purpose.SUSPENSION)


def test_an_older_list_put_in_the_place_of_the_newest_is_written_again(home: Installation) -> None:
    (one,) = home.issue(made_up(1))
    publish_static(home.services)
    path = published(home) / "status" / "suspension-1"
    older = path.read_bytes()
    change_status.suspend(home.services, one.number, reason="核查", by="甲")
    publish_static(home.services)
    newest = path.read_bytes()
    path.write_bytes(older)
    publish_static(home.services)
    assert bit(home, one.number, Purpose.SUSPENSION)
    path.unlink()
    publish_static(home.services)
    assert path.read_bytes() != older
    assert len(path.read_bytes()) == len(newest)


@pytest.mark.parametrize(
    "statement",
    [
        "update certificate set status = 'valid'",
        "update certificate set status = 'revoked'",
        "update certificate set status_index = (status_index + 7) % 131072 where status = 'suspended'",
    ],
)
def test_rows_that_say_otherwise_than_when_they_were_signed_are_refused(home: Installation, statement: str) -> None:
    one, _ = home.issue(made_up(1), made_up(2))
    change_status.suspend(home.services, one.number, reason="核查", by="甲")
    publish_static(home.services)
    before = {path: path.read_bytes() for path in (published(home) / "status").iterdir()}
    with home.services.database.writing() as session:
        session.execute(text(statement))
    for _ in range(2):
        with pytest.raises(LogMismatch):
            publish_static(home.services)
    assert {path: path.read_bytes() for path in (published(home) / "status").iterdir()} == before


def test_a_reach_beyond_what_was_signed_that_no_key_sealed_hides_nothing(home: Installation) -> None:
    """Who can write rows and home puts a suspension off the rows and says that its leaf was seen."""
    (one,) = home.issue(made_up(1))
    publish_static(home.services)
    reach = home.home / "status-lists-reach.json"
    said = json.loads(reach.read_bytes())
    change_status.suspend(home.services, one.number, reason="核查", by="甲")
    with home.services.database.writing() as session:
        session.execute(text("update certificate set status = 'valid'"))
        size, root = session.execute(text("select size, root from log_head")).one()
    said["state"] |= {"size": size, "root": root.hex()}
    reach.write_text(json.dumps(said))
    with pytest.raises(LogMismatch, match=one.number):
        publish_static(home.services)


def test_a_list_by_a_key_distrusted_since_is_signed_again(home: Installation) -> None:
    home.issue(made_up(1))
    publish_static(home.services)
    before = (published(home) / "status" / "revocation-1").read_bytes()
    home.clock.move(minutes=1)
    home.services.keystore.rotate(KeyPurpose.STATUS_LIST, development=True)
    publish_static(home.services)
    (old,) = [
        record
        for record in home.services.keystore.records()
        if record.purpose is KeyPurpose.STATUS_LIST and record.state is not KeyState.ACTIVE
    ]
    home.services.keystore.distrust(old.kid, 0)
    publish_static(home.services)
    content = (published(home) / "status" / "revocation-1").read_bytes()
    assert content != before
    assert old.kid not in content.decode()
