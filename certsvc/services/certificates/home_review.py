"""What staff do with an application from home before it is decided: look, ask for more, record evidence (R8.1a, R8.2).

Where the register has an entry, the application is held against it when it is approved, and one of the staff approves:
who applied is somebody else. Where it has none, one of the staff records what the pictures show (`confirm`), and
another approves. Not here: the decision (`reissue`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from certsvc.credential.number import fold_number
from certsvc.errors import NotFound, Refused, ReissueRefused
from certsvc.files.private import make_private, write_private
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.person.name import same_name
from certsvc.services.certificates.home import Phase, picture_bound_to, seal_request
from certsvc.services.certificates.reissue_request import Request, RequestState, shown
from certsvc.services.certificates.unregistered_paper import Evidence, check_evidence
from certsvc.services.context import Services
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import Told
from certsvc.services.notices.tell import tell as tell_notice
from certsvc.services.notices.write import write_notice
from certsvc.services.records.contacts import phone_of_application, sealed_with
from certsvc.services.trail import note
from certsvc.store import EvidencePictureRecord, HomeApplicationRecord, PaperCertificateRecord, ReissueRequestRecord

LONGEST_MISSING: Final = 500
_TOLD_FOR: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Written:
    """The files that were written, and how the register compares: "agrees", "differs" or "none"."""

    files: tuple[Path, ...]
    register: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What was typed (`id_number` whole), what each picture shows, and how the register compares, as `Written` says."""

    request: Request
    typed: dict[str, str | None] = field(repr=False)
    shows: tuple[str, ...]
    register: str


def look(services: Services, request_id: int, *, by: str) -> Seen:
    """What an applicant sent from home; from then on it is being looked at, and the trail says by whom.

    Raises `NotFound`.
    """
    with services.database.writing() as session:
        request, row = _applied(session, request_id)
        shows = tuple(picture.shows for picture in session.scalars(_pictures(row)))
        _looked_at(services, session, request, row, by, files=len(shows))
        return Seen(
            shown(services, session, request),
            _typed(services, request, row),
            shows,
            _register_says(session, request),
        )


def picture(services: Services, request_id: int, at: int) -> bytes:
    """The picture in this place, from 0, as JPEG. Raises `NotFound`."""
    with services.database.reading() as session:
        _, row = _applied(session, request_id)
        found = session.scalar(_pictures(row).offset(at).limit(1))
        if found is None:
            raise NotFound("没有这张照片", "there is no such picture", rule="R8.2", where=str(request_id))
        return services.vault.open_bytes(found.sealed, found.sealed_kid, picture_bound_to(row, found.shows))


def write_evidence(services: Services, request_id: int, folder: Path, *, by: str) -> Written:
    """Write the pictures and what was typed into a folder of 700; from then on it is being looked at.

    Raises `NotFound`, `Refused` for a folder that holds something.
    """
    with services.database.writing() as session:
        request, row = _applied(session, request_id)
        if folder.exists() and any(folder.iterdir()):
            raise Refused("文件夹不是空的", "the folder is not empty", where=str(folder))
        make_private(folder)
        folder.chmod(0o700)
        files = []
        for at, one in enumerate(session.scalars(_pictures(row)), 1):
            bound = picture_bound_to(row, one.shows)
            files.append(folder / f"{at}-{one.shows}.jpg")
            write_private(files[-1], services.vault.open_bytes(one.sealed, one.sealed_kid, bound), new=True)
        register = _register_says(session, request)
        files.append(folder / "application.json")
        write_private(files[-1], _as_typed(services, request, row, register), new=True)
        _looked_at(services, session, request, row, by, files=len(files))
        return Written(tuple(files), register)


def return_for(services: Services, request_id: int, *, missing: str, by: str) -> None:
    """Ask the applicant for what is missing. Raises `NotFound`, `Refused`."""
    text = missing.strip()
    if not 0 < len(text) <= LONGEST_MISSING or not text.isprintable():
        raise Refused(
            f"须写明缺什么（1–{LONGEST_MISSING} 字，一行）",
            f"say what is missing, in 1 to {LONGEST_MISSING} characters on one line",
            rule="R8.2",
            where="missing",
        )
    with services.database.writing() as session:
        request, row = _undecided(session, request_id)
        row.phase, row.missing, row.changed_at = Phase.RETURNED, text, services.now()
        tell_missing(services, session, request)
        _note(services, session, request, by, "reissue.return")


def confirm(services: Services, request_id: int, evidence: Evidence, *, by: str) -> None:
    """Record what stands in for the register's entry; another person then approves.

    Raises `NotFound`, `ReissueRefused` where the register has an entry, or no paper can have had number and date.
    """
    with services.database.writing() as session:
        request, row = _undecided(session, request_id)
        if _entry(session, request) is not None:
            raise ReissueRefused(
                "登记册中有该编号，按登记册审批即可",
                "the register has this number: it is decided by its entry",
                rule="R8.2",
                where=request.number,
            )
        check_evidence(services, session, request.number, evidence)
        opened = services.vault.open(request.sealed, request.sealed_kid, request.id_lookup)
        request.evidence, row.confirmed_by = evidence.text.strip(), by
        seal_request(
            services,
            request,
            opened["id_number"] or "",
            issued_on=evidence.issued_on.isoformat(),
            issuer=evidence.issuer,
            confirmed_by=by,
        )
        if row.phase == Phase.RECEIVED:
            row.phase, row.changed_at = Phase.IN_REVIEW, services.now()
        _note(services, session, request, by, "reissue.confirm")


def tell_decision(services: Services, session: Session, request: ReissueRequestRecord) -> None:
    """Tell the applicant that it is decided, in the decision's transaction."""
    kind = NoticeKind.REISSUE_APPROVED if request.state == RequestState.APPROVED else NoticeKind.REISSUE_REJECTED
    from_home = _home_of(session, request.id) is not None  # told also while notices are off: nothing else says it
    tell_notice(services, session, kind, [Told(request.id_lookup, str(request.id))], asked_for=from_home)


def tell_missing(services: Services, session: Session, request: ReissueRequestRecord) -> None:
    """Tell the telephone that the application named; what is missing stands on the page alone."""
    phone = phone_of_application(services.vault, session, request)
    if phone is None or services.messenger is None:
        return
    host = services.base_url.split("://", 1)[-1]
    text = (
        f"【{services.issuer.name_zh}】您的纸质证书补发申请需要补充材料，请凭申请号到 {host}/my/paper 查看。"
        f" Your application for a reissue needs more: see {host}/my/paper with your reference."
    )
    write_notice(services, session, about=request.id_lookup, to=phone, text=text, until=services.now() + _TOLD_FOR)


def named_by(services: Services, request_id: int) -> tuple[IdentityDocument, str]:
    """Whose paper it is and the telephone that the approved application named, to ask that it become the holder's by an
    act of its own (`holders.contact`). Raises `NotFound`, `Refused`."""
    with services.database.reading() as session:
        request, row = _applied(session, request_id)
        if request.state != RequestState.APPROVED:
            raise Refused("尚未批准", "it is not approved", rule="R10", where=str(request_id))
        opened = services.vault.open(request.sealed, request.sealed_kid, request.id_lookup)
        phone = services.vault.open(row.sealed, row.sealed_kid, sealed_with(request))["phone"]
        return IdentityDocument(IdType.of(request.id_type), opened["id_number"] or ""), phone or ""


def drop_pictures(services: Services, request_id: int, *, by: str) -> int:
    """Delete the pictures of a decided application at once, such as those of a hoax; how many. Raises `NotFound`."""
    with services.database.writing() as session:
        request, row = _applied(session, request_id)
        if request.state == RequestState.APPLIED:
            raise Refused("尚未决定", "it is not decided yet", rule="R8.2", where=str(request_id))
        gone = session.execute(
            delete(EvidencePictureRecord)
            .where(EvidencePictureRecord.application_id == row.id)
            .returning(EvidencePictureRecord.id)
        ).all()
        _note(services, session, request, by, "reissue.drop-pictures", pictures=len(gone))
        return len(gone)


def sweep(services: Services) -> int:
    """Delete what applicants sent whose applications were decided `evidence_days` ago, with their telephones; how
    many applications. What was decided, and on what evidence, stays with the request."""
    decided = select(HomeApplicationRecord.id).join(
        ReissueRequestRecord, ReissueRequestRecord.id == HomeApplicationRecord.request_id
    )
    past = services.now() - timedelta(days=services.evidence_days)
    with services.database.writing() as session:
        over = list(session.scalars(decided.where(ReissueRequestRecord.decided_at < past)))
        for at in range(0, len(over), 500):
            some = over[at : at + 500]
            session.execute(delete(EvidencePictureRecord).where(EvidencePictureRecord.application_id.in_(some)))
            session.execute(delete(HomeApplicationRecord).where(HomeApplicationRecord.id.in_(some)))
        return len(over)


def _applied(session: Session, request_id: int) -> tuple[ReissueRequestRecord, HomeApplicationRecord]:
    request, row = session.get(ReissueRequestRecord, request_id), _home_of(session, request_id)
    if request is None or row is None:
        raise NotFound(
            "没有该申请，或不是在家提交的，或材料已按期删除",
            "there is no such application from home, or what came with it was deleted in time",
            rule="R8.2",
            where=str(request_id),
        )
    return request, row


def _undecided(session: Session, request_id: int) -> tuple[ReissueRequestRecord, HomeApplicationRecord]:
    request, row = _applied(session, request_id)
    if request.state != RequestState.APPLIED:
        raise ReissueRefused("该申请已决定", "it is decided already", rule="R8.2", where=str(request_id))
    return request, row


def _pictures(row: HomeApplicationRecord) -> Select[EvidencePictureRecord]:
    query = select(EvidencePictureRecord).where(EvidencePictureRecord.application_id == row.id)
    return query.order_by(EvidencePictureRecord.id)


def _looked_at(
    services: Services,
    session: Session,
    request: ReissueRequestRecord,
    row: HomeApplicationRecord,
    by: str,
    *,
    files: int,
) -> None:
    if request.state == RequestState.APPLIED and row.phase == Phase.RECEIVED:
        row.phase, row.changed_at = Phase.IN_REVIEW, services.now()
    _note(services, session, request, by, "reissue.evidence", files=files)


def _home_of(session: Session, request_id: int) -> HomeApplicationRecord | None:
    return session.scalar(select(HomeApplicationRecord).where(HomeApplicationRecord.request_id == request_id))


def _entry(session: Session, request: ReissueRequestRecord) -> PaperCertificateRecord | None:
    paper = PaperCertificateRecord
    same = select(paper).where(paper.number_folded == fold_number(request.number))
    return session.scalar(same.order_by((paper.number == request.number).desc(), paper.id).limit(1))


def _register_says(session: Session, request: ReissueRequestRecord) -> str:
    entry = _entry(session, request)
    if entry is None:
        return "none"
    agrees = same_name(entry.name, request.name) and entry.id_lookup == request.id_lookup
    return "agrees" if agrees else "differs"


def _typed(services: Services, request: ReissueRequestRecord, row: HomeApplicationRecord) -> dict[str, str | None]:
    opened = services.vault.open(request.sealed, request.sealed_kid, request.id_lookup)
    sent = services.vault.open(row.sealed, row.sealed_kid, sealed_with(request))
    return {
        "number": request.number,
        "name": request.name,
        "id_type": request.id_type,
        "id_number": opened["id_number"],
        "phone": sent["phone"],
        "reason": request.reason,
        "said": sent["said"],
        "applied_at": request.applied_at.isoformat(),
    }


def _as_typed(services: Services, request: ReissueRequestRecord, row: HomeApplicationRecord, register: str) -> bytes:
    told = {"id": request.id, **_typed(services, request, row), "register": register}
    return json.dumps(told, ensure_ascii=False, indent=2).encode() + b"\n"


def _note(
    services: Services, session: Session, request: ReissueRequestRecord, by: str, action: str, **detail: object
) -> None:
    note(
        session,
        at=services.now(),
        by=by,
        action=action,
        object_kind="reissue",
        object_key=str(request.id),
        number=request.number,
        **detail,
    )
