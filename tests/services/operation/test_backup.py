"""A backup is whole and private, proves that it was not changed, and leaves nothing behind when it is killed."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.errors import FileRefused, Refused
from certsvc.services.operation.backup import FILES, MANIFEST, PROOF, back_up, back_up_into, restore
from certsvc.services.operation.init import initialise
from certsvc.store import CertificateRecord
from certsvc.store.migrate import revision
from tests.builders.installation import Installation, made_up
from tests.builders.killing import die, killed
from tests.builders.person import open_home

Members = dict[str, bytes]


def rewritten(backup: Path, target: Path, change: Callable[[Members], None]) -> Path:
    """The archive as one who has it and nothing else could write it again."""
    with tarfile.open(backup) as archive:
        members = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
    change(members)
    with tarfile.open(target, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target


def another_name(members: Members) -> None:
    """A certificate moved to another name, and every hash made to fit."""
    table = "tables/certificate.jsonl.gz"
    row = json.loads(gzip.decompress(members[table]).splitlines()[0]) | {"holder_name": "冒名者"}
    members[table] = gzip.compress(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    manifest = json.loads(members[MANIFEST])
    manifest["sha256"][table] = hashlib.sha256(members[table]).hexdigest()
    members[MANIFEST] = json.dumps(manifest).encode()


def without_proof(members: Members) -> None:
    another_name(members)
    del members[PROOF]


def proof_of_nothing(members: Members) -> None:
    members[PROOF] = b"[]"


@pytest.mark.parametrize("unproven", [False, True])
def test_a_backup_that_was_changed_is_refused_whatever_its_hashes_say(
    at: Installation, tmp_path: Path, unproven: bool
) -> None:
    back_up(at.services, tmp_path / "now.backup")
    changed = rewritten(tmp_path / "now.backup", tmp_path / "changed.backup", another_name)
    new = open_home(tmp_path / "new", keys=at.home / "keys")
    with pytest.raises(FileRefused, match="proof does not hold"):
        restore(new, changed, unproven=unproven)
    assert revision(new.database) is None


@pytest.mark.parametrize("change", [without_proof, proof_of_nothing])
def test_one_without_a_proof_is_restored_where_that_is_said_on_purpose(
    at: Installation, tmp_path: Path, change: Callable[[Members], None]
) -> None:
    back_up(at.services, tmp_path / "now.backup")
    changed = rewritten(tmp_path / "now.backup", tmp_path / "changed.backup", change)
    new = open_home(tmp_path / "new", keys=at.home / "keys")
    with pytest.raises(Refused, match="--unproven"):
        restore(new, changed)
    assert revision(new.database) is None
    assert restore(new, changed, unproven=True).missing == ()


def test_without_the_keys_a_backup_proves_nothing(at: Installation, tmp_path: Path) -> None:
    back_up(at.services, tmp_path / "now.backup")
    new = open_home(tmp_path / "new", keys=tmp_path / "no-keys")
    with pytest.raises(Refused, match="put the keys back"):
        restore(new, tmp_path / "now.backup")


def test_a_backup_from_before_there_were_keys_needs_none(tmp_path: Path) -> None:
    empty = open_home(tmp_path / "empty")
    initialise(empty, development_keys=False)
    back_up(empty, tmp_path / "empty.backup")
    with tarfile.open(tmp_path / "empty.backup") as archive:
        assert PROOF not in archive.getnames()


def test_what_is_backed_up_and_restored_is_its_owners_alone(at: Installation, tmp_path: Path) -> None:
    before = os.umask(0o000)
    try:
        at.issue(made_up(9), photo=True)
        with at.services.database.reading() as session:
            numbers = session.scalars(select(CertificateRecord.number)).all()
        for number in numbers:
            at.pdf(number)
        back_up(at.services, tmp_path / "kept" / "now.backup")
        new = open_home(tmp_path / "new", keys=at.home / "keys")
        restore(new, tmp_path / "kept" / "now.backup")
    finally:
        os.umask(before)
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "kept" / "now.backup").stat().st_mode & 0o777 == 0o600
    for home in (at.home, tmp_path / "new"):
        for folder in (home / "photos", home / "pdf"):
            assert folder.stat().st_mode & 0o777 == 0o700, folder
            assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}, folder


def test_a_backup_that_was_killed_is_swept_by_the_next(
    at: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", die)
        killed(lambda: back_up(at.services, tmp_path / "kept" / "first.backup"))
    (half,) = (tmp_path / "kept").iterdir()
    assert half.stat().st_size > 10_000  # every name in it
    at.reopen()
    back_up(at.services, tmp_path / "kept" / "second.backup")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["second.backup"]


# A folder of backups: files lie beside the archives, by their hashes


def with_pdfs(at: Installation) -> list[Path]:
    with at.services.database.reading() as session:
        numbers = session.scalars(select(CertificateRecord.number)).all()
    for number in numbers:
        at.pdf(number)
    return sorted((at.home / "pdf").iterdir())


def test_a_second_backup_into_a_folder_copies_only_what_is_new(at: Installation, tmp_path: Path) -> None:
    before = len(with_pdfs(at))
    first, report = back_up_into(at.services, tmp_path / "kept")
    assert (report.files, report.missing) == (before, ())
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept" / FILES).rglob("*") if path.is_file()}
    assert len(stamps) == before
    at.clock.move(minutes=1)
    at.issue(made_up(30))
    pdfs = with_pdfs(at)
    second, report = back_up_into(at.services, tmp_path / "kept")
    assert (report.files, report.missing) == (before + 1, ())
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept" / FILES).rglob("*") if path.is_file()}
    assert stamps.items() <= after.items()
    assert len(after) == before + 1
    assert second.stat().st_size < sum(path.stat().st_size for path in pdfs)
    for archive, count in ((first, before), (second, before + 1)):
        new = open_home(tmp_path / archive.stem, keys=at.home / "keys")
        assert restore(new, archive).files == count
        for path in (tmp_path / archive.stem / "pdf").iterdir():
            assert path.read_bytes() == (at.home / "pdf" / path.name).read_bytes()


def test_a_file_of_the_folder_that_was_changed_or_taken_away_stops_the_restore(
    at: Installation, tmp_path: Path
) -> None:
    with_pdfs(at)
    archive, _ = back_up_into(at.services, tmp_path / "kept")
    one = next(path for path in (tmp_path / "kept" / FILES).rglob("*") if path.is_file())
    content = one.read_bytes()
    one.write_bytes(content[:-1])
    with pytest.raises(FileRefused, match="damaged"):
        restore(open_home(tmp_path / "new", keys=at.home / "keys"), archive)
    one.unlink()
    with pytest.raises(FileRefused, match="damaged"):
        restore(open_home(tmp_path / "new", keys=at.home / "keys"), archive)
    one.write_bytes(content)
    assert restore(open_home(tmp_path / "new", keys=at.home / "keys"), archive).missing == ()


def test_a_pdf_that_is_gone_from_the_home_is_told_even_where_a_backup_has_it(at: Installation, tmp_path: Path) -> None:
    gone = with_pdfs(at)[0]
    back_up_into(at.services, tmp_path / "kept")
    gone.unlink()
    at.clock.move(minutes=1)
    archive, report = back_up_into(at.services, tmp_path / "kept")
    assert report.missing == (f"pdf/{gone.name}",)
    restore(open_home(tmp_path / "new", keys=at.home / "keys"), archive)
    assert (tmp_path / "new" / "pdf" / gone.name).is_file()


def test_a_backup_into_a_folder_that_was_killed_goes_on_with_what_it_had_copied(
    at: Installation, tmp_path: Path
) -> None:
    pdfs = with_pdfs(at)

    def stopped(step: str, done: int, total: int) -> None:
        if (step, done) == ("files", total - 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up_into(at.services, tmp_path / "kept", progress=stopped)
    left = [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    assert len(left) == len(pdfs) - 1, "the archive of a run that was stopped is there"
    archive, report = back_up_into(at.services, tmp_path / "kept")
    assert (report.files, report.missing) == (len(pdfs), ())
    assert restore(open_home(tmp_path / "new", keys=at.home / "keys"), archive).files == len(pdfs)
