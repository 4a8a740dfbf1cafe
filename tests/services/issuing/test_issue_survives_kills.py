"""`kill -9` at random points of issuing, then one more run: every passed enrolment has exactly one certificate.

By default a few kills of a small run; CERTSVC_KILLS and CERTSVC_KILL_ROWS make it 10 of 2,000.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.credential.number import parse_number
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates.give_out import pdf_of
from certsvc.services.examination.import_results import import_results
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import CertificateRecord
from tests.builders.person import candidates, open_home, write_csv

KILLS = int(os.environ.get("CERTSVC_KILLS", "4"))
ROWS = int(os.environ.get("CERTSVC_KILL_ROWS", "300"))


@pytest.mark.slow
def test_killed_at_random_points_it_finishes_with_no_gap_and_no_double(home: Path, tmp_path: Path) -> None:
    people = candidates(ROWS)
    services = open_home(home, now=datetime.now(UTC))
    import_candidates(services, write_csv(tmp_path / "c.csv", [one.cells() for one in people]), by="登记员")
    results = [row for one in people for row in one.passes()]
    import_results(services, write_csv(tmp_path / "r.csv", results), by="考评员")
    services.database.close()

    chance = random.Random(20260901)
    # The first kills fall at its start; the others once so many certificates are signed, so that they meet every stage.
    left = [kill_when(home, ROWS * kill // KILLS, chance.random() * 0.3) for kill in range(KILLS)]
    last = run(home)
    _, told = last.communicate()
    assert last.returncode == 0, told.decode()

    services = open_home(home, now=datetime.now(UTC))
    with services.database.reading() as session:
        rows = list(session.scalars(select(CertificateRecord).order_by(CertificateRecord.number)))
    assert [parse_number("digits16", row.number).serial for row in rows] == list(range(1, ROWS + 1))
    assert len({row.enrolment_id for row in rows}) == ROWS
    assert {row.stage for row in rows} == {"issued"}
    for row in rows:
        assert pdf_of(services, row.number)
    names = {f"{row.number}-v1.pdf" for row in rows}
    assert {path.name for path in services.folders.pdf.iterdir()} == names, "a killed run left files behind"
    report = check_log(services)
    assert report.ok, report
    assert len(set(left)) > 1 or KILLS < 3, "every kill fell on the same state: the test proves little"
    services.database.close()


def run(home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", "from certsvc.cli import main; main()", "issue"],
        env=os.environ | {"CERTSVC_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def kill_when(home: Path, rows: int, seconds: float) -> tuple[int, int, int]:
    """Kill a run a little after `rows` certificates are on record, or when it ends; what it left (`stages`)."""
    process = run(home)
    while process.poll() is None and sum(stages(home)) < rows:
        time.sleep(0.05)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return stages(home)


def stages(home: Path) -> tuple[int, int, int]:
    """How many certificates are reserved, signed but not drawn, and drawn."""
    services = open_home(home, now=datetime.now(UTC))
    with services.database.reading() as session:
        rows = list(session.scalars(select(CertificateRecord)))
    services.database.close()
    issued = [row for row in rows if row.stage == "issued"]
    drawn = sum(row.pdf_sha256 is not None for row in issued)
    return len(rows) - len(issued), len(issued) - drawn, drawn
