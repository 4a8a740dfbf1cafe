"""What reading a roster gives: its good rows, one at a time, and every bad cell of it.

A file is read in two passes over the same bytes, so that a long one needs no memory for its rows: `check()` finds every
error, and only then are rows taken. Source: an import is all or nothing, and every bad row is listed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Generic, TypeVar

from certsvc.errors import CellError, ImportRefused, Refused
from certsvc.person.identity import mask_id_number

T = TypeVar("T")
MOST_FINDINGS = 100_000


ID_NUMBER = "id_number"


def mask_identity(text: str) -> str:
    """An identity number as an error may show it: some of it hidden, however malformed it is (R10)."""
    return mask_id_number(text) if len(text) >= 4 else "*" * len(text)


def finding(headings: Mapping[str, str], row: int, key: str, value: str, *, rule: str, zh: str, en: str) -> CellError:
    """An error in the column `key`, under the file's own header; an identity number is masked."""
    return CellError(row, headings.get(key, key), mask_identity(value) if key == ID_NUMBER else value, rule, zh, en)


class _Enough(Exception):
    """No error: a pass that ends early, since there are more findings than anyone reads or memory should hold."""


class Report:
    """Errors and warnings of one pass; after MOST_FINDINGS of a kind the pass ends, and the last entry says so."""

    def __init__(self) -> None:
        self.errors: list[CellError] = []
        self.warnings: list[CellError] = []

    def refuse(self, error: CellError) -> None:
        if len(self.errors) >= MOST_FINDINGS:
            self.errors.append(
                CellError(
                    error.row, "", "", "file.errors", "错误过多，其余未列出", "too many errors; the rest is not listed"
                )
            )
            raise _Enough
        self.errors.append(error)

    def warn(self, warning: CellError) -> None:
        if len(self.warnings) < MOST_FINDINGS:
            self.warnings.append(warning)


class Parsed(Generic[T]):
    """The rows of one file. Iterating reads it again and yields its good rows; it holds no row itself.

    `errors` and `warnings` are those of the whole file, found by one pass on first use.
    """

    def __init__(self, read: Callable[[Report], Iterator[T]], headings: Mapping[str, str]) -> None:
        self._read = read
        self._headings = headings
        self._report: Report | None = None

    def __iter__(self) -> Iterator[T]:
        report = Report()
        with suppress(_Enough):
            yield from self._read(report)
        self._report = report

    @property
    def rows(self) -> list[T]:
        """All good rows at once; for files that are known to be small."""
        return list(self)

    @property
    def errors(self) -> list[CellError]:
        return self._complete_report().errors

    @property
    def warnings(self) -> list[CellError]:
        return self._complete_report().warnings

    def check(self) -> Parsed[T]:
        """The same file, known to have no bad cell; raises ImportRefused with all of them."""
        if self.errors:
            raise ImportRefused(self.errors)
        return self

    def cell_error(self, row: int, column: str, value: str, error: Refused) -> CellError:
        """What a later check (the rules, the register) found in a cell; `column` is a column's key, such as "score"."""
        return finding(self._headings, row, column, value, rule=error.rule or error.code, zh=error.zh, en=error.en)

    def _complete_report(self) -> Report:
        if self._report is None:
            for _ in self:
                pass
        assert self._report is not None
        return self._report


class Seen:
    """Which keys a file has had and with what content, in some 200 bytes a row."""

    def __init__(self) -> None:
        # One small value for each key: the row in four bytes, then the digest of its content.
        self._rows: dict[bytes, bytes] = {}

    def earlier(self, row: int, key: object, content: object) -> tuple[int, bool] | None:
        """The row where `key` stood before and whether it said the same; None at first sight."""
        here = row.to_bytes(4, "big") + _digest(content)
        first = self._rows.setdefault(_digest(key), here)
        return None if first is here else (int.from_bytes(first[:4], "big"), first[4:] == here[4:])


def _digest(value: object) -> bytes:
    return hashlib.blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=16).digest()
