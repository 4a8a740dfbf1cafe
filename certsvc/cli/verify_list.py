"""`certsvc verify LIST`: an employer's list of numbers and names, each row answered by the register (R11).

A row that cannot be asked about is told what is wrong with it and what to do, and the others are answered. The owner of
the register is under no limit (R10). Not here: reading the file (`roster.employer_list`), single files (`verify`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from certsvc.cli.speech import say
from certsvc.credential.wording import Wording
from certsvc.credential.wording import say as words
from certsvc.roster.employer_list import EmployerRow, read_employer_list
from certsvc.services.verification import look_up
from certsvc.services.verification.public_record import say_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from certsvc.services.context import Services
    from certsvc.services.verification.public_record import PublicRecord

_IN_FORCE: Final = frozenset({"valid", "paper_valid"})


@dataclass(frozen=True, slots=True)
class RowAnswer:
    """One row as typed, its state, and the words for it."""

    typed: EmployerRow
    state: str
    says: Wording

    @property
    def in_force(self) -> bool:
        return self.state in _IN_FORCE

    def as_json(self) -> dict[str, object]:
        return {
            "row": self.typed.row,
            "number": self.typed.number,
            "name": self.typed.name,
            "state": self.state,
            "says": {"zh": self.says.zh, "en": self.says.en},
            "next": {"zh": self.says.next_zh, "en": self.says.next_en},
        }


def check_list(services: Services, content: bytes, filename: str) -> list[RowAnswer]:
    """The answer to each row, in order; raises `FileRefused` for the file as a whole."""
    rows = list(read_employer_list(content, filename=filename, ignore_unknown=True))
    asked = [(row.number, row.name) for row in rows if row.problem is None]
    records = iter(look_up.by_numbers_and_names(services, asked))
    return [
        _of_record(row, next(records)) if row.problem is None else RowAnswer(row, row.problem.state, row.problem.says)
        for row in rows
    ]


def _of_record(row: EmployerRow, record: PublicRecord | None) -> RowAnswer:
    if record is None:
        return RowAnswer(row, "unknown", words("unknown"))
    return RowAnswer(row, record.state, say_of(record))


def say_list(rows: Sequence[RowAnswer]) -> None:
    """The rows, one a line, and what to do about those that are not in force."""
    for row in rows:
        say(f"{row.typed.row}: {row.typed.number} {row.typed.name} 【{row.state}】{row.says.zh} / {row.says.en}")
        if row.typed.problem is not None:
            say(f"   {row.says.next_zh} {row.says.next_en}")
    good = sum(row.in_force for row in rows)
    say(f"共 {len(rows)} 行，{good} 行真实有效 / {len(rows)} rows, {good} genuine and in force.")
