"""A backup and a kit of each earlier version, with rows in them, come back up to date on either engine."""

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
from sqlalchemy import func, inspect, select

from certsvc.errors import FileRefused, Refused
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates.give_out import pdf_of
from certsvc.services.context import Services
from certsvc.services.issuing.issue import issue
from certsvc.services.kit import register
from certsvc.services.kit.export import export_kit, rebuild
from certsvc.services.kit.register import REGISTER, write_register
from certsvc.services.operation.backup import MANIFEST, back_up, restore
from certsvc.services.operation.init import initialise
from certsvc.services.verification import look_up
from certsvc.services.verification.verify import verify_document
from certsvc.store import CertificateRecord, PdfFileRecord, open_database
from certsvc.store.migrate import head, require_head, revision, revisions, upgrade
from tests.builders.installation import Installation
from tests.builders.person import open_home
from tests.builders.postgresql import postgresql_database

EARLIER = revisions()[:-1]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'older.sqlite3'}"
    else:
        request.getfixturevalue("socket_enabled")
        for database in postgresql_database():
            yield database.engine.url.render_as_string(hide_password=False)


def shape(at: str, folder: Path) -> dict[str, set[str]]:
    """The tables and columns that a version had."""
    database = open_database(f"sqlite:///{folder / at}.sqlite3")
    upgrade(database, to=at)
    found = inspect(database.engine)
    tables = {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}
    database.close()
    return tables


def as_made_by(backup: Path, at: str, target: Path) -> Path:
    """The backup that an earlier version would have made of the same register."""
    tables = shape(at, target.parent)
    with tarfile.open(backup) as whole, tarfile.open(target, "w") as older:
        members = {member.name: whole.extractfile(member).read() for member in whole}  # type: ignore[union-attr]
        manifest: dict[str, Any] = json.loads(members.pop(MANIFEST))
        kept: dict[str, bytes] = {}
        for name, content in members.items():
            table = name.removeprefix("tables/").removesuffix(".jsonl")
            if table in tables:
                rows = [json.loads(line) for line in content.splitlines()]
                kept[name] = b"".join(
                    json.dumps({column: row[column] for column in row if column in tables[table]}).encode() + b"\n"
                    for row in rows
                )
            elif not name.startswith("tables/"):
                kept[name] = content
        manifest |= {
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
    assert restore(new, older).missing == ()
    require_head(new.database)
    assert check_log(new).ok
    assert pdf_of(new, number) == pdf
    assert verify_document(new, pdf, trust=new.trust, online=True).as_json()["verdict"] == "valid"
    with new.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(PdfFileRecord)) == 1
    assert issue(new, by="签发员").issued == []
    new.database.close()


def kit_made_by(services: Services, at: str, folder: Path) -> None:
    """The sealed register that an earlier version would have written of the same rows."""
    tables = shape(at, folder)
    with services.database.reading() as session:
        write_register(services, session, folder / REGISTER)
    _, lines = register._read_lines(services, folder / REGISTER)
    kept = []
    for line in lines:
        name, row = json.loads(line)
        if name in tables:
            kept.append([name, {column: row[column] for column in row if column in tables[name]}])
    header = json.loads((folder / REGISTER).read_bytes().split(b"\n", 1)[0]) | {"revision": at}
    first = json.dumps(header).encode() + b"\n"
    with (folder / REGISTER).open("wb") as file:
        file.write(first)
        cipher = register._cipher(services, header["kid"], bytes.fromhex(header["salt"]))
        sink = register._SealedWriter(file, cipher, first)
        with gzip.GzipFile(fileobj=sink, mode="wb", mtime=0) as packed:
            packed.write(b"".join(json.dumps(each).encode() + b"\n" for each in kept))
        sink.finish()


@pytest.mark.parametrize("version", EARLIER)
def test_a_kit_of_it_is_rebuilt(at: Installation, version: str, url: str, tmp_path: Path) -> None:
    with at.services.database.reading() as session:
        number, name = session.execute(select(CertificateRecord.number, CertificateRecord.holder_name)).first() or (
            "",
            "",
        )
    export_kit(at.services, tmp_path / "kit")
    kit_made_by(at.services, version, tmp_path / "kit")
    shutil.copytree(at.home / "keys", tmp_path / "keys")
    new = open_home(tmp_path / "new", database_url=url, keys=tmp_path / "keys", now=at.services.now())
    initialise(new)
    rebuild(new, tmp_path / "kit")
    require_head(new.database)
    assert check_log(new).ok
    found = look_up.by_number_and_name(new, number, f" {name} ")
    assert found is not None
    assert found.state == "valid"
    with new.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(PdfFileRecord)) == 0 if version < "0003" else 1
    new.database.close()


def test_a_backup_of_a_newer_version_is_refused_and_restores_nothing(at: Installation, tmp_path: Path) -> None:
    back_up(at.services, tmp_path / "now.backup")
    older = as_made_by(tmp_path / "now.backup", EARLIER[0], tmp_path / "older.backup")
    content = older.read_bytes().replace(f'"revision": "{EARLIER[0]}"'.encode(), b'"revision": "9999"')
    older.write_bytes(content)
    new = open_home(tmp_path / "new", keys=at.home / "keys")
    with pytest.raises(FileRefused, match="newer program"):
        restore(new, older)
    assert revision(new.database) is None
    with pytest.raises(Refused, match=head()):
        upgrade(new.database, to="9999")
    new.database.close()
