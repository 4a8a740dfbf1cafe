"""What one cell of a file can hold once the file's own form is behind us, and how large a file may be.

Not here: what a cell means (see `reader`). Source: the fixed file formats; the bounds are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

# Padding that spreadsheets and typists leave around a cell. Nothing else is stripped: a control or zero-width
# character at the edge of a name must reach the name rule (R9) and be refused there.
PADDING = " \t\r\n\u00a0\u3000"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cell whose content is lost or out of bounds; it becomes a CellError where a column asks for it."""

    shown: str
    rule: str
    zh: str
    en: str


Cell = str | date | Unreadable
NumberedCells = Iterator[tuple[int, list[Cell]]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file may be: bytes as stored, rows below the header, columns, characters in one cell; for an XLSX
    also what it unpacks to, and what the process that reads it may use."""

    file_bytes: int = 64 * 1024 * 1024
    rows: int = 200_000
    columns: int = 64
    cell_length: int = 1_000
    unpacked_bytes: int = 256 * 1024 * 1024
    archive_entries: int = 500
    memory_bytes: int = 2 * 1024 * 1024 * 1024
    seconds: int = 60


def shown(cell: Cell) -> str:
    """The cell as an operator would see it."""
    if isinstance(cell, str):
        return cell
    return cell.shown if isinstance(cell, Unreadable) else cell.isoformat()
