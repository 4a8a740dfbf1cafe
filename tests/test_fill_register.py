"""The register that scans are measured on is a real one: what the services would have issued, log and all."""

from __future__ import annotations

from pathlib import Path

from benchmarks.fill_register import fill
from certsvc.services.audit.check_register import check_log
from certsvc.services.verification import scan
from tests.builders.installation import Installation
from tests.builders.verifying import numbers


def test_a_filled_register_passes_every_check_and_is_filled_once(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    fill(home.services, 3)
    fill(home.services, 5)
    fill(home.services, 5)
    assert len(set(numbers(home))) == 5
    report = check_log(home.services)
    assert report.ok, [str(problem) for problem in report.problems]
    for number in numbers(home):
        record = scan.by_token(home.services, home.row(number).token)
        assert record is not None
        assert (record.state, record.number) == ("valid", number)
    home.services.database.close()
