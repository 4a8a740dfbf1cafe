"""`certsvc certificate archive`: time stamps for the PDFs that have none yet (PAdES B-T)."""

from __future__ import annotations

import click

from certsvc.cli import work
from certsvc.cli.speech import Bar, by_option, json_option, say, talk, tell


@click.command()
@by_option
@json_option
def archive(by: str | None, as_json: bool) -> None:
    """为尚无时间戳的 PDF 补盖时间戳 / Time stamps for PDFs that have none (CERTSVC_TSA_URL)."""
    from certsvc.jobs.issue_run import one_at_a_time
    from certsvc.services import archive as service

    services, bar = work.services(), Bar()
    with one_at_a_time(services.folders.home):
        report = service.archive(services, by=work.who(by), progress=lambda done, total: bar("archive", done, total))
    if as_json:
        tell(report.as_json())
    else:
        say(
            f"已升至 B-T {report.raised} 份,仍待 {report.waiting} 份 / {report.raised} raised, {report.waiting} waiting"
        )
        if report.no_room or report.lost:
            say(
                f"无处可盖 {report.no_room} 份,文件缺失 {report.lost} 份"
                f" / {report.no_room} without room for a stamp, {report.lost} files missing"
            )
    if report.fault is not None:
        talk(str(report.fault))
        raise click.exceptions.Exit(1)
