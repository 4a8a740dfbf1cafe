"""A witness cosigns a log that only grew, and refuses one that was rolled back, rewritten, or is another's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from certsvc.errors import KeyRefused, Unavailable
from certsvc.services.audit.witness import Witnessed, WitnessKey, visit
from certsvc.services.log.fetch import fetcher
from certsvc.services.log.publish import log_keys, origin
from certsvc.services.publishing.static import publish_static
from certsvc.transparency.checkpoint import open_checkpoint
from certsvc.transparency.witness import Reason, Refusal
from tests.builders.installation import Installation, made_up
from tests.builders.static_server import served


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path / "home")
    installation.issue(made_up(1))
    publish_static(installation.services)
    return installation


def look(home: Installation, state: Path, source: str | None = None) -> Witnessed | Refusal:
    services = home.services
    return visit(
        fetcher(source or str(services.folders.published)),
        state,
        origin=origin(services),
        log_keys=log_keys(services),
        key=WitnessKey(state, "witness.example"),
        now=home.clock(),
    )


def restore(home: Installation, backup: Path) -> None:
    """An older copy of everything, as after a disaster."""
    home.services.database.close()
    shutil.rmtree(home.home)
    shutil.copytree(backup, home.home)
    home.reopen()


def test_a_log_that_grew_is_cosigned_and_the_cosignature_holds(home: Installation, tmp_path: Path) -> None:
    state = tmp_path / "witness"
    first = look(home, state)
    assert isinstance(first, Witnessed)
    assert (first.old_size, first.size) == (0, 2)
    home.issue(*(made_up(serial) for serial in range(2, 9)))
    publish_static(home.services)
    second = look(home, state)
    assert isinstance(second, Witnessed)
    assert (second.old_size, second.size) == (2, 10)
    key = WitnessKey(state, "witness.example").verifier
    opened = open_checkpoint(second.note, origin(home.services), log_keys(home.services), [key])
    assert [one.time for one in opened.witnesses] == [int(home.clock().timestamp())]
    again = look(home, state)
    assert isinstance(again, Witnessed)
    assert (again.old_size, again.size) == (10, 10)


def test_a_restored_older_database_that_goes_on_issuing_is_refused(home: Installation, tmp_path: Path) -> None:
    state, backup = tmp_path / "witness", tmp_path / "backup"
    shutil.copytree(home.home, backup)
    home.issue(made_up(2))
    publish_static(home.services)
    assert isinstance(look(home, state), Witnessed)
    restore(home, backup)
    shrunk = look(home, state)
    assert isinstance(shrunk, Refusal)
    assert shrunk.reason is Reason.OLDER
    home.issue(made_up(3), made_up(4), made_up(5))
    publish_static(home.services)
    rewritten = look(home, state)
    assert isinstance(rewritten, Refusal)
    assert rewritten.reason is Reason.INCONSISTENT
    assert len(list(state.glob("evidence-*"))) == 2


def test_two_logs_of_one_size_are_refused_and_the_evidence_kept(home: Installation, tmp_path: Path) -> None:
    state, backup = tmp_path / "witness", tmp_path / "backup"
    shutil.copytree(home.home, backup)
    home.issue(made_up(2))
    publish_static(home.services)
    look(home, state)
    restore(home, backup)
    home.issue(made_up(3))
    publish_static(home.services)
    refused = look(home, state)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.TWO_ROOTS
    assert list(state.glob("evidence-*"))


def test_another_logs_head_is_refused(home: Installation, tmp_path: Path) -> None:
    other = Installation(tmp_path / "other")
    other.issue(made_up(1))
    publish_static(other.services)
    refused = look(home, tmp_path / "witness", str(other.services.folders.published))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.BAD_SIGNATURE


def test_a_damaged_head_is_refused_and_a_missing_one_is_an_outage(home: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "checkpoint").write_bytes(b"nonsense")
    refused = look(home, tmp_path / "witness", str(folder))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.MALFORMED
    (folder / "checkpoint").unlink()
    with pytest.raises(Unavailable):
        look(home, tmp_path / "witness", str(folder))


def test_a_tile_that_lies_is_no_proof(home: Installation, tmp_path: Path) -> None:
    state = tmp_path / "witness"
    look(home, state)
    home.issue(made_up(2))
    publish_static(home.services)
    for path in (home.services.folders.published / "log" / "tile" / "0").rglob("*"):
        if path.is_file():
            path.write_bytes(bytes(len(path.read_bytes())))
    refused = look(home, state)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.INCONSISTENT


def test_a_damaged_witness_key_is_named(tmp_path: Path) -> None:
    WitnessKey(tmp_path / "witness", "witness.example")
    assert (tmp_path / "witness" / "witness-key.pem").stat().st_mode & 0o077 == 0
    (tmp_path / "witness" / "witness-key.pem").write_text("nonsense")
    with pytest.raises(KeyRefused):
        WitnessKey(tmp_path / "witness", "witness.example")


@pytest.fixture
def web(home: Installation, socket_enabled: None) -> Iterator[str]:
    with served(home.services.folders.published) as address:
        yield f"{address}/log"


def test_a_log_is_witnessed_over_the_web(home: Installation, tmp_path: Path, web: str) -> None:
    state = tmp_path / "witness"
    assert isinstance(look(home, state, web), Witnessed)
    home.issue(made_up(2))
    publish_static(home.services)
    second = look(home, state, web)
    assert isinstance(second, Witnessed)
    assert second.old_size == 2
    with pytest.raises(Unavailable):
        look(home, tmp_path / "another", web + "/nowhere")
