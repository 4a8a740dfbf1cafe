"""Keys and register belong together: a stranger's keys and an old copy of one's own are refused by name.

The register keeps a check value of every key it was ever used with (`store.guard`), and how far its life had gone; the
keystore keeps the same beside the key. They are compared when a command or the site starts, and before a batch is
signed. Keys that are further on than the register are its own (a rotation that was not noted, an older backup) and are
noted. A register that knows no keys yet, of an earlier program, takes those under which what is on record verifies.
Not here: comparing a key's file with its check value, which the keystore does whenever it opens one. Source:
docs/keys.md, "Keys and register belong together".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from sqlalchemy import inspect, select
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from certsvc.errors import CertsvcError, WrongKeys
from certsvc.person.identity import IdType, parse_identity
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.records.approvals import ApprovalState, decide, waiting
from certsvc.signing.keys import KeyRecord, KeyState
from certsvc.signing.keystore import Announce
from certsvc.store import ISSUED, CertificateRecord, KeyCheckRecord, PersonRecord
from certsvc.store.migrate import revision

_LOOKED_AT: Final = 20
_AGE: Final[Mapping[str, int]] = MappingProxyType({state.value: age for age, state in enumerate(KeyState)})


def require_own_keys(services: Services) -> None:
    """Compare keys and register, and note what is new of the keys. Raises `WrongKeys`, which says what to do."""
    with services.database.reading() as session:
        behind = _compare(services, session)
    if behind:
        # The site may read the register and not write this: what it read does fit, and the next command notes it.
        with suppress(ProgrammingError, CertsvcError, OSError):
            note_keys(services)


def note_keys(services: Services) -> None:
    """Bring the register up to the keystore, which was compared with it."""
    services.keystore.add_checks()
    records = services.keystore.records()
    with services.database.writing() as session:
        known = _rows(session)
        for record in records:
            row = known.get(record.kid)
            if row is None:
                row = KeyCheckRecord(kid=record.kid, purpose=record.purpose.value)
                session.add(row)
            elif not _is_behind(row, record):
                continue
            row.check = services.keystore.check_of(record)
            row.state, row.distrusted_from = record.state.value, record.distrusted_from
            row.noted_at = services.now()


def refuse_fresh_keys(services: Services) -> None:
    """Before any key is made: raise `WrongKeys` where there are none and the register already stands under others."""
    file = services.database.sqlite_file
    if services.keystore.records() or (file is not None and not file.exists()) or revision(services.database) is None:
        return
    with services.database.reading() as session:
        if _rows(session) or _is_used(session):
            raise _stranger(services, session)


def deed(services: Services, action: str, by: str, detail: Callable[[], Mapping[str, object]] = dict) -> Announce:
    """Notes a deed on a key in the trail before it is done: with a register that is full nothing is done."""

    def announce(record: KeyRecord) -> None:
        with services.database.writing() as session:
            trail.note(
                session,
                at=services.now(),
                by=by,
                action=action,
                object_kind="key",
                object_key=record.kid,
                purpose=record.purpose.value,
                **detail(),
            )

    return announce


def approved_deed(
    services: Services, action: str, approval_id: int, by: str, detail: Callable[[], Mapping[str, object]] = dict
) -> Announce:
    """The same for a deed that another person asked for (R1.6): decided in the transaction that notes it. The notice
    raises `Refused` where `by` may not decide."""

    def announce(record: KeyRecord) -> None:
        with services.database.writing() as session:
            row, asked = waiting(services, session, approval_id, by)
            decide(services, session, row, ApprovalState.APPROVED, by=by)
            trail.note(
                session,
                at=services.now(),
                by=asked.asked_by,
                action=action,
                object_kind="key",
                object_key=record.kid,
                purpose=record.purpose.value,
                approved_by=by,
                approval=approval_id,
                **detail(),
            )

    return announce


def fingerprint(checks: Mapping[str, str]) -> str:
    """What a person compares: 16 hexadecimal digits over all check values, by kid."""
    told = "".join(f"{kid} {check}\n" for kid, check in sorted(checks.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _rows(session: Session) -> dict[str, KeyCheckRecord]:
    if not inspect(session.connection()).has_table(KeyCheckRecord.__tablename__):
        return {}  # of an earlier program, before it is brought up to date
    return {row.kid: row for row in session.scalars(select(KeyCheckRecord))}


def _compare(services: Services, session: Session) -> bool:
    """Whether the register is behind its own keys. Raises `WrongKeys`."""
    rows, records = _rows(session), {record.kid: record for record in services.keystore.records()}
    if not rows:
        if records and _is_used(session) and not _fit(services, session):
            raise _stranger(services, session)
        return bool(records)
    if not rows.keys() & records.keys():
        raise _stranger(services, session)
    for kid, row in rows.items():
        record = records.get(kid)
        if record is None or _AGE[record.state.value] < _AGE[row.state] or _trusts_longer(record, row):
            raise _stale(kid, row)
        if (record.purpose.value, services.keystore.check_of(record)) != (row.purpose, row.check):
            raise _changed(kid, row)
    return any(kid not in rows or _is_behind(rows[kid], record) for kid, record in records.items())


def _is_behind(row: KeyCheckRecord, record: KeyRecord) -> bool:
    return (row.state, row.distrusted_from) != (record.state.value, record.distrusted_from)


def _trusts_longer(record: KeyRecord, row: KeyCheckRecord) -> bool:
    """Whether the keystore has not heard from which leaf on a key is distrusted; that only ever moves earlier."""
    return row.distrusted_from is not None and (
        record.distrusted_from is None or record.distrusted_from > row.distrusted_from
    )


def _is_used(session: Session) -> bool:
    """Whether anything is on record that was made with keys. Asked of older shapes of the tables as well."""
    return any(session.scalar(select(kind.id).limit(1)) is not None for kind in (PersonRecord, CertificateRecord))


def _fit(services: Services, session: Session) -> bool:
    """Whether what is on record is of these keys: a certificate's signature, a person's number and look-up."""
    from certsvc.signing.proofs import verify_credential  # noqa: PLC0415 - heavy, and asked once in a register's life

    certificates = session.execute(
        select(CertificateRecord.credential, CertificateRecord.leaf_index)
        .where(CertificateRecord.stage == ISSUED, CertificateRecord.credential != b"")  # empty: erased
        .order_by(CertificateRecord.id.desc())
        .limit(_LOOKED_AT)
    ).all()
    # One will do: others may be by a key that is distrusted since, or changed by hand (`log check` says so).
    if certificates and not any(
        credential is not None and verify_credential(credential, services.trust, log_index=leaf).ok
        for credential, leaf in certificates
    ):
        return False
    person = session.scalar(select(PersonRecord).order_by(PersonRecord.id.desc()).limit(1))
    if person is None:
        return True
    try:
        personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
        document = parse_identity(IdType.of(person.id_type), personal["id_number"] or "")
        return services.vault.lookup(document) == person.id_lookup
    except (CertsvcError, KeyError):
        return False


def _stranger(services: Services, session: Session) -> WrongKeys:
    known = fingerprint({kid: row.check for kid, row in _rows(session).items()})
    try:
        here = fingerprint({one.kid: services.keystore.check_of(one) for one in services.keystore.records()})
    except CertsvcError:
        here = "?"
    return WrongKeys(
        f"数据库用的是另一套密钥（指纹 {known}），这里的是 {here}。请把 CERTSVC_KEYS 指向原来的密钥目录或其副本，"
        "或把 CERTSVC_DATABASE_URL 指向本目录自己的数据库；不要重新生成密钥",
        f"the register stands under other keys (fingerprint {known}) than those here ({here}): point CERTSVC_KEYS at "
        "the keys it was made with, or their copy, or CERTSVC_DATABASE_URL at the register of these; make no new keys",
        where="keys",
    )


def _stale(kid: str, row: KeyCheckRecord) -> WrongKeys:
    return WrongKeys(
        f"密钥目录是旧副本：数据库已知 {row.purpose} 密钥 {kid}（{row.state}），这里没有或更旧。"
        "请放回最新的密钥目录；网站的副本请重做 certsvc key web-copy",
        f"the keys are an old copy: the register knows the {row.purpose} key {kid} as {row.state}, and here it is "
        "missing or earlier; put back the newest copy of the folder (for the site: certsvc key web-copy again)",
        where="keys",
    )


def _changed(kid: str, row: KeyCheckRecord) -> WrongKeys:
    return WrongKeys(
        f"{row.purpose} 密钥 {kid} 与数据库中的校验值不符：不是同一把密钥。请从副本恢复密钥目录",
        f"the {row.purpose} key {kid} does not give the check value in the register: it is another key; restore the "
        "folder of keys from its copy",
        where="keys",
    )
