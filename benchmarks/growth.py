"""What grows with the register and what goes by what is new: each deed at two sizes, side by side, in one run.

Run: python -m benchmarks.growth [--sizes 500 4000] [--rounds 3] [--new 50] [--homes FOLDER]. Seconds are medians of
the processor's time of this process (one shared machine is like another then) and of the clock's beside them. Registers
are filled by `fill_register`; those that lie in `--homes` already are used again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from statistics import median
from typing import NamedTuple

from sqlalchemy import func, select

from benchmarks.fill_register import fill
from benchmarks.import_results import candidate_rows, made_up_person, result_rows, write_rows
from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates.change_status import suspend
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing.issue import issue
from certsvc.services.operation.backup import back_up, back_up_into
from certsvc.services.publishing.static import publish_static
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import CertificateRecord, PersonRecord

_NEWCOMERS_FROM = 5_000_000  # people of whom no register that was filled knows


class Took(NamedTuple):
    processor: float
    clock: float


class Home:
    """A register of some size, and the deeds that are measured on it."""

    def __init__(self, folder: Path, size: int, new: int) -> None:
        os.environ["CERTSVC_HOME"] = str(folder)
        self.services: Services = open_services(Settings.from_environment(), clock_is_right=True)
        fill(self.services, size)
        with self.services.database.reading() as session:
            known = session.scalar(select(func.max(PersonRecord.id))) or 0
        self._folder = folder
        self._new = new
        self._serial = count(_NEWCOMERS_FROM + known)
        self._backups = count()

    def deeds(self) -> Mapping[str, Callable[[], Callable[[], object]]]:
        """Each deed: called once it makes ready, and what it answers is timed."""
        services = self.services
        return {
            "publish, nothing new": lambda: lambda: publish_static(services),
            "issue, nothing due": lambda: lambda: issue(services, by="benchmark"),
            f"import results of {self._new}": self._import,
            f"issue the next {self._new}": lambda: lambda: issue(services, by="benchmark"),
            f"publish after {self._new} issued": lambda: lambda: publish_static(services),
            "publish after one suspension": self._suspend,
            "log check, all": lambda: lambda: check_log(services),
            "log check --since-last": lambda: lambda: check_log(services, since_last=True),
            "db backup to a file": lambda: lambda: back_up(services, self._backup()),
            "db backup --into, again": lambda: lambda: back_up_into(services, self._backup()),
        }

    def _import(self) -> Callable[[], object]:
        people = [made_up_person(next(self._serial)) for _ in range(self._new)]
        import_candidates(self.services, write_rows(self._folder / "c.csv", candidate_rows(people)), by="benchmark")
        results = write_rows(self._folder / "r.csv", [row for person in people for row in result_rows(person)])
        return lambda: import_results(self.services, results, by="benchmark")

    def _suspend(self) -> Callable[[], object]:
        with self.services.database.reading() as session:
            query = select(CertificateRecord.number).where(CertificateRecord.status == "valid")
            number = session.scalars(query.order_by(CertificateRecord.id).limit(1)).one()
        suspend(self.services, number, reason="benchmark", by="benchmark")
        return lambda: publish_static(self.services)

    def _backup(self) -> Path:
        return self._folder / "backups" / f"{next(self._backups)}-{time.time_ns()}"


def main() -> int:
    """Prints one table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--sizes", type=int, nargs=2, default=[500, 4_000])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--new", type=int, default=50)
    arguments.add_argument("--homes", type=Path, default=None)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        homes = [Home((given.homes or Path(temporary)) / f"h{size}", size, given.new) for size in given.sizes]
        small, large = (_measure(home, given.rounds) for home in homes)
    first, second = given.sizes
    print(f"{'processor seconds (clock)':34}{first:>16,}{second:>18,}   ratio")
    for deed, at_small in small.items():
        at_large = large[deed]
        ratio = at_large.processor / at_small.processor
        print(
            f"{deed:34}{at_small.processor:8.3f} ({at_small.clock:6.2f})"
            f"{at_large.processor:9.3f} ({at_large.clock:7.2f}){ratio:8.2f}"
        )
    print(f"ratio of the sizes: {second / first:.1f}")
    return 0


def _measure(home: Home, rounds: int) -> Mapping[str, Took]:
    taken: dict[str, list[Took]] = {}
    for _ in range(rounds):
        for deed, make_ready in home.deeds().items():
            print(f"{deed} …", file=sys.stderr, flush=True)
            timed = make_ready()
            before = time.process_time(), time.perf_counter()
            timed()
            after = time.process_time(), time.perf_counter()
            taken.setdefault(deed, []).append(Took(after[0] - before[0], after[1] - before[1]))
    return {
        deed: Took(median(one.processor for one in all_of), median(one.clock for one in all_of))
        for deed, all_of in taken.items()
    }


if __name__ == "__main__":
    sys.exit(main())
