"""The register of former paper certificates → checked rows (R8.1).

Not here: conflicts with what is stored, and reissue (services). Source: the fixed file formats, paper register.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import date
from pathlib import Path

from certsvc.credential.number import NO_NUMBER, normalise_number
from certsvc.person.identity import IdentityDocument
from certsvc.roster.cells import Limits
from certsvc.roster.parsed import ID_NUMBER, Parsed, Report, Seen
from certsvc.roster.reader import RowReader
from certsvc.roster.table import DEFAULT_LIMITS, Column, Table, read_table

COLUMNS = (
    Column("number", "证书编号"),
    Column("name", "姓名"),
    Column("id_type", "证件类型", required=False),
    Column(ID_NUMBER, "证件号码"),
    Column("occupation", "职业"),
    Column("level", "等级"),
    Column("issued_on", "发证日期"),
    Column("issuer", "发证机构"),
)
LONGEST_NUMBER = 64


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One paper certificate as the register gives it."""

    row: int
    number: str
    name: str
    identity: IdentityDocument
    occupation: str
    level: int
    issued_on: date
    issuer: str


def read_paper(
    source: bytes | Path, *, filename: str = "", ignore_unknown: bool = False, limits: Limits = DEFAULT_LIMITS
) -> Parsed[PaperRow]:
    """Open a paper register; raises FileRefused for the file as a whole."""
    table = read_table(source, COLUMNS, filename=filename, ignore_unknown=ignore_unknown, limits=limits)
    return Parsed(lambda report: _read(table, report), table.headings)


def _read(table: Table, report: Report) -> Iterator[PaperRow]:
    seen = Seen()
    for warning in table.warnings:
        report.warn(warning)
    for row in table:
        reader = RowReader(table, row, report)
        paper = _paper(reader)
        if paper is None:
            continue
        earlier = seen.earlier(paper.row, paper.number, astuple(paper)[1:])
        if earlier is None:
            yield paper
        elif not earlier[1]:
            reader.refuse_repeated("number", earlier[0], "同一证书编号重复", "the number stands twice in the file")


def _paper(reader: RowReader) -> PaperRow | None:
    number = _number(reader)
    name = reader.name()
    identity = reader.identity()
    occupation = reader.text("occupation")
    level = reader.level("level", required=True)
    issued_on = reader.day("issued_on")
    issuer = reader.text("issuer")
    if not reader.accepted:
        return None
    # A row without a refusal has every required cell.
    assert number is not None
    assert name is not None
    assert identity is not None
    assert occupation is not None
    assert level is not None
    assert issued_on is not None
    assert issuer is not None
    return PaperRow(reader.number, number, name, identity, occupation, level, issued_on, issuer)


def _number(reader: RowReader) -> str | None:
    number = reader.text("number", longest=LONGEST_NUMBER)
    if number is None:
        return None
    usual = normalise_number(number)
    number = number if usual == NO_NUMBER else usual
    if not (number.isascii() and number.replace("-", "").isalnum() and number.strip("0-")):
        reader.refuse("number", "R8.1", "编号只含数字、字母和连字符", "a number has digits, letters and hyphens")
    return number.upper()  # as it is asked for, in whatever letters (R8.1)
