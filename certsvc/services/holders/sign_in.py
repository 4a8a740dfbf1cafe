"""Who the holder is: signing in with a code, and the session that begins then (R10).

A person is named by name and identity document, and proves to be that person by a code (`codes`). No one learns here
whether a person is known. Asking for a code records that it was asked for, the same for everyone; whether there is such
a person is found out later, when messages are sent (`codes_by_message`). A wrong try costs the same reads, the same
digests and one write, at a decoy where there is no code. Secrets rest as HMAC under the SESSION key, so rotating that
key ends every session. Not here: limits by address (`web.limits`), what a holder may see (`own_record`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from certsvc.person.identity import IdentityDocument, IdType
from certsvc.person.name import fold
from certsvc.services.context import Services
from certsvc.services.holders.codes import (
    ACCESS,
    MESSAGE,
    MESSAGE_CODE_LIFE,
    can_be_guessed,
    code_digest,
    lock_of,
    normalise_code,
    tried,
)
from certsvc.services.holders.known import find
from certsvc.services.notices.send import MessageState
from certsvc.services.trail import note
from certsvc.signing.keys import Purpose
from certsvc.store import HolderSessionRecord, MessageRecord

BY_HOLDER: Final = "holder"
"""Who did it, in the audit trail and on requests, where the holder did."""
SESSION_LIFE: Final = timedelta(hours=8)
IDLE_LIFE: Final = timedelta(minutes=30)

_BASE_LENGTH: Final = 43  # of 32 random bytes in base64
_TOUCH_AFTER: Final = timedelta(minutes=1)  # the idle clock is written at most so often, not with every page


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


def codes_are_sent(services: Services) -> bool:
    """Whether codes can be sent at all: the same answer for everyone."""
    return services.messenger is not None


def request_code(services: Services, name: str, identity: IdentityDocument) -> None:
    """Record that a message code is wanted; the same for everyone, known or not. Raises `Unavailable`.

    The site wakes its sender afterwards (`jobs.sender`); `certsvc holder send` does the same work.
    """
    if not codes_are_sent(services):
        return
    lookup, now = services.vault.lookup(identity), services.now()
    sealed = services.vault.seal({"name": fold(name)}, lookup)
    with services.database.writing(lock_of(lookup)) as session:
        session.add(
            MessageRecord(
                id_lookup=lookup,
                state=MessageState.ASKED,
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
    with services.database.writing(lock_of(lookup)) as session:
        row = tried(session, kind, lookup, now)
        known = find(session, lookup)
        offered = code_digest(services, kind, lookup, typed)
        stored = row.digest if row is not None else bytes(32)
        # Each is computed before any is looked at.
        agreements = (row is not None, hmac.compare_digest(offered, stored), known is not None and known.bears(name))
        if not all(agreements) or row is None or known is None:
            return None
        row.ended_at = now
        base = secrets.token_urlsafe(32)
        secret = base + _whose(services, base, lookup)
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
    # A row that was moved to another person by hand opens nothing: the secret itself says whose it is.
    base = secret[:_BASE_LENGTH]
    if not hmac.compare_digest(secret[_BASE_LENGTH:].encode(), _whose(services, base, row.id_lookup).encode()):
        return None
    if now - row.seen_at >= _TOUCH_AFTER:
        with services.database.writing(lock_of(row.id_lookup)) as session:
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


def _whose(services: Services, base: str, lookup: bytes) -> str:
    """The second half of a session's secret: whose it is, under the SESSION key."""
    message = b"certsvc holder session of v1\0" + base.encode("utf-8", "replace") + lookup
    tag = hmac.digest(services.keystore.secret(Purpose.SESSION), message, hashlib.sha256)
    return base64.urlsafe_b64encode(tag[:16]).decode().rstrip("=")


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
