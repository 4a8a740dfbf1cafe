"""`certsvc decide`: where every enrolment stands, and by which rules."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.speech import Bar, id_number_option, json_option, say, talk, tell_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from certsvc.rules.decide import Decision
    from certsvc.services.examination.decide import Explained


@click.command()
@click.option("--on", type=work.Day(), default=None, help="截至哪一天（默认今天） / as of which day (default: today).")
@id_number_option("只看此人 / this person only.", required=False)
@click.option(
    "--scheme-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="试算：若按此方案如何 / dry run: what this scheme would decide.",
)
@json_option
def decide(on: date | None, id_number: str | None, scheme_file: Path | None, as_json: bool) -> None:
    """按规则判定，并逐条说明 / Decide, and explain by rule number."""
    from certsvc.services.examination.decide import explain_all, registered, undecided
    from certsvc.services.records.schemes import read_scheme_file

    services = work.services()
    toml = read_scheme_file(scheme_file) if scheme_file is not None else None
    explained = explain_all(services, on or services.today(), id_number=id_number, scheme_toml=toml)
    if id_number is None and not sys.stdout.isatty():  # on a terminal the list itself shows how far it is
        explained = _watched(explained, registered(services, on or services.today()))
    if as_json:
        tell_list(one.as_json() for one in explained)
    else:
        _say_all(explained, dry_run=toml is not None)
    waiting = undecided(services, on or services.today(), id_number=id_number)
    if waiting:
        talk(f"另有 {waiting} 次报名待审核，不计入 / {waiting} more registrations are under review and do not count")


def _watched(explained: Iterable[Explained], total: int) -> Iterator[Explained]:
    bar = Bar(quiet=True)
    for done, one in enumerate(explained, 1):
        yield one
        bar("decide", done, max(total, done + 1))


def _say_all(explained: Iterable[Explained], *, dry_run: bool) -> None:
    count = changed = 0
    for one in explained:
        count += 1
        changed += one.changes
        if not dry_run or one.changes:
            _say(one)
    say(f"共 {count} 次报名 / {count} enrolments")
    if dry_run:
        say(
            f"按新方案有 {changed} 次报名结果不同（仅试算） / {changed} would be decided otherwise; nothing was changed"
        )


def _say(one: Explained) -> None:
    from certsvc.person.identity import mask_id_number

    say(f"{one.name}  {mask_id_number(one.id_number)}  报名 registered {one.registered_on}")
    _say_decision(one.decision)
    if one.would_be is not None and one.changes:
        say("  按新方案 under the other scheme:")
        _say_decision(one.would_be)
    say("")


def _say_decision(decision: Decision) -> None:
    from certsvc.rules.wording import score_text

    say(f"  {decision.state.zh} {decision.state.en}")
    for subject, standing in decision.subjects.items():
        score = "" if standing.score is None else f" {score_text(standing.score)}"
        retake = standing.free_retake
        offer = f"；可免费补考至 free retake until {retake.deadline}" if retake.open else ""
        say(f"  {subject.zh}:{standing.standing.zh} {standing.standing.en}{score}{offer}")
    for reason in decision.reasons:
        say(f"    {reason.rule}  {reason.zh}")
        say(f"    {' ' * len(reason.rule)}  {reason.en}")
