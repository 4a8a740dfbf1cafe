"""`certsvc approval list|show|approve|reject`: what waits for a second person (R1.6, R8.4a, R10)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.approved import tell_done
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, json_option, say, signer_option, tell

if TYPE_CHECKING:
    from certsvc.services.approvals.desk import Approval

_ID = click.argument("approval_id", metavar="ID", type=click.IntRange(1, 2**31 - 1))


@click.group(cls=WholeGroup)
def approval() -> None:
    """待第二人批准的申请 / What one person asked for and another decides."""


@approval.command("list")
@click.option(
    "--state",
    type=click.Choice(["waiting", "approved", "rejected", "all"]),
    default="waiting",
    show_default=True,
    help="状态 / state.",
)
@json_option
def list_(state: str, as_json: bool) -> None:
    """待批准的申请 / The requests that wait; with --json all that was asked for."""
    from certsvc.services.approvals import desk
    from certsvc.services.records.approvals import ApprovalState

    found = desk.list_approvals(work.services(), None if state == "all" else ApprovalState(state))
    if as_json:
        tell([one.as_json() for one in found])
        return
    for one in found:
        _say(one)


@approval.command()
@_ID
@json_option
def show(approval_id: int, as_json: bool) -> None:
    """申请的内容 / One request, with what it would change."""
    from certsvc.services.approvals import desk

    found = desk.show(work.services(), approval_id)
    if as_json:
        tell(found.as_json())
        return
    _say(found)
    for name, value in found.wants.items():
        say(f"    {name}: {value}")
    if found.results is not None:
        say(json.dumps(found.results, ensure_ascii=False, indent=2))


@approval.command()
@_ID
@signer_option
@by_option
@json_option
def approve(approval_id: int, signer: Path | None, by: str | None, as_json: bool) -> int:
    """批准并执行；不得由申请人批准 / Approve, which carries it out; not by the one who asked."""
    from certsvc.services.approvals import desk

    services, who = work.services(), work.person(by)
    return tell_done(services, desk.approve(services, approval_id, by=who), by=who, signer=signer, as_json=as_json)


@approval.command()
@_ID
@click.option("--reason", required=True, help="不予批准的原因 / why it is turned down.")
@by_option
@json_option
def reject(approval_id: int, reason: str, by: str | None, as_json: bool) -> None:
    """驳回；更改手机号码在生效前也可停止 / Turn down; a change of telephone also until it counts."""
    from certsvc.services.approvals import desk

    found = desk.reject(work.services(), approval_id, by=work.person(by), reason=reason)
    if as_json:
        tell(found.as_json())
        return
    _say(found)


def _say(one: Approval) -> None:
    told = (str(one.id), one.kind, one.object_key, one.state, one.asked_by, one.reason, one.note, one.fault)
    say("  ".join(each for each in told if each))
