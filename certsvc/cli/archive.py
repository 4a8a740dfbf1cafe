"""`certsvc certificate archive`: raises PDFs to a higher PAdES level (B-T, B-LTA) and keeps those at B-LTA."""

from __future__ import annotations

import click

from certsvc.cli import work
from certsvc.cli.speech import Bar, by_option, json_option, say, talk, tell
from certsvc.config import PDF_LEVELS


@click.command()
@click.option(
    "--level",
    type=click.Choice(list(PDF_LEVELS)),
    help="升至的 PAdES 级别（默认 CERTSVC_PDF_LEVEL） / to which PAdES level (default: CERTSVC_PDF_LEVEL, else t).",
)
@click.option(
    "--renew",
    is_flag=True,
    help="现在就为全部 B-LTA 文件续期，不论是否将到期 / renew every file at B-LTA now, due or not.",
)
@by_option
@json_option
def archive(level: str | None, renew: bool, by: str | None, as_json: bool) -> None:
    """为 PDF 补盖时间戳，或升至 B-LTA 并按期续期 / Time stamps for PDFs; B-LTA, renewed in time (CERTSVC_TSA_URL)."""
    from certsvc.jobs.issue_run import one_at_a_time
    from certsvc.services.certificates import archive as service
    from certsvc.signing.pdf import Level

    services, bar = work.services(), Bar()
    wanted = Level(services.pdf_level if level is None else PDF_LEVELS[level])
    if renew and wanted is not Level.ARCHIVED:
        raise click.UsageError("续期须用 --level lta / --renew needs --level lta")
    with one_at_a_time(services.folders.home):
        report = service.archive(
            services,
            by=work.person(by, mapped=False),  # a timer's account is no one's
            level=wanted,
            renew_all=renew,
            progress=lambda done, total: bar("archive", done, total),
        )
    if as_json:
        tell(report.as_json())
    else:
        say(
            f"已升至 {wanted} {report.raised} 份，仍待 {report.waiting} 份"
            f" / {report.raised} raised, {report.waiting} waiting"
        )
        if report.renewed:
            say(f"已续期 {report.renewed} 份 / {report.renewed} renewed")
        if report.no_list:
            say(f"缺少吊销列表 {report.no_list} 份 / {report.no_list} of them without a revocation list to go by")
        if report.no_room or report.lost:
            say(
                f"不能升级 {report.no_room} 份，文件缺失 {report.lost} 份"
                f" / {report.no_room} refused (as a rule without room for a stamp), {report.lost} files missing"
            )
    if report.fault is not None:
        talk(str(report.fault))
    if report.fault is not None or report.lost:
        raise click.exceptions.Exit(1)
