"""`certsvc candidates|results|paper import FILE`: all or nothing; and `results publish`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from certsvc.cli import work
from certsvc.cli.lazy import LazyGroup, WholeGroup
from certsvc.cli.speech import Bar, by_option, json_option, say, talk, tell, tell_waiting

if TYPE_CHECKING:
    from certsvc.services.imports import ImportReport

_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


def _import_options(command: Any) -> Any:
    for option in (
        json_option,
        by_option,
        click.option("--ignore-unknown", is_flag=True, help="忽略未知列 / ignore unknown columns."),
        click.option("--dry-run", is_flag=True, help="只检查，不保存 / check only, store nothing."),
        _FILE,
    ):
        command = option(command)
    return command


@click.group(cls=LazyGroup, commands_at={"review": "certsvc.cli.review:review"})
def candidates() -> None:
    """考生名册 / Rosters of candidates."""


@candidates.command("import")
@click.option("--scheme", "scheme_key", default=None, help="方案（默认青海 2025） / the scheme, by its key.")
@click.option("--for-review", is_flag=True, help="送审，批准后才计入 / to be reviewed: counts once it is approved.")
@_import_options
def import_candidates(
    file: Path,
    *,
    dry_run: bool,
    ignore_unknown: bool,
    by: str | None,
    as_json: bool,
    scheme_key: str | None,
    for_review: bool,
) -> None:
    """导入考生名册 / Import a roster (CSV or XLSX) that was reviewed before; or put it to review."""
    from certsvc.services.registration.import_roster import import_candidates as run

    report = run(
        work.services(),
        file,
        by=work.person(by),
        scheme_key=scheme_key,
        dry_run=dry_run,
        ignore_unknown=ignore_unknown,
        for_review=for_review,
        progress=Bar(quiet=True),
    )
    _tell(report, as_json)


@click.group(
    cls=LazyGroup,
    commands_at={verb: f"certsvc.cli.results:{verb}" for verb in ("correct", "annul", "withdraw")},
)
def results() -> None:
    """考试成绩 / Exam results."""


@results.command("import")
@_import_options
def import_results(file: Path, *, dry_run: bool, ignore_unknown: bool, by: str | None, as_json: bool) -> None:
    """导入成绩 / Import results (CSV or XLSX)."""
    from certsvc.services.examination.import_results import import_results as run

    report = run(
        work.services(),
        file,
        by=work.person(by),
        dry_run=dry_run,
        ignore_unknown=ignore_unknown,
        progress=Bar(quiet=True),
    )
    _tell(report, as_json)


@results.command("publish")
@click.option("--on", type=work.Day(), default=None, help="公布日期（默认今天） / from which day (default: today).")
@click.option("--sitting", type=click.IntRange(1, 2**31 - 1), default=None, help="只公布一个场次 / of one sitting.")
@by_option
@json_option
def publish(on: date | None, sitting: int | None, by: str | None, as_json: bool) -> None:
    """公布成绩 / Let candidates see the results sat up to a day."""
    from certsvc.services.examination.publish_results import publish_results

    published = publish_results(work.services(), by=work.person(by), on=on, sitting=sitting)
    if as_json:
        tell({"on": published.on.isoformat(), "published": published.new, "already": published.already})
    else:
        say(f"{published.on} 起公布 {published.new} 条，此前已公布 {published.already} 条")
        say(f"{published.new} published with effect from {published.on}, {published.already} were already")


@results.command()
@click.option("--on", type=work.Day(), default=None, help="日期（默认今天） / as of which day (default: today).")
@json_option
def overdue(on: date | None, as_json: bool) -> None:
    """超过预期日期的成绩与证书 / Scores and certificates that are later than expected (R6)."""
    from certsvc.services.examination.overdue import overdue as look

    found = look(work.services(), on=on)
    if as_json:
        tell(found.as_json())
        return
    for late in found.scores:
        where = f"场次 sitting {late.sitting} {late.station}" if late.sitting is not None else "无场次 no sitting"
        counts = f"缺成绩 missing {late.missing}，未公布 unpublished {late.unpublished}"
        say(f"{late.sat_on}  {late.subject.zh}  {where}  {counts}  应于 expected {late.expected_on}")
    for one in found.certificates:
        say(f"{one.completed_on}  {one.name}  无证书 no certificate  应于 expected {one.expected_by}")
    if not found.scores and not found.certificates:
        say("没有超期 / nothing is overdue")


@click.group(cls=WholeGroup)
def paper() -> None:
    """原纸质证书登记册 / The register of former paper certificates."""


@paper.command("import")
@_import_options
def import_paper(file: Path, *, dry_run: bool, ignore_unknown: bool, by: str | None, as_json: bool) -> None:
    """导入纸质证书登记册；正式密钥须第二人批准 / Import the paper register (CSV or XLSX)."""
    from certsvc.services.certificates import paper_by_two
    from certsvc.services.certificates.import_paper import import_paper as run

    services, who = work.services(), work.person(by)
    if work.real(services) and not dry_run:
        _tell(paper_by_two.propose(services, file, by=who, ignore_unknown=ignore_unknown), as_json)
        return
    _tell(run(services, file, by=who, dry_run=dry_run, ignore_unknown=ignore_unknown), as_json)


def _tell(report: ImportReport, as_json: bool) -> None:
    for warning in report.warnings:
        talk(f"注意 warning: {warning}")
    if as_json:
        tell(report.as_json())
        return
    say(f"{report.new} new, {report.unchanged} unchanged")
    say(f"新增 {report.new} 条，未变 {report.unchanged} 条" + ("；仅检查，未保存" if report.dry_run else ""))
    if report.approval is not None:
        tell_waiting(report.approval)
    if report.resubmitted is not None:
        say(f"{report.resubmitted} submitted again; to be decided: certsvc candidates review list")
        say(f"重新提交 {report.resubmitted} 条，待审核：certsvc candidates review list")
