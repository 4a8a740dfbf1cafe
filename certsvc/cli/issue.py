"""`certsvc issue`: to every passed enrolment that has no certificate; again, it issues nothing twice.

Exit 0 when all that is due is issued; 1 when a certificate is refused, a line for each, the others being issued; 1 also
when the run ends before its end, and then what was issued until then is told all the same.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.speech import Bar, by_option, json_option, say, signer_option, talk, tell, tell_waiting, told

if TYPE_CHECKING:
    from certsvc.services.context import Services
    from certsvc.services.issuing.issue import IssueReport


@click.command()
@click.option("--on", type=work.Day(), default=None, help="发证日期（默认今天） / the date of issue (default: today).")
@click.option("--dry-run", is_flag=True, help="只预览，不签发 / show what would be issued, issue nothing.")
@click.option("--approved-by", default=None, help="批准人，须为他人 / who approved it: another person.")
@click.option(
    "--all",
    "everyone",
    is_flag=True,
    help="逐一判定全部报名，不只是有变动的 / decide every registration, not only those where something is new.",
)
@signer_option
@by_option
@json_option
def issue(
    *,
    on: date | None,
    dry_run: bool,
    approved_by: str | None,
    signer: Path | None,
    everyone: bool,
    by: str | None,
    as_json: bool,
) -> int:
    """签发；正式密钥须第二人批准 / Issue: reserve, sign, log, store, draw, publish; real keys: another approves."""
    from certsvc.errors import CertsvcError
    from certsvc.jobs import issue_run, signer_run
    from certsvc.services.issuing.issue import IssueReport

    services, who = work.services(), work.person(by)
    if work.real(services) and not dry_run:
        return _ask(services, by=who, on=on, approved_by=approved_by, signer=signer, everyone=everyone, as_json=as_json)
    report = IssueReport(on or services.today(), dry_run)
    try:
        if signer is not None and not dry_run:
            signer_run.run(
                services,
                signer,
                by=who,
                on=on,
                approved_by=approved_by,
                everyone=everyone,
                progress=Bar(),
                report=report,
            )
        else:
            issue_run.run(
                services,
                work.service_opener(),
                by=who,
                on=on,
                dry_run=dry_run,
                approved_by=approved_by,
                everyone=everyone,
                progress=Bar(),
                report=report,
            )
    except (Exception, KeyboardInterrupt) as error:
        failed = told(error) if isinstance(error, Exception) else error
        if dry_run or not (report.issued or report.refusals):
            raise
        _talk_of(services, report)
        _tell(report, failed, as_json=as_json)
        if isinstance(failed, CertsvcError):
            talk(str(failed))
        elif isinstance(failed, Exception):
            raise  # a fault of this program
        talk("未完成，已签发的有效；请再运行一次 / not finished; what was issued stands: run it again")
        return 1
    return tell_issued(services, report, as_json=as_json)


def tell_issued(services: Services, report: IssueReport, *, as_json: bool) -> int:
    """What a run issued, or would; answers the exit status."""
    _talk_of(services, report)
    if services.stamps is not None and not report.dry_run:
        _talk_of_archive(services)
    _tell(report, None, as_json=as_json)
    return 1 if report.refusals else 0


def _talk_of(services: Services, report: IssueReport) -> None:
    for refused in report.refusals:
        talk(f"{refused.name} {refused.id_number}: {refused.error}")
    if report.on > services.today():
        talk(f"发证日期 {report.on} 晚于今天 / the date of issue lies in the future")
    if report.not_published is not None:
        talk(f"已签发，尚未公布 issued, not yet published: {report.not_published}")
    for line in report.warnings:
        talk(line)


def _talk_of_archive(services: Services) -> None:
    from certsvc.services.certificates.archive import count_below
    from certsvc.signing.pdf import Level

    unstamped, waiting = count_below(services, Level.STAMPED), count_below(services, Level(services.pdf_level))
    if waiting > unstamped:
        talk(f"{waiting} 份 PDF 待归档，运行 certsvc certificate archive / {waiting} to be archived at B-LTA")
    if unstamped:
        talk(f"{unstamped} 份 PDF 无时间戳，请运行 certsvc certificate archive / {unstamped} without a time stamp")


def _tell(report: IssueReport, failed: BaseException | None, *, as_json: bool) -> None:
    from certsvc.errors import CertsvcError

    if as_json:
        ended: dict[str, object] = {"code": "stopped", "zh": "已中止", "en": "stopped", "where": None}
        if isinstance(failed, CertsvcError):
            ended = {"code": failed.code, "zh": failed.zh, "en": failed.en, "where": failed.where}
        tell(report.as_json() | ({} if failed is None else {"failed": ended}))
        return
    verb_zh, verb_en = ("将签发", "would be issued") if report.dry_run else ("签发", "issued")
    for one in report.issued:
        say(f"{one.number}  {one.name}")
    say(f"{verb_zh} {len(report.issued)} 份，已有 {report.already} 份，不予签发 {len(report.refusals)} 份")
    say(f"{len(report.issued)} {verb_en}, {report.already} had one already, {len(report.refusals)} refused")


def _ask(
    services: Services,
    *,
    by: str,
    on: date | None,
    approved_by: str | None,
    signer: Path | None,
    everyone: bool,
    as_json: bool,
) -> int:
    """With real keys: finish what was approved, then ask for what is due now (R1.6)."""
    from certsvc.jobs import issue_run, signer_run
    from certsvc.services.issuing.batches import propose_batch
    from certsvc.services.issuing.issue import IssueReport
    from certsvc.services.records.approvals import require_development

    if approved_by is not None:
        require_development(services)
    if signer is None:
        finished = issue_run.finish_approved(services, work.service_opener(), by=by, progress=Bar())
    else:
        finished = signer_run.bring(services, signer, IssueReport(services.today(), dry_run=False), progress=Bar())
    proposed = propose_batch(services, by=by, on=on, everyone=everyone)
    if proposed.approval_id is None:
        finished.already, finished.refusals = proposed.preview.already, proposed.preview.refusals
        return tell_issued(services, finished, as_json=as_json)
    if as_json:
        tell(proposed.as_json())
    else:
        tell_issued(services, proposed.preview, as_json=False)
        tell_waiting(proposed.approval_id)
    return 1 if proposed.preview.refusals else 0
