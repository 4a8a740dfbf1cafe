"""An auditor with the public files alone finds a leaf or a certificate that was changed by SQL."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from certsvc.cli import run
from certsvc.errors import CheckpointRefused, Unavailable
from certsvc.services.audit.check_published import InHand, audit_published
from certsvc.services.audit.witness import Witnessed, WitnessKey, visit
from certsvc.services.certificates.give_out import prove
from certsvc.services.log.fetch import fetch_tile, fetcher, status_fetcher
from certsvc.services.log.publish import log_keys, origin
from certsvc.services.log.read import contents
from certsvc.services.publishing.static import publish_static
from certsvc.transparency import tiles
from certsvc.transparency.audit import AuditReport
from certsvc.transparency.tree import leaf_hash
from tests.builders.insider import sign_lists
from tests.builders.installation import Installation, made_up
from tests.builders.static_server import served

DATED_BACK = 36_500  # the test's clock and the dates of issue are apart; L5 is tested in tests/transparency


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path / "home")
    installation.issue(*(made_up(serial) for serial in range(1, 5)))
    publish_static(installation.services)
    return installation


def audited(home: Installation, folder: Path, *certificates: tuple[bytes, bytes]) -> AuditReport:
    return audit_published(
        fetcher(str(folder)),
        home.services.trust,
        InHand(certificates=certificates),
        days_dated_back=DATED_BACK,
        lists=status_fetcher(str(folder)),
        now=home.clock(),
    )


def in_hand(home: Installation) -> tuple[str, bytes, bytes]:
    """The number, the signed credential and the receipt of one certificate."""
    services = home.services
    with services.database.reading() as session:
        number, credential = session.execute(text("select number, credential from certificate where id = 1")).one()
    return number, bytes(credential), prove(services, number).encode()


def changed_by_sql(home: Installation, statement: str) -> None:
    with home.services.database.writing() as session:
        session.execute(text(statement))


def test_an_honest_log_adds_up_with_certificates_in_hand(home: Installation) -> None:
    _, credential, receipt = in_hand(home)
    report = audited(home, home.services.folders.published, (credential, receipt))
    assert report.ok, [str(problem) for problem in report.problems]
    assert [(one.passed, one.issued) for one in report.sessions.values()] == [(4, 4)]


def test_a_leaf_changed_by_sql_is_found(home: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    shutil.copytree(home.services.folders.published, folder)
    changed_by_sql(home, 'update log_leaf set content = replace(content, \'"issue"\', \'"reissue"\') where "index" = 2')
    with home.services.database.reading() as session:
        size = session.execute(text("select size from log_head")).scalar_one()
        bundle = tiles.entry_bundle([one for some in contents(session, 0, size) for one in some])
    path = folder / "log" / tiles.tile_of(tiles.ENTRIES, 0, size).path
    assert path.read_bytes() != bundle
    path.write_bytes(bundle)
    assert "L1" in {problem.rule for problem in audited(home, folder).problems}


def test_a_certificate_changed_by_sql_is_found(home: Installation) -> None:
    _, _, receipt = in_hand(home)
    changed_by_sql(
        home, "update certificate set credential = replace(cast(credential as text), '测试', '张三') where id = 1"
    )
    with home.services.database.reading() as session:
        changed = session.execute(text("select credential from certificate where id = 1")).scalar_one()
    report = audited(home, home.services.folders.published, (changed.encode(), receipt))
    assert {problem.rule for problem in report.problems} == {"L10"}


def test_another_logs_files_are_refused_and_missing_ones_are_an_outage(home: Installation, tmp_path: Path) -> None:
    other = replace(home.services.trust, did="did:web:other.example")
    with pytest.raises(CheckpointRefused):
        audit_published(fetcher(str(home.services.folders.published)), other)
    with pytest.raises(Unavailable):
        audited(home, tmp_path)


def test_the_command_needs_no_installation(
    home: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _, credential, receipt = in_hand(home)
    folder = tmp_path / "mirror"
    shutil.copytree(home.services.folders.published, folder)
    (tmp_path / "credential.json").write_bytes(credential)
    (tmp_path / "other.json").write_bytes(credential.replace("测试".encode(), "张三".encode()))
    (tmp_path / "receipt").write_bytes(receipt)
    monkeypatch.setenv("CERTSVC_HOME", str(tmp_path / "nowhere"))
    given = ["log", "audit", str(folder), "--trust", str(folder / "trust.json"), "--days-back", str(DATED_BACK)]
    shown = str(tmp_path / "receipt")
    assert run([*given, "--certificate", str(tmp_path / "credential.json"), shown]) == 0
    assert run([*given, "--certificate", str(tmp_path / "other.json"), shown]) == 1
    assert "L10" in capfd.readouterr().err


def test_the_command_lays_heads_beside_the_log_and_reads_the_status_lists(
    home: Installation, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, other = tmp_path / "mirror", Installation(tmp_path / "other")
    shutil.copytree(home.services.folders.published, folder)
    witness = WitnessKey(tmp_path / "witness", "witness.example")
    seen = visit(
        fetcher(str(folder)),
        tmp_path / "witness",
        origin=origin(home.services),
        log_keys=log_keys(home.services),
        key=witness,
        now=home.clock(),
    )
    assert isinstance(seen, Witnessed)
    (tmp_path / "note").write_bytes(seen.note)
    given = ["log", "audit", str(folder), "--trust", str(folder / "trust.json"), "--days-back", str(DATED_BACK)]
    kept = ["--head", str(tmp_path / "note"), "--witness", str(witness.verifier)]
    assert run([*given, *kept, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["standing"] == {"valid": 4}
    publish_static(other.services)
    (tmp_path / "note").write_bytes((other.services.folders.published / "log" / "checkpoint").read_bytes())
    assert run([*given, *kept]) == 1  # a head of another log's key
    (folder / "status" / "revocation-1").unlink()
    assert run(given) == 1
    assert "L12" in capfd.readouterr().err
    assert run([*given[:2], str(folder / "log"), *given[3:]]) == 0  # the log alone: no lists beside it, none asked


def test_a_full_tile_stands_in_for_the_partial_one_it_replaced(home: Installation, tmp_path: Path) -> None:
    # A log that grew between two fetches: what is asked for is the beginning of what is there.
    contents = [b"leaf %d" % number for number in range(tiles.WIDTH)]
    hashes = [leaf_hash(content) for content in contents]
    for tile, content in (
        (tiles.Tile(tiles.ENTRIES, 0), tiles.entry_bundle(contents)),
        (tiles.Tile(0, 0), b"".join(hashes)),
    ):
        path = tmp_path / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    fetch = fetcher(str(tmp_path))
    assert fetch_tile(fetch, tiles.Tile(tiles.ENTRIES, 0, 3)) == tiles.entry_bundle(contents[:3])
    assert fetch_tile(fetch, tiles.Tile(0, 0, 3)) == b"".join(hashes[:3])
    with pytest.raises(Unavailable):
        fetch_tile(fetch, tiles.Tile(0, 1))
    with pytest.raises(Unavailable):
        fetch_tile(fetch, tiles.Tile(0, 1, 3))


@pytest.fixture
def web(home: Installation, socket_enabled: None) -> Iterator[str]:
    with served(home.services.folders.published) as address:
        yield address


def test_a_log_and_its_status_lists_are_audited_over_the_web(home: Installation, web: str) -> None:
    lists = status_fetcher(f"{web}/log/")
    assert lists is not None
    found = audit_published(
        fetcher(f"{web}/log"), home.services.trust, days_dated_back=DATED_BACK, lists=lists, now=home.clock()
    )
    assert found.ok, [str(problem) for problem in found.problems]
    changed_by_sql(home, "update certificate set status = 'revoked' where id = 1")
    sign_lists(home)
    found = audit_published(fetcher(f"{web}/log"), home.services.trust, days_dated_back=DATED_BACK, lists=lists)
    assert [problem.rule for problem in found.problems] == ["L12"]
    assert status_fetcher(web) is None  # an address that does not end in /log: where its lists are is not known


def test_a_hostile_log_writes_nothing_of_its_own_on_an_auditors_screen(
    home: Installation, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mirror"
    shutil.copytree(home.services.folders.published, folder)
    (folder / "status" / "revocation-1").write_text(json.dumps({"id": "\x1b[2J\x1b[32m0 problems\n"}))
    given = ["log", "audit", str(folder), "--trust", str(folder / "trust.json"), "--days-back", str(DATED_BACK)]
    assert run(given) == 1
    said = capfd.readouterr().err
    assert "0 problems" in said
    assert "\x1b" not in said
    assert len(said.splitlines()) == 1
