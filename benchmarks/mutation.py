"""Do the tests notice? Single changes to our own source, drawn at random, each of which some test must fail for.

    python -m benchmarks.mutation [--minutes M] [--seed S] [--area NAME] [--only PATH[:LINE]] [--record]

Which files are changed and which tests are asked stands in `mutation.toml`, and so do the mutants that mean the same as
what we wrote, each with the reason; these are never drawn. Everything happens in a copy of the checkout. The draw
depends on the seed alone, not on where a function stands; the time says how much of it is tried. With `--record` the
figures are written to docs/evidence/mutation.md. The exit status is 1 where fewer than 90 of 100 were noticed.

Ours, and neither mutmut nor cosmic-ray: mutmut 3.8 leaves decorated functions as they are (our properties, cached and
context-managed functions) and all that stands outside functions; neither of them drops one side of an `and` or `or`, or
a `raise`, which is what tests leave out most; cosmic-ray 8.7 writes each mutant into the checkout itself and starts the
tests from the beginning for it. Not here: the changes (`source_mutants`), how one is tried (`mutation_session`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.mutation_session import Outcome, Plan
from benchmarks.source_mutants import SourceMutant, all_mutants

ROOT: Final = Path(__file__).parents[1]
EVIDENCE: Final = ROOT / "docs" / "evidence" / "mutation.md"
WANTED: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Files changed together and the tests that must notice, both as patterns. `share` of the time; see `Plan`."""

    name: str
    sources: list[str]
    tests: list[str]
    share: float
    seconds: float = 60


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A mutant that means the same, by its function and its change; so it is known again where the file is moved.
    `nth` tells equal changes of one function apart."""

    function: str
    before: str
    after: str
    reason: str
    nth: int = 0

    @property
    def names(self) -> tuple[str, str, str, int]:
        return self.function, self.before, self.after, self.nth


@dataclass(frozen=True, slots=True)
class Subject:
    """What `mutation.toml` says."""

    areas: list[Area]
    equivalents: list[Equivalent]

    @classmethod
    def read(cls) -> Subject:
        held = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
        return cls([Area(**one) for one in held["area"]], [Equivalent(**one) for one in held.get("equivalent", [])])

    def same(self, mutant: SourceMutant) -> Equivalent | None:
        told = (mutant.function, mutant.before, mutant.after, mutant.nth)
        return next((one for one in self.equivalents if one.names == told), None)


@dataclass(slots=True)
class Found:
    """What came of an area: how many mutants it has, which mean the same, and those that were tried."""

    area: Area
    possible: int
    same: list[tuple[SourceMutant, Equivalent]]
    tried: list[tuple[SourceMutant, Outcome]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def survivors(self) -> list[tuple[SourceMutant, Outcome]]:
        return [(mutant, outcome) for mutant, outcome in self.tried if outcome.how in {"survived", "unreached"}]

    @property
    def noticed(self) -> int:
        return len(self.tried) - len(self.survivors)


def main() -> int:
    given = _arguments()
    subject = Subject.read()
    areas = [area for area in subject.areas if not given.area or area.name in given.area]
    began = datetime.now(UTC)
    found = []
    with tempfile.TemporaryDirectory(prefix="certsvc-mutation-") as folder:
        copy = Path(folder).resolve() / "copy"
        _copy_checkout(copy)
        for area in areas:
            share = area.share / sum(one.share for one in areas)
            tried = _try_area(area, subject, copy, given, minutes=given.minutes * share)
            found.append(tried)
            print(_line(tried), *map(str, _told(tried)), sep="\n", flush=True)
    text = report(found, given, began)
    print(text.split("\n## ", 1)[0])
    if given.record:
        EVIDENCE.write_text(text, encoding="utf-8")
    tried_of_all = sum(len(one.tried) for one in found)
    return 1 if 100 * sum(one.noticed for one in found) < WANTED * tried_of_all else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=40, help="for trying alone; the tests unchanged come on top")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--area", action="append", help="only this one; may be given again")
    parser.add_argument("--only", action="append", help="every mutant of this file, or of this line of it; undrawn")
    parser.add_argument("--record", action="store_true")
    return parser.parse_args()


def _copy_checkout(target: Path) -> None:
    """What git knows and what is new, as it stands; and the same programs."""
    for name in _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    (target / ".venv").symlink_to(ROOT / ".venv")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def drawn(mutants: Sequence[SourceMutant], seed: int) -> list[SourceMutant]:
    """All of them in an order that the seed gives, heavier ones sooner; each one's place stays about the same when
    others come or go."""

    def place(mutant: SourceMutant) -> float:
        chance = random.Random(f"{seed}\0{mutant.key}").random()
        return float(chance ** (1 / mutant.weight))

    return sorted(mutants, key=place, reverse=True)


def _try_area(area: Area, subject: Subject, copy: Path, given: argparse.Namespace, *, minutes: float) -> Found:
    mutants = list(all_mutants(copy, area.sources))
    same = [(mutant, known) for mutant in mutants if (known := subject.same(mutant)) is not None]
    equal = {id(mutant) for mutant, _ in same}
    wanted = [mutant for mutant in mutants if id(mutant) not in equal and _is_asked_for(mutant, given.only)]
    found = Found(area, len(mutants), same)
    tests = sorted({str(path.relative_to(copy)) for pattern in area.tests for path in copy.glob(pattern)})
    if not wanted or not tests:
        return found
    plan, results = copy / "plan.json", copy / "results.jsonl"
    Plan(tests, drawn(wanted, given.seed), area.seconds, minutes).write(plan)
    results.unlink(missing_ok=True)
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "benchmarks.mutation_session", str(plan), str(results)]
    done = subprocess.run(command, cwd=copy, env=environment, check=False, capture_output=True, text=True)
    if not results.exists() or not (told := results.read_text(encoding="utf-8").splitlines()):
        raise SystemExit(f"{area.name}: the tests could not be run\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}")
    found.left_out = json.loads(told[0])["left_out"]
    in_order = drawn(wanted, given.seed)
    for line in told[1:]:
        outcome = Outcome(**json.loads(line))
        found.tried.append((in_order[outcome.at], outcome))
    return found


def _is_asked_for(mutant: SourceMutant, only: list[str] | None) -> bool:
    places = {mutant.path, f"{mutant.path}:{mutant.line}"}
    return only is None or any(place in places for place in only)


def _line(found: Found) -> str:
    """An area's row in the table."""
    tried = len(found.tried)
    share = f"{100 * found.noticed / tried:.1f} %" if tried else "–"
    by_time = sum(outcome.how == "time" for _, outcome in found.tried)
    cells = (found.area.name, found.possible, len(found.same), tried, found.noticed, by_time, share)
    return f"| {' | '.join(map(str, cells))} |"


def _told(found: Found) -> list[str]:
    lines = [
        f"- {mutant}" + (" (no test comes by)" if outcome.how == "unreached" else "")
        for mutant, outcome in sorted(found.survivors, key=lambda pair: (pair[0].path, pair[0].line))
    ]
    return lines + [f"- left out, for it fails as it is: {name}" for name in found.left_out]


def report(found: Sequence[Found], given: argparse.Namespace, began: datetime) -> str:
    """The figures as Markdown: what was run, what came of it, what was not noticed, what means the same."""
    tried, noticed = sum(len(one.tried) for one in found), sum(one.noticed for one in found)
    lines = [
        "# Mutants of our own source",
        "",
        "Written by `python -m benchmarks.mutation --record`; what was run, and no more.",
        "",
        f"- begun {began:%Y-%m-%d %H:%M} UTC on commit {_git('rev-parse', '--short', 'HEAD').strip()}, "
        f"{(datetime.now(UTC) - began).total_seconds() / 60:.0f} minutes on one process, seed {given.seed}",
        f"- command: `python -m benchmarks.mutation {' '.join(sys.argv[1:])}`",
        f"- **{noticed:,} of {tried:,} noticed{f': {100 * noticed / tried:.1f} %' if tried else ''}**",
        "",
        "| area | mutants | the same | tried | noticed | of these by time | share |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *map(_line, found),
        "",
        "## Not noticed",
        "",
        *(line for one in found for line in _told(one)),
        "",
        "## Mean the same, and are not drawn",
        "",
        *(
            f"- {mutant.path} {mutant.function}: {mutant.before}  →  {mutant.after}: {known.reason}"
            for one in found
            for mutant, known in one.same
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
