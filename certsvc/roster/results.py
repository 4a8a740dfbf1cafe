"""A file of exam results → rows whose every cell has the right form (R2.2 as far as a file can tell).

Scores stay text: what they sum to and whether they fit is `rules.grading`, and each row belongs to the scheme its
enrolment is pinned to. Where one scheme is known to hold for the whole file it can be given, and rows are graded here.
Not here: entitlement to an attempt (rules.admission), whose result it is (services). Source: the fixed file formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from certsvc.errors import InvalidScore
from certsvc.person.identity import normalise_id_number
from certsvc.roster.cells import Limits
from certsvc.roster.parsed import ID_NUMBER, Parsed, Report, Seen
from certsvc.roster.reader import RowReader
from certsvc.roster.table import DEFAULT_LIMITS, Column, Table, read_table
from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.rules.grading import grade, parse_score
from certsvc.rules.terms import Scheme, Subject

SCORE = "score"
ITEM_COLUMNS = (
    Column("safety_assessment", "安全评估", required=False),
    Column("fire_extinguisher", "灭火器使用", required=False),
    Column("cpr", "心肺复苏", required=False),
    Column("bleeding_control", "止血包扎", required=False),
    Column("rescue_rope", "救援绳索", required=False),
    Column("airway_obstruction", "气道梗塞", required=False),
    Column("sign_recognition", "标识识别", required=False),
    Column("triage", "检伤分类", required=False),
)
COLUMNS = (
    Column(ID_NUMBER, "证件号码"),
    Column("name", "姓名"),
    Column("subject", "科目"),
    Column("sat_on", "考试日期"),
    Column("kind", "考试性质"),
    Column("outcome", "结果", required=False),
    Column(SCORE, "成绩", required=False),
    *ITEM_COLUMNS,
)
SUBJECTS: Mapping[str, Subject] = {name: subject for subject in Subject for name in (subject.zh, subject.value)}
KINDS: Mapping[str, AttemptKind] = {name: kind for kind in AttemptKind for name in (kind.zh, kind.value)}
OUTCOMES: Mapping[str, Outcome] = {name: outcome for outcome in Outcome for name in (outcome.zh, outcome.value)}
_LONGEST_ID_NUMBER = 32
_LONG_DECIMAL = re.compile(r"[0-9]{1,3}\.[0-9]{13,30}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One attempt as the file gives it. `items` maps an item's code to its score, drawn items only."""

    row: int
    identity_number: str
    name: str
    subject: Subject
    sat_on: date
    kind: AttemptKind
    outcome: Outcome
    score: str | None
    items: Mapping[str, str]


def read_results(
    source: bytes | Path,
    *,
    filename: str = "",
    scheme: Scheme | None = None,
    ignore_unknown: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Parsed[ResultRow]:
    """Open a results file; raises FileRefused for the file as a whole. With a scheme, rows are graded by it too."""
    table = read_table(source, COLUMNS, filename=filename, ignore_unknown=ignore_unknown, limits=limits)
    return Parsed(lambda report: _read(table, scheme, report), table.headings)


def _read(table: Table, scheme: Scheme | None, report: Report) -> Iterator[ResultRow]:
    seen = Seen()
    for warning in table.warnings:
        report.warn(warning)
    for row in table:
        reader = RowReader(table, row, report)
        result = result_of(reader, scheme)
        if result is None:
            continue
        earlier = seen.earlier(result.row, key_of(result), content_of(result))
        if earlier is None:
            yield result
        elif not earlier[1] and result.kind is AttemptKind.ONSITE_RETAKE:
            reader.refuse_repeated(
                "kind", earlier[0], "同一日只有一次现场补考", "there is one on-site retake on the day", rule="R3.7"
            )
        elif not earlier[1]:
            reader.refuse_repeated(
                ID_NUMBER,
                earlier[0],
                "同一人同日同科目同性质的成绩重复，内容不一致",
                "the same attempt stands twice in the file, with different content",
            )


def key_of(result: ResultRow) -> tuple[object, ...]:
    """What names an attempt within a file."""
    return (result.identity_number, result.subject, result.sat_on, result.kind)


def content_of(result: ResultRow) -> tuple[object, ...]:
    """What a row says of its attempt: equal where two rows say the same, however a score is written."""
    return (result.name, result.outcome, _worth(result.score), *map(_worth, result.items.values()), *result.items)


def result_of(reader: RowReader, scheme: Scheme | None) -> ResultRow | None:
    """The result of one row; None where a cell was refused."""
    identity_number = reader.text(ID_NUMBER, longest=_LONGEST_ID_NUMBER)
    if identity_number is not None:
        reader.refuse_cut_number(identity_number)
    name = reader.name()
    subject = reader.choice("subject", SUBJECTS)
    sat_on = reader.day("sat_on")
    kind = reader.choice("kind", KINDS)
    outcome = reader.choice("outcome", OUTCOMES, default=Outcome.SCORED)
    total = _score(reader, SCORE)
    items = {column.key: score for column in ITEM_COLUMNS if (score := _score(reader, column.key)) is not None}
    if reader.accepted and scheme is not None:
        assert subject is not None
        assert outcome is not None
        try:
            grade(subject, total, items, outcome, scheme)
        except InvalidScore as error:
            reader.refuse_with(error.where or SCORE, error)
    if not reader.accepted:
        return None
    # A row without a refusal has every required cell.
    assert identity_number is not None
    assert name is not None
    assert subject is not None
    assert sat_on is not None
    assert kind is not None
    assert outcome is not None
    return ResultRow(
        reader.number,
        normalise_id_number(identity_number),
        name,
        subject,
        sat_on,
        kind,
        outcome,
        reader.raw(SCORE) or None,
        {key: reader.raw(key) for key in items},
    )


def _worth(score: str | None) -> Decimal | None:
    """What a score says, however it is written: 60 and 60.00 are one."""
    return None if score is None else parse_score(score).normalize()


def _score(reader: RowReader, key: str) -> Decimal | None:
    if not reader.holds(key):
        return None
    text = reader.raw(key)
    try:
        return parse_score(text) if text else None
    except InvalidScore as error:
        if text.endswith(("%", "\uff05")):
            reader.refuse(key, "R9", "百分数不是成绩；请填写实际得分", "a percentage is no score; type the points")
        elif _is_noise(text):
            meant = f"{float(text):.15g}"
            reader.refuse(
                key,
                "R2",
                f"成绩最多两位小数；末尾是表格软件的计算误差，应为 {meant}",
                f"a score has two decimal places at most; the rest is how a spreadsheet reckons: {meant} is meant",
            )
        else:
            reader.refuse_with(key, error)
        return None


def _is_noise(text: str) -> bool:
    """Whether a score of two places lies behind more digits than any spreadsheet keeps, as binary reckoning leaves."""
    return _LONG_DECIMAL.fullmatch(text) is not None and Decimal(f"{float(text):.15g}") == round(Decimal(text), 2)
