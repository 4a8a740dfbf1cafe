"""The whole certificate on one core, ours beside a straightforward pipeline, in one run, on distinct people.

Ours is `certsvc issue` in one process: decide, reserve, sign twice, log, store durably, publish the log's head, draw,
attach, seal, sync, record. The straightforward one is what is written first, kept here as code: for each person a rule
for the pass mark, a JSON document signed with Ed25519, one row of SQLite with a commit of its own, a page by reportlab
with the code by qrcode (`benchmarks.render`), sealed by pyHanko, and the file written. It keeps no log, no second
proof, no PDF/A, no reservation, and syncs no file: ours does all of these. Both have the same names, no portraits.

Counted is the time of the processor (user and system, children too), which a busy machine stretches less than the
clock. Rounds alternate; the medians of the rounds are printed with the ratio. Both are warmed up before the first.

Run: python -m benchmarks.whole [--rows 400] [--plain 60] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.import_results import candidate_rows, made_up_person, result_rows, write_rows
from benchmarks.render import Straightforward, made_up_name, make_chain, make_face
from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.jobs.issue_run import render_waiting
from certsvc.rendering.layout_file import load_layout
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing.issue import issue
from certsvc.services.operation.init import initialise
from certsvc.services.publishing.static import refresh
from certsvc.services.registration.import_roster import import_candidates

WARM = 20
PASS_MARK = 60


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds a certificate: of the processor, and by the clock."""

    processor: float
    clock: float


def spent(count: int, work: Callable[[], None]) -> Spent:
    """What some work costs, for each of `count`."""
    processor, clock = _processor(), time.perf_counter()
    work()
    return Spent(1000 * (_processor() - processor) / count, 1000 * (time.perf_counter() - clock) / count)


def _processor() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


class Plain:
    """The straightforward pipeline over a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layout = load_layout()
        self.key = Ed25519PrivateKey.generate()
        self.pages = Straightforward(self.layout, *make_chain())
        self.database = sqlite3.connect(folder / "plain.db")
        self.database.execute("create table certificate (number text primary key, document text, signature blob)")

    def issue(self, number: int) -> None:
        """One certificate: decide, sign, store, draw, seal, write."""
        face = make_face(number, self.layout, None)
        scores = {"theory": 60 + number % 40, "practical": 61 + number % 39}
        if min(scores.values()) < PASS_MARK:
            return
        rows = {row.key: row.value for row in face.rows}
        document = json.dumps({**rows, "scores": scores}, ensure_ascii=False, sort_keys=True)
        signature = self.key.sign(document.encode())
        with self.database:
            self.database.execute("insert into certificate values (?, ?, ?)", (face.number, document, signature))
        (self.folder / f"{face.number}.pdf").write_bytes(self.pages.make(face))


class Ours:
    """A home of its own with people who have passed."""

    def __init__(self, folder: Path, first: int, rows: int) -> None:
        os.environ["CERTSVC_HOME"] = str(folder / "home")
        self.open = partial(open_services, Settings.from_environment())
        self.services: Services = replace(self.open(), pool_size=1)
        initialise(self.services)
        people = [(made_up_name(n), *made_up_person(n)[1:]) for n in range(first, first + rows)]
        import_candidates(self.services, write_rows(folder / "c.csv", candidate_rows(people)), by="benchmark")
        results = [row for person in people for row in result_rows(person)]
        import_results(self.services, write_rows(folder / "r.csv", results), by="benchmark")
        self.rows = rows

    def sign(self) -> None:
        """Steps 1 to 6."""
        assert len(issue(self.services, by="benchmark").issued) == self.rows

    def draw(self) -> None:
        """Step 8's log head, then step 7."""
        refresh(self.services)
        drawn = render_waiting(self.services, self.open, progress=lambda _step, _done, _total: None)
        assert drawn == self.rows


def main() -> int:
    """Prints the medians and the ratio."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", type=int, default=400)
    arguments.add_argument("--plain", type=int, default=60)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    plain_ms: list[Spent] = []
    signed_ms: list[Spent] = []
    drawn_ms: list[Spent] = []
    with tempfile.TemporaryDirectory() as folder:
        plain = Plain(Path(folder))
        _issue_plainly(plain, 0, WARM)
        for number in range(given.rounds + 1):
            rows = given.rows if number else WARM
            place = Path(folder) / str(number)
            place.mkdir()
            ours = Ours(place, number * given.rows, rows)
            signed, drawn = spent(rows, ours.sign), spent(rows, ours.draw)
            if not number:
                continue  # this one opened the fonts and filled the tables
            signed_ms.append(signed)
            drawn_ms.append(drawn)
            first = WARM + number * given.plain
            plain_ms.append(spent(given.plain, partial(_issue_plainly, plain, first, given.plain)))
    _print("straightforward", plain_ms)
    _print("steps 1 to 6", signed_ms)
    _print("steps 8 and 7", drawn_ms)
    ratios = [p.processor / (s.processor + d.processor) for p, s, d in zip(plain_ms, signed_ms, drawn_ms, strict=True)]
    print(f"whole, times the straightforward pipeline: {statistics.median(ratios):.1f}")
    return 0


def _issue_plainly(plain: Plain, first: int, count: int) -> None:
    for number in range(first, first + count):
        plain.issue(number)


def _print(name: str, found: list[Spent]) -> None:
    processor = statistics.median(one.processor for one in found)
    clock = statistics.median(one.clock for one in found)
    print(f"{name:16} {processor:8.2f} ms of the processor ({1000 / processor:6.0f}/s), {clock:8.2f} ms by the clock")


if __name__ == "__main__":
    sys.exit(main())
