"""A roster of candidates → checked rows (R1.1–R1.4 as far as a file can tell, R9).

Not here: age, open levels and one open enrolment a person (rules.registration, services); the photo itself (`photo`).
Source: the fixed file formats, candidates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from certsvc.errors import PhotoRefused
from certsvc.person.identity import IdentityDocument, Sex
from certsvc.roster.cells import Limits
from certsvc.roster.parsed import ID_NUMBER, Parsed, Report, Seen
from certsvc.roster.photo import check_photo_name
from certsvc.roster.reader import RowReader
from certsvc.roster.table import DEFAULT_LIMITS, Column, Table, read_table

COLUMNS = (
    Column("name", "姓名"),
    Column("sex", "性别"),
    Column("id_type", "证件类型", required=False),
    Column(ID_NUMBER, "证件号码"),
    Column("birth_date", "出生日期"),
    Column("phone", "手机号码"),
    Column("email", "邮箱", required=False),
    Column("institution", "培训机构"),
    Column("health_declared", "健康承诺"),
    Column("registered_on", "报名日期"),
    Column("occupation", "职业", required=False),
    Column("level", "等级", required=False),
    Column("batch", "批次", required=False),
    Column("photo", "照片", required=False),
)
SEXES: Mapping[str, Sex] = {
    "男": Sex.MALE,
    "女": Sex.FEMALE,
    "M": Sex.MALE,
    "F": Sex.FEMALE,
}
YES_NO: Mapping[str, bool] = {"是": True, "否": False, "yes": True, "no": False}
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_LONGEST_MAILBOX = 254  # RFC 5321, 4.5.3.1.3, without the brackets
_PHONE = re.compile(r"\+?[0-9][0-9 -]{4,18}[0-9]")


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """One registration as the roster gives it. `photo` is the name of a file beside the roster."""

    row: int
    name: str
    sex: Sex
    identity: IdentityDocument
    birth_date: date
    phone: str | None
    email: str | None
    institution: str | None
    health_declared: bool
    registered_on: date
    occupation: str | None
    level: int | None
    batch: str | None
    photo: str | None


def read_candidates(
    source: bytes | Path, *, filename: str = "", ignore_unknown: bool = False, limits: Limits = DEFAULT_LIMITS
) -> Parsed[CandidateRow]:
    """Open a roster; raises FileRefused for the file as a whole. A level left empty is None: the scheme's open one."""
    table = read_table(source, COLUMNS, filename=filename, ignore_unknown=ignore_unknown, limits=limits)
    return Parsed(lambda report: _read(table, report), table.headings)


def _read(table: Table, report: Report) -> Iterator[CandidateRow]:
    persons, registrations = Seen(), Seen()
    for warning in table.warnings:
        report.warn(warning)
    for row in table:
        reader = RowReader(table, row, report)
        candidate = _candidate(reader)
        if candidate is not None and _is_new(candidate, reader, persons, registrations):
            yield candidate


def _candidate(reader: RowReader) -> CandidateRow | None:
    name = reader.name()
    sex = reader.choice("sex", SEXES)
    birth_date = reader.day("birth_date")
    identity = reader.identity(birth_date=birth_date, sex=sex)
    phone = _phone(reader)
    email = _email(reader)
    institution = reader.text("institution", required=False)
    health_declared = reader.choice("health_declared", YES_NO)
    registered_on = reader.day("registered_on")
    occupation = reader.text("occupation", required=False)
    level = reader.level("level", required=False)
    batch = reader.text("batch", required=False)
    photo = _photo(reader)
    if not reader.accepted:
        return None
    # A row without a refusal has every required cell.
    assert name is not None
    assert sex is not None
    assert identity is not None
    assert birth_date is not None
    assert health_declared is not None
    assert registered_on is not None
    return CandidateRow(
        reader.number,
        name,
        sex,
        identity,
        birth_date,
        phone,
        email,
        institution,
        health_declared,
        registered_on,
        occupation,
        level,
        batch,
        photo,
    )


def is_phone(text: str) -> bool:
    """Whether this can be a telephone number as the register keeps it."""
    return _PHONE.fullmatch(text) is not None


def is_mail_address(text: str) -> bool:
    """Whether this can be a mailbox as the register keeps it: one plain ASCII address (RFC 5321, 4.1.2)."""
    return len(text) <= _LONGEST_MAILBOX and _MAILBOX.fullmatch(text) is not None


def _phone(reader: RowReader) -> str | None:
    text = reader.text("phone", required=False)
    if text is not None and not is_phone(text):
        reader.refuse("phone", "file.phone", "电话号码应为 6–20 位数字", "a telephone number has 6 to 20 digits")
    return text


def _email(reader: RowReader) -> str | None:
    text = reader.text("email", required=False)
    if text is not None and not is_mail_address(text):
        reader.refuse("email", "file.email", "不是邮箱地址", "that is no mailbox: name@example.org")
    return text


def _photo(reader: RowReader) -> str | None:
    text = reader.text("photo", required=False)
    if text is not None:
        try:
            check_photo_name(text)
        except PhotoRefused as error:
            reader.refuse_with("photo", error)
    return text


def _is_new(candidate: CandidateRow, reader: RowReader, persons: Seen, registrations: Seen) -> bool:
    """Whether the row registers somebody not in the file yet; a person twice is refused, even in the same words."""
    person = (candidate.name, candidate.sex, candidate.birth_date)
    earlier = persons.earlier(candidate.row, candidate.identity, person)
    if earlier is not None and not earlier[1]:
        reader.refuse_repeated(
            ID_NUMBER, earlier[0], "同一证件号码的个人信息不同", "one identity number, two persons", rule="R1.5"
        )
        return False
    key = (candidate.identity, candidate.occupation, candidate.level)
    earlier = registrations.earlier(candidate.row, key, None)
    if earlier is None:
        return True
    reader.refuse_repeated(ID_NUMBER, earlier[0], "同一人重复报名", "the person is registered twice", rule="R1.5")
    return False
