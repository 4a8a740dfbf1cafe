"""Sign certificates again after a change of key: each gets its next version, the one before is superseded (密钥更换).

Through the same numbered steps as any version (`next_version`), some at a time, each lot in one transaction: stopped
anywhere and run again, it goes on with those whose newest version is not signed by the key in use. Nothing is
laundered: an old version is signed again only where it is genuine but for the distrust, where the signed log is about
it, and where its holder has still passed, or had the reissue approved. So what a thief slipped in stays out.
Not here: drawing and publishing (`issuing.render`, `publish_static`; the command does both).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from certsvc.credential.status import Status
from certsvc.errors import DocumentRefused, LogMismatch, Refused
from certsvc.rules.four_eyes import is_second_person
from certsvc.services import trail
from certsvc.services.certificates.change_status import record_change
from certsvc.services.certificates.next_of import before, commitment_of, next_of
from certsvc.services.certificates.reissue_request import RequestState
from certsvc.services.context import Services
from certsvc.services.issuing.reserve import reserve
from certsvc.services.issuing.sign import Signed, sign_reserved
from certsvc.services.log.clock import time_to_sign
from certsvc.services.log.publish import publish_log
from certsvc.services.records.approvals import (
    ApprovalState,
    Asked,
    ask,
    changed_since,
    decide,
    found,
    opened,
    require_development,
    waiting,
)
from certsvc.services.records.decisions import enrolments_on_record
from certsvc.services.records.signed import SignedVersion
from certsvc.signing.keys import Purpose
from certsvc.store import (
    ISSUED,
    CertificateRecord,
    ReissueRequestRecord,
    SchemeRecord,
)
from certsvc.transparency.leaf import Changed, Event, Leaf

REASON: Final = "密钥更换 key rotation"
KIND: Final = "certificate.resign"
LOT: Final = 50

Progress = Callable[[int, int], None]
Due = Sequence[tuple[int, int | None]]
"""(id, batch) of the versions that are to be replaced, batch by batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which certificates; what is None does not narrow the choice, and one of `batch`, `scheme` and `kid` is due.

    `first` and `last` are days of the sitting that completed the enrolment. `kid` takes what that key signed: where it
    is distrusted, only what it no longer vouches for.
    """

    batch: int | None = None
    scheme: str | None = None
    first: date | None = None
    last: date | None = None
    kid: str | None = None


@dataclass(slots=True)
class ResignReport:
    """How many were signed again now, how many had been already, and who was refused and why."""

    resigned: list[tuple[str, int]] = field(default_factory=list)
    already: int = 0
    refusals: list[tuple[str, Refused]] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        return {
            "resigned": len(self.resigned),
            "already": self.already,
            "refused": len(self.refusals),
            "certificates": [{"number": number, "version": version} for number, version in self.resigned],
            "refusals": [
                {"number": number, "code": error.code, "zh": error.zh, "en": error.en}
                for number, error in self.refusals
            ],
        }


@dataclass(frozen=True, slots=True)
class ProposedResign:
    """What waits for a second person; None where nothing is due."""

    approval_id: int | None
    count: int
    report: ResignReport

    def as_json(self) -> dict[str, object]:
        state = None if self.approval_id is None else "waiting"
        return {**self.report.as_json(), "approval": self.approval_id, "state": state, "to_resign": self.count}


def resign(
    services: Services,
    selection: Selection,
    *,
    by: str,
    approved_by: str | None = None,
    progress: Progress = lambda _done, _total: None,
) -> ResignReport:
    """Sign the selected certificates in force again, by the key that is active now.

    With development keys alone; else one person asks and another approves (`propose`, `approve`). Raises `Refused` for
    an empty selection or an approver who is not another person than `by`, `KeyMissing`.
    """
    require_development(services)
    if approved_by is not None and not is_second_person(approved_by, by):
        raise Refused("批准人不能是经办人本人", "the one who asks for it may not approve it", where="approved-by")
    report, due = _chosen_now(services, selection)
    _resign_all(services, due, report, by=by, approved_by=approved_by, progress=progress)
    return report


def propose(services: Services, selection: Selection, *, by: str) -> ProposedResign:
    """Ask to sign the selected certificates again. Raises `Refused` for an empty selection, `KeyMissing`."""
    report, due = _chosen_now(services, selection)
    if not due:
        return ProposedResign(None, 0, report)
    content = {
        "batch": None if selection.batch is None else str(selection.batch),
        "scheme": selection.scheme,
        "first": None if selection.first is None else selection.first.isoformat(),
        "last": None if selection.last is None else selection.last.isoformat(),
        "kid": selection.kid,
        "count": str(len(due)),
        "digest": _digest(due),
    }
    with services.database.writing() as session:
        named = selection.kid or selection.scheme or f"batch {selection.batch}"
        asked = ask(services, session, KIND, named, content, reason=REASON, by=by)
        return ProposedResign(asked.id, len(due), report)


def approve(
    services: Services, approval_id: int, *, by: str, progress: Progress = lambda _done, _total: None
) -> ResignReport:
    """Sign them again. Stopped half way, the rest is asked for again.

    Raises `NotFound`, and `Refused` where `by` asked for it or other certificates are due by now.
    """
    with services.database.reading() as session:
        asked = opened(services.vault, found(session, approval_id))
    report, due = _chosen_now(services, _selection(asked))
    with services.database.writing() as session:
        row, asked = waiting(services, session, approval_id, by)
        if _digest(due) != asked.content["digest"]:
            raise changed_since(approval_id, "待重新签名的证书", "the certificates to be signed again")
        decide(services, session, row, ApprovalState.APPROVED, by=by)
    _resign_all(services, due, report, by=asked.asked_by, approved_by=by, progress=progress)
    return report


def _selection(asked: Asked) -> Selection:
    batch, first, last = (asked.content.get(name) for name in ("batch", "first", "last"))
    return Selection(
        batch=None if batch is None else int(batch),
        scheme=asked.content.get("scheme"),
        first=None if first is None else date.fromisoformat(first),
        last=None if last is None else date.fromisoformat(last),
        kid=asked.content.get("kid"),
    )


def _digest(due: Due) -> str:
    """SHA-256 over the versions that would be replaced: their signed bytes never change."""
    return hashlib.sha256(" ".join(str(one) for one, _ in sorted(due)).encode()).hexdigest()


def _chosen_now(services: Services, selection: Selection) -> tuple[ResignReport, Due]:
    if selection.batch is None and selection.scheme is None and selection.kid is None:
        raise Refused("请指定批次、方案或密钥", "name a batch, a scheme or a key")
    report = ResignReport()
    # The log must be out as it stands: what it does not prove under a signed head is not signed again.
    publish_log(services, services.folders.published / "log")
    with services.database.reading() as session:
        return report, list(_due(services, session, selection, report))


def _resign_all(
    services: Services, due: Due, report: ResignReport, *, by: str, approved_by: str | None, progress: Progress
) -> None:
    done = 0
    for _, of_batch in groupby(due, key=lambda pair: pair[1]):
        ids = [one for one, _ in of_batch]
        for start in range(0, len(ids), LOT):
            lot = ids[start : start + LOT]
            _resign_lot(services, lot, report, by=by, approved_by=approved_by)
            done += len(lot)
            progress(done, len(due))


def _due(
    services: Services, session: Session, selection: Selection, report: ResignReport
) -> Iterator[tuple[int, int | None]]:
    """(id, batch) of what is to be signed again, batch by batch."""
    in_use = services.trust.verification_method(services.keystore.active_kid(Purpose.CREDENTIAL)).encode() + b'"'
    for row in session.scalars(_newest(session, selection)):
        assert row.credential is not None
        if not _chosen(services, session, row, selection):
            continue
        if in_use in row.credential:
            report.already += 1
        elif row.status == Status.SUSPENDED.value:
            error = Refused("暂停使用中，须先恢复", "suspended: reinstate it first", rule="R7.5", where=row.number)
            report.refusals.append((row.number, error))
        else:
            yield row.id, row.batch_id


def _newest(session: Session, selection: Selection) -> Select[CertificateRecord]:
    query = select(CertificateRecord).where(
        CertificateRecord.stage == ISSUED,
        CertificateRecord.superseded_by_id.is_(None),
        CertificateRecord.erased_on.is_(None),
        CertificateRecord.status.in_((Status.VALID.value, Status.SUSPENDED.value)),
    )
    if selection.batch is not None:
        query = query.where(CertificateRecord.batch_id == selection.batch)
    if selection.scheme is not None:
        schemes = list(session.scalars(select(SchemeRecord.id).where(SchemeRecord.key == selection.scheme)))
        if not schemes:
            raise Refused("没有该方案", "there is no such scheme", where=selection.scheme)
        query = query.where(CertificateRecord.scheme_id.in_(schemes))
    ordered = query.order_by(CertificateRecord.batch_id, CertificateRecord.id)
    return ordered.execution_options(yield_per=LOT)  # their credentials are not all held at once


def _chosen(services: Services, session: Session, row: CertificateRecord, selection: Selection) -> bool:
    if row.valid_until is not None and row.valid_until < services.today():
        return False  # expired: no new signature puts it back in force
    if selection.kid is not None:
        key = services.keystore.record(selection.kid)
        assert row.credential is not None
        signed = services.trust.verification_method(selection.kid).encode() + b'"' in row.credential
        vouched = key.distrusted_from is not None and (row.leaf_index or 0) < key.distrusted_from
        if not signed or vouched:
            return False
    if selection.first is None and selection.last is None:
        return True
    sat = _completed_on(session, row)
    return sat is not None and (selection.first or sat) <= sat <= (selection.last or sat)


def _completed_on(session: Session, row: CertificateRecord) -> date | None:
    """The day of the sitting that completed the enrolment, decided once more; None where it is not passed."""
    if row.enrolment_id is None:
        return None
    decision = enrolments_on_record(session, [row.enrolment_id])[row.enrolment_id].still_passed(row.issued_on)
    return None if decision is None else decision.completed_on


def _resign_lot(
    services: Services, ids: Sequence[int], report: ResignReport, *, by: str, approved_by: str | None
) -> None:
    refused: list[tuple[str, Refused]] = []
    with services.database.writing() as session:
        rows = list(session.scalars(select(CertificateRecord).where(CertificateRecord.id.in_(ids))))
        olds: dict[str, SignedVersion] = {}
        for row in sorted(rows, key=lambda row: row.id):
            if row.superseded_by_id is not None or row.status != Status.VALID.value:
                continue  # another run was faster, or it was revoked meanwhile
            try:
                olds[row.number] = _checked(services, session, row)
            except Refused as error:
                refused.append((row.number, error))
        resigned: list[tuple[str, int]] = []
        if olds:
            intended = [
                next_of(services, session, old, evidence=_evidence(old, by, approved_by)) for old in olds.values()
            ]
            at = services.now()
            batch = next(iter(olds.values())).row.batch_id
            new_rows, refusals = reserve(services, session, intended, at=at, batch_id=batch)
            refused += [(str(one.intended.number), one.error) for one in refusals]
            _sign(services, session, new_rows, olds, by=by)
            resigned = [(row.number, row.version) for row in new_rows]
    report.resigned += resigned  # only what is committed
    report.refusals += refused


def _checked(services: Services, session: Session, row: CertificateRecord) -> SignedVersion:
    """The version before, where nothing but its key's distrust is wrong with it; raises `DocumentRefused`."""
    try:
        old = before(services, session, row, distrusted_too=True)
    except LogMismatch as error:
        raise DocumentRefused(error.zh, error.en, where=row.number) from error
    if row.enrolment_id is not None:
        earned = _completed_on(session, row) is not None
    else:
        query = select(ReissueRequestRecord.id).where(
            ReissueRequestRecord.paper_id == row.paper_id, ReissueRequestRecord.state == RequestState.APPROVED
        )
        earned = row.paper_id is not None and session.scalar(query.limit(1)) is not None
    if not earned:
        raise DocumentRefused(
            "登记中没有合格成绩或补发批准",
            "the register has neither passing results nor an approved reissue",
            where=row.number,
        )
    return old


def _evidence(old: SignedVersion, by: str, approved_by: str | None) -> tuple[str, ...]:
    return ("resign", str(old.row.credential_sha256), by, approved_by or "", REASON)


def _sign(
    services: Services,
    session: Session,
    new_rows: Sequence[CertificateRecord],
    olds: dict[str, SignedVersion],
    *,
    by: str,
) -> None:
    """Steps 3 to 6 for the new versions, and the end of the old ones, in the lot's transaction."""
    if not new_rows:
        return

    def leaf_of(signed: Signed, day: date) -> Leaf:
        return Leaf(
            event=Event.CORRECT,
            day=day,
            credential=signed.commitment,
            dated=signed.claims.reissued_on,
            evidence=signed.claims.evidence_commitment,
            replaces=commitment_of(olds[signed.row.number]),
            changed=Changed.KEY,
        )

    sign_reserved(services, session, new_rows, leaf_of)
    at: datetime = time_to_sign(services, session)
    for new in new_rows:
        old = olds[new.number].row
        assert new.leaf_index is not None
        record_change(session, old, Status.SUPERSEDED, at=at, by=by, reason=REASON, leaf_index=new.leaf_index)
        old.superseded_by_id = new.id
    trail.note(
        session,
        at=at,
        by=by,
        action="certificate.resign",
        object_kind="batch",
        object_key=str(new_rows[0].batch_id),
        count=len(new_rows),
        first=new_rows[0].number,
        last=new_rows[-1].number,
    )
