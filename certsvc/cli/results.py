"""`certsvc results correct|annul|withdraw`: asked for by one person, carried out by another's approval (R2.4, R2.7)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from certsvc.cli import work
from certsvc.cli.speech import by_option, json_option, say, talk, tell, tell_waiting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from certsvc.rules.decide import SubjectDecision
    from certsvc.services.context import Services
    from certsvc.services.results.carry_out import ResultsChanged
    from certsvc.services.results.correct import Proposed
    from certsvc.services.results.follows import DecisionChange, Follows, Who

_MOST_SAID = 50
_APPROVED_BY = click.option(
    "--approved-by",
    default=None,
    help="批准人，须为他人；仅限开发密钥，否则另行批准 / who approves it: another person; with development keys alone.",
)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="只看后果，不提出申请 / show what would follow, and ask for nothing.")
@click.option("--ignore-unknown", is_flag=True, help="忽略未知列 / ignore unknown columns.")
@_APPROVED_BY
@by_option
@json_option
def correct(
    file: Path, *, dry_run: bool, ignore_unknown: bool, by: str | None, approved_by: str | None, as_json: bool
) -> None:
    """申请更正成绩，经第二人批准后生效 / Ask for results to be corrected (CSV or XLSX); a second person approves."""
    from certsvc.services.results.correct import propose

    services = work.services()
    done = propose(
        services,
        file,
        by=work.person(by),
        approved_by=None if approved_by is None else work.named(approved_by),
        dry_run=dry_run,
        ignore_unknown=ignore_unknown,
    )
    _tell_proposed(services, done, as_json=as_json)


def _sitting_options(command: Any) -> Any:
    for option in (
        json_option,
        by_option,
        _APPROVED_BY,
        click.option("--evidence", default="", help="依据的文号（只供内部） / a file number; kept inside."),
        click.option("--reason", required=True, help="原因（只供内部） / why; kept inside."),
        click.option("--institution", default=None, help="只限该培训机构的考生 / this institution's people only."),
        click.option("--scheme", default=None, help="只限该方案 / this scheme only, by its key."),
        click.option(
            "--subject", type=click.Choice(["theory", "practical"]), default=None, help="只限该科 / this subject only."
        ),
        click.option(
            "--sitting",
            required=True,
            metavar="DAY",
            help="场次：日期、日期/科目 或 方案/日期 / the sitting: DAY, DAY/SUBJECT or SCHEME/DAY.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@_sitting_options
def annul(**given: Any) -> None:
    """申请整场作废：该场次的每次考试视为未考 / Ask for a whole sitting to be annulled: it counts as not taken."""
    from certsvc.transparency.leaf import Act

    _propose(Act.ANNULLED, **given)


@click.command()
@_sitting_options
def withdraw(**given: Any) -> None:
    """申请撤回一个场次未公布的成绩 / Ask for a sitting's results to be taken out, before they are published."""
    from certsvc.transparency.leaf import Act

    _propose(Act.WITHDRAWN, **given)


def _propose(
    act: Any,
    *,
    sitting: str,
    subject: str | None,
    scheme: str | None,
    institution: str | None,
    reason: str,
    evidence: str,
    by: str | None,
    approved_by: str | None,
    as_json: bool,
) -> None:
    from certsvc.rules.terms import Subject
    from certsvc.services.results.sitting import Sitting, propose

    services = work.services()
    named = None if subject is None else Subject.known(subject)
    which = Sitting.parse(sitting, subject=named, scheme=scheme, institution=institution)
    done = propose(
        services,
        act,
        which,
        reason=reason,
        evidence=evidence,
        by=work.person(by),
        approved_by=None if approved_by is None else work.named(approved_by),
    )
    tell_results(services, done, as_json=as_json)


def _tell_proposed(services: Services, done: Proposed, *, as_json: bool) -> None:
    for warning in done.warnings:
        talk(f"注意 warning: {warning}")
    if done.request is None or done.dry_run:
        if as_json:
            tell(done.as_json())
        else:
            _say_counts(done)
            if done.request is not None:
                _say_follows(done.request.follows)
        return
    _publish(services, done.request)
    if as_json:
        tell(done.as_json())
        return
    _say_counts(done)
    _say_done(done.request)


def _say_counts(done: Proposed) -> None:
    say(f"{done.new} new, {done.unchanged} unchanged")
    say(f"更正 {done.new} 条，未变 {done.unchanged} 条" + ("；仅检查，未申请" if done.dry_run else ""))


def tell_results(services: Services, done: ResultsChanged, *, as_json: bool) -> None:
    """Say what was asked for or carried out, and what follows; publish where certificates were revoked with it."""
    _publish(services, done)
    if as_json:
        tell(done.as_json())
        return
    _say_done(done)


def _publish(services: Services, done: ResultsChanged) -> None:
    from certsvc.cli.status import publish

    if done.state == "approved":
        publish(services)


def _say_done(done: ResultsChanged) -> None:
    if done.state == "approved":
        say(f"申请 {done.approval_id} 已批准并执行 / request {done.approval_id} is approved and carried out")
    _say_follows(done.follows)
    if done.state == "waiting":
        tell_waiting(done.approval_id)


def _say_follows(follows: Follows) -> None:
    """Counts first, then each, as many as a person reads."""
    say(
        f"成绩 {follows.attempts} 条；结论改变 {len(follows.decisions)} 人次；不再计入 {len(follows.not_counted)} 条"
        f"（其中补考 {follows.retakes}）；撤销证书 {len(follows.revoked)} 份；由此通过 {len(follows.passing)} 人"
    )
    say(
        f"{follows.attempts} results; {len(follows.decisions)} decisions change; {len(follows.not_counted)} attempts "
        f"no longer count, {follows.retakes} of them retakes that fall away; {len(follows.revoked)} certificates "
        f"revoked; {len(follows.passing)} now pass"
    )
    _say_each(
        f"  {_named(one.who)}  {one.was.zh} → {one.now.zh}  {one.was} → {one.now}{_subjects(one)}"
        for one in follows.decisions
    )
    _say_each(
        f"  {_named(one.who)}  不计 {one.fallen.attempt.subject.zh}{one.fallen.attempt.kind.zh}"
        f"({one.fallen.attempt.sat_on})  {one.fallen.rule}  {one.fallen.zh} / {one.fallen.en}"
        for one in follows.not_counted
    )
    _say_each(f"  撤销证书 revoked: {number}" for number in follows.revoked)
    _say_each(f"  {_named(one)}  由此通过，下批签发 now passes, due in the next batch" for one in follows.passing)
    _say_each(f"  {_named(one.who)}  注意 notice: {one.rule} {one.zh} / {one.en}" for one in follows.notices)


def _subjects(one: DecisionChange) -> str:
    """Each subject that stands otherwise, and its open retake."""
    return "".join(
        f"；{each.zh} {_stands(one.before.subjects[each])} → {_stands(one.after.subjects[each])}"
        for each in one.subjects
    )


def _stands(one: SubjectDecision) -> str:
    retake = one.free_retake
    return one.standing.zh + (f"（可补考至 {retake.deadline}）" if retake.open else "")


def _say_each(lines: Iterable[str]) -> None:
    listed = list(lines)
    for line in listed[:_MOST_SAID]:
        say(line)
    if len(listed) > _MOST_SAID:
        say(f"  另 {len(listed) - _MOST_SAID} 条，见 --json / {len(listed) - _MOST_SAID} more: --json")


def _named(who: Who) -> str:
    return f"{who.name}  {who.id_number}"
