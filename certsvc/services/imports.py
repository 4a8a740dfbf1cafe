"""What every import shares: all or nothing in one transaction, every error listed, and a report (formats.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session

from certsvc.errors import CellError, ImportRefused, Refused
from certsvc.rendering.names import undrawable
from certsvc.roster.parsed import Parsed
from certsvc.services import trail
from certsvc.services.context import Services

T = TypeVar("T")
CHUNK_ROWS = 500  # few enough for one statement's parameters, many enough that statements do not matter
MOST_ERRORS = 100_000
MOST_WARNINGS = 1_000
Progress = Callable[[str, int, int], None]
"""Called with the step ("read" or "record"), how many are done, and how many there are (0: not known yet)."""


def silent(_step: str, _done: int, _total: int) -> None:
    """The progress that no one watches."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or with `dry_run` would have done. `resubmitted` is there where rows were put to review,
    `approval` where the file waits for a second person."""

    new: int
    unchanged: int
    warnings: tuple[CellError, ...]
    dry_run: bool
    resubmitted: int | None = None
    approval: int | None = None

    def as_json(self) -> dict[str, object]:
        return {
            "new": self.new,
            "unchanged": self.unchanged,
            **({} if self.resubmitted is None else {"resubmitted": self.resubmitted}),
            **({} if self.approval is None else {"approval": self.approval, "state": "waiting"}),
            "dry_run": self.dry_run,
            "warnings": [warning.as_json() for warning in self.warnings],
        }


@dataclass(slots=True)
class Tally:
    """What an import has seen so far."""

    new: int = 0
    unchanged: int = 0
    resubmitted: int = 0  # returned by the review, and handed in again
    errors: list[CellError] = field(default_factory=list)
    warnings: list[CellError] = field(default_factory=list)

    def warn_of_future(self, parsed: Parsed[T], row: int, column: str, day: date) -> None:
        """A day that has not come is no fault (a rehearsal, decisions `--on` a later day), but seldom meant."""
        later = Refused("日期晚于今天", "the date lies in the future", rule="file.date")
        self.warn(parsed.cell_error(row, column, day.isoformat(), later))

    def warn_of_undrawable(self, parsed: Parsed[T], row: int, name: str) -> None:
        """R9: its certificate could not be issued. No fault of the row: the person is on record under their name."""
        missing = undrawable(name)
        if missing is not None:
            self.warn(parsed.cell_error(row, "name", name, missing))

    def warn(self, warning: CellError) -> None:
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(warning)

    def refuse(self, error: CellError) -> None:
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(error)


@contextmanager
def all_or_nothing(
    services: Services,
    parsed: Parsed[T],
    path: Path,
    object_kind: str = "file",
    /,
    *,
    action: str,
    by: str,
    dry_run: bool,
    **detail: object,
) -> Iterator[tuple[Session, Tally]]:
    """One writing transaction; rolled back where file or tally have errors at its end, and for a dry run.

    What was new stands in the audit trail under `action`, with `detail`; rows that come in no file name what they came
    in by `object_kind` and `path`. Raises `ImportRefused` listing every error in
    row order.
    """
    with services.database.writing() as session:
        tally = Tally()
        yield session, tally
        for error in parsed.errors:
            tally.refuse(error)
        if tally.errors:
            raise ImportRefused(sorted(tally.errors, key=lambda error: error.row))
        if dry_run:
            session.rollback()
        elif tally.new or tally.resubmitted:
            trail.note(
                session,
                at=services.now(),
                by=by,
                action=action,
                object_kind=object_kind,
                object_key=path.name,
                new=tally.new,
                unchanged=tally.unchanged,
                **detail,
                **({"resubmitted": tally.resubmitted} if tally.resubmitted else {}),
            )


def report(tally: Tally, parsed: Parsed[T], *, dry_run: bool) -> ImportReport:
    warnings = sorted([*parsed.warnings, *tally.warnings], key=lambda warning: warning.row)
    return ImportReport(tally.new, tally.unchanged, tuple(warnings), dry_run)


def chunks(rows: Iterator[T], size: int = CHUNK_ROWS) -> Iterator[list[T]]:
    """The rows in lists of at most `size`."""
    while chunk := list(islice(rows, size)):
        yield chunk
