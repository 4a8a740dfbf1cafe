"""A file of corrections of results → rows: the columns of results, and why (R2.4).

Each row names an attempt on record by person, subject, day and kind, and says what it shall say from now on: outcome,
score or items, and the day where the day itself was wrong. Not here: which attempt that is, and what follows
(`services.results`). Source: the fixed file formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from certsvc.roster.cells import Limits
from certsvc.roster.parsed import ID_NUMBER, Parsed, Report, Seen
from certsvc.roster.reader import RowReader
from certsvc.roster.results import COLUMNS as OF_RESULTS
from certsvc.roster.results import ResultRow, content_of, key_of, result_of
from certsvc.roster.table import DEFAULT_LIMITS, Column, Table, read_table

REASON = "correction_reason"
CORRECTED_SAT_ON = "corrected_sat_on"
EVIDENCE = "correction_evidence"
COLUMNS = (
    *OF_RESULTS,
    Column(REASON, "更正原因"),
    Column(CORRECTED_SAT_ON, "更正考试日期", required=False),
    Column(EVIDENCE, "更正依据", required=False),
)


@dataclass(frozen=True, slots=True)
class CorrectionRow:
    """One correction as the file gives it: `result` names the attempt and says what it shall say; `sat_on` is the day
    it shall have; `evidence` a file number, "" for none."""

    result: ResultRow
    sat_on: date
    reason: str
    evidence: str

    @property
    def row(self) -> int:
        return self.result.row


def read_corrections(
    source: bytes | Path, *, filename: str = "", ignore_unknown: bool = False, limits: Limits = DEFAULT_LIMITS
) -> Parsed[CorrectionRow]:
    """Open a file of corrections; raises `FileRefused` for the file as a whole."""
    table = read_table(source, COLUMNS, filename=filename, ignore_unknown=ignore_unknown, limits=limits)
    return Parsed(lambda report: _read(table, report), table.headings)


def _read(table: Table, report: Report) -> Iterator[CorrectionRow]:
    seen = Seen()
    for warning in table.warnings:
        report.warn(warning)
    for row in table:
        reader = RowReader(table, row, report)
        correction = _correction(reader)
        if correction is None:
            continue
        content = (*content_of(correction.result), correction.sat_on, correction.reason, correction.evidence)
        earlier = seen.earlier(correction.row, key_of(correction.result), content)
        if earlier is None:
            yield correction
        elif not earlier[1]:
            reader.refuse_repeated(
                ID_NUMBER,
                earlier[0],
                "同一次考试的更正重复，内容不一致",
                "the same attempt is corrected twice in the file, with different content",
            )


def _correction(reader: RowReader) -> CorrectionRow | None:
    result = result_of(reader, None)
    reason = reader.text(REASON)
    sat_on = reader.day(CORRECTED_SAT_ON) if reader.holds(CORRECTED_SAT_ON) else None
    evidence = reader.text(EVIDENCE, required=False)
    if result is None or reason is None or not reader.accepted:
        return None
    return CorrectionRow(result, sat_on or result.sat_on, reason, evidence or "")
