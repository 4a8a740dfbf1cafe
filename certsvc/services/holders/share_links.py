"""Links a holder hands out to show a certificate: they expire, can be withdrawn, show when they were opened (R10).

The link's secret is 128 random bits that the register keeps as a SHA-256 only; anyone who steals the register opens no
link. Unknown, expired and withdrawn are one answer. What a link shows is the public record, never more.
Not here: who the holder is (the caller has established that), the link's address (web).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certsvc.credential.token import TOKEN_BYTES, format_token, normalise_token
from certsvc.errors import NotFound, Refused
from certsvc.services.context import Services
from certsvc.services.trail import note
from certsvc.services.verification.public_record import PublicRecord, electronic_record
from certsvc.store import ISSUED, CertificateRecord, ShareLinkRecord, ShareOpeningRecord

LONGEST_LIFE: Final = timedelta(days=365)
MOST_LINKS: Final = 100
ONE_OPENING: Final = timedelta(minutes=1)
"""What comes sooner after an opening belongs to it: no one fills the register by reloading a page."""
_LOCK: Final = "shares"


@dataclass(frozen=True, slots=True)
class Share:
    """One link as its holder sees it. `secret` is there only when it was just made; no one can be told it again."""

    id: int
    created_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None
    opened_at: tuple[datetime, ...]
    secret: str | None = None

    def is_open(self, at: datetime) -> bool:
        return self.withdrawn_at is None and at < self.expires_at


def create(services: Services, token: str, *, life: timedelta, by: str) -> Share:
    """A new link to the certificate with this token. Raises `NotFound`, and `Refused` for a life out of range."""
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise Refused("有效期应在一年之内", "a link lives for a year at most", rule="R10", where="expires")
    secret = format_token(secrets.token_bytes(TOKEN_BYTES))
    now = services.now()
    with services.database.writing(_LOCK) as session:
        row = _certificate(session, token)
        if len(_links(session, row)) >= MOST_LINKS:
            raise Refused(f"分享链接已达 {MOST_LINKS} 个", f"there are {MOST_LINKS} links already", rule="R10")
        link = ShareLinkRecord(
            certificate_id=row.id,
            secret_sha256=_digest(secret),
            created_at=now,
            expires_at=now + life,
            withdrawn_at=None,
        )
        session.add(link)
        session.flush()
        note(session, at=now, by=by, action="share.create", object_kind="share", object_key=str(link.id))
        return Share(link.id, link.created_at, link.expires_at, None, (), secret)


def open_link(services: Services, secret: str, *, counts: bool = True) -> PublicRecord | None:
    """What a link shows, with its opening noted where it counts; None alike for unknown, expired and withdrawn."""
    wanted = _digest(normalise_token(secret) or "")
    now = services.now()
    # Anybody may come here: nothing waits for a writer of the register, and a stranger's guess writes nothing.
    with services.database.reading() as session:
        link = session.scalar(select(ShareLinkRecord).where(ShareLinkRecord.secret_sha256 == wanted))
        if link is None or link.withdrawn_at is not None or now >= link.expires_at:
            return None
        record = electronic_record(services, session, session.get_one(CertificateRecord, link.certificate_id))
        openings = select(func.max(ShareOpeningRecord.at)).where(ShareOpeningRecord.share_link_id == link.id)
        last = session.scalar(openings)
    if counts and (last is None or now - last >= ONE_OPENING):
        with services.database.writing(_LOCK) as session:
            session.add(ShareOpeningRecord(share_link_id=link.id, at=now))
    return record


def withdraw(services: Services, token: str, share_id: int, *, by: str) -> Share:
    """End a link of this certificate; again, it changes nothing. Raises `NotFound`."""
    now = services.now()
    with services.database.writing(_LOCK) as session:
        row = _certificate(session, token)
        link = session.get(ShareLinkRecord, share_id)
        if link is None or link.certificate_id != row.id:
            raise NotFound("没有这个分享链接", "there is no such link", rule="R10", where=str(share_id))
        if link.withdrawn_at is None:
            link.withdrawn_at = now
            note(session, at=now, by=by, action="share.withdraw", object_kind="share", object_key=str(link.id))
        return _shown(session, link)


def list_links(services: Services, token: str) -> list[Share]:
    """Every link of this certificate, oldest first, with when it was opened. Raises `NotFound`."""
    with services.database.reading() as session:
        return [_shown(session, link) for link in _links(session, _certificate(session, token))]


def _certificate(session: Session, token: str) -> CertificateRecord:
    wanted = normalise_token(token)
    row = session.scalar(
        select(CertificateRecord).where(CertificateRecord.token == (wanted or ""), CertificateRecord.stage == ISSUED)
    )
    if row is None:
        raise NotFound("没有这张证书", "there is no such certificate", rule="R10")
    return row


def _links(session: Session, row: CertificateRecord) -> list[ShareLinkRecord]:
    query = select(ShareLinkRecord).where(ShareLinkRecord.certificate_id == row.id).order_by(ShareLinkRecord.id)
    return list(session.scalars(query))


def _shown(session: Session, link: ShareLinkRecord) -> Share:
    openings = select(ShareOpeningRecord.at).where(ShareOpeningRecord.share_link_id == link.id)
    opened = tuple(session.scalars(openings.order_by(ShareOpeningRecord.id)))
    return Share(link.id, link.created_at, link.expires_at, link.withdrawn_at, opened)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
