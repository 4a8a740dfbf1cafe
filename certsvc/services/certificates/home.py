"""Apply from home for the reissue of a paper certificate: what applicants send, and what they are told (R8.2).

Anybody may apply, so nothing of the register is looked at here and every well-formed application is answered alike
(R10); staff hold it against the register when they decide (`reissue`, `home_review`). What strangers can make the
register keep is bounded: so many open applications, so many octets of pictures; beyond, they are told to come again or
to go to the counter. Until it is approved an application stands in no one's way (`ReissueRequestRecord.is_binding`),
and the telephone it names is told what becomes of it and opens nothing.
Not here: whether what was sent is a picture (`certsvc.pictures.copies`), how often one address may apply (web).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certsvc.credential.number import NO_NUMBER, normalise_number
from certsvc.errors import InvalidNumber, Refused
from certsvc.person.identity import IdentityDocument
from certsvc.person.name import parse_name
from certsvc.rendering.names import check_drawable
from certsvc.roster.candidates import is_phone
from certsvc.services.certificates.reissue_request import Loss, RequestState, sealed_words
from certsvc.services.context import Services
from certsvc.services.records.contacts import sealed_with
from certsvc.services.trail import note
from certsvc.store import EvidencePictureRecord, HomeApplicationRecord, ReissueRequestRecord
from certsvc.store.paper import FROM_HOME

MOST_OPEN: Final = 300
MOST_BYTES: Final = 300 * 1024 * 1024
MOST_PICTURES: Final = 12
"""Of one application, all that was sent for it."""
AT_ONCE: Final = 4
LONGEST_SAID: Final = 300
_LETTERS: Final = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none is mistaken for another on paper
_LENGTH: Final = 12
_LOCK: Final = "home"


class Shows(StrEnum):
    """What a picture shows."""

    PAPER = "paper"
    DOCUMENT = "document"


class Phase(StrEnum):
    """Where an application stands while it is not decided."""

    RECEIVED = "received"
    IN_REVIEW = "in_review"
    RETURNED = "returned"


class NoRoom(Refused):
    """More is waiting than the register keeps; it says nothing about this application."""

    code = "busy"

    def __init__(self) -> None:
        super().__init__(
            "现在待审核的申请太多，暂时不能在网上提交；请过几天再来，急用请带身份证件到发证机构柜台办理",
            "too many applications are waiting, so none is taken here now: come again in a few days, or bring the"
            " document to the issuing authority's counter",
            rule="R8.2",
        )


class PhoneRefused(Refused):
    code = "phone-refused"


class PicturesRefused(Refused):
    """A picture is missing, or there are too many; `where` says of what."""

    code = "pictures-refused"


@dataclass(frozen=True, slots=True)
class Application:
    """What was typed, well-formed; nothing has been looked up."""

    number: str
    name: str
    identity: IdentityDocument = field(repr=False)
    phone: str = field(repr=False)
    reason: Loss
    said: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, redrawn."""

    shows: Shows
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the applicant is told. `state` is a `Phase`, "approved" or "rejected"; `remark` what is missing, or why."""

    reference: str
    state: str
    applied_at: datetime
    changed_at: datetime
    remark: str | None


def well_formed(
    number: str, name: str, identity: IdentityDocument, *, phone: str, reason: Loss, said: str
) -> Application:
    """What was typed, as it is kept. Raises what the checks of its fields raise."""
    return Application(
        check_number(number), check_name(name), identity, check_phone(phone), reason, said.strip()[:LONGEST_SAID]
    )


def check_number(number: str) -> str:
    """Raises `InvalidNumber`."""
    wanted = normalise_number(number)
    if wanted == NO_NUMBER:
        raise InvalidNumber("不是证书编号", "not a certificate number", rule="R8.1", where="number")
    return wanted


def check_name(name: str) -> str:
    """A name that can stand on a certificate. Raises `InvalidName`, `MissingGlyph`."""
    holder = parse_name(name).text
    check_drawable(holder)
    return holder


def check_phone(phone: str) -> str:
    """Raises `PhoneRefused`."""
    if not is_phone(phone.strip()):
        raise PhoneRefused("电话号码应为 6–20 位数字", "a telephone number has 6 to 20 digits", where="phone")
    return phone.strip()


def check_pictures(shown: Sequence[Shows], kind: Shows, reason: Loss | None) -> None:
    """Whether what is due of one kind is there, and no more than may be sent at once. Raises `PicturesRefused`."""
    if kind is Shows.DOCUMENT and kind not in shown:
        raise PicturesRefused("请附身份证件的照片", "a picture of the identity document is due", where=kind)
    if kind is Shows.PAPER and reason is Loss.DAMAGED and kind not in shown:
        raise PicturesRefused("证书损毁的，请附证书的照片", "a picture of the damaged certificate is due", where=kind)
    if shown.count(kind) > AT_ONCE // 2:
        raise PicturesRefused(f"一次最多 {AT_ONCE // 2} 张", f"at most {AT_ONCE // 2} pictures at once", where=kind)


def reference_of(key: bytes, once: str, application: Application) -> str:
    """The reference of an application: the same for the same form sent twice, so that a reload applies once.

    `once` is the form's own random value; sixty bits.
    """
    identity = application.identity
    said = (once, application.number, application.name, identity.type.value, identity.number, application.phone)
    message = b"certsvc home application v1\0" + "\0".join(said).encode("utf-8", "replace")
    octets = hmac.digest(key, message, hashlib.sha256)[:_LENGTH]
    return bytes(_LETTERS[octet & 31] for octet in octets).decode()


def written(reference: str) -> str:
    """A reference in fours."""
    return "-".join(reference[at : at + 4] for at in range(0, _LENGTH, 4))


def apply(services: Services, application: Application, pictures: Sequence[Picture], reference: str) -> None:
    """Keep an application for staff to decide; again, it changes nothing. Raises `NoRoom`."""
    now, lookup = services.now(), services.vault.lookup(application.identity)
    with services.database.writing(_LOCK) as session:
        if _found(session, reference) is not None:
            return
        _check_room(session, pictures, opens=1)
        request = ReissueRequestRecord(
            number=application.number,
            name=application.name,
            id_type=application.identity.type.value,
            id_lookup=lookup,
            reason=application.reason.value,
            state=RequestState.APPLIED,
            applied_at=now,
            applied_by=FROM_HOME,
        )
        seal_request(services, request, application.identity.number)
        session.add(request)
        session.flush()
        sealed = services.vault.seal({"phone": application.phone, "said": application.said}, sealed_with(request))
        row = HomeApplicationRecord(
            request_id=request.id,
            reference=_digest(reference),
            sealed=sealed.content,
            sealed_kid=sealed.kid,
            phase=Phase.RECEIVED,
            changed_at=now,
        )
        session.add(row)
        session.flush()
        _add(services, session, row, pictures)
        note(
            session,
            at=now,
            by=FROM_HOME,
            action="reissue.apply",
            object_kind="reissue",
            object_key=str(request.id),
            number=request.number,
            reason=request.reason,
            pictures=len(pictures),
        )


def state_of(services: Services, reference: str, last_four: str) -> Standing | None:
    """Where an application stands, for the one who has its reference and knows the telephone it named; None for any
    other, and for one that was decided so long ago that it is gone."""
    with services.database.reading() as session:
        found = _opened_by(services, session, reference, last_four)
        if found is None:
            return None
        row, request = found
        state = row.phase if request.state == RequestState.APPLIED else request.state
        remarks = {Phase.RETURNED: row.missing, RequestState.REJECTED: request.decision_note}
        return Standing(
            written(_plain(reference)),
            state,
            request.applied_at,
            request.decided_at or row.changed_at,
            remarks.get(state),  # type: ignore[call-overload]  # a text is found among StrEnum keys
        )


def send_more(
    services: Services, reference: str, last_four: str, *, pictures: Sequence[Picture], said: str = ""
) -> bool:
    """Add what was missing; False where nothing is asked for (any more). Raises `NoRoom`, `PicturesRefused`."""
    with services.database.writing(_LOCK) as session:
        found = _opened_by(services, session, reference, last_four)
        if found is None or found[0].phase != Phase.RETURNED or found[1].state != RequestState.APPLIED:
            return False
        row, request = found
        count = select(func.count()).where(EvidencePictureRecord.application_id == row.id)
        if (session.scalar(count) or 0) + len(pictures) > MOST_PICTURES:
            raise PicturesRefused(
                "照片已经够多，请到发证机构柜台办理",
                "enough pictures were sent: please come to the counter",
                where="paper",
            )
        _check_room(session, pictures, opens=0)
        _add(services, session, row, pictures)
        if said.strip():
            opened = services.vault.open(row.sealed, row.sealed_kid, sealed_with(request))
            told = f"{opened['said']}\n{said.strip()[:LONGEST_SAID]}".strip()[-4 * LONGEST_SAID :]
            sealed = services.vault.seal({**opened, "said": told}, sealed_with(request))
            row.sealed, row.sealed_kid = sealed.content, sealed.kid
        row.phase, row.changed_at = Phase.RECEIVED, services.now()
        return True


def seal_request(services: Services, request: ReissueRequestRecord, id_number: str, **more: str) -> None:
    """Seal what was applied for, and by whom, together with the number: a row changed by hand is no longer that."""
    sealed = services.vault.seal({**sealed_words(request), "id_number": id_number, **more}, request.id_lookup)
    request.sealed, request.sealed_kid = sealed.content, sealed.kid


def picture_bound_to(row: HomeApplicationRecord, shows: str) -> bytes:
    return b"certsvc evidence v1\0" + shows.encode() + b"\0" + row.reference


def _add(services: Services, session: Session, row: HomeApplicationRecord, pictures: Sequence[Picture]) -> None:
    for picture in pictures:
        sealed = services.vault.seal_bytes(picture.jpeg, picture_bound_to(row, picture.shows))
        session.add(
            EvidencePictureRecord(
                application_id=row.id,
                shows=picture.shows,
                added_at=services.now(),
                sealed=sealed.content,
                sealed_kid=sealed.kid,
                size=len(picture.jpeg),
            )
        )


def _check_room(session: Session, pictures: Sequence[Picture], *, opens: int) -> None:
    waiting = (
        select(func.count())
        .select_from(ReissueRequestRecord)
        .where(ReissueRequestRecord.applied_by == FROM_HOME, ReissueRequestRecord.state == RequestState.APPLIED)
    )
    held = session.scalar(select(func.sum(EvidencePictureRecord.size))) or 0
    brought = sum(len(picture.jpeg) for picture in pictures)
    if (session.scalar(waiting) or 0) + opens > MOST_OPEN or held + brought > MOST_BYTES:
        raise NoRoom


def _opened_by(
    services: Services, session: Session, reference: str, last_four: str
) -> tuple[HomeApplicationRecord, ReissueRequestRecord] | None:
    row = _found(session, reference)
    if row is None:
        return None
    request = session.get_one(ReissueRequestRecord, row.request_id)
    phone = services.vault.open(row.sealed, row.sealed_kid, sealed_with(request))["phone"] or ""
    digits = "".join(character for character in phone if character.isdigit())
    typed = last_four.strip().encode("utf-8", "replace")
    return (row, request) if hmac.compare_digest(digits[-4:].encode(), typed) else None


def _found(session: Session, reference: str) -> HomeApplicationRecord | None:
    return session.scalar(select(HomeApplicationRecord).where(HomeApplicationRecord.reference == _digest(reference)))


def _plain(reference: str) -> str:
    return "".join(letter for letter in reference[:40].upper() if letter.encode() in _LETTERS)


def _digest(reference: str) -> bytes:
    return hashlib.sha256(b"certsvc home reference v1\0" + _plain(reference).encode()).digest()
