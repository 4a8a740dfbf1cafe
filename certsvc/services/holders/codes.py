"""The codes that a holder signs in with: made, counted, ended and swept (R10).

A **message code** has six digits and lives ten minutes; an **access code** has twelve characters, lives seven days and
is made by staff who saw the document. Either is bound to the person and good once; a message code is dead after five
tries in all (no number of tries ends an access code, so that a stranger cannot burn it); a new one replaces the former.
Codes rest as HMAC under the SESSION key, so rotating that key ends every code. Not here: sessions (`sign_in`), how a
message code reaches a phone (`codes_by_message`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from certsvc.errors import NotFound
from certsvc.person.identity import IdentityDocument
from certsvc.services.context import Services
from certsvc.services.holders.known import find
from certsvc.services.trail import note
from certsvc.signing.keys import Purpose
from certsvc.store import HolderCodeRecord, HolderSessionRecord, MessageRecord

MESSAGE_CODE_LIFE: Final = timedelta(minutes=10)
ACCESS_CODE_LIFE: Final = timedelta(days=7)
KEPT_AFTER_END: Final = timedelta(days=1)

MESSAGE: Final = "message"
ACCESS: Final = "access"
MOST_TRIES: Final = 5  # at a message code; guessing at the 55 bits of an access code is hopeless without a limit
_DECOY: Final = "decoy"
_DIGITS: Final = 6
_LETTERS: Final = 12
# No 0 O, 1 I L, 2 Z, 5 S, 8 B: none is mistaken for another on paper or by ear at a desk. 55 bits in twelve.
_ALPHABET: Final = "34679ACDEFGHJKMNPQRTUVWXY"
_LONGEST_TYPED: Final = 100
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AccessCode:
    """A code to hand over on paper, in three groups of four; it is told this once."""

    code: str = field(repr=False)
    expires_at: datetime


def make_access_code(services: Services, identity: IdentityDocument, *, by: str) -> AccessCode:
    """A code for the person who showed this document at the desk; the former one, and every session, ends.

    Raises `NotFound` where no one is on record with the document.
    """
    lookup, now = services.vault.lookup(identity), services.now()
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
    with services.database.writing(lock_of(lookup)) as session:
        known = find(session, lookup)
        if known is None:
            raise NotFound("登记中没有该证件的持有人", "no one is on record with this document", rule="R10")
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


def tried(session: Session, kind: str, lookup: bytes, now: datetime) -> HolderCodeRecord | None:
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


def lock_of(lookup: bytes) -> str:
    """The name of the lock that orders what happens to one person, and to no one else."""
    return f"holder {lookup.hex()}"
