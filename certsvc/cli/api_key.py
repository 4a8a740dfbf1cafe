"""`certsvc api-key new|list|revoke`: keys of systems that ask the API, and what they used."""

from __future__ import annotations

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, json_option, say, tell, tell_waiting

SCOPES = ("certificates", "verifications", "lists")


@click.group("api-key", cls=WholeGroup)
def api_key() -> None:
    """接口密钥 / Keys for the API."""


@api_key.command()
@click.argument("label")
@click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, required=True, help="权限 / scope.")
@click.option("--quota", type=click.IntRange(min=1), default=10_000, show_default=True, help="每日额度 / calls a day.")
@by_option
@json_option
def new(label: str, *, scopes: tuple[str, ...], quota: int, by: str | None, as_json: bool) -> None:
    """新建，只显示一次；正式密钥须两人 / Make a key; it is shown this once. Real keys: two people."""
    from certsvc.services.operation import callers_by_two
    from certsvc.services.operation.api_keys import Scope, create

    services, wanted = work.services(), [Scope(scope) for scope in scopes]
    if work.real(services):
        proposed = callers_by_two.propose_key(services, label, wanted, quota, by=work.person(by))
        if as_json:
            tell(proposed.as_json())
        else:
            say(str(proposed.key))
            tell_waiting(proposed.approval_id)
        return
    key = create(services, label, wanted, quota, by=work.person(by))
    if as_json:
        tell({"key": key})
    else:
        say(key)


@api_key.command("list")
@json_option
def list_(as_json: bool) -> None:
    """全部密钥与用量 / Every key, and its calls by day."""
    from certsvc.services.operation.api_keys import usage

    found = usage(work.services())
    if as_json:
        tell(
            [
                {
                    "id": one.id,
                    "label": one.label,
                    "scopes": one.scopes.split(),
                    "quota_per_day": one.quota_per_day,
                    "revoked": one.revoked_at is not None,
                    "calls": [{"on": on.isoformat(), "calls": calls} for on, calls in one.calls],
                }
                for one in found
            ]
        )
        return
    for one in found:
        state = "已撤销 revoked" if one.revoked_at else "有效 active"
        today = f"{one.calls[0][0]}: {one.calls[0][1]}" if one.calls else "-"
        say(f"{one.id}  {one.label}  {one.scopes}  {one.quota_per_day}/日  {state}  {today}")


@api_key.command()
@click.argument("key_id", type=int)
@by_option
def revoke(key_id: int, *, by: str | None) -> None:
    """撤销 / Take a key out of use."""
    from certsvc.services.operation import api_keys

    api_keys.revoke(work.services(), key_id, by=work.person(by))
    say(f"{key_id} 已撤销 revoked")
