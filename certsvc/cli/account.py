"""`certsvc user add|list`: accounts of the staff. (The noun is the fixed command's; the service says account.)"""

from __future__ import annotations

from pathlib import Path

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, json_option, say, tell

ROLES = ("institution", "station", "reviewer", "issuer", "auditor", "administrator")


@click.group(cls=WholeGroup)
def user() -> None:
    """工作人员账户 / Accounts of the staff."""


@user.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="角色 / role.")
@click.option("--of", "scope", default=None, help="所属培训机构或鉴定站 / the institution or station it belongs to.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    default=None,
    help="口令文件，- 为标准输入；不给则询问 / file with the password, - for stdin; asked for when absent.",
)
@by_option
@json_option
def add(name: str, *, role: str, scope: str | None, password_file: Path | None, by: str | None, as_json: bool) -> None:
    """开户 / Open an account."""
    from certsvc.services.staff.accounts import add_account

    services = work.services()
    account = add_account(services, name, role, _password(password_file), by=work.person(by), scope=scope)
    if as_json:
        tell({"name": account.name, "role": account.role, "of": account.scope})
    else:
        say(f"{account.name}  {account.role}  {account.scope or ''}".rstrip())


@user.command("list")
@json_option
def list_(as_json: bool) -> None:
    """全部账户 / Every account."""
    from certsvc.services.staff.accounts import accounts

    found = accounts(work.services())
    if as_json:
        tell(
            [
                {"name": one.name, "role": one.role, "of": one.scope, "disabled": one.disabled_at is not None}
                for one in found
            ]
        )
        return
    for one in found:
        say(f"{one.name}  {one.role}  {one.scope or ''}".rstrip())


def _password(file: Path | None) -> str:
    if file is None:
        answer: str = click.prompt("口令 password", hide_input=True, confirmation_prompt=True, err=True)
        return answer
    with click.open_file(str(file), encoding="utf-8") as content:
        return str(content.read()).rstrip("\r\n")
