"""`certsvc approval list|show|approve|reject`: what waits for a second person (R1.6, R8.4a, R10)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, json_option, say, tell, tell_waiting
from certsvc.cli.status import publish

if TYPE_CHECKING:
    from certsvc.services.approvals.desk import Approval
    from certsvc.services.certificates.correct import Corrected
    from certsvc.services.context import Services
    from certsvc.services.holders.contact import ContactChange
    from certsvc.services.persons.correct import PutRight
    from certsvc.services.persons.erase import Erasure

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
@by_option
@json_option
def approve(approval_id: int, by: str | None, as_json: bool) -> None:
    """批准并执行；不得由申请人批准 / Approve, which carries it out; not by the one who asked."""
    from certsvc.cli.results import tell_results
    from certsvc.services.approvals import desk
    from certsvc.services.certificates.correct import Corrected
    from certsvc.services.persons.correct import PutRight
    from certsvc.services.persons.erase import Erasure
    from certsvc.services.results.carry_out import ResultsChanged

    services = work.services()
    done = desk.approve(services, approval_id, by=work.person(by))
    if isinstance(done, Corrected):
        tell_corrected(services, done, as_json=as_json)
    elif isinstance(done, ResultsChanged):
        tell_results(services, done, as_json=as_json)
    elif isinstance(done, PutRight):
        tell_put_right(done, as_json=as_json)
    elif isinstance(done, Erasure):
        tell_erasure(done, as_json=as_json)
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


def tell_put_right(done: PutRight, *, as_json: bool) -> None:
    """Say what of a person's data was put right, or that it waits."""
    if as_json:
        tell(done.as_json())
    elif done.state == "waiting":
        tell_waiting(done.approval_id)
    else:
        say(f"已更正 put right: {'、'.join(done.changed)}")


def tell_erasure(done: Erasure, *, as_json: bool) -> None:
    """Say what of a person's data was erased, or would be, and what is kept and why."""
    if as_json:
        tell(done.as_json())
        return
    waits = done.state == "waiting"
    say("批准后抹除，不能恢复 / erased once approved, for good:" if waits else "已抹除 / erased:")
    say("  联系方式、登录、分享链接，以及不属于留存证书的报名、成绩与照片")
    say("  contact, sign-ins, share links, and registrations, results and portraits of no certificate that is kept")
    for number in done.numbers:
        say(f"  证书 {number} 上的个人信息与文件 / certificate {number}: whose it is, and its files")
    say("留存 / kept:")
    for one in done.kept:
        say(f"  {one.zh}")
        say(f"  {one.en}")
    if waits:
        tell_waiting(done.approval_id)


def _say(one: Approval) -> None:
    told = (str(one.id), one.kind, one.object_key, one.state, one.asked_by, one.reason, one.note, one.fault)
    say("  ".join(each for each in told if each))
