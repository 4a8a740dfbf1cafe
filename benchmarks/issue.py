"""Issuing by the whole cycle: certificates a second for steps 1–6 (decide to store) and for 7 (draw and seal).

Run: python -m benchmarks.issue [--rows 2000]. Distinct people, a fresh home, synchronous FULL.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.import_results import candidate_rows, made_up_person, result_rows, write_rows
from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.jobs.issue_run import render_waiting
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing.issue import issue
from certsvc.services.operation.init import initialise
from certsvc.services.publishing.static import refresh
from certsvc.services.registration.import_roster import import_candidates


def main() -> int:
    """Prints the figures of one run."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", type=int, default=2_000)
    rows = arguments.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CERTSVC_HOME"] = str(Path(folder) / "home")
        open_anew = partial(open_services, Settings.from_environment())
        services = open_anew()
        initialise(services)
        people = [made_up_person(n) for n in range(rows)]
        import_candidates(services, write_rows(Path(folder) / "c.csv", candidate_rows(people)), by="benchmark")
        results = [row for person in people for row in result_rows(person)]
        import_results(services, write_rows(Path(folder) / "r.csv", results), by="benchmark")

        began = time.perf_counter()
        issued = len(issue(services, by="benchmark").issued)
        signed = time.perf_counter()
        refresh(services)
        published = time.perf_counter()
        drawn = render_waiting(services, open_anew, progress=lambda _step, _done, _total: None)
        ended = time.perf_counter()
        assert issued == drawn == rows
    print(f"decide, reserve, sign, log, store: {rows / (signed - began):.0f} certificates a second")
    print(f"publish: {published - signed:.2f} s")
    print(f"draw and seal, {services.pool_size} workers: {rows / (ended - published):.0f} a second")
    print(f"whole: {rows / (ended - began):.0f} certificates a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
