"""Accounts of the staff: opened, given another role, disabled, set back; by the administrator, or on the command line.

A password that someone else gave is good for the first sign-in alone. Taking a role away, disabling and setting back
end every session of the account. Not here: signing in (`sessions`), what a role may do (`roles`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import Conflict, NotFound, Refused
from certsvc.rules.four_eyes import hand
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.staff import second_factor
from certsvc.services.staff.passwords import check_password, hash_password
from certsvc.services.staff.roles import SCOPED, Role
from certsvc.services.staff.sessions import LOCK, end_all
from certsvc.store import AccountRecord

LONGEST_SCOPE = 200
LONGEST_SUBJECT = 255  # OpenID Connect Core, 2
_NAME = re.compile(r"[a-z][a-z0-9._-]{1,63}")
_OS_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\+-]{0,99}\$?")


@dataclass(frozen=True, slots=True)
class Account:
    """An account as staff see it: no password, no secret. `of` is its institution or station."""

    name: str
    role: Role
    of: str | None
    created_at: datetime
    disabled_at: datetime | None
    set_up: bool
    os_account: str | None
    oidc_subject: str | None

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "role": self.role.value,
            "of": self.of,
            "disabled": self.disabled_at is not None,
            "set_up": self.set_up,
            "os_account": self.os_account,
            "oidc_subject": self.oidc_subject,
        }


def add_account(
    services: Services, name: str, role: str, password: str, *, by: str, scope: str | None = None
) -> Account:
    """Open an account. `scope` is the training institution or station it belongs to. Raises `Refused`, `Conflict`."""
    if not _NAME.fullmatch(name):
        raise Refused(
            "账户名为小写字母开头的 2–64 位字母、数字、._-",
            "a name has 2 to 64 of a-z 0-9 . _ - and begins with a letter",
            where="name",
        )
    of = _scope(role, scope)
    check_password(password)
    hashed = hash_password(password)
    with services.database.writing(LOCK) as session:
        for taken in session.scalars(select(AccountRecord.name)):
            # Two accounts whose names differ in dots and dashes alone would be one hand (rules.four_eyes).
            if hand(taken) == hand(name):
                raise Conflict("账户已存在，或只差标点", "an account of that name is there already", where="name")
        account = AccountRecord(
            name=name, role=role, scope=of, password_hash=hashed, password_is_own=False, created_at=services.now()
        )
        session.add(account)
        _note(services, session, by, "account.add", name, role=role, scope=of)
        return _shown(account)


def accounts(services: Services) -> list[Account]:
    """Every account, by name."""
    with services.database.reading() as session:
        return [_shown(one) for one in session.scalars(select(AccountRecord).order_by(AccountRecord.name))]


def account_named(services: Services, name: str) -> Account:
    """One account. Raises `NotFound`."""
    with services.database.reading() as session:
        return _shown(_found(session, name))


def change_role(services: Services, name: str, role: str, *, by: str, scope: str | None = None) -> Account:
    """Give it another role; its sessions end. Raises `NotFound`, `Refused`."""
    of = _scope(role, scope)
    with services.database.writing(LOCK) as session:
        account = _changeable(session, name, by)
        if (account.role, account.scope) == (role, of):
            return _shown(account)
        account.role, account.scope = role, of
        end_all(session, account.id, services.now())
        _note(services, session, by, "account.role", name, role=role, scope=of)
        return _shown(account)


def disable(services: Services, name: str, *, by: str) -> Account:
    """Shut it; its sessions end. Again: changes nothing. Raises `NotFound`, `Refused`."""
    with services.database.writing(LOCK) as session:
        account = _changeable(session, name, by)
        if account.disabled_at is None:
            account.disabled_at = services.now()
            end_all(session, account.id, services.now())
            _note(services, session, by, "account.disable", name)
        return _shown(account)


def enable(services: Services, name: str, *, by: str) -> Account:
    """Open it again, with the password and second factor it had. Again: changes nothing. Raises `NotFound`."""
    with services.database.writing(LOCK) as session:
        account = _changeable(session, name, by)
        if account.disabled_at is not None:
            account.disabled_at = None
            _note(services, session, by, "account.enable", name)
        return _shown(account)


def reset(services: Services, name: str, password: str, *, by: str) -> Account:
    """A password for the next sign-in, at which the owner sets up a second factor again; sessions end.

    Raises `NotFound`, `Refused`.
    """
    check_password(password)
    hashed = hash_password(password)
    with services.database.writing(LOCK) as session:
        account = _changeable(session, name, by)
        account.password_hash, account.password_is_own = hashed, False
        second_factor.forget(session, account)
        end_all(session, account.id, services.now())
        _note(services, session, by, "account.reset", name)
        return _shown(account)


def map_to(services: Services, name: str, os_account: str | None, *, by: str) -> Account:
    """From now on the commands of this operating-system account are this account's; None takes that back.

    Raises `NotFound`, `Refused`, `Conflict`.
    """
    if os_account is not None and not _OS_NAME.fullmatch(os_account):
        raise Refused("不是操作系统账户名", "that is no name of an account of the operating system", where="os")
    with services.database.writing(LOCK) as session:
        account = _found(session, name)
        taken = session.scalar(select(AccountRecord.name).where(AccountRecord.os_account == os_account))
        if os_account is not None and taken not in (None, name):
            raise Conflict(f"已对应到 {taken}", f"it is mapped to {taken} already", where=os_account)
        account.os_account = os_account
        _note(services, session, by, "account.map", name, os_account=os_account)
        return _shown(account)


def bind(services: Services, name: str, issuer: str | None, subject: str | None, *, by: str) -> Account:
    """From now on who signs in at the directory as `subject` is this account; None takes that back. Sessions end.

    Raises `NotFound`, `Refused`, `Conflict`.
    """
    text = (subject or "").strip()
    if text and issuer is None:
        raise Refused("没有配置机构的目录", "no directory is configured", where="CERTSVC_OIDC_ISSUER")
    if len(text) > LONGEST_SUBJECT or not text.isprintable():
        raise Refused("不是目录中的标识（sub）", "that is no subject of a directory", where="sub")
    with services.database.writing(LOCK) as session:
        account = _changeable(session, name, by)
        bound = (issuer, text) if text else (None, None)
        if (account.oidc_issuer, account.oidc_subject) == bound:
            return _shown(account)
        same = select(AccountRecord.name).where(
            AccountRecord.oidc_issuer == bound[0], AccountRecord.oidc_subject == bound[1]
        )
        taken = session.scalar(same) if text else None
        if taken is not None:
            raise Conflict(f"已绑定到 {taken}", f"it is bound to {taken} already", where="sub")
        account.oidc_issuer, account.oidc_subject = bound
        end_all(session, account.id, services.now())
        _note(services, session, by, "account.bind", name, bound=bool(text))
        return _shown(account)


def mapped(services: Services, os_account: str) -> str | None:
    """The account whose commands these are; None in a home without accounts.

    Raises `Refused` where it is disabled, and where there are accounts and none is this one's: who asks in the console
    and approves on the command line would else be two people (R1.6).
    """
    with services.database.reading() as session:
        found = session.scalar(select(AccountRecord).where(AccountRecord.os_account == os_account))
        others = session.scalar(select(AccountRecord.id).where(AccountRecord.disabled_at.is_(None)).limit(1))
    if found is None and others is not None:
        raise Refused(
            f"操作系统账户 {os_account} 未对应工作人员账户：certsvc user map 账户 --os {os_account}",
            f"{os_account} is no one's account of the staff yet: certsvc user map NAME --os {os_account}",
            rule="R1.6",
            where="by",
        )
    if found is not None and found.disabled_at is not None:
        raise Refused(f"账户 {found.name} 已停用", f"the account {found.name} is disabled", rule="R1.6", where="by")
    return None if found is None else found.name


def _scope(role: str, scope: str | None) -> str | None:
    """The institution or station, of a role that has one. Raises `Refused`."""
    known = Role.known(role)
    if known is None:
        raise Refused(f"未知角色 {role}", f"unknown role {role}; one of: {', '.join(Role)}", where="role")
    given = (scope or "").strip()
    if known not in SCOPED:
        return None
    if not 0 < len(given) <= LONGEST_SCOPE or not given.isprintable():
        raise Refused("该角色须指明所属机构", "this role needs the institution or station it belongs to", where="of")
    return given


def _changeable(session: Session, name: str, by: str) -> AccountRecord:
    """An account, for another to change: an administrator who could raise their own role would be every role."""
    if hand(by) == hand(name):
        raise Refused("不能更改自己的账户，请另一位管理员办理", "no one changes their own account", where=name)
    return _found(session, name)


def _found(session: Session, name: str) -> AccountRecord:
    account = session.scalar(select(AccountRecord).where(AccountRecord.name == name))
    if account is None:
        raise NotFound("没有该账户", "there is no such account", where=name)
    return account


def _shown(account: AccountRecord) -> Account:
    return Account(
        name=account.name,
        role=Role.of(account.role),
        of=account.scope,
        created_at=account.created_at,
        disabled_at=account.disabled_at,
        set_up=second_factor.is_set_up(account),
        os_account=account.os_account,
        oidc_subject=account.oidc_subject,
    )


def _note(services: Services, session: Session, by: str, action: str, name: str, **detail: object) -> None:
    trail.note(session, at=services.now(), by=by, action=action, object_kind="account", object_key=name, **detail)
