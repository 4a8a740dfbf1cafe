"""What a command works with: settings from the environment, services joined once, and who is at the keyboard."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from certsvc.config import Settings
    from certsvc.person.identity import IdentityDocument
    from certsvc.services.context import Services

_LONGEST_NAME: Final = 100  # as the register keeps it


class Day(click.ParamType[date]):
    """A date on the command line: YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} 不是日期 YYYY-MM-DD / is not a date YYYY-MM-DD", param, ctx)


def settings() -> Settings:
    from certsvc.config import Settings

    return Settings.from_environment()


def services(*, migrated: bool = True) -> Services:
    """The services, joined. With `migrated`, raises `Refused` unless the database has this program's shape, and
    `WrongKeys` unless the keys are its own."""
    from certsvc.app import open_services
    from certsvc.services.operation.own_keys import require_own_keys
    from certsvc.store.migrate import require_head

    opened = open_services(settings(), clock_is_right=_said_right())
    # On SQLite the last one who closes brings all that was written into the one file.
    if (command := click.get_current_context(silent=True)) is not None:
        command.call_on_close(opened.database.close)
    if migrated:
        require_existing(opened)
        require_head(opened.database)
        require_own_keys(opened)
    return opened


def require_existing(opened: Services) -> None:
    """Raise `Refused` where the embedded database is not there: opening it would create an empty one."""
    from certsvc.errors import Refused

    file = opened.database.sqlite_file
    if file is None or file.exists():
        return
    if opened.keystore.records():
        # Beginning again under the same keys would fork the log and number certificates twice.
        raise Refused(
            "密钥在而数据库不在：曾经签发过的，请用 certsvc db restore 恢复备份；新装的，请运行 certsvc init",
            "keys without a database: if anything was ever issued, restore it (certsvc db restore); else certsvc init",
            where=str(file.parent),
        )
    raise Refused("尚未初始化，请先运行 certsvc init", "nothing here yet; run: certsvc init", where=str(file.parent))


def service_opener() -> Callable[[], Services]:
    """Opens the same services in another process."""
    from certsvc.app import open_services

    return functools.partial(open_services, settings(), clock_is_right=_said_right())


def _said_right() -> bool:
    """Whether `--clock-is-right` stands before the command."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.find_root().params.get("clock_is_right"))


def identity(id_type: str, id_number: str) -> IdentityDocument:
    """The document of `--id-type` and `--id-number`; raises `InvalidIdentity`."""
    from certsvc.person.identity import IdType, parse_identity

    return parse_identity(IdType.of(id_type), id_number)


def person(by: str | None, *, mapped: bool = True) -> str:
    """Who does it: the one named, or the operating system's account; where keys are real the account alone, since a
    name that is typed is no person (R1.6): the staff account that it is mapped to, else itself. Raises `Refused` for
    another, and for what is no name on one line. Without `mapped` it is the operating system's account in any case."""
    from certsvc.errors import Refused
    from certsvc.rules.four_eyes import hand
    from certsvc.services.context import operator

    account = operator()
    if not _keys_are_real():
        return named(by or account)
    mine = (_mapped(account) if mapped else None) or account
    if by is not None and hand(by) not in (hand(account), hand(mine)):
        raise Refused(
            f"使用正式密钥时，经办人是 {mine}，不能另写",
            f"with real keys the one who does it is {mine}, the account behind this command",
            rule="R1.6",
            where="by",
        )
    return named(mine)


def _mapped(account: str) -> str | None:
    """The staff account of an account of the operating system; None where it has none."""
    from certsvc.services.staff.accounts import mapped

    return mapped(services(), account)


def real(opened: Services) -> bool:
    """Whether keys are real, so that what needs two people takes two commands (R1.6)."""
    return not opened.keystore.development


def _keys_are_real() -> bool:
    from certsvc.signing.keystore import Keystore

    keystore = Keystore.open(settings().keys, None, lambda: datetime.now(UTC))
    return bool(keystore.records()) and not keystore.development


def named(name: str) -> str:
    """A name on one line, as the register keeps it; raises `Refused`."""
    from certsvc.errors import Refused

    named = name.strip()
    if not 0 < len(named) <= _LONGEST_NAME or not named.isprintable():
        raise Refused(
            f"经办人须为一行，至多 {_LONGEST_NAME} 字",
            f"--by is a name of one line, at most {_LONGEST_NAME} characters",
        )
    return named
