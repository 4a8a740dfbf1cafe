"""Whether a long read or a long write on SQLite holds up those who check certificates: six probes beside each deed.

Three probes scan tokens drawn at random, three look certificates up by number and name (each is counted against the
limits, so each writes), all at an even pace and each as the command line's own server answers it. Measured are the idle
server and then, in the same run, the server beside a backup, a dry run of an issue, a check of the log and an issue,
each a process of its own and begun again until the time is over (an issue: once). Promised are that none is
"unavailable" and a 99th percentile within three times that of the idle server.

Run: python -m benchmarks.stall [--certificates 2000] [--due 500] [--seconds 10] [--home FOLDER]; loopback alone. What
else runs on the machine falls on all rows alike: go by the last column.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from sqlalchemy import select

from benchmarks.fill_register import fill
from benchmarks.hostile import serving
from benchmarks.import_results import candidate_rows, made_up_person, result_rows, write_rows
from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.services.examination.import_results import import_results
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import CertificateRecord
from certsvc.store.sqlite import HAS_WAL, sqlite

MOST_TIMES_IDLE: Final = 3.0
_NEWCOMERS_FROM: Final = 5_000_000
_EACH_A_SECOND: Final = 5
_UNLIMITED: Final = {f"CERTSVC_LIMIT_{kind}": "100000000/minute" for kind in ("PAGE", "GUESS", "RECORD", "FILE")}


@dataclass
class Asked:
    """One kind of probe: milliseconds of each answer, and those that were none."""

    taken: list[float] = field(default_factory=list)
    unavailable: int = 0

    def percentile(self, percent: int) -> float:
        return sorted(self.taken)[len(self.taken) * percent // 100]


@dataclass(frozen=True)
class Known:
    token: str
    number: str
    name: str


class Probes:
    """Six who ask until they are told to stop."""

    def __init__(self, port: int, known: Sequence[Known]) -> None:
        self._port = port
        self._known = known
        self._over = threading.Event()
        self.found = {"scan": Asked(), "number": Asked()}
        self._threads = [
            threading.Thread(target=self._ask, args=(way,)) for way in ("scan", "number") for _ in range(3)
        ]

    def __enter__(self) -> Probes:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, way: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        asked, due = self.found[way], time.perf_counter() + random.random() / _EACH_A_SECOND
        while not self._over.is_set():
            time.sleep(max(0.0, due - time.perf_counter()))
            one = random.choice(self._known)
            if way == "scan":
                connection.request("GET", f"/v/{one.token}", headers={"Accept": "application/json"})
            else:
                body = json.dumps({"number": one.number, "name": one.name})
                connection.request("POST", "/api/v1/verifications", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = json.loads(answer.read())
            asked.taken.append((time.perf_counter() - due) * 1000)  # since it was due: a queue of ours is waiting too
            if answer.status != 200 or content.get("state") != "valid":
                asked.unavailable += 1
            due = max(due + 1 / _EACH_A_SECOND, time.perf_counter() - 1)
        connection.close()


def main() -> int:
    """Prints one table; answers 0 where the promise was kept."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--certificates", type=int, default=2_000)
    arguments.add_argument("--due", type=int, default=500)
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--home", type=Path)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = given.home or Path(temporary) / "home"
        environment = os.environ | _UNLIMITED | {"CERTSVC_HOME": str(home)}
        known = _fill(environment, home, given.certificates, given.due)
        journal = "WAL" if HAS_WAL else "rollback journal"
        print(f"SQLite {sqlite.sqlite_version}, {journal}; load {os.getloadavg()[0]:.0f}; {given.due} due", flush=True)
        print(
            f"{'beside':22}{'probe':8}{'answers':>8}{'unavail.':>9}{'p50 ms':>9}{'p99 ms':>9}{'× idle':>8}", flush=True
        )
        backups = count()
        deeds = {
            "nothing": None,
            "db backup": lambda: ["db", "backup", str(Path(temporary) / f"{next(backups)}.tar")],
            "issue --dry-run": lambda: ["issue", "--dry-run"],
            "log check": lambda: ["log", "check"],
            f"issue of {given.due}": lambda: ["issue"],
        }
        idle: dict[str, float] = {}
        kept = True
        with serving(environment) as (port, _):
            with Probes(port, known):
                time.sleep(2)  # so that nothing that is measured is the first of its kind
            for name, command in deeds.items():
                with Probes(port, known) as probes:
                    until = time.monotonic() + given.seconds
                    if command is None:
                        time.sleep(given.seconds)
                    while command is not None and time.monotonic() < until:
                        _run(command(), environment)
                        if name.startswith("issue of"):
                            break
                for way, asked in probes.found.items():
                    p99 = asked.percentile(99)
                    times = p99 / idle.setdefault(way, p99)
                    kept = kept and not asked.unavailable and times <= MOST_TIMES_IDLE
                    print(
                        f"{name:22}{way:8}{len(asked.taken):8}{asked.unavailable:9}{asked.percentile(50):9.1f}"
                        f"{p99:9.1f}{times:8.1f}",
                        flush=True,
                    )
    return 0 if kept else 1


def _fill(environment: Mapping[str, str], home: Path, certificates: int, due: int) -> list[Known]:
    """A register of so many certificates, and people who are due; answers some whose certificates are valid."""
    services = open_services(Settings.from_environment(environment), clock_is_right=True)
    fill(services, certificates)
    people = [made_up_person(_NEWCOMERS_FROM + number) for number in range(due)]
    import_candidates(services, write_rows(home / "c.csv", candidate_rows(people)), by="benchmark")
    rows = [row for person in people for row in result_rows(person)]
    import_results(services, write_rows(home / "r.csv", rows), by="benchmark")
    with services.database.reading() as session:
        query = select(CertificateRecord.token, CertificateRecord.number, CertificateRecord.holder_name)
        known = [Known(*row) for row in session.execute(query.where(CertificateRecord.status == "valid").limit(2000))]
    services.database.close()
    return known


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    subprocess.run(
        [str(Path(sys.executable).with_name("certsvc")), *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,  # a deed that fails at once would hold up no one
    )


if __name__ == "__main__":
    sys.exit(main())
