"""Who the holder is: codes to sign in with, and sessions (R10).

A person is named by name and identity document, and proves to be that person by a code: a **message code** (six digits,
ten minutes, to the phone of the roster) or an **access code** (twelve characters, seven days, made by staff who saw the
document). Either is bound to the person and good once; a message code is dead after five tries in all (no number of
tries ends an access code, lest a stranger burn it); a new one replaces the former.

Nobody learns here whether a person is known. Asking for a code records that it was asked for, the same for everyone;
whether there is such a person is found out later, by whoever sends (`messages_send`). A wrong try costs the same reads,
the same digests and one write, at a decoy where there is no code. Codes and secrets rest as HMAC under the SESSION key,
so rotating that key ends every code and session. Not here: limits by address (`web.limits`), what a holder may see
(`holder_view`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from certsvc.errors import InvalidName, NotFound
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.person.name import parse_name
from certsvc.services.context import Services
from certsvc.services.trail import note
from certsvc.signing.keys import Purpose
from certsvc.store import (
    ISSUED,
    CertificateRecord,
    HolderCodeRecord,
    HolderSessionRecord,
    MessageRecord,
    PaperCertificateRecord,
    PersonRecord,
)

BY_HOLDER: Final = "holder"
"""Who did it, in the audit trail and on requests, where the holder did."""
MESSAGE_CODE_LIFE: Final = timedelta(minutes=10)
ACCESS_CODE_LIFE: Final = timedelta(days=7)
SESSION_LIFE: Final = timedelta(hours=8)
IDLE_LIFE: Final = timedelta(minutes=30)
KEPT_AFTER_END: Final = timedelta(days=1)

MESSAGE: Final = "message"
ACCESS: Final = "access"
MOST_TRIES: Final = 5  # at a message code; guessing at the 55 bits of an access code is hopeless without a limit
_DECOY: Final = "decoy"
_DIGITS: Final = 6
_LETTERS: Final = 12
# No 0 O, 1 I L, 2 Z, 5 S, 8 B: none is mistaken for another on paper or by ear at a desk. 55 bits in twelve.
_ALPHABET: Final = "34679ACDEFGHJKMNPQRTUVWXY"
_TOUCH_AFTER: Final = timedelta(minutes=1)  # the idle clock is written at most so often, not with every page
_LONGEST_TYPED: Final = 100
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has begun. `secret` is for the holder's cookie and is told this once."""

    secret: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is signed in. `person_id` is None for a holder of paper alone. `form_key` makes CSRF tokens (32 bytes)."""

    session_id: int
    id_lookup: bytes = field(repr=False)
    person_id: int | None
    name: str = field(repr=False)
    id_type: IdType
    form_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessCode:
    """A code to hand over on paper, in three groups of four; it is told this once."""

    code: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What the register has under one identity document: a person, paper certificates, or both.

    `reissued` has the name on the newest version of what replaced a paper, by the paper's id: corrected, maybe (R8.4).
    """

    person: PersonRecord | None
    papers: tuple[PaperCertificateRecord, ...]
    reissued: Mapping[int, str]

    @property
    def name(self) -> str:
        if self.person is not None:
            return self.person.name
        return self.reissued.get(self.papers[-1].id, self.papers[-1].name)

    @property
    def id_type(self) -> IdType:
        found = self.person.id_type if self.person is not None else self.papers[-1].id_type
        return next(kind for kind in IdType if kind.value == found)

    def bears(self, name: str) -> bool:
        """Whether the person is on record under this name; every name is compared, whichever agrees."""
        names = [paper.name for paper in self.papers] + ([self.person.name] if self.person is not None else [""])
        names += self.reissued.values()
        agreements = [hmac.compare_digest(one.encode(), name.encode()) for one in names]
        return any(agreements) and name != ""


def codes_are_sent(services: Services) -> bool:
    """Whether codes can be sent at all: the same answer for everyone."""
    return services.messenger is not None


def request_code(services: Services, name: str, identity: IdentityDocument) -> None:
    """Record that a message code is wanted; the same for everyone, known or not. Raises `Unavailable`.

    Whoever serves pages wakes `services.sender` afterwards; `certsvc holder send` does the same work.
    """
    if not codes_are_sent(services):
        return
    lookup, now = services.vault.lookup(identity), services.now()
    sealed = services.vault.seal({"name": _name_of(name)}, lookup)
    with services.database.writing(_lock(lookup)) as session:
        session.add(
            MessageRecord(
                id_lookup=lookup,
                state="asked",
                sealed=sealed.content,
                sealed_kid=sealed.kid,
                asked_at=now,
                expires_at=now + MESSAGE_CODE_LIFE,
                tries=0,
                next_try_at=now,
            )
        )


def sign_in(services: Services, name: str, identity: IdentityDocument, code: str) -> SignedIn | None:
    """Begin a session; None alike for a wrong code, name or person, and for a code that is used, old or tried out.

    Every try at a live code counts, whatever was wrong with it. Raises `Unavailable`.
    """
    lookup, typed, now = services.vault.lookup(identity), normalise_code(code), services.now()
    kind = MESSAGE if can_be_guessed(typed) else ACCESS
    wanted = _name_of(name)
    with services.database.writing(_lock(lookup)) as session:
        row = _tried(session, kind, lookup, now)
        known = find(session, lookup)
        offered = code_digest(services, kind, lookup, typed)
        stored = row.digest if row is not None else bytes(32)
        # Each is computed before any is looked at.
        agreements = (row is not None, hmac.compare_digest(offered, stored), known is not None and known.bears(wanted))
        if not all(agreements) or row is None or known is None:
            return None
        row.ended_at = now
        secret = secrets.token_urlsafe(32)
        begun = HolderSessionRecord(
            digest=_session_digest(services, secret),
            id_lookup=lookup,
            began_at=now,
            seen_at=now,
            expires_at=now + SESSION_LIFE,
        )
        session.add(begun)
        session.flush()
        person_id = None if known.person is None else known.person.id
        _note(session, now, "holder.sign-in", begun.id, code=kind, person=person_id)
        return SignedIn(secret, begun.expires_at)


def holder_of(services: Services, secret: str) -> Holder | None:
    """Who is signed in with this secret; None where the session is unknown, over, idle for half an hour, or its person
    is no longer found under that document. Moves the idle clock (to the minute). Raises `Unavailable`."""
    now = services.now()
    with services.database.reading() as session:
        row = _live(session, _session_digest(services, secret), now)
        known = find(session, row.id_lookup) if row is not None else None
    if row is None or known is None:
        return None
    if now - row.seen_at >= _TOUCH_AFTER:
        with services.database.writing(_lock(row.id_lookup)) as session:
            session.execute(update(HolderSessionRecord).where(HolderSessionRecord.id == row.id).values(seen_at=now))
    return Holder(
        session_id=row.id,
        id_lookup=row.id_lookup,
        person_id=None if known.person is None else known.person.id,
        name=known.name,
        id_type=known.id_type,
        form_key=hmac.digest(secret.encode(), b"certsvc holder form v1", hashlib.sha256),
    )


def sign_out(services: Services, secret: str) -> None:
    """End the session; of one that is over, or of none, nothing changes. Raises `Unavailable`."""
    now = services.now()
    with services.database.writing("holder sessions") as session:
        row = _live(session, _session_digest(services, secret), now)
        if row is not None:
            row.ended_at = now
            _note(session, now, "holder.sign-out", row.id)


def make_access_code(services: Services, identity: IdentityDocument, *, by: str) -> AccessCode:
    """A code for whoever showed this document at the desk; the former one, and every session, ends.

    Raises `NotFound` where nobody is on record with the document.
    """
    lookup, now = services.vault.lookup(identity), services.now()
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
    with services.database.writing(_lock(lookup)) as session:
        known = find(session, lookup)
        if known is None:
            raise NotFound("登记中没有该证件的持有人", "nobody is on record with this document", rule="R10")
        sweep(session, now)  # where no messages are sent, nothing else would
        end_codes(session, ACCESS, lookup, now)
        session.execute(
            update(HolderSessionRecord)
            .where(HolderSessionRecord.id_lookup == lookup, HolderSessionRecord.ended_at.is_(None))
            .values(ended_at=now)
        )
        row = new_code(services, ACCESS, lookup, code, ACCESS_CODE_LIFE)
        session.add(row)
        kind, key = ("person", known.person.id) if known.person is not None else ("paper", known.papers[-1].id)
        note(session, at=now, by=by, action="holder.access-code", object_kind=kind, object_key=str(key))
    return AccessCode("-".join(code[i : i + 4] for i in range(0, _LETTERS, 4)), row.expires_at)


def find(session: Session, lookup: bytes) -> Known | None:
    """Who is on record under a lookup; papers oldest first."""
    person = session.scalar(select(PersonRecord).where(PersonRecord.id_lookup == lookup))
    papers = select(PaperCertificateRecord).where(PaperCertificateRecord.id_lookup == lookup)
    found = tuple(session.scalars(papers.order_by(PaperCertificateRecord.issued_on, PaperCertificateRecord.id)).all())
    # Where a person is on record for the newest version, it may be another's; if not, the paper says whose it is.
    reissued = session.execute(
        select(CertificateRecord.paper_id, CertificateRecord.holder_name).where(
            CertificateRecord.paper_id.in_([paper.id for paper in found]),
            CertificateRecord.stage == ISSUED,
            CertificateRecord.superseded_by_id.is_(None),
            CertificateRecord.person_id.is_(None),
        )
    )
    names = {paper_id: name for paper_id, name in reissued if paper_id is not None}
    return Known(person, found, names) if person is not None or found else None


def new_code(services: Services, kind: str, lookup: bytes, code: str, life: timedelta) -> HolderCodeRecord:
    """A row for a fresh code of this person."""
    now = services.now()
    digest = code_digest(services, kind, lookup, code)
    return HolderCodeRecord(kind=kind, id_lookup=lookup, digest=digest, made_at=now, expires_at=now + life, tries=0)


def end_codes(session: Session, kind: str, lookup: bytes, now: datetime) -> None:
    """No earlier code of this kind is good for this person any more."""
    mine = (HolderCodeRecord.kind == kind, HolderCodeRecord.id_lookup == lookup, HolderCodeRecord.ended_at.is_(None))
    session.execute(update(HolderCodeRecord).where(*mine).values(ended_at=now))


def code_digest(services: Services, kind: str, lookup: bytes, code: str) -> bytes:
    """What rests of a code: 32 bytes that say nothing without the SESSION key."""
    key = services.keystore.secret(Purpose.SESSION)
    message = b"certsvc holder code v1\0" + kind.encode() + b"\0" + lookup + code.encode("utf-8", "replace")
    return hmac.digest(key, message, hashlib.sha256)


def message_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"


def normalise_code(text: str) -> str:
    """A code as it was made: half-width, upper case, without blanks and hyphens."""
    folded = unicodedata.normalize("NFKC", text[:_LONGEST_TYPED]).upper()
    return "".join(character for character in folded if not character.isspace() and character != "-")


def can_be_guessed(code: str) -> bool:
    """Whether what was typed is tried as a message code, of which there are but a million."""
    return len(normalise_code(code)) == _DIGITS


def sweep(session: Session, now: datetime) -> None:
    """Delete what ended more than a day ago; a message code stays for the count of its day."""
    past = now - KEPT_AFTER_END
    for record in (HolderCodeRecord, HolderSessionRecord, MessageRecord):
        session.execute(delete(record).where(record.expires_at < past))


def _tried(session: Session, kind: str, lookup: bytes, now: datetime) -> HolderCodeRecord | None:
    """Count a try at the live code of this kind, in one statement; the row, or None where there is no such code.

    Where there is none, the decoy's count moves: a commit that writes takes longer than one that does not.
    """
    decoy = session.scalar(select(HolderCodeRecord.id).where(HolderCodeRecord.kind == _DECOY).limit(1))
    if decoy is None:
        row = HolderCodeRecord(kind=_DECOY, id_lookup=b"", digest=b"", made_at=now, expires_at=_NEVER, tries=0)
        session.add(row)
        session.flush()
        decoy = row.id
    live = [
        HolderCodeRecord.kind == kind,
        HolderCodeRecord.id_lookup == lookup,
        HolderCodeRecord.ended_at.is_(None),
        HolderCodeRecord.expires_at > now,
    ]
    if kind == MESSAGE:
        live.append(HolderCodeRecord.tries < MOST_TRIES)
    found = session.scalar(select(HolderCodeRecord.id).where(*live).order_by(HolderCodeRecord.id.desc()).limit(1))
    count = update(HolderCodeRecord).values(tries=HolderCodeRecord.tries + 1).returning(HolderCodeRecord.id)
    counted = session.scalar(
        count.where(HolderCodeRecord.id == found, *live)
        if found is not None
        else count.where(HolderCodeRecord.id == decoy)
    )
    wanted = counted if counted is not None else decoy
    row = session.get_one(HolderCodeRecord, wanted, populate_existing=True)
    return row if found is not None and counted == found else None


def _live(session: Session, digest: bytes, now: datetime) -> HolderSessionRecord | None:
    return session.scalar(
        select(HolderSessionRecord).where(
            HolderSessionRecord.digest == digest,
            HolderSessionRecord.ended_at.is_(None),
            HolderSessionRecord.expires_at > now,
            HolderSessionRecord.seen_at > now - IDLE_LIFE,
        )
    )


def _session_digest(services: Services, secret: str) -> bytes:
    key = services.keystore.secret(Purpose.SESSION)
    message = b"certsvc holder session v1\0" + secret.encode("utf-8", "replace")
    return hmac.digest(key, message, hashlib.sha256)


def _name_of(text: str) -> str:
    """The name as registered; "" for what can be no name, and that nobody bears."""
    try:
        return parse_name(text).text
    except InvalidName:
        return ""


def _lock(lookup: bytes) -> str:
    return f"holder {lookup.hex()}"  # orders what happens to one person, and nobody else


def _note(session: Session, at: datetime, action: str, session_id: int, **detail: object) -> None:
    note(
        session,
        at=at,
        by=BY_HOLDER,
        action=action,
        object_kind="holder-session",
        object_key=str(session_id),
        **detail,
    )
