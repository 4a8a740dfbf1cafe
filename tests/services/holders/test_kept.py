"""Codes, sessions and messages are no record: neither the survival kit nor a backup carries them on."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Table, func, select

from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.holders import sign_in as access
from certsvc.services.holders.codes import make_access_code
from certsvc.services.kit.export import export_kit, rebuild
from certsvc.services.operation import sending_systems
from certsvc.services.operation.backup import back_up, restore
from certsvc.services.staff.accounts import do_alone, opening
from certsvc.store import (
    AccountRecord,
    Base,
    SeenNonceRecord,
    SendingSystemRecord,
    StaffSessionRecord,
    kept_tables,
)
from tests.builders.applying import apply_from_home
from tests.builders.holding import identity, secret_of
from tests.builders.installation import Installation, made_up, open_again

HOLDER, OTHER = made_up(1), made_up(2)


def passing() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if table not in kept_tables()]


def rows(services: Services, table: Table) -> int:
    with services.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def leave_a_call_and_a_session_of_the_staff(at: Installation) -> None:
    now = at.clock()
    account = do_alone(at.services, opening("wang", "maker", "a password of some length"), by="root")
    public = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    sending_systems.register(at.services, "机考", public, [Subject.THEORY], station=None, by="root")
    with at.services.database.writing() as session:
        system_id = session.scalars(select(SendingSystemRecord.id)).one()
        session.add(SeenNonceRecord(system_id=system_id, nonce="once", expires_at=now))
        account_id = session.scalars(select(AccountRecord.id).where(AccountRecord.name == account.name)).one()
        session.add(
            StaffSessionRecord(
                digest=bytes(32), account_id=account_id, began_at=now, seen_at=now, expires_at=now, tries=0
            )
        )


def leave_a_row_in_each(at: Installation) -> str:
    secret = secret_of(at, HOLDER)
    access.request_code(at.services, OTHER.name, identity(OTHER))
    apply_from_home(at.services, number="1763010001500077", name=OTHER.name, identity=identity(OTHER))
    leave_a_call_and_a_session_of_the_staff(at)
    assert {table.name for table in passing()} == {
        "clock_seen",
        "evidence_picture",
        "holder_code",
        "holder_session",
        "message",
        "seen_nonce",
        "staff_session",
    }
    assert all(rows(at.services, table) for table in passing())
    return secret


def only_records_came(at: Installation, again: Services, secret: str) -> None:
    assert not any(rows(again, table) for table in passing())
    for table in kept_tables():
        assert rows(again, table) == rows(at.services, table), table.name
    assert access.holder_of(again, secret) is None
    made = make_access_code(again, identity(HOLDER), by="窗口").code
    assert access.sign_in(again, HOLDER.name, identity(HOLDER), made) is not None
    again.database.close()


def test_the_kit_carries_records_alone(at: Installation, tmp_path: Path) -> None:
    secret = leave_a_row_in_each(at)
    export_kit(at.services, tmp_path / "kit")
    (tmp_path / "again").mkdir()
    shutil.copytree(at.home / "keys", tmp_path / "again" / "keys")
    again = Installation(tmp_path / "again", clock=at.clock)
    rebuild(again.services, tmp_path / "kit")
    only_records_came(at, again.services, secret)


def test_a_backup_carries_records_alone(at: Installation, tmp_path: Path) -> None:
    secret = leave_a_row_in_each(at)
    back_up(at.services, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar") as archive:
        names = {Path(name).name.removesuffix(".jsonl.gz") for name in archive.getnames() if name.startswith("tables/")}
    assert names == {table.name for table in kept_tables()}
    (tmp_path / "again").mkdir()
    shutil.copytree(at.home / "keys", tmp_path / "again" / "keys")
    again = open_again(tmp_path / "again", at.clock)
    restore(again, tmp_path / "backup.tar")
    only_records_came(at, again, secret)
