"""Replace a lost or damaged paper certificate by an electronic one (R8.2, R8.3): apply, approve or reject, list.

A request is held against the register of paper certificates; where the register has no entry it needs evidence, and the
entry is made when it is approved; its number and date must be ones that paper had, and the leaf says that the register
had no entry (R8.1a). Who recorded a request may not decide it. Approval issues the electronic version
(original number and date, 补发日期, the version after the paper's), and marks the paper replaced, in one transaction.
One reissue per paper certificate: asking again leads to the existing one, by what the paper says as well as by what the
reissue was corrected to since (R8.4). Paper is never reissued as paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certsvc.credential.number import NO_NUMBER, fold_number, normalise_number
from certsvc.errors import NotFound, ReissueRefused
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.person.name import parse_name, same_name
from certsvc.rules.four_eyes import is_second_person
from certsvc.rules.terms import Scheme
from certsvc.services.certificates.home_review import tell_decision
from certsvc.services.certificates.reissue_request import Loss, Request, RequestState, sealed_words, shown
from certsvc.services.certificates.unregistered_paper import (
    LONGEST_TEXT,
    Evidence,
    check_evidence,
    check_not_electronic,
    check_unregistered,
)
from certsvc.services.context import Services
from certsvc.services.issuing.intended import Intended
from certsvc.services.issuing.next_version import issue_version, paper_commitment
from certsvc.services.log.clock import time_to_sign
from certsvc.services.records.photos import photo_on_file
from certsvc.services.records.schemes import Pinning
from certsvc.services.records.signed import signed_version
from certsvc.services.records.versions import newest_version
from certsvc.services.trail import note
from certsvc.store import PaperCertificateRecord, PersonRecord, ReissueRequestRecord
from certsvc.transparency.leaf import Entry, Event

PAPER_VERSION: Final = 1


def apply(
    services: Services,
    *,
    number: str,
    name: str,
    identity: IdentityDocument,
    reason: str,
    by: str,
    evidence: Evidence | None = None,
) -> Request:
    """Record a request, or answer the existing one. Raises `ReissueRefused`, `InvalidName`."""
    if reason not in set(Loss):
        raise ReissueRefused("原因应为 lost 或 damaged", "the reason is lost or damaged", rule="R8.2", where="reason")
    wanted, lookup = normalise_number(number), services.vault.lookup(identity)
    if wanted == NO_NUMBER:
        raise ReissueRefused("不是证书编号", "not a certificate number", rule="R8.1", where="number")
    with services.database.writing() as session:
        paper = _paper_under(session, wanted, lookup)
        if paper is not None:
            wanted = paper.number
            if not same_name(paper.name, name) or paper.id_lookup != lookup:
                corrected = _reissued_to(services, session, paper, name, identity)
                if corrected is None:
                    raise _not_as_registered(wanted)
                return shown(services, session, corrected, existing=True)
        # What the register has is issued as it stands there, however it was typed now (R9).
        holder = parse_name(name).text if paper is None else paper.name
        earlier = _earlier(session, wanted, lookup)
        if earlier is not None:
            return shown(services, session, earlier, existing=True)
        if paper is None:
            check_evidence(services, session, wanted, evidence)
        assert evidence is not None or paper is not None
        row = _record(services, wanted, holder, identity=identity, lookup=lookup, paper=paper, evidence=evidence)
        row.reason, row.applied_by = reason, by
        _seal(services, row, identity, None if paper is not None else evidence)
        session.add(row)
        session.flush()
        _note(services, session, row, by, "reissue.apply")
        return shown(services, session, row)


def approve(
    services: Services, request_id: int, *, by: str, decision_note: str | None = None, scheme_key: str | None = None
) -> Request:
    """Issue the electronic certificate. Raises `NotFound`, `ReissueRefused` (R8.2: not by the one who recorded it)."""
    with services.database.writing() as session:
        row = _undecided(session, request_id, by)
        if row.state == RequestState.APPROVED:
            return shown(services, session, row, existing=True)
        opened = services.vault.open(row.sealed, row.sealed_kid, row.id_lookup)
        _check_as_asked(row, opened)
        confirmed_by = _confirmed_by_another(row, opened, by)
        paper = _paper_of(services, session, row, opened, scheme_key)
        _spell_as_registered(services, row, paper, opened)
        scheme_id, scheme = _scheme_for(services, session, paper, scheme_key)
        person = session.scalar(select(PersonRecord).where(PersonRecord.id_lookup == row.id_lookup))
        # A photo is theirs who is on file under this very number and name; under another name it may be someone else's.
        photo = photo_on_file(services, session, person) if person is not None and person.name == paper.name else None
        intended = Intended(
            holder_name=paper.name,
            identity=IdentityDocument(IdType.of(row.id_type), opened["id_number"] or ""),
            scheme=scheme,
            scheme_id=scheme_id,
            issued_on=paper.issued_on,
            evidence=("reissue", row.number, row.reason, row.applied_by, *confirmed_by, by, row.evidence or "register"),
            person_id=None if person is None else person.id,
            paper_id=paper.id,
            photo_sha256=photo,
            number=paper.number,
            version=PAPER_VERSION + 1,
            reissued_on=services.today(),
            replaces_paper=paper.number,
        )
        replaces = paper_commitment(services, paper.number)
        entry = Entry.NONE if paper.from_evidence else Entry.REGISTERED
        new = issue_version(services, session, intended, event=Event.REISSUE, replaces=replaces, entry=entry)
        paper.replaced_on, paper.replaced_reason, paper.replaced_by_id = intended.reissued_on, row.reason, new.id
        row.paper_id, row.certificate_id = paper.id, new.id
        _decide(services, session, row, state=RequestState.APPROVED, by=by, decision_note=decision_note)
        return shown(services, session, row)


def reject(services: Services, request_id: int, *, by: str, decision_note: str) -> Request:
    """Turn a request down, saying why. Raises `NotFound`, `ReissueRefused`."""
    if not decision_note.strip():
        raise ReissueRefused("须写明不予补发的原因", "say why it is turned down", rule="R8.2", where="note")
    with services.database.writing() as session:
        row = _undecided(session, request_id, by)
        if row.state == RequestState.APPROVED:
            raise ReissueRefused("已经批准", "it is approved already", rule="R8.3", where=str(request_id))
        _decide(services, session, row, state=RequestState.REJECTED, by=by, decision_note=decision_note)
        return shown(services, session, row)


def list_requests(services: Services, state: str | None = None) -> list[Request]:
    """The requests, oldest first; of one state, where given."""
    query = select(ReissueRequestRecord).order_by(ReissueRequestRecord.id)
    if state is not None:
        query = query.where(ReissueRequestRecord.state == state)
    with services.database.reading() as session:
        return [shown(services, session, row) for row in session.scalars(query)]


def count_waiting(services: Services) -> int:
    """How many requests no one has decided yet."""
    query = select(func.count()).select_from(ReissueRequestRecord)
    with services.database.reading() as session:
        return session.scalar(query.where(ReissueRequestRecord.state == RequestState.APPLIED)) or 0


def _paper_under(session: Session, number: str, lookup: bytes) -> PaperCertificateRecord | None:
    """The register's entry with this number as it is compared (R9); of several, the exact one, then this person's."""
    row = PaperCertificateRecord
    same = select(row).where(row.number_folded == fold_number(number))
    return session.scalar(
        same.order_by((row.number == number).desc(), (row.id_lookup == lookup).desc(), row.id).limit(1)
    )


def _earlier(session: Session, number: str, lookup: bytes) -> ReissueRequestRecord | None:
    """This person's request under this number that is open or approved; a rejected one does not stand in the way."""
    return session.scalar(
        select(ReissueRequestRecord)
        .where(
            ReissueRequestRecord.number == number,
            ReissueRequestRecord.id_lookup == lookup,
            ReissueRequestRecord.state != RequestState.REJECTED,
            ReissueRequestRecord.is_binding(),
        )
        .order_by(ReissueRequestRecord.id)
        .limit(1)
    )


def _reissued_to(
    services: Services, session: Session, paper: PaperCertificateRecord, holder: str, identity: IdentityDocument
) -> ReissueRequestRecord | None:
    """The approved request of a paper whose reissue has been corrected to this name and document since (R8.4).

    A name found only on an intermediate version is refused.
    """
    if paper.replaced_by_id is None:
        return None
    newest = signed_version(services, newest_version(session, paper.number))
    kept = IdentityDocument(newest.claims.id_type, newest.kept.id_number)
    if not same_name(newest.claims.holder_name, holder) or kept != identity:
        return None
    return session.scalar(
        select(ReissueRequestRecord).where(ReissueRequestRecord.certificate_id == paper.replaced_by_id)
    )


def _not_as_registered(number: str) -> ReissueRefused:
    return ReissueRefused(
        "与纸质证书登记不符（姓名或证件号码）；请按纸质证书填写，其后变更的，补发后再更正",
        "not as in the paper register (name or identity number); give both as the paper has them, what changed since is"
        " corrected after the reissue",
        rule="R8.2",
        where=number,
    )


def _check_as_asked(row: ReissueRequestRecord, opened: Mapping[str, str | None]) -> None:
    """What is signed on the request is what was recorded, and by whom: its row is not trusted for either.

    A request that an earlier program recorded has these in its row alone.
    """
    for name, now in sealed_words(row).items():
        if name in opened and opened[name] != now:
            raise ReissueRefused(
                "该申请登记后被改动", "the request was changed by hand since", rule="R8.2", where=str(row.id)
            )


def _spell_as_registered(
    services: Services, row: ReissueRequestRecord, paper: PaperCertificateRecord, opened: Mapping[str, str | None]
) -> None:
    """What was typed at home becomes what the register has, which is the same folded (R9)."""
    if (row.number, row.name) == (paper.number, paper.name):
        return
    row.number, row.name = paper.number, paper.name
    sealed = services.vault.seal({**opened, **sealed_words(row)}, row.id_lookup)
    row.sealed, row.sealed_kid = sealed.content, sealed.kid


def _confirmed_by_another(row: ReissueRequestRecord, opened: Mapping[str, str | None], by: str) -> tuple[str, ...]:
    """Who recorded the evidence of an application from home, if anyone did; another than the one who approves."""
    confirmed_by = opened.get("confirmed_by")
    if confirmed_by is None:
        return ()
    if not is_second_person(by, confirmed_by):
        raise ReissueRefused(
            "登记证明材料的人不得审批该申请",
            "the one who recorded the evidence may not approve it",
            rule="R8.2",
            where=str(row.id),
        )
    return (confirmed_by,)


def _record(
    services: Services,
    number: str,
    holder: str,
    *,
    identity: IdentityDocument,
    lookup: bytes,
    paper: PaperCertificateRecord | None,
    evidence: Evidence | None,
) -> ReissueRequestRecord:
    return ReissueRequestRecord(
        paper_id=None if paper is None else paper.id,
        number=number,
        name=holder,
        id_type=identity.type.value,
        id_lookup=lookup,
        evidence=None if evidence is None else evidence.text.strip(),
        state=RequestState.APPLIED,
        applied_at=services.now(),
    )


def _seal(services: Services, row: ReissueRequestRecord, identity: IdentityDocument, evidence: Evidence | None) -> None:
    personal = sealed_words(row) | {"id_number": identity.number}
    if evidence is not None:
        personal |= {"issued_on": evidence.issued_on.isoformat(), "issuer": evidence.issuer}
    sealed = services.vault.seal(personal, row.id_lookup)
    row.sealed, row.sealed_kid = sealed.content, sealed.kid


def _undecided(session: Session, request_id: int, by: str) -> ReissueRequestRecord:
    row = session.get(ReissueRequestRecord, request_id)
    if row is None:
        raise NotFound("没有该补发申请", "there is no such request", rule="R8.2", where=str(request_id))
    if not is_second_person(by, row.applied_by):
        raise ReissueRefused(
            "登记人不得审批自己登记的申请",
            "the one who recorded it may not decide it",
            rule="R8.2",
            where=str(request_id),
        )
    if row.state == RequestState.REJECTED:
        raise ReissueRefused("该申请已被驳回", "it was turned down already", rule="R8.2", where=str(request_id))
    return row


def _paper_of(
    services: Services,
    session: Session,
    row: ReissueRequestRecord,
    opened: Mapping[str, str | None],
    scheme_key: str | None,
) -> PaperCertificateRecord:
    """The register's entry, held against the request once more; made now where evidence stands in for it."""
    paper = _paper_under(session, row.number, row.id_lookup)
    if paper is None:
        if not opened.get("issued_on"):
            raise ReissueRefused(
                "登记册中没有该编号：请先由一人登记证明材料（certsvc reissue confirm），再由另一人批准",
                "the register has no such number: one person records the evidence first (certsvc reissue confirm),"
                " another approves",
                rule="R8.2",
                where=row.number,
            )
        issued_on = date.fromisoformat(str(opened["issued_on"]))
        check_not_electronic(session, row.number)
        check_unregistered(services, session, row.number, issued_on, scheme_key)
        scheme = Pinning(session, scheme_key).any_scheme
        sealed = services.vault.seal({"id_number": opened["id_number"]}, row.id_lookup)
        paper = PaperCertificateRecord(
            number=row.number,
            id_type=row.id_type,
            id_lookup=row.id_lookup,
            sealed=sealed.content,
            sealed_kid=sealed.kid,
            name=row.name,
            occupation=scheme.occupation.name_zh,
            level=scheme.level,
            issued_on=issued_on,
            issuer=str(opened["issuer"]),
            from_evidence=True,
        )
        session.add(paper)
        session.flush()
    if not same_name(paper.name, row.name) or paper.id_lookup != row.id_lookup:
        raise _not_as_registered(row.number)
    if paper.replaced_on is not None:
        raise ReissueRefused(
            "该纸质证书已补发", "this paper certificate was replaced already", rule="R8.3", where=row.number
        )
    return paper


def _scheme_for(
    services: Services, session: Session, paper: PaperCertificateRecord, scheme_key: str | None
) -> tuple[int, Scheme]:
    """The scheme in force today for the paper's occupation and level: it gives the wording of the new certificate."""
    scheme_id, scheme = Pinning(session, scheme_key).on(services.today())
    names = {scheme.occupation.code, scheme.occupation.name_zh, scheme.occupation.name_en}
    if paper.occupation not in names or paper.level != scheme.level:
        raise ReissueRefused(
            f"方案 {scheme.key} 不适用于 {paper.occupation} {paper.level} 级，请用 --scheme 指定",
            f"scheme {scheme.key} is not for {paper.occupation}, level {paper.level}; name one with --scheme",
            rule="R0",
            where=paper.number,
        )
    return scheme_id, scheme


def _decide(
    services: Services,
    session: Session,
    row: ReissueRequestRecord,
    *,
    state: RequestState,
    by: str,
    decision_note: str | None,
) -> None:
    row.state, row.decided_by, row.decided_at = state, by, services.now()
    row.decision_note = decision_note.strip()[:LONGEST_TEXT] if decision_note else None
    session.flush()
    tell_decision(services, session, row)
    _note(services, session, row, by, "reissue.approve" if state == RequestState.APPROVED else "reissue.reject")


def _note(services: Services, session: Session, row: ReissueRequestRecord, by: str, action: str) -> None:
    note(
        session,
        at=time_to_sign(services, session),
        by=by,
        action=action,
        object_kind="reissue",
        object_key=str(row.id),
        number=row.number,
        reason=row.reason,
    )
