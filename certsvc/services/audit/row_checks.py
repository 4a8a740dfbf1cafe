"""The checks of one row at a time (G2, G6, G9): which rows are due, how far a check came, where the next goes on.

They cost most, so they are shared out over processes (`CheckMany`), and can go on from where a check before was whole,
or was stopped (`Since`), which is kept in the home, sealed. Not here: what is asked of a row (`portions`), and the
checks of everything (`check_register`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from certsvc.errors import CertsvcError
from certsvc.services.audit.findings import Findings
from certsvc.services.audit.portions import Checked, CheckMany, Kind, Portion, check_in, portions, portions_of
from certsvc.services.context import Services
from certsvc.services.log import read as log_read
from certsvc.services.log.append import frontier
from certsvc.services.log.publish import edge_at
from certsvc.services.records.kept_state import drop, keep, kept
from certsvc.store import (
    RESERVED,
    AttemptRecord,
    CertificateRecord,
    EnrolmentRecord,
    ResultCorrectionRecord,
    StatusChangeRecord,
)
from certsvc.transparency.tree import Frontier

_STATE: Final = "log-check"

Progress = Callable[[str, int, int], None]
"""Called with the step, how many are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Since:
    """How far a check had come that found nothing wrong: the log's size and root, and the last ids looked at."""

    at: str
    size: int
    root: str
    certificates: int
    enrolments: int
    attempts: int

    def as_json(self) -> dict[str, object]:
        return {"at": self.at, "size": self.size, "certificates": self.certificates, "enrolments": self.enrolments}


def upto_now(services: Services, session: Session) -> Since:
    """How far this check will have come."""
    size, root = 0, Frontier().root()
    with suppress(CertsvcError):
        edge = frontier(session)
        size, root = edge.size, edge.root()
    # A row that is reserved is looked at once it is issued.
    reserved = session.scalar(select(func.min(CertificateRecord.id)).where(CertificateRecord.stage == RESERVED))
    certificates = session.scalar(select(func.max(CertificateRecord.id))) or 0
    return Since(
        at=services.now().isoformat(),
        size=size,
        root=root.hex(),
        certificates=certificates if reserved is None else reserved - 1,
        enrolments=session.scalar(select(func.max(EnrolmentRecord.id))) or 0,
        attempts=session.scalar(select(func.max(AttemptRecord.id))) or 0,
    )


def since_last_check(services: Services, session: Session) -> Since | None:
    """How far the check before had come; None where the log does not go on from there, or other keys are trusted."""
    state = kept(services, _STATE)
    with suppress(KeyError, TypeError, ValueError, CertsvcError):
        if state is not None and state["trust"] == _trust(services):
            since = Since(**state["upto"])
            if edge_at(since.size, log_read.hash_reader(session)).root().hex() == since.root:
                return since
    return None


def keep_upto(services: Services, upto: Since) -> None:
    """Have the next check go on from there."""
    with suppress(OSError, CertsvcError):  # an auditor may read the home and not write it
        keep(services, _STATE, {"trust": _trust(services), "upto": asdict(upto)})


def forget(services: Services) -> None:
    """Have the next check look at everything."""
    with suppress(OSError):
        drop(services, _STATE)


def _trust(services: Services) -> str:
    return hashlib.sha256(services.trust.to_json()).hexdigest()


@dataclass(frozen=True, slots=True)
class Rows:
    """G2, G6 and G9."""

    services: Services
    session: Session
    found: Findings
    check_many: CheckMany | None
    progress: Progress

    def check(self, since: Since | None, upto: Since) -> None:
        """From where the check before had come. Stopped, it keeps how far it came."""
        todo = list(_portions(self.session, since))
        begun = done = since or Since(upto.at, 0, Frontier().root().hex(), 0, 0, 0)
        if since is not None:
            self._read_made()
        try:
            for count, checked in enumerate(self._each(todo), 1):
                self.found.take(checked)
                done = _moved_on(done, checked.portion, upto)
                self.progress(checked.portion.kind.value, count, len(todo))
        except BaseException:
            # Only rows were looked at so far: the log's size stays where it was.
            if not self.found.problems and done != begun:
                keep_upto(self.services, done)
            raise

    def _each(self, todo: Sequence[Portion]) -> Iterator[Checked]:
        if self.check_many is not None:
            return self.check_many(todo)
        return (check_in(self.services, self.session, one) for one in todo)

    def _read_made(self) -> None:
        """The leaves that certificates name as their own, those that were looked at before among them."""
        named = select(CertificateRecord.leaf_index).where(CertificateRecord.leaf_index.is_not(None))
        self.found.made.update(index for index in self.session.scalars(named) if index is not None)


def _portions(session: Session, since: Since | None) -> Iterator[Portion]:
    certificates, enrolments = Kind.CERTIFICATES, Kind.ENROLMENTS
    last = session.scalar(select(func.max(CertificateRecord.id))) or 0
    last_enrolment = session.scalar(select(func.max(EnrolmentRecord.id))) or 0
    if since is not None:
        changed = select(StatusChangeRecord.certificate_id).where(
            StatusChangeRecord.leaf_index >= since.size, StatusChangeRecord.certificate_id <= since.certificates
        )
        corrected = set(session.scalars(_corrected(since)))
        rest_on = select(CertificateRecord.id).where(
            CertificateRecord.enrolment_id.in_(_corrected(since)), CertificateRecord.id <= since.certificates
        )
        yield from portions_of(certificates, sorted({*session.scalars(changed), *session.scalars(rest_on)}))
        sat = select(AttemptRecord.enrolment_id).where(
            AttemptRecord.id > since.attempts, AttemptRecord.enrolment_id <= since.enrolments
        )
        again = {one for one in corrected if one <= since.enrolments}
        yield from portions_of(enrolments, sorted({*session.scalars(sat), *again}))
    yield from portions(certificates, 1 if since is None else since.certificates + 1, last)
    yield from portions(enrolments, 1 if since is None else since.enrolments + 1, last_enrolment)


def _corrected(since: Since) -> Select[int]:
    """The enrolments whose results were corrected since."""
    return (
        select(AttemptRecord.enrolment_id)
        .join(ResultCorrectionRecord, ResultCorrectionRecord.attempt_id == AttemptRecord.id)
        .where(ResultCorrectionRecord.leaf_index >= since.size)
    )


def _moved_on(done: Since, portion: Portion, upto: Since) -> Since:
    if not isinstance(portion.ids, range):
        return done
    last = portion.ids[-1]
    if portion.kind is Kind.ENROLMENTS:
        return replace(done, enrolments=last)
    return replace(done, certificates=max(done.certificates, min(last, upto.certificates)))
