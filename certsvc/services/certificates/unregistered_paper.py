"""A paper certificate of which the register has no entry: what a reissue then needs (R8.1a, R8.2).

Evidence, and a number and a date that paper can have had: the electronic numbering never comes to such a number.
Not here: the request and its approval (`reissue`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.credential.number import can_come_to, fold_number, has_known_form
from certsvc.errors import ReissueRefused
from certsvc.rules.former_paper import check_issued_on, number_form
from certsvc.services.context import Services
from certsvc.services.records.schemes import Pinning, schemes_by_id
from certsvc.store import CertificateRecord

LONGEST_TEXT: Final = 1000


@dataclass(frozen=True, slots=True)
class Evidence:
    """What stands in for the register where it has no entry: what was seen, and the paper's own date and issuer."""

    text: str
    issued_on: date
    issuer: str


def check_not_electronic(session: Session, number: str) -> None:
    """R8.5: an electronic certificate bears this number already. Raises `ReissueRefused`."""
    same = CertificateRecord.number_folded == fold_number(number)
    electronic = session.scalar(select(CertificateRecord.id).where(same).limit(1))
    if electronic is not None:
        raise ReissueRefused(
            "这是电子证书，无需补发，请重新下载",
            "this is an electronic certificate; download it again",
            rule="R8.5",
            where=number,
        )


def check_evidence(services: Services, session: Session, number: str, evidence: Evidence | None) -> None:
    """What a request with no entry needs to be recorded at all. Raises `ReissueRefused`."""
    check_not_electronic(session, number)
    if evidence is None or not 0 < len(evidence.text.strip()) <= LONGEST_TEXT:
        raise ReissueRefused(
            "纸质登记册中没有该编号，须附证明材料",
            "the paper register has no such number; evidence is due",
            rule="R8.2",
            where=number,
        )
    check_unregistered(services, session, number, evidence.issued_on)


def check_unregistered(
    services: Services, session: Session, number: str, issued_on: date, scheme_key: str | None = None
) -> None:
    """R8.1a: a number that paper had and the electronic numbering never comes to, and a day of paper."""
    folded = fold_number(number)
    schemes = schemes_by_id(session).values()
    if any(
        can_come_to(each.kind, each.parts, one.level, one.in_force_from.year, folded)
        for one in schemes
        for each in (one.number, *one.number.following)
    ):
        raise ReissueRefused(
            "该编号属于电子证书的编号范围，不能是纸质证书的编号",
            "the electronic numbering comes to this number, so no paper bears it",
            rule="R8.1a",
            where=number,
        )
    family = Pinning(session, scheme_key).family
    form = number_form(family)
    if not (has_known_form(folded) if form is None else re.fullmatch(form, number)):
        raise ReissueRefused(
            f"不是原纸质证书编号的格式（{form or '16 位数字，或 S/Y 加 21 位数字'}）",
            f"not in the form of a former paper's number ({form or '16 digits, or S or Y and 21 digits'})",
            rule="R8.1a",
            where=number,
        )
    check_issued_on(issued_on, family, services.today())
