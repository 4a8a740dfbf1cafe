"""What a command does and says once a second person has approved: draw, sign, publish, and tell (R1.6)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from certsvc.cli import work
from certsvc.cli.issue import tell_issued
from certsvc.cli.log import tell_set_back
from certsvc.cli.resign import tell_resigned
from certsvc.cli.results import tell_results
from certsvc.cli.speech import Bar, say, tell, tell_waiting
from certsvc.cli.status import publish, tell_change

if TYPE_CHECKING:
    from certsvc.services.approvals.desk import Outcome
    from certsvc.services.certificates.correct import Corrected
    from certsvc.services.certificates.key_work import DoneWork
    from certsvc.services.context import Services
    from certsvc.services.holders.contact import ContactChange
    from certsvc.services.issuing.batches import ApprovedBatch
    from certsvc.services.persons.correct import PutRight
    from certsvc.services.persons.erase import Erasure


def tell_done(services: Services, done: Outcome, *, by: str, signer: Path | None, as_json: bool) -> int:
    """What follows from an approval, by its kind; answers the exit status."""
    from certsvc.services.certificates.change_status import StatusChange
    from certsvc.services.certificates.correct import Corrected
    from certsvc.services.certificates.key_work import DoneWork
    from certsvc.services.certificates.resign import ResignReport
    from certsvc.services.holders.contact import ContactChange
    from certsvc.services.issuing.batches import ApprovedBatch
    from certsvc.services.log.clock import SetBack
    from certsvc.services.persons.correct import PutRight
    from certsvc.services.persons.erase import Erasure
    from certsvc.services.results.carry_out import ResultsChanged

    match done:
        case ApprovedBatch():
            return _issue(services, done, by=by, signer=signer, as_json=as_json)
        case ResignReport():
            return tell_resigned(services, done, as_json=as_json)
        case Corrected():
            tell_corrected(services, done, as_json=as_json)
        case ContactChange():
            tell_contact(done, as_json=as_json)
        case StatusChange():
            tell_change(services, done, as_json=as_json)
        case DoneWork():
            _tell_key(services, done, as_json=as_json)
        case ResultsChanged():
            tell_results(services, done, as_json=as_json)
        case PutRight():
            tell_put_right(done, as_json=as_json)
        case Erasure():
            tell_erasure(done, as_json=as_json)
        case SetBack():
            tell_set_back(services, done, as_json=as_json)
        case _ if as_json:
            tell(done.as_json())
        case _:
            say("  ".join(str(value) for value in done.as_json().values() if not isinstance(value, list)))
    return 0


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


def _issue(services: Services, done: ApprovedBatch, *, by: str, signer: Path | None, as_json: bool) -> int:
    """Sign, draw and publish the approved batch, here or by the signer."""
    from certsvc.jobs import issue_run, signer_run

    if signer is None:
        report = issue_run.finish_approved(services, work.service_opener(), by=by, progress=Bar())
        report.refusals += done.report.refusals
    else:
        report = signer_run.bring(services, signer, done.report, progress=Bar())
    return tell_issued(services, report, as_json=as_json)


def _tell_key(services: Services, done: DoneWork, *, as_json: bool) -> None:
    from certsvc.cli.key import done as tell_key

    tell_key(services, done.record, as_json)
    if done.to_resign and not as_json:
        say(f"尚有 {done.to_resign} 份有效证书须重新签名：certsvc certificate resign --key {done.record.kid}")
        say(f"{done.to_resign} certificates in force must be signed again: certsvc certificate resign --key …")
