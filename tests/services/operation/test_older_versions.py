"""A backup of each earlier version, with rows and files in it, is restored and brought up to date on either engine."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from certsvc.errors import FileRefused, Refused
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates.give_out import pdf_of
from certsvc.services.issuing.issue import issue
from certsvc.services.operation.backup import MANIFEST, PROOF, back_up, restore
from certsvc.services.verification.verify import verify_online
from certsvc.store import CertificateRecord, PdfFileRecord
from certsvc.store.migrate import head, require_head, revision, upgrade
from tests.builders.installation import Installation
from tests.builders.older import EARLIER, shape
from tests.builders.person import open_home
from tests.builders.postgresql import postgresql_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'older.sqlite3'}"
    else:
        request.getfixturevalue("socket_enabled")
        for database in postgresql_database():
            yield database.engine.url.render_as_string(hide_password=False)


def as_made_by(backup: Path, at: str, target: Path) -> Path:
    """The backup that an earlier version would have made of the same register."""
    tables = shape(at, target.parent)
    with tarfile.open(backup) as whole, tarfile.open(target, "w") as older:
        members = {member.name: whole.extractfile(member).read() for member in whole}  # type: ignore[union-attr]
        manifest: dict[str, Any] = json.loads(members.pop(MANIFEST))
        del members[PROOF]  # which no earlier version made
        kept: dict[str, bytes] = {}
        for name, content in members.items():
            table = name.removeprefix("tables/").removesuffix(".jsonl.gz")
            if table in tables:
                rows = [json.loads(line) for line in gzip.decompress(content).splitlines()]
                kept[f"tables/{table}.jsonl"] = b"".join(  # which no earlier version packed
                    json.dumps({column: row[column] for column in row if column in tables[table]}).encode() + b"\n"
                    for row in rows
                )
            elif not name.startswith("tables/"):
                kept[name] = content
        manifest |= {
            "format": "certsvc backup 1",
            "revision": at,
            "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in kept.items()},
        }
        for name, content in (kept | {MANIFEST: json.dumps(manifest).encode()}).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            older.addfile(member, io.BytesIO(content))
    return target


@pytest.mark.parametrize("version", EARLIER)
def test_it_verifies_and_goes_on_issuing(at: Installation, version: str, url: str, tmp_path: Path) -> None:
    with at.services.database.reading() as session:
        number = session.scalars(select(CertificateRecord.number).order_by(CertificateRecord.number)).first()
    assert number is not None
    pdf = at.pdf(number)
    back_up(at.services, tmp_path / "now.backup")
    older = as_made_by(tmp_path / "now.backup", version, tmp_path / "older.backup")
    shutil.copytree(at.home / "keys", tmp_path / "keys")
    new = open_home(tmp_path / "new", database_url=url, keys=tmp_path / "keys", now=at.services.now())
    assert restore(new, older, unproven=True).missing == ()
    require_head(new.database)
    assert check_log(new).ok
    assert pdf_of(new, number) == pdf
    assert verify_online(new, pdf).as_json()["verdict"] == "valid"
    with new.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(PdfFileRecord)) == 1
    assert issue(new, by="签发员").issued == []
    new.database.close()


def test_a_backup_of_a_newer_version_is_refused_and_restores_nothing(at: Installation, tmp_path: Path) -> None:
    back_up(at.services, tmp_path / "now.backup")
    older = as_made_by(tmp_path / "now.backup", EARLIER[0], tmp_path / "older.backup")
    content = older.read_bytes().replace(f'"revision": "{EARLIER[0]}"'.encode(), b'"revision": "9999"')
    older.write_bytes(content)
    new = open_home(tmp_path / "new", keys=at.home / "keys")
    with pytest.raises(FileRefused, match="newer program"):
        restore(new, older, unproven=True)
    assert revision(new.database) is None
    with pytest.raises(Refused, match=head()):
        upgrade(new.database, to="9999")
    new.database.close()
