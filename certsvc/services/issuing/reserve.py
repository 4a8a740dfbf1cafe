"""Step 2 of the issuing cycle: reserve the number and record the document we intend to sign (docs/issuing.md).

The caller commits before anything is signed: a record of what we planned to sign survives the power failure. The
document is checked with the very number and token it will carry, and the serial moves only past a document that may be
signed: a refused one burns no number. Source: R7.3, R9; ADR 4.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from sqlalchemy import Table, select, true
from sqlalchemy.orm import Session

from certsvc.credential.checked import CheckedDocument, check
from certsvc.credential.document import compose
from certsvc.credential.number import format_number, serial_capacity
from certsvc.credential.token import TOKEN_BYTES, format_token
from certsvc.errors import NumberRangeFull, Refused
from certsvc.person.name import fold
from certsvc.rendering.fonts import missing_glyphs
from certsvc.rules.terms import NumberFormat
from certsvc.services.context import Services
from certsvc.services.issuing.intended import Allotted, Intended, claims_of
from certsvc.services.publishing.status_places import draw_indexes
from certsvc.services.records.number_ranges import ranges_of, scope_of
from certsvc.services.records.schemes import schemes_by_id
from certsvc.services.records.secrets import CertificateSecrets, seal_secrets
from certsvc.store import (
    RESERVED,
    CertificateRecord,
    PaperCertificateRecord,
    ReissueRequestRecord,
    SerialRecord,
)
from certsvc.store.base import folded_number
from certsvc.store.bulk import insert_rows


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a certificate is not issued."""

    intended: Intended
    error: Refused


@dataclass(frozen=True, slots=True)
class Ready:
    """What was reserved, as it was checked: the run that reserved it need not check it again, only that the register
    still holds these bytes. `values` are the row's."""

    values: Mapping[str, object]
    checked: CheckedDocument
    kept: CertificateSecrets
    session: str | None


@dataclass(slots=True)
class Reserved:
    """What became of a batch, in order."""

    ready: list[Ready] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def reserve(
    services: Services,
    session: Session,
    intended: Sequence[Intended],
    *,
    at: datetime,
    batch_id: int | None = None,
) -> tuple[list[CertificateRecord], list[Refusal]]:
    """Add a `reserved` row for each that may be signed, in order; answers the rows and the refusals."""
    reserved = lay_out(services, session, intended, Serials(session), at=at, batch_id=batch_id)
    rows = [CertificateRecord(**one.values) for one in reserved.ready]
    session.add_all(rows)
    session.flush()
    return rows, reserved.refusals


def reserve_batch(
    services: Services, session: Session, intended: Sequence[Intended], *, at: datetime, batch_id: int
) -> Reserved:
    """The same for many, written by one statement: what their rows are is in the answer, but no object of each."""
    reserved = lay_out(services, session, intended, Serials(session), at=at, batch_id=batch_id)
    session.flush()  # the serials that moved
    insert_rows(session, cast("Table", CertificateRecord.__table__), [one.values for one in reserved.ready])
    return reserved


def lay_out(
    services: Services,
    session: Session,
    intended: Sequence[Intended],
    serials: Serials,
    *,
    at: datetime,
    batch_id: int | None = None,
) -> Reserved:
    """What the rows of a reservation would be, and the refusals; nothing is written but by `serials`."""
    places = draw_indexes(session, len(intended))
    reserved = Reserved()
    for one, place in zip(intended, places, strict=True):
        try:
            reserved.ready.append(_one(services, one, serials, place=place, at=at, batch_id=batch_id))
        except Refused as error:
            reserved.refusals.append(Refusal(one, error))
    return reserved


def _one(
    services: Services,
    intended: Intended,
    serials: Serials,
    *,
    place: tuple[str, int],
    at: datetime,
    batch_id: int | None,
) -> Ready:
    token = format_token(secrets.token_bytes(TOKEN_BYTES))
    number = intended.number or serials.next_number(intended)
    ready = prepared(services, intended, Allotted(number, token, *place), at=at, batch_id=batch_id)
    if intended.number is None:
        serials.use(number)
    return ready


def prepared(
    services: Services, intended: Intended, allotted: Allotted, *, at: datetime, batch_id: int | None
) -> Ready:
    """The row for one certificate, with the document that will be signed; raises `Refused` where it may not be."""
    kept = CertificateSecrets.draw(intended.identity.number)
    claims = claims_of(services, intended, allotted, kept)
    checked = check(compose(claims), drawable=missing_glyphs)
    sealed = seal_secrets(services.vault, allotted.token, kept.reserving(checked.canonical))
    values: dict[str, object] = {
        "number": allotted.number,
        "number_folded": folded_number(allotted.number),
        "version": intended.version,
        "token": allotted.token,
        "person_id": intended.person_id,
        "enrolment_id": intended.enrolment_id,
        "paper_id": intended.paper_id,
        "scheme_id": intended.scheme_id,
        "carrier": "electronic",
        "stage": RESERVED,
        "batch_id": batch_id,
        "document": checked.canonical,
        "sealed": sealed.content,
        "sealed_kid": sealed.kid,
        "status": "valid",
        "status_list": allotted.status_list,
        "status_index": allotted.status_index,
        "holder_name": claims.holder_name,
        "holder_name_folded": fold(claims.holder_name),
        "occupation_code": claims.occupation_code,
        "level": claims.level,
        "issued_on": claims.issued_on,
        "reissued_on": claims.reissued_on,
        "valid_until": claims.valid_until,
        "created_at": at,
    }
    return Ready(values, checked, kept, intended.session)


class Serials:
    """The next number of each scope (range, year, level), moved within the caller's transaction; `rehearsed`, they are
    moved here alone."""

    def __init__(self, session: Session, *, rehearsed: bool = False) -> None:
        self._session = session
        self._rehearsed = rehearsed
        self._schemes = list(schemes_by_id(session).values())
        self._records: dict[str, SerialRecord] = {}
        self._taken: dict[str, frozenset[str]] = {}
        self._given: dict[str, SerialRecord] = {}

    def next_number(self, intended: Intended) -> str:
        """The number the next certificate would have, past those that others bear; raises `NumberRangeFull`."""
        ranges = ranges_of(intended.scheme, self._schemes)
        for numbering in ranges[:-1]:
            with suppress(NumberRangeFull):
                return self._next_of(intended, numbering)
        return self._next_of(intended, ranges[-1])

    def use(self, number: str) -> None:
        """Count the number just given as used."""
        self._given.pop(number).next += 1

    def _next_of(self, intended: Intended, numbering: NumberFormat) -> str:
        record = self._record(intended, numbering)
        taken = self._taken_from(intended, numbering, record.next)
        while (number := _numbered(intended, numbering, record.next)) in taken:
            record.next += 1
        self._given = {number: record}
        return number

    def _taken_from(self, intended: Intended, numbering: NumberFormat, serial: int) -> frozenset[str]:
        """The numbers of this scope, from a serial on, that paper bears, or what was reissued or applied for."""
        scope = _scope(intended, numbering)
        if scope not in self._taken:
            first = _numbered(intended, numbering, serial)
            last = _numbered(intended, numbering, serial_capacity(numbering.kind))
            self._taken[scope] = frozenset(
                number
                for kind, counts in (
                    (PaperCertificateRecord, true()),
                    (CertificateRecord, true()),
                    (ReissueRequestRecord, ReissueRequestRecord.is_binding()),
                )
                for number in self._session.scalars(select(kind.number).where(kind.number.between(first, last), counts))
            )
        return self._taken[scope]

    def _record(self, intended: Intended, numbering: NumberFormat) -> SerialRecord:
        scope = _scope(intended, numbering)
        if scope not in self._records:
            self._records[scope] = self._copied(scope) if self._rehearsed else self._locked(scope)
        return self._records[scope]

    def _copied(self, scope: str) -> SerialRecord:
        following = self._session.scalar(select(SerialRecord.next).where(SerialRecord.scope == scope))
        return SerialRecord(scope=scope, next=following or 1)

    def _locked(self, scope: str) -> SerialRecord:
        # Two writers are in turn here by the write lock; the row lock is for one who forgets it.
        record = self._session.scalar(select(SerialRecord).where(SerialRecord.scope == scope).with_for_update())
        if record is None:
            record = SerialRecord(scope=scope, next=1)
            self._session.add(record)
        return record


def _scope(intended: Intended, numbering: NumberFormat) -> str:
    return scope_of(numbering, intended.issued_on.year, intended.scheme.level)


def _numbered(intended: Intended, numbering: NumberFormat, serial: int) -> str:
    return format_number(numbering.kind, numbering.parts, intended.issued_on.year, intended.scheme.level, serial)
