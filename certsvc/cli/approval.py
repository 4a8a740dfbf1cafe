"""`certsvc approval list|show|approve|reject`: what waits for a second person (R1.6, R8.4a, R10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, json_option, say, tell
from certsvc.cli.status import publish, tell_change

if TYPE_CHECKING:
    from certsvc.services.approvals.desk import Approval
    from certsvc.services.certificates.correct import Corrected
    from certsvc.services.context import Services
    from certsvc.services.holders.contact import ContactChange

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


@approval.command()
@_ID
@by_option
@json_option
def approve(approval_id: int, by: str | None, as_json: bool) -> None:
    """批准并执行；不得由申请人批准 / Approve, which carries it out; not by the one who asked."""
    from certsvc.services.approvals import desk
    from certsvc.services.certificates.change_status import StatusChange
    from certsvc.services.certificates.correct import Corrected

    services = work.services()
    done = desk.approve(services, approval_id, by=work.person(by))
    if isinstance(done, Corrected):
        tell_corrected(services, done, as_json=as_json)
    elif isinstance(done, StatusChange):
        tell_change(services, done, as_json=as_json)
    else:
        tell_contact(done, as_json=as_json)


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


def tell_corrected(services: Services, done: Corrected, *, as_json: bool) -> None:
    """Draw and publish the new version, and say so."""
    from certsvc.services.issuing.render import render

    render(services, [done.certificate_id])
    publish(services)
    if as_json:
        tell(done.as_json())
        return
    say(f"{done.number} 已更正为第 {done.version} 版（{'、'.join(done.changed)}），补发日期 {done.reissued_on}")
    say(f"{done.number} is corrected: version {done.version} of {done.reissued_on} replaces the earlier one")


def tell_contact(done: ContactChange, *, as_json: bool) -> None:
    """Say that the change waits for a second person, or from when on it counts."""
    from certsvc.services.context import SHANGHAI

    if as_json:
        tell(done.as_json())
        return
    if done.due_at is None:
        tell_waiting(done.approval_id)
        return
    at = f"{done.due_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    told = "原号码将收到通知" if done.told else "原号码无法通知"
    say(f"{at} 起生效，{told}；此前可停止：certsvc approval reject {done.approval_id} --reason …")
    say(f"it counts from {at} on; the number on record is {'told' if done.told else 'not told: there is no way to'}")


def tell_waiting(approval_id: int) -> None:
    """Say who is due next."""
    say(f"申请 {approval_id} 待第二人批准：certsvc approval approve {approval_id}")
    say(f"request {approval_id} waits for a second person: certsvc approval approve {approval_id}")


def _say(one: Approval) -> None:
    told = (str(one.id), one.kind, one.object_key, one.state, one.asked_by, one.reason, one.note, one.fault)
    say("  ".join(each for each in told if each))
