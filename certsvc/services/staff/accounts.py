"""Accounts of the staff (console): a name, a role, and a password kept only as an scrypt hash.

Not here: sessions and what a role may do (web.console, another issue). Source: RFC 7914; OWASP's parameters for scrypt.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re

from sqlalchemy import select

from certsvc.errors import Conflict, Refused
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.store import AccountRecord
from certsvc.store.audit import ROLES

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256
_NAME = re.compile(r"[a-z][a-z0-9._-]{1,63}")
_LOG2_N, _R, _P, _SALT_BYTES, _KEY_BYTES = 17, 8, 1, 16, 32


def add_account(
    services: Services, name: str, role: str, password: str, *, by: str, scope: str | None = None
) -> AccountRecord:
    """Open an account. `scope` is the training institution or station it belongs to. Raises `Refused`, `Conflict`."""
    if not _NAME.fullmatch(name):
        raise Refused(
            "账户名为小写字母开头的 2–64 位字母、数字、._-",
            "a name has 2 to 64 of a-z 0-9 . _ - and begins with a letter",
        )
    if role not in ROLES:
        raise Refused(f"未知角色 {role}", f"unknown role {role}; one of: {', '.join(ROLES)}")
    if role in ("institution", "station") and not scope:
        raise Refused("该角色须指明所属机构", "this role needs the institution or station it belongs to")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Refused(
            f"口令应为 {SHORTEST_PASSWORD}–{LONGEST_PASSWORD} 个字符",
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters",
        )
    with services.database.writing() as session:
        if session.scalar(select(AccountRecord.id).where(AccountRecord.name == name)) is not None:
            raise Conflict("账户已存在", "the account is there already", where=name)
        account = AccountRecord(
            name=name, role=role, scope=scope, password_hash=hash_password(password), created_at=services.now()
        )
        session.add(account)
        trail.note(
            session,
            at=services.now(),
            by=by,
            action="account.add",
            object_kind="account",
            object_key=name,
            role=role,
            scope=scope,
        )
        return account


def accounts(services: Services) -> list[AccountRecord]:
    """Every account, by name."""
    with services.database.reading() as session:
        return list(session.scalars(select(AccountRecord).order_by(AccountRecord.name)))


def authenticate(services: Services, name: str, password: str) -> AccountRecord | None:
    """The account with that name and password; None for a wrong, unknown or disabled one, in the same time."""
    with services.database.reading() as session:
        account = session.scalar(select(AccountRecord).where(AccountRecord.name == name))
    stored = account.password_hash if account is not None else _UNKNOWN
    matches = password_matches(password, stored)
    return account if matches and account is not None and account.disabled_at is None else None


def hash_password(password: str) -> str:
    """ "scrypt$17$8$1$SALT$KEY", salt and key in base64."""
    salt = os.urandom(_SALT_BYTES)
    key = _derive(password, salt, _LOG2_N, _R, _P)
    return "$".join(("scrypt", str(_LOG2_N), str(_R), str(_P), *(base64.b64encode(x).decode() for x in (salt, key))))


def password_matches(password: str, stored: str) -> bool:
    """Whether the password is the one that was hashed."""
    _, log2_n, r, p, salt, key = stored.split("$")
    derived = _derive(password, base64.b64decode(salt), int(log2_n), int(r), int(p))
    return hmac.compare_digest(derived, base64.b64decode(key))


def _derive(password: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    memory = 256 * r * 2**log2_n
    return hashlib.scrypt(password.encode(), salt=salt, n=2**log2_n, r=r, p=p, maxmem=memory, dklen=_KEY_BYTES)


# What an unknown name is checked against, so that the time of an answer does not tell whether it exists.
_UNKNOWN = f"scrypt${_LOG2_N}${_R}${_P}${'A' * 22}==${'A' * 43}="
