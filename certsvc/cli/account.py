"""`certsvc user add|list|role|disable|enable|reset|map|oidc`: accounts of the staff. (The service says account.)"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, json_option, say, tell, tell_waiting

if TYPE_CHECKING:
    from certsvc.services.staff.accounts import Account, AccountWork

ROLES = (
    "institution",
    "station",
    "assessor",
    "reviewer",
    "maker",
    "approver",
    "key-custodian",
    "auditor",
    "administrator",
)
_NAME = click.argument("name")
_PASSWORD_FILE = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    default=None,
    help="口令文件，- 为标准输入；不给则询问 / file with the password, - for stdin; asked for when absent.",
)
_ROLE = click.option("--role", type=click.Choice(ROLES), required=True, help="角色 / role.")
_OF = click.option(
    "--of", "scope", default=None, help="所属培训机构或鉴定站 / the institution or station it belongs to."
)


@click.group(cls=WholeGroup)
def user() -> None:
    """工作人员账户 / Accounts of the staff."""


@user.command()
@_NAME
@_ROLE
@_OF
@_PASSWORD_FILE
@by_option
@json_option
def add(name: str, *, role: str, scope: str | None, password_file: Path | None, by: str | None, as_json: bool) -> None:
    """开户；首次登录须另设口令和第二因素 / Open an account; at the first sign-in its owner chooses another password."""
    from certsvc.services.staff.accounts import opening

    _do_or_ask(lambda: opening(name, role, _password(password_file), scope=scope), by, as_json)


@user.command("list")
@json_option
def list_(as_json: bool) -> None:
    """全部账户 / Every account."""
    from certsvc.services.staff.accounts import accounts

    found = accounts(work.services())
    if as_json:
        tell([one.as_json() for one in found])
        return
    for one in found:
        _say(one)


@user.command()
@_NAME
@_ROLE
@_OF
@by_option
@json_option
def role(name: str, *, role: str, scope: str | None, by: str | None, as_json: bool) -> None:
    """更换角色，正在进行的登录随即结束 / Another role in place of the one it has; its sessions end."""
    from certsvc.services.staff.accounts import another_role

    _do_or_ask(lambda: another_role(name, role, scope=scope), by, as_json)


@user.command()
@_NAME
@by_option
@json_option
def disable(name: str, by: str | None, as_json: bool) -> None:
    """停用，正在进行的登录随即结束 / Shut an account; its sessions end."""
    from certsvc.services.staff import accounts

    _tell(accounts.disable(work.services(), name, by=work.person(by)), as_json)


@user.command()
@_NAME
@by_option
@json_option
def enable(name: str, by: str | None, as_json: bool) -> None:
    """重新启用 / Open a disabled account again."""
    from certsvc.services.staff import accounts

    _tell(accounts.enable(work.services(), name, by=work.person(by)), as_json)


@user.command()
@_NAME
@_PASSWORD_FILE
@by_option
@json_option
def reset(name: str, *, password_file: Path | None, by: str | None, as_json: bool) -> None:
    """重设口令和第二因素，由本人下次登录时另设 / A password for the next sign-in, which sets up all again."""
    from certsvc.services.staff.accounts import resetting

    _do_or_ask(lambda: resetting(name, _password(password_file)), by, as_json)


@user.command("map")
@_NAME
@click.option(
    "--os", "os_account", default=None, help="操作系统账户；不给则取消对应 / its account of the system; none."
)
@by_option
@json_option
def map_(name: str, *, os_account: str | None, by: str | None, as_json: bool) -> None:
    """使某操作系统账户的命令记在此账户名下 / Whose commands are this account's, where keys are real."""
    from certsvc.services.staff.accounts import mapping

    _do_or_ask(lambda: mapping(name, os_account), by, as_json)


def _do_or_ask(wanted: Callable[[], AccountWork], by: str | None, as_json: bool) -> None:
    """Do it, or where keys are real and there is a second person, ask for it."""
    from certsvc.services.staff import account_work, accounts

    services = work.services()
    # The first accounts are there before anybody's commands can be mapped to one.
    who = work.person(by, mapped=accounts.anyone_decides(services))
    done = account_work.do_or_ask(services, wanted(), by=who)
    if not isinstance(done, account_work.ProposedWork):
        _tell(done, as_json)
    elif as_json:
        tell(done.as_json())
    else:
        tell_waiting(done.approval_id)


@user.command()
@_NAME
@click.option("--sub", "subject", default=None, help="目录中的标识；不给则取消绑定 / who it is there; none: not bound.")
@by_option
@json_option
def oidc(name: str, *, subject: str | None, by: str | None, as_json: bool) -> None:
    """把账户绑定到机构目录中的一个人 / Who of the authority's own directory (CERTSVC_OIDC_ISSUER) this account is."""
    from certsvc.services.staff.accounts import binding

    _do_or_ask(lambda: binding(name, work.settings().oidc_issuer, subject), by, as_json)


def _tell(account: Account, as_json: bool) -> None:
    if as_json:
        tell(account.as_json())
    else:
        _say(account)


def _say(one: Account) -> None:
    disabled = "停用 disabled" if one.disabled_at is not None else ""
    told = (
        one.name,
        one.role.value,
        one.of,
        one.os_account and f"os:{one.os_account}",
        one.oidc_subject and f"oidc:{one.oidc_subject}",
        disabled,
    )
    say("  ".join(each for each in told if each))


def _password(file: Path | None) -> str:
    if file is None:
        answer: str = click.prompt("口令 password", hide_input=True, confirmation_prompt=True, err=True)
        return answer
    with click.open_file(str(file), encoding="utf-8") as content:
        return str(content.read()).rstrip("\r\n")
