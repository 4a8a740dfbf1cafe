"""`certsvc issue`: to every passed enrolment that has no certificate; again, it issues nothing twice."""

from __future__ import annotations

from datetime import date

import click

from certsvc.cli import work
from certsvc.cli.speech import Bar, by_option, json_option, say, talk, tell


@click.command()
@click.option("--on", type=work.Day(), default=None, help="发证日期(默认今天) / the date of issue (default: today).")
@click.option("--dry-run", is_flag=True, help="只预览,不签发 / show what would be issued, issue nothing.")
@by_option
@json_option
def issue(on: date | None, dry_run: bool, by: str | None, as_json: bool) -> None:
    """签发 / Issue: reserve, sign, log, store, draw, publish (docs/issuing.md)."""
    from certsvc.jobs.issue_run import run

    report = run(work.services(), work.service_opener(), by=work.who(by), on=on, dry_run=dry_run, progress=Bar())
    for refused in report.refusals:
        talk(f"{refused.name}: {refused.error}")
    if report.not_published is not None:
        talk(f"已签发,尚未公布 issued, not yet published: {report.not_published}")
    if as_json:
        tell(report.as_json())
        return
    verb_zh, verb_en = ("将签发", "would be issued") if dry_run else ("签发", "issued")
    for one in report.issued:
        say(f"{one.number}  {one.name}")
    say(f"{verb_zh} {len(report.issued)} 份,已有 {report.already} 份,不予签发 {len(report.refusals)} 份")
    say(f"{len(report.issued)} {verb_en}, {report.already} had one already, {len(report.refusals)} refused")
