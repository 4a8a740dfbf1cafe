"""Import of 100,000 result rows: seconds, and peak memory beside an import of 1,000.

Run: python -m benchmarks.import_results. 50,000 candidates are registered first; then each has two results, shuffled,
so that no enrolment's rows stand together. The import runs in a process of its own, whose peak resident memory the
kernel reports. The promise is 300 MB.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.person.identity import resident_check_character
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.operation.init import initialise
from certsvc.services.registration.import_roster import import_candidates

PROMISED_MB = 300


def main() -> int:
    """Prints the figures; the exit status is 1 where the promise is broken."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--import", dest="step", nargs=2, metavar=("KIND", "FILE"))
    given = arguments.parse_args()
    if given.step:
        return _import(*given.step)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CERTSVC_HOME"] = str(Path(folder) / "home")
        services = _services()
        initialise(services)
        services.database.close()
        small = _measure(Path(folder), 0, 1_000)
        whole = _measure(Path(folder), 1_000, given.rows)
    print(f"peak memory of the process: {whole:.0f} MB ({small:.0f} MB for 1,000 rows); promised < {PROMISED_MB} MB")
    return 0 if whole < PROMISED_MB else 1


def _measure(folder: Path, first: int, rows: int) -> float:
    people = [made_up_person(first + n) for n in range(rows // 2)]
    _run("candidates", write_rows(folder / "candidates.csv", candidate_rows(people)))
    results = [row for person in people for row in result_rows(person)]
    random.Random(1).shuffle(results)
    return _run("results", write_rows(folder / "results.csv", results))


def _run(kind: str, path: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.import_results", "--import", kind, str(path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print(told.splitlines()[0])
    return float(told.splitlines()[1])


def _import(kind: str, file: str) -> int:
    services = _services()
    began = time.perf_counter()
    if kind == "candidates":
        report = import_candidates(services, Path(file), by="benchmark")
    else:
        report = import_results(services, Path(file), by="benchmark")
    seconds = time.perf_counter() - began
    print(f"{kind}: {report.new} rows in {seconds:.1f} s, {report.new / seconds:.0f} a second")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return 0


def _services() -> Services:
    return open_services(Settings.from_environment())


def made_up_person(n: int) -> tuple[str, str, date]:
    born = date(1970, 1, 1) + timedelta(days=n // 900)
    first17 = f"632801{born:%Y%m%d}{n % 900:03d}"
    return f"测试{chr(0x4E00 + n % 20_000)}", first17 + resident_check_character(first17), born


def candidate_rows(people: list[tuple[str, str, date]]) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "sex": "男" if int(number[16]) % 2 else "女",
            "id_number": number,
            "birth_date": born.isoformat(),
            "phone": "13800000000",
            "institution": "测试培训机构",
            "health_declared": "是",
            "registered_on": "2025-03-01",
        }
        for name, number, born in people
    ]


def result_rows(person: tuple[str, str, date]) -> list[dict[str, str]]:
    name, number, born = person
    common = {"id_number": number, "name": name, "sat_on": "2025-03-24", "kind": "first"}
    return [
        {**common, "subject": "theory", "score": f"{60 + born.day}"},
        {**common, "subject": "practical", "score": f"{60 + born.month}.5"},
    ]


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


if __name__ == "__main__":
    sys.exit(main())
