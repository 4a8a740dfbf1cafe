"""Two passes, bounded findings, flat memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import date

import pytest

from certsvc.errors import CellError
from certsvc.roster import parsed as parsed_module
from certsvc.roster.export import write_csv
from certsvc.roster.parsed import Parsed, Report
from certsvc.roster.results import COLUMNS, read_results
from examples.made_up_roll import enrol, result_cells

ON = date(2026, 11, 22)
ERROR = CellError(2, "c", "v", "r", "zh", "en")


def test_findings_are_bounded_and_the_last_one_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsed_module, "MOST_FINDINGS", 3)

    def read(report: Report) -> Iterator[int]:
        for number in range(10):
            report.warn(ERROR)
            report.refuse(ERROR)
            yield number

    parsed = Parsed(read, {})
    assert [error.rule for error in parsed.errors] == ["r", "r", "r", "file.errors"]
    assert len(parsed.warnings) == 3


def test_a_second_pass_gives_the_same() -> None:
    parsed = read_results(b"id_number,name,subject,sat_on,kind\nx,a,theory,2025-01-01,first\nx,=,theory,x,first\n")
    assert (parsed.rows, parsed.errors) == (parsed.rows, parsed.errors)
    assert len(parsed.errors) == 2


def test_a_long_file_is_read_in_flat_memory() -> None:
    rows = (cells for one in enrol(1_500, seed=2, on=ON) for cells in result_cells(one, ON))
    lines = ([row.get(column.key, "") for column in COLUMNS] for row in rows)
    content = b"".join(write_csv([column.key for column in COLUMNS], lines))
    count = content.count(b"\n") - 1
    assert count > 3_000
    parsed = read_results(content)
    tracemalloc.start()
    assert sum(1 for _ in parsed.check()) == count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400_000 + 400 * count
