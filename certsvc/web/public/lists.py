"""An employer's list, up to 5,000 rows of number and name, answered row by row with the states of R11.

With a script the rows stream as lines of JSON, so that progress shows, and the last line brings the answered file;
without one the answer is that file. It is of the kind that came in. A row that cannot be read, or whose number stands
there with more than three names (a list is no way to guess), is told as such with what to do, and refuses no other.
Every row that is looked up gets the uniform answer of R10, and counts as an attempt where it is wrong. Not here:
reading and writing the file (`roster`).
"""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from flask import Response, stream_with_context

from certsvc.credential.number import NO_NUMBER, fold_number
from certsvc.errors import Unavailable
from certsvc.person.name import fold
from certsvc.roster.employer_list import (
    ANSWER_HEADERS,
    GUESSED,
    ROW_PROBLEMS,
    TEMPLATE_HEADERS,
    AnswerRow,
    EmployerRow,
    RowProblem,
    answer_cells,
    read_employer_list,
)
from certsvc.roster.export import write_csv, write_xlsx
from certsvc.services.verification import look_up
from certsvc.web.gate import Busy
from certsvc.web.limits import Kind, record_asked
from certsvc.web.problems import TooMany
from certsvc.web.public.statement import Statement, not_asked, state_of, without_record
from certsvc.web.requests import address
from certsvc.web.site import Site

if TYPE_CHECKING:
    from certsvc.services.verification.public_record import PublicRecord

LINES: Final = "application/x-ndjson"
_CSV: Final = "text/csv"
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ZIP_MAGIC: Final = b"PK\x03\x04"
_MOST_NAMES: Final = 3
_ROWS_A_FILE: Final = 500
_TEMPLATE_ROWS: Final = 500
_NOT_CHECKED: Final = frozenset(problem.state for problem in ROW_PROBLEMS)
_BATCH: Final = 200  # counted in one transaction, so that no one waits long for the database's one writer
Pair = tuple[str, str]
Turn = Callable[[], AbstractContextManager[None]]
Answered = tuple[EmployerRow, Statement]


def read_rows(content: bytes, filename: str) -> list[EmployerRow]:
    """The rows of a list, those that cannot be read too; raises `FileRefused` for the file's form and size."""
    return list(read_employer_list(content, filename=filename, ignore_unknown=True))


def count_rows(site: Site, rows: int) -> None:
    """Count a long list against this address as so many files: each row is a look-up, and leaves a count of its own.

    The first file of it has been counted. Raises `TooMany`.
    """
    further = (rows - 1) // _ROWS_A_FILE
    if further > 0 and not all(site.limits.allow_each(Kind.FILE, [address()] * further)):
        raise TooMany


def answer_list(site: Site, content: bytes, filename: str, language: str, *, wants: str) -> Response:
    """The list with its states, as lines of JSON where they are asked for, else as a file of the kind it came in.

    Within a turn at the gate until the rows are read; each part of the look-up takes one of its own.
    """
    with site.gate.turn(address()):
        rows = read_rows(content, filename)
    count_rows(site, len(rows))
    answered = answer_rows(site, rows, lambda: site.gate.turn(address()))
    file = answer_file(content)
    if LINES in wants:
        lines = stream_with_context(_lines(site, rows, answered, language, file))
        return Response(lines, mimetype=LINES, headers={"X-Accel-Buffering": "no"})
    written = file.write(_cells(site, row, statement, language) for row, statement in answered)
    response = Response(written, mimetype=file.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """The kind of file an answer is written as."""

    name: str
    media_type: str

    def write(self, rows: Iterable[AnswerRow]) -> bytes:
        if self.media_type == _XLSX:
            return write_xlsx(ANSWER_HEADERS, answer_cells(rows), links=ANSWER_HEADERS.index("核验网址"))
        return b"".join(write_csv(ANSWER_HEADERS, answer_cells(rows)))


def answer_file(content: bytes) -> AnswerFile:
    """The kind that this content came in."""
    return AnswerFile("checked.xlsx", _XLSX) if content.startswith(_ZIP_MAGIC) else AnswerFile("checked.csv", _CSV)


def answer_rows(
    site: Site, rows: Sequence[EmployerRow], turn: Turn = nullcontext, *, by_address: bool = True
) -> Iterator[Answered]:
    """Each row with its statement, in order; a row with a problem is told that, and asks nothing.

    `turn` is taken for each part of the look-up; `by_address` is off where a key answers for the address.
    """
    rows = _with_guesses(rows)
    pairs = ((row.number, row.name) for row in rows if row.problem is None)
    statements = look_up_pairs(site, pairs, turn, by_address=by_address)
    for row in rows:
        yield row, next(statements) if row.problem is None else _not_looked_up(site, row.problem)


def _with_guesses(rows: Sequence[EmployerRow]) -> list[EmployerRow]:
    """The rows, with a problem where their number stands there with more than three names: all of them, so that the
    right one is not told by being answered."""
    names: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.problem is None:
            names[fold_number(row.number)].add(fold(row.name))
    names.pop(NO_NUMBER, None)
    guessed = {number for number, tried in names.items() if len(tried) > _MOST_NAMES}
    return [
        replace(row, problem=GUESSED) if row.problem is None and fold_number(row.number) in guessed else row
        for row in rows
    ]


def _not_looked_up(site: Site, problem: RowProblem) -> Statement:
    now = site.services.now()
    return Statement(problem.state, problem.says, None, now, site.reference(problem.state, "", now))


def look_up_pairs(
    site: Site, pairs: Iterable[Pair], turn: Turn = nullcontext, *, by_address: bool = True
) -> Iterator[Statement]:
    """The statement for each number and name, in order.

    Each wrong row is an attempt (R10), by its address and at its record, and past the last one no row is told, right or
    wrong. An outage half way is the answer of the rows it touches, as is a gate at which too many wait. The same number
    and name again is no new attempt.
    """
    told: dict[Pair, bool] = {}
    remaining = iter(pairs)
    while batch := list(islice(remaining, _BATCH)):
        try:
            with turn():
                said = list(_look_up(site, batch, told, by_address=by_address))
        except Busy:
            said = [without_record(site, "unavailable") for _ in batch]
        for state, times in Counter(statement.state for statement in said).items():
            site.figures.answered("list", state, times)
        yield from said


def _look_up(site: Site, batch: list[Pair], told: dict[Pair, bool], *, by_address: bool) -> Iterator[Statement]:
    """The statements of a batch; `told` says of each pair met so far whether its answer may be told."""
    found: dict[Pair, PublicRecord | None] = {}
    with suppress(Unavailable):
        if by_address and site.limits.is_spent(address()):
            told.update((pair, False) for pair in batch if pair not in told)
        asked = [pair for pair in dict.fromkeys(batch) if told.get(pair, True)]
        answers = dict(zip(asked, look_up.by_numbers_and_names(site.services, asked), strict=True))
        new = [pair for pair in asked if pair not in told]
        rows = [(record_asked(number), answers[number, name] is not None) for number, name in new]
        told.update(zip(new, site.limits.allow_guesses(address(), rows, by_address=by_address), strict=True))
        found = answers
    for pair in batch:
        if told.get(pair) is False:
            yield not_asked(site)
        else:
            yield state_of(site, found[pair]) if pair in found else without_record(site, "unavailable")


def _cells(site: Site, row: EmployerRow, statement: Statement, language: str) -> AnswerRow:
    record, says = statement.record, statement.says
    told, then = (says.zh, says.next_zh) if language == "zh" else (says.en, says.next_en)
    if row.problem is not None:
        told += ("；" if language == "zh" else ". ") + then
    return AnswerRow(
        number=row.number,
        name=row.name,
        status=told,
        issued_on=record.issued_on.isoformat() if record else "",
        checked_at=str(statement.as_values()["checked_at"]),
        link=f"{site.services.base_url}/v/{record.token}" if record is not None and record.token else "",
    )


def _lines(
    site: Site, rows: Sequence[EmployerRow], answered: Iterable[Answered], language: str, file: AnswerFile
) -> Iterator[str]:
    yield json.dumps({"rows": len(rows)}) + "\n"
    written: list[AnswerRow] = []
    for row, statement in answered:
        cells = _cells(site, row, statement, language)
        written.append(cells)
        record = statement.record
        line = {
            "row": row.row,
            "state": statement.state,
            "checked": statement.state not in _NOT_CHECKED,
            "number": cells.number,
            "name": cells.name,
            "status": cells.status,
            "issued_on": cells.issued_on,
            "checked_at": cells.checked_at,
            "record": f"/v/{record.token}" if record is not None and record.token else None,
        }
        yield json.dumps(line, ensure_ascii=False) + "\n"
    packed = base64.b64encode(file.write(written)).decode()
    yield json.dumps({"file": file.name, "type": file.media_type, "base64": packed}) + "\n"


def template(kind: str) -> Response:
    """An empty list to fill in, its cells text, so that a spreadsheet keeps every digit of a number."""
    if kind == "xlsx":
        content, media_type = write_xlsx(TEMPLATE_HEADERS, (), title="名单", empty_rows=_TEMPLATE_ROWS), _XLSX
    else:
        content, media_type = b"".join(write_csv(TEMPLATE_HEADERS, ())), _CSV
    response = Response(content, mimetype=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="list.{kind}"'
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response
