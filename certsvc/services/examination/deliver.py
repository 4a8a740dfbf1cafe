"""Results by a signed call: the rows of a results file as JSON, recorded as an import by the system that signed.

All or nothing, by the same rules and with the same errors by row. One idempotency key is one delivery: sent again with
the same body it gives the same answer, with another body a conflict; what was refused left nothing, so its key is free.
A delivery is kept as it was signed. It is not published by coming in (R6). Not here: the signature
(`signing.http_signature`), whose key it is (`operation.sending_systems`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import Conflict, ImportRefused, Refused
from certsvc.roster.results import COLUMNS, ResultRow, read_results
from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.examination.import_results import record_results
from certsvc.services.imports import all_or_nothing, report
from certsvc.store import ResultsDeliveryRecord, SeatRecord, SittingRecord

MOST_ROWS: Final = 5_000
LONGEST_CELL: Final = 200
LONGEST_KEY: Final = 100
_NAMES: Final = tuple(column.key for column in COLUMNS)


@dataclass(frozen=True, slots=True)
class Sender:
    """The system that sends; `subjects` and `station` bound what of."""

    id: int
    name: str
    subjects: tuple[Subject, ...]
    station: str | None


@dataclass(frozen=True, slots=True)
class Signed:
    """A body with the proof that it was sent so: the signature and the base that it is of."""

    body: bytes
    base: str
    signature: bytes


def deliver(services: Services, sender: Sender, signed: Signed, *, key: str) -> dict[str, object]:
    """Record a delivery under its idempotency key; the answer, the same each time.

    Raises `Conflict` for the key of another body, `Refused` for a body of another form, `ImportRefused` whose rows are
    counted from 1.
    """
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Refused(
            f"Idempotency-Key 须为至多 {LONGEST_KEY} 个 ASCII 字符",
            f"an Idempotency-Key has at most {LONGEST_KEY} characters of ASCII",
            where="idempotency-key",
        )
    digest = hashlib.sha256(signed.body).digest()
    former = _former(services, sender, key)
    if former is not None:
        return _again(former, digest)
    parsed = read_results(_as_file(_rows(signed.body)), filename="delivery.csv")
    by, place = f"system:{sender.name}", Path(key)
    importing = all_or_nothing(services, parsed, place, "delivery", action="results.deliver", by=by, dry_run=False)
    try:
        with importing as (session, tally):
            allowed = _bounds(session, sender)
            record_results(services, session, parsed, tally, by=lambda _: by, allowed=allowed)
            answer = {
                "delivery": key,
                "new": tally.new,
                "unchanged": tally.unchanged,
                "warnings": [
                    {"row": one.row - 1, "column": one.column, "rule": one.rule, "zh": one.zh, "en": one.en}
                    for one in report(tally, parsed, dry_run=False).warnings
                ],
            }
            session.add(_kept(services, sender, signed, key, digest, answer=answer))
    except ImportRefused as refused:
        # Rows are the sender's own, the first of them 1; the file they were read as had a row of headers.
        raise ImportRefused([replace(cell, row=cell.row - 1) for cell in refused.errors]) from refused
    except Conflict:
        # Another call with the same key was first.
        former = _former(services, sender, key)
        if former is None:
            raise
        return _again(former, digest)
    return answer


def _former(services: Services, sender: Sender, key: str) -> ResultsDeliveryRecord | None:
    query = select(ResultsDeliveryRecord).filter_by(system_id=sender.id, idempotency_key=key)
    with services.database.reading() as session:
        return session.scalar(query)


def _again(former: ResultsDeliveryRecord, digest: bytes) -> dict[str, object]:
    if former.body_sha256 != digest:
        raise Conflict(
            "该 Idempotency-Key 已用于另一内容",
            "this Idempotency-Key was used for another body",
            where="idempotency-key",
        )
    answer: dict[str, object] = json.loads(former.answer)
    return answer


def _kept(
    services: Services, sender: Sender, signed: Signed, key: str, digest: bytes, *, answer: dict[str, object]
) -> ResultsDeliveryRecord:
    sealed = services.vault.seal({"body": signed.body.decode()}, delivery_binding(sender.id, key))
    return ResultsDeliveryRecord(
        system_id=sender.id,
        idempotency_key=key,
        body_sha256=digest,
        sealed=sealed.content,
        sealed_kid=sealed.kid,
        signature_base=signed.base,
        signature=signed.signature,
        answer=json.dumps(answer, ensure_ascii=False),
        received_at=services.now(),
    )


def delivery_binding(system_id: int, key: str) -> bytes:
    """What the sealed body of a delivery is bound to."""
    return f"results-delivery\0{system_id}\0{key}".encode()


def _bounds(session: Session, sender: Sender) -> Callable[[ResultRow, int], None]:
    """What refuses a row that is not this system's to send."""

    def allowed(row: ResultRow, enrolment_id: int) -> None:
        if row.subject not in sender.subjects:
            raise Refused("该系统无权发送此科成绩", "the system may not send results of this subject", where="subject")
        if sender.station is not None and not _sat_there(session, row, enrolment_id, sender.station):
            raise Refused(
                "该考生不在本站当日该科的名单中",
                "the candidate is on no roll of the system's station for this day and subject",
                where="sat_on",
            )

    return allowed


def _sat_there(session: Session, row: ResultRow, enrolment_id: int, station: str) -> bool:
    query = (
        select(SeatRecord.id)
        .join(SittingRecord, SittingRecord.id == SeatRecord.sitting_id)
        .where(
            SeatRecord.enrolment_id == enrolment_id,
            SeatRecord.removed_at.is_(None),
            SittingRecord.station == station,
            SittingRecord.sat_on == row.sat_on,
            SittingRecord.subject == row.subject.value,
        )
    )
    return session.scalar(query.limit(1)) is not None


def _rows(body: bytes) -> list[dict[str, str]]:
    """The rows of `{"rows": [{…}]}`, each cell a text under the English header of the results file."""
    try:
        said = json.loads(body.decode())
    except (ValueError, RecursionError):
        said = None
    rows = said.get("rows") if isinstance(said, dict) and set(said) == {"rows"} else None
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
        raise Refused(
            f'内容应为 {{"rows": […]}}，1 至 {MOST_ROWS} 行',
            f'the body is {{"rows": […]}} with 1 to {MOST_ROWS} rows',
            where="rows",
        )
    for place, row in enumerate(rows, 1):
        _check_row(row, f"rows[{place}]")
    return rows


def _check_row(row: object, where: str) -> None:
    if not isinstance(row, dict) or not row.keys() <= set(_NAMES):
        raise Refused(
            f"每行是对象，其成员只能是：{'、'.join(_NAMES)}",
            f"a row is an object whose members are of: {', '.join(_NAMES)}",
            where=where,
        )
    for name, text in row.items():
        if not isinstance(text, str) or len(text) > LONGEST_CELL or not text.isprintable():
            raise Refused(
                f"各值为至多 {LONGEST_CELL} 字的文字，成绩也是",
                f"each value is text of at most {LONGEST_CELL} characters, scores too",
                where=f"{where}.{name}",
            )


def _as_file(rows: Sequence[dict[str, str]]) -> bytes:
    """The rows as a results file, so that one reader judges every cell, however it came."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=_NAMES, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")
