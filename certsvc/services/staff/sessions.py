"""Who of the staff is at work: a password, then a second factor, then a session that the register keeps.

The cookie holds a random secret, another one after each step of signing in; the register keeps its keyed digest. A
session ends when it is signed out, idle for half an hour or ten hours old, when the account is disabled, gets another
role, password or second factor, and after too many wrong codes. Names that are not on record take as long as those that
are. Not here: limits by address (`web.limits`), what a role may do (`roles`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from certsvc.errors import Refused
from certsvc.services.context import Services
from certsvc.services.staff import second_factor
from certsvc.services.staff.passwords import NO_ONES, check_password, hash_password, is_outdated, password_matches
from certsvc.services.staff.roles import Role
from certsvc.services.staff.second_factor import Shown
from certsvc.services.trail import note
from certsvc.signing.keys import Purpose
from certsvc.store import AccountRecord, StaffSessionRecord

SESSION_LIFE: Final = timedelta(hours=10)
IDLE_LIFE: Final = timedelta(minutes=30)
PENDING_LIFE: Final = timedelta(minutes=10)
FRESH: Final = timedelta(minutes=5)
"""So long after the second factor was shown, deeds that ask for it do not ask again."""
MOST_TRIES: Final = 5
LOCK: Final = "staff"

_TOUCH_AFTER: Final = timedelta(minutes=1)
_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Staff:
    """Who is at this browser. Before `signed_in`, only the password was right. `form_key` makes CSRF tokens."""

    session_id: int
    account_id: int
    name: str
    role: Role
    scope: str | None
    signed_in: bool
    set_up: bool
    password_is_own: bool
    fresh: bool
    form_key: bytes = field(repr=False)


def begin(services: Services, name: str, password: str) -> str | None:
    """The first step: the secret of a session that may show its second factor; None alike for a wrong password, an
    unknown name and a disabled account. Raises `Unavailable`."""
    with services.database.reading() as session:
        found = session.scalar(select(AccountRecord).where(AccountRecord.name == name))
    stored = NO_ONES if found is None else found.password_hash
    if not password_matches(password, stored) or found is None or found.disabled_at is not None:
        return None
    better = hash_password(password) if is_outdated(stored) else None
    with services.database.writing(LOCK) as session:
        account = session.get_one(AccountRecord, found.id)
        if account.password_hash != stored or account.disabled_at is not None:  # changed meanwhile
            return None
        if better is not None:
            account.password_hash = better
        session.execute(delete(StaffSessionRecord).where(StaffSessionRecord.expires_at < services.now() - _KEPT))
        return _open(services, session, account, PENDING_LIFE)


def whose(services: Services, secret: str) -> Staff | None:
    """Who is there with this secret; None where the session is unknown or over. Moves the idle clock (to the minute).

    Raises `Unavailable`.
    """
    now = services.now()
    with services.database.reading() as session:
        found = _live(services, session, secret)
    if found is None:
        return None
    row, account = found
    if now - row.seen_at >= _TOUCH_AFTER:
        with services.database.writing(LOCK) as session:
            session.execute(update(StaffSessionRecord).where(StaffSessionRecord.id == row.id).values(seen_at=now))
    return Staff(
        session_id=row.id,
        account_id=account.id,
        name=account.name,
        role=Role.of(account.role),
        scope=account.scope,
        signed_in=row.factor is not None,
        set_up=second_factor.is_set_up(account),
        password_is_own=account.password_is_own,
        fresh=row.confirmed_at is not None and now - row.confirmed_at < FRESH,
        form_key=hmac.digest(secret.encode(), b"certsvc staff form v1", hashlib.sha256),
    )


def secret_for(services: Services, secret: str) -> str:
    """The secret that an authenticator is to take up, of one who has shown the password alone. Raises `Refused`."""
    with services.database.writing(LOCK) as session:
        _, account = _due(services, session, secret, signed_in=False)
        if account.totp_since is not None:
            raise _set_up_already()
        return second_factor.new_secret(services, account)


def set_up(services: Services, secret: str, code: str, password: str | None) -> tuple[str, list[str]] | None:
    """A first code from the authenticator, and the password of one's own where there is none yet: the secret of the
    session that begins, and the recovery codes, told this once. None for a wrong code. Raises `Refused`."""
    if password is not None:
        check_password(password)
    hashed = None if password is None else hash_password(password)
    with services.database.writing(LOCK) as session:
        row, account = _due(services, session, secret, signed_in=False)
        if second_factor.is_set_up(account):
            raise _set_up_already()
        if not account.password_is_own:
            _check_another(account, password)
        if not _counted(row, second_factor.code_is_right(services, account, _digits(code)), services.now()):
            return None
        if hashed is not None:
            account.password_hash, account.password_is_own = hashed, True
        second_factor.taken_up(account, services.now())
        codes = second_factor.new_recovery_codes(session, account)
        end_all(session, account.id, services.now())
        _note(services, session, account, "account.set-up")
        return _sign_in(services, session, account, "totp"), codes


def sign_in(services: Services, secret: str, shown: Shown) -> str | None:
    """The second step: the secret of the session that begins; None for a factor that is not this account's.

    Raises `Refused` where the first step is over, or nothing was set up yet.
    """
    with services.database.writing(LOCK) as session:
        row, account = _due(services, session, secret, signed_in=False)
        if not second_factor.is_set_up(account):
            raise SignInOver
        factor = second_factor.factor_of(services, session, account, shown)
        if not _counted(row, factor is not None, services.now()):
            return None
        assert factor is not None
        row.ended_at = services.now()
        return _sign_in(services, session, account, factor)


def sign_in_vouched(services: Services, issuer: str, subject: str) -> str | None:
    """The secret of a session of the account that is bound to this person of a directory, which has asked for what it
    asks for; None where none is, or where it is disabled. Raises `Unavailable`."""
    with services.database.writing(LOCK) as session:
        account = session.scalar(_bound(issuer, subject).where(AccountRecord.disabled_at.is_(None)))
        if account is None:
            return None
        session.execute(delete(StaffSessionRecord).where(StaffSessionRecord.expires_at < services.now() - _KEPT))
        return _sign_in(services, session, account, "directory")


def confirm_vouched(services: Services, secret: str, issuer: str, subject: str) -> bool:
    """The person signed in at the directory once more, in place of the second factor; False for another person.

    Raises `SignInOver` where the session is over.
    """
    with services.database.writing(LOCK) as session:
        row, account = _due(services, session, secret, signed_in=True)
        if session.scalar(_bound(issuer, subject)) is not account:
            return False
        row.confirmed_at, row.tries = services.now(), 0
        return True


def is_vouched_for(services: Services, account_id: int, issuer: str) -> bool:
    """Whether the account is bound to a person of this directory."""
    with services.database.reading() as session:
        return session.get_one(AccountRecord, account_id).oidc_issuer == issuer


def confirm(services: Services, secret: str, shown: Shown) -> bool:
    """The second factor once more, for deeds that ask for it. Raises `SignInOver` where the session is over."""
    with services.database.writing(LOCK) as session:
        row, account = _due(services, session, secret, signed_in=True)
        right = second_factor.factor_of(services, session, account, shown) is not None
        if not _counted(row, right, services.now()):
            return False
        row.confirmed_at, row.tries = services.now(), 0
        return True


def change_password(services: Services, secret: str, old: str, new: str) -> str | None:
    """Another password: every session ends, and the secret of a new one is answered; None where `old` is wrong.

    Raises `Refused`.
    """
    check_password(new)
    with services.database.reading() as session:
        found = _live(services, session, secret)
    if found is None:
        raise SignInOver
    if not password_matches(old, found[1].password_hash):
        return None
    hashed = hash_password(new)
    with services.database.writing(LOCK) as session:
        row, account = _due(services, session, secret, signed_in=True)
        _check_another(account, new)
        account.password_hash, account.password_is_own = hashed, True
        factor = row.factor
        assert factor is not None
        end_all(session, account.id, services.now())
        _note(services, session, account, "account.password")
        return _open(services, session, account, SESSION_LIFE, factor=factor, confirmed_at=row.confirmed_at)


def new_recovery_codes(services: Services, secret: str) -> list[str]:
    """Ten new recovery codes; the earlier ones are good no more. Raises `SignInOver`."""
    with services.database.writing(LOCK) as session:
        _, account = _due(services, session, secret, signed_in=True)
        _note(services, session, account, "account.recovery-codes")
        return second_factor.new_recovery_codes(session, account)


def new_challenge(services: Services, secret: str) -> bytes:
    """What a passkey that is to be made, or to sign in, has to sign: 32 random bytes, kept with the session."""
    with services.database.writing(LOCK) as session:
        found = _live(services, session, secret)
        if found is None:
            raise SignInOver
        found[0].challenge = secrets.token_bytes(32)
        return found[0].challenge


def spend_challenge(services: Services, secret: str) -> bytes:
    """The challenge that was given out, which is then good no more. Raises `SignInOver` where there is none."""
    with services.database.writing(LOCK) as session:
        found = _live(services, session, secret)
        if found is None or found[0].challenge is None:
            raise SignInOver
        challenge, found[0].challenge = found[0].challenge, None
        return challenge


def add_passkey(services: Services, secret: str, response: str, *, challenge: bytes, label: str) -> None:
    """Register a passkey of the account that is signed in. Raises `Refused`."""
    with services.database.writing(LOCK) as session:
        _, account = _due(services, session, secret, signed_in=True)
        second_factor.add_passkey(services, session, account, response, challenge=challenge, label=label)
        _note(services, session, account, "account.passkey-add")


def drop_passkey(services: Services, secret: str, passkey_id: int) -> None:
    """Take one of one's own passkeys away; of another's, or of none, nothing changes. Raises `SignInOver`."""
    with services.database.writing(LOCK) as session:
        _, account = _due(services, session, secret, signed_in=True)
        for key in second_factor.passkeys_of(session, account.id):
            if key.id == passkey_id:
                session.delete(key)
                _note(services, session, account, "account.passkey-drop")


def sign_out(services: Services, secret: str) -> None:
    """End the session; of one that is over, or of none, nothing changes. Raises `Unavailable`."""
    with services.database.writing(LOCK) as session:
        found = _live(services, session, secret)
        if found is not None:
            found[0].ended_at = services.now()
            if found[0].factor is not None:
                _note(services, session, found[1], "account.sign-out")


def end_all(session: Session, account_id: int, at: datetime) -> None:
    """End every session of an account, in the caller's transaction."""
    session.flush()
    open_ones = update(StaffSessionRecord).where(
        StaffSessionRecord.account_id == account_id, StaffSessionRecord.ended_at.is_(None)
    )
    session.execute(open_ones.values(ended_at=at))


class SignInOver(Refused):
    """The session, or the first step of signing in, is over."""

    code = "sign-in-over"

    def __init__(self) -> None:
        super().__init__("登录已结束，请重新登录", "the session is over; sign in again", rule="R1.6")


def _bound(issuer: str, subject: str) -> Select[AccountRecord]:
    return select(AccountRecord).where(AccountRecord.oidc_issuer == issuer, AccountRecord.oidc_subject == subject)


def _live(services: Services, session: Session, secret: str) -> tuple[StaffSessionRecord, AccountRecord] | None:
    now = services.now()
    found = session.execute(
        select(StaffSessionRecord, AccountRecord)
        .join(AccountRecord, AccountRecord.id == StaffSessionRecord.account_id)
        .where(
            StaffSessionRecord.digest == _digest(services, secret),
            StaffSessionRecord.ended_at.is_(None),
            StaffSessionRecord.expires_at > now,
            StaffSessionRecord.seen_at > now - IDLE_LIFE,
            AccountRecord.disabled_at.is_(None),
        )
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def _due(
    services: Services, session: Session, secret: str, *, signed_in: bool
) -> tuple[StaffSessionRecord, AccountRecord]:
    """The live session at this step of signing in; raises `SignInOver`."""
    found = _live(services, session, secret)
    if found is None or (found[0].factor is not None) is not signed_in:
        raise SignInOver
    return found


def _counted(row: StaffSessionRecord, right: bool, now: datetime) -> bool:
    """Count a wrong factor; after too many the session ends."""
    if not right:
        row.tries += 1
        if row.tries >= MOST_TRIES:
            row.ended_at = now
    return right


def _sign_in(services: Services, session: Session, account: AccountRecord, factor: str) -> str:
    _note(services, session, account, "account.sign-in", factor=factor)
    return _open(services, session, account, SESSION_LIFE, factor=factor, confirmed_at=services.now())


def _open(
    services: Services,
    session: Session,
    account: AccountRecord,
    life: timedelta,
    *,
    factor: str | None = None,
    confirmed_at: datetime | None = None,
) -> str:
    secret, now = secrets.token_urlsafe(32), services.now()
    session.add(
        StaffSessionRecord(
            digest=_digest(services, secret),
            account_id=account.id,
            began_at=now,
            seen_at=now,
            expires_at=now + life,
            factor=factor,
            confirmed_at=confirmed_at,
            tries=0,
        )
    )
    return secret


def _check_another(account: AccountRecord, password: str | None) -> None:
    if password is None or password_matches(password, account.password_hash):
        raise Refused(
            "请另选一个只有您知道的口令", "choose a password that you alone know, another than before", where="password"
        )


def _set_up_already() -> Refused:
    return Refused("第二因素已设置，请重新登录", "the second factor is set up already; sign in again")


def _digits(code: str) -> str:
    return "".join(code.split())


def _digest(services: Services, secret: str) -> bytes:
    message = b"certsvc staff session v1\0" + secret.encode("utf-8", "replace")
    return hmac.digest(services.keystore.secret(Purpose.SESSION), message, hashlib.sha256)


def _note(services: Services, session: Session, account: AccountRecord, action: str, **detail: object) -> None:
    note(
        session,
        at=services.now(),
        by=account.name,
        action=action,
        object_kind="account",
        object_key=account.name,
        **detail,
    )
