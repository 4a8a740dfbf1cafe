"""An employer's list, up to 5,000 rows of number and name, answered row by row with the states of R11.

With a script the rows stream as lines of JSON, so that progress shows; without one the answer is the same file with
its states. Every row gets the uniform answer of R10 and counts as an attempt, and one number may stand there with three
names at most: a list is no way to guess. Not here: reading and writing the file (`roster`).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final

from flask import Response, stream_with_context
from werkzeug.datastructures import FileStorage

from certsvc.credential.number import NO_NUMBER, fold_number
from certsvc.credential.wording import Wording
from certsvc.errors import FileRefused, Unavailable
from certsvc.person.name import fold
from certsvc.roster.employer_list import (
    ANSWER_HEADERS,
    LIST_LIMITS,
    AnswerRow,
    EmployerRow,
    RowProblem,
    answer_cells,
    read_employer_list,
)
from certsvc.roster.export import write_csv, write_xlsx
from certsvc.services.verification import look_up
from certsvc.web.limits import Kind, record_asked
from certsvc.web.problems import BadRequest, TooMany
from certsvc.web.public.statement import Statement, not_asked, state_of, without_record
from certsvc.web.requests import address
from certsvc.web.site import Site

if TYPE_CHECKING:
    from certsvc.services.verification.public_record import PublicRecord

LINES: Final = "application/x-ndjson"
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_NAMES: Final = 3
_ROWS_A_FILE: Final = 500
_BATCH: Final = 200  # counted in one transaction, so that no one waits long for the database's one writer


def checked_list(site: Site, upload: FileStorage | None, language: str, *, wants: str) -> Response:
    """The list with its states, as lines of JSON where they are asked for, else as a file of the kind it came in."""
    if upload is None or not upload.filename:
        raise BadRequest("请选择名单文件", "choose a list to check")
    filename = upload.filename[-120:]
    rows = read_rows(upload.stream.read(LIST_LIMITS.file_bytes + 1), filename)
    count_rows(site, len(rows))
    if LINES in wants:
        lines = stream_with_context(_lines(site, rows, language))
        return Response(lines, mimetype=LINES, headers={"X-Accel-Buffering": "no"})
    answered = answer_cells(_answer_row(row, each, language) for row, each in _look_up_rows(site, rows))
    if filename.lower().endswith(".xlsx"):
        response = Response(write_xlsx(ANSWER_HEADERS, answered), mimetype=_XLSX)
        response.headers["Content-Disposition"] = 'attachment; filename="checked.xlsx"'
    else:
        response = Response(stream_with_context(write_csv(ANSWER_HEADERS, answered)), mimetype="text/csv")
        response.headers["Content-Disposition"] = 'attachment; filename="checked.csv"'
    return response


def read_rows(content: bytes, filename: str) -> list[EmployerRow]:
    """The rows of a list; raises `FileRefused` for its form, its size, or a number with too many names."""
    parsed = read_employer_list(content, filename=filename, ignore_unknown=True)
    rows = list(parsed.check())
    refuse_guessing((row.number, row.name) for row in rows if row.problem is None)
    return rows


def count_rows(site: Site, rows: int) -> None:
    """Count a long list against this address as so many files: each row is a look-up, and leaves a count of its own.

    The first file of it has been counted. Raises `TooMany`.
    """
    further = (rows - 1) // _ROWS_A_FILE
    if further > 0 and not all(site.limits.allow_each(Kind.FILE, [address()] * further)):
        raise TooMany


def refuse_guessing(pairs: Iterator[tuple[str, str]]) -> None:
    """Raise `FileRefused` where one number stands with more than three names."""
    names: dict[str, set[str]] = defaultdict(set)
    for number, name in pairs:
        tried = names[fold_number(number)]
        tried.add(fold(name))
        if len(tried) > _MOST_NAMES and fold_number(number) != NO_NUMBER:
            raise FileRefused(
                "同一证书编号配了三个以上姓名", "one number stands with more than three names", rule="R10"
            )


def look_up_pairs(site: Site, pairs: Iterable[tuple[str, str]], *, by_address: bool = True) -> Iterator[Statement]:
    """The statement for each number and name, in order; `by_address` is off where a key answers for the address.

    Each wrong row is an attempt (R10), by its address and at its record, and past the last one no row is told, right or
    wrong. An outage half way is the answer of the rows it touches. The same number and name again is no new attempt.
    """
    told: dict[tuple[str, str], bool] = {}
    remaining = iter(pairs)
    while batch := list(islice(remaining, _BATCH)):
        said = list(_look_up(site, batch, told, by_address=by_address))
        for state, times in Counter(statement.state for statement in said).items():
            site.figures.answered("list", state, times)
        yield from said


def _look_up(
    site: Site, batch: list[tuple[str, str]], told: dict[tuple[str, str], bool], *, by_address: bool
) -> Iterator[Statement]:
    """The statements of a batch; `told` says of each pair met so far whether its answer may be told."""
    found: dict[tuple[str, str], PublicRecord | None] = {}
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


def look_up_rows(site: Site, rows: Sequence[EmployerRow], *, by_address: bool = True) -> Iterator[Statement]:
    """The statement for each row of a file, in order; a row with a problem is told that, and asks nothing."""
    asked = ((row.number, row.name) for row in rows if row.problem is None)
    statements = look_up_pairs(site, asked, by_address=by_address)
    for row in rows:
        yield next(statements) if row.problem is None else not_looked_up(site, row.problem)


def not_looked_up(site: Site, problem: RowProblem) -> Statement:
    now = site.services.now()
    return Statement(problem.state, problem.says, None, now, site.reference(problem.state, "", now))


def _look_up_rows(site: Site, rows: Sequence[EmployerRow]) -> Iterator[tuple[EmployerRow, Statement]]:
    return zip(rows, look_up_rows(site, rows), strict=True)


def _answer_row(row: EmployerRow, statement: Statement, language: str) -> AnswerRow:
    return AnswerRow(
        number=row.number,
        name=row.name,
        status=_told(statement.says, language, remedy=row.problem is not None),
        issued_on=statement.record.issued_on.isoformat() if statement.record else "",
        checked_at=str(statement.as_values()["checked_at"]),
    )


def _told(says: Wording, language: str, *, remedy: bool) -> str:
    told, then = (says.zh, says.next_zh) if language == "zh" else (says.en, says.next_en)
    between = ";" if language == "zh" else ". "
    return told + between + then if remedy else told


def _lines(site: Site, rows: list[EmployerRow], language: str) -> Iterator[str]:
    yield json.dumps({"rows": len(rows)}) + "\n"
    for row, statement in _look_up_rows(site, rows):
        answer = _answer_row(row, statement, language)
        line = {
            "row": row.row,
            "state": statement.state,
            "number": answer.number,
            "name": answer.name,
            "status": answer.status,
            "issued_on": answer.issued_on,
            "checked_at": answer.checked_at,
        }
        yield json.dumps(line, ensure_ascii=False) + "\n"
