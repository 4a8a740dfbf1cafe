"""Accounts of the staff: opened, given another role, disabled, set back; by the administrator, or on the command line.

A password that someone else gave is good for the first sign-in alone. Taking a role away, disabling and setting back
end every session of the account. What would give someone another's hand (an account, a role, a password, the commands
of another) is an `AccountWork`, and with real keys takes two. Not here: how they agree (`account_work`), signing in
(`sessions`), what a role may do (`roles`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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


class Work(StrEnum):
    """What is done with an account that could make one person two."""

    OPEN = "open"
    ROLE = "role"
    RESET = "reset"
    MAP = "map"
    BIND = "bind"


@dataclass(frozen=True, slots=True)
class AccountWork:
    """One such deed, checked: `password_hash` of opening and resetting, `os_account` of mapping,
    `oidc_issuer` and `oidc_subject` of binding."""

    work: Work
    name: str
    role: str | None = None
    of: str | None = None
    os_account: str | None = None
    oidc_issuer: str | None = None
    oidc_subject: str | None = None
    password_hash: str | None = field(default=None, repr=False)


def opening(name: str, role: str, password: str, *, scope: str | None = None) -> AccountWork:
    """An account to be opened. `scope` is the training institution or station it belongs to. Raises `Refused`."""
    if not _NAME.fullmatch(name):
        raise Refused(
            "账户名为小写字母开头的 2–64 位字母、数字、._-",
            "a name has 2 to 64 of a-z 0-9 . _ - and begins with a letter",
            where="name",
        )
    of = _scope(role, scope)
    check_password(password)
    return AccountWork(Work.OPEN, name, role, of, password_hash=hash_password(password))


def another_role(name: str, role: str, *, scope: str | None = None) -> AccountWork:
    """Another role in place of the one it has. Raises `Refused`."""
    return AccountWork(Work.ROLE, name, role, _scope(role, scope))


def resetting(name: str, password: str) -> AccountWork:
    """A password for the next sign-in, at which the owner sets up a second factor again. Raises `Refused`."""
    check_password(password)
    return AccountWork(Work.RESET, name, password_hash=hash_password(password))


def mapping(name: str, os_account: str | None) -> AccountWork:
    """The commands of this operating-system account shall be this account's; None takes that back. Raises `Refused`."""
    if os_account is not None and not _OS_NAME.fullmatch(os_account):
        raise Refused("不是操作系统账户名", "that is no name of an account of the operating system", where="os")
    return AccountWork(Work.MAP, name, os_account=os_account)


def binding(name: str, issuer: str | None, subject: str | None) -> AccountWork:
    """Who signs in at the directory as `subject` shall be this account; None takes that back. Raises `Refused`."""
    text = (subject or "").strip()
    if text and issuer is None:
        raise Refused("没有配置机构的目录", "no directory is configured", where="CERTSVC_OIDC_ISSUER")
    if len(text) > LONGEST_SUBJECT or not text.isprintable():
        raise Refused("不是目录中的标识（sub）", "that is no subject of a directory", where="sub")
    return AccountWork(Work.BIND, name, oidc_issuer=issuer if text else None, oidc_subject=text or None)


def do_alone(services: Services, work: AccountWork, *, by: str) -> Account:
    """Do it by one person. Raises `Refused`, also where it takes two (`takes_two`), `Conflict`, `NotFound`."""
    with services.database.writing(LOCK) as session:
        if takes_two(services, session, by):
            raise Refused(
                "使用正式密钥时，账户须由第二人批准", "with real keys a second person approves accounts", rule="R1.6"
            )
        return do(services, session, work, by=by)


def takes_two(services: Services, session: Session, by: str) -> bool:
    """Whether `by` may not do this alone: keys are real, and there is another who could approve, or once was.

    Who has lost their account counts too, else one could disable the others first, and go on alone. The first accounts
    of all are one person's to open.
    """
    if services.keystore.development:
        return False
    return any(hand(name) != hand(by) for name in _deciding(session))


def anyone_decides(services: Services) -> bool:
    """Whether there is, or was, an approver or an administrator who can sign in."""
    with services.database.reading() as session:
        return bool(_deciding(session))


def _deciding(session: Session) -> list[str]:
    """Who can sign in, with a password and a second factor of their own or by the directory, and is asked to decide."""
    query = select(AccountRecord).where(AccountRecord.role.in_((Role.APPROVER, Role.ADMINISTRATOR)))
    return [one.name for one in session.scalars(query) if second_factor.is_set_up(one) or one.oidc_subject is not None]


def do(services: Services, session: Session, work: AccountWork, *, by: str, **by_two: str | int) -> Account:
    """Do it; `by_two` says who approved. Raises `Refused`, `Conflict`, `NotFound`."""
    match work.work:
        case Work.OPEN:
            account = _open(services, session, work)
        case Work.ROLE:
            account = _changeable(session, work.name, by)
            if (account.role, account.scope) == (work.role, work.of):
                return _shown(account)
            account.role, account.scope = str(work.role), work.of
            end_all(session, account.id, services.now())
        case Work.RESET:
            account = _changeable(session, work.name, by)
            account.password_hash, account.password_is_own = str(work.password_hash), False
            second_factor.forget(session, account)
            end_all(session, account.id, services.now())
        case Work.MAP:
            account = _map(session, work)
        case Work.BIND:
            account = _changeable(session, work.name, by)
            if not _bind(session, account, work):
                return _shown(account)
            end_all(session, account.id, services.now())
    told: dict[str, object] = {"role": work.role, "scope": work.of} if work.role else {}
    told |= {"os_account": work.os_account} if work.work is Work.MAP else {}
    told |= {"bound": work.oidc_subject is not None} if work.work is Work.BIND else {}
    action = "account.add" if work.work is Work.OPEN else f"account.{work.work}"
    _note(services, session, by, action, work.name, **told, **by_two)
    return _shown(account)


def _open(services: Services, session: Session, work: AccountWork) -> AccountRecord:
    for taken in session.scalars(select(AccountRecord.name)):
        # Two accounts whose names differ in dots and dashes alone would be one hand (rules.four_eyes).
        if hand(taken) == hand(work.name):
            raise Conflict("账户已存在，或只差标点", "an account of that name is there already", where="name")
    account = AccountRecord(
        name=work.name,
        role=str(work.role),
        scope=work.of,
        password_hash=str(work.password_hash),
        password_is_own=False,
        created_at=services.now(),
    )
    session.add(account)
    return account


def _map(session: Session, work: AccountWork) -> AccountRecord:
    account = _found(session, work.name)
    taken = session.scalar(select(AccountRecord.name).where(AccountRecord.os_account == work.os_account))
    if work.os_account is not None and taken not in (None, work.name):
        raise Conflict(f"已对应到 {taken}", f"it is mapped to {taken} already", where=work.os_account)
    account.os_account = work.os_account
    return account


def _bind(session: Session, account: AccountRecord, work: AccountWork) -> bool:
    """Whether anything changed."""
    bound = (work.oidc_issuer, work.oidc_subject)
    if (account.oidc_issuer, account.oidc_subject) == bound:
        return False
    if work.oidc_subject is not None:
        same = (AccountRecord.oidc_issuer == bound[0]) & (AccountRecord.oidc_subject == bound[1])
        taken = session.scalar(select(AccountRecord.name).where(same))
        if taken is not None:
            raise Conflict(f"已绑定到 {taken}", f"it is bound to {taken} already", where="sub")
    account.oidc_issuer, account.oidc_subject = bound
    return True


def accounts(services: Services) -> list[Account]:
    """Every account, by name."""
    with services.database.reading() as session:
        return [_shown(one) for one in session.scalars(select(AccountRecord).order_by(AccountRecord.name))]


def account_named(services: Services, name: str) -> Account:
    """One account. Raises `NotFound`."""
    with services.database.reading() as session:
        return _shown(_found(session, name))


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
