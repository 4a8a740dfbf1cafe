"""What of a person's data may go, what is kept, until when and why: the split between a wish and the law (R10).

A certificate and what it rests on (the registration, its review and results, corrections, requests for a reissue) is
kept as long as the scheme says from the day it was issued; everything else goes at once. Not here: taking it out
(`take_out`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.orm import Session

from certsvc.errors import Refused
from certsvc.rules.retention import kept_until
from certsvc.rules.terms import Scheme
from certsvc.services.context import Services
from certsvc.services.persons.dossier import Dossier
from certsvc.services.records.photos import signed_photo
from certsvc.services.records.schemes import schemes_by_id
from certsvc.services.verification.genuine import genuine_claims
from certsvc.store import ISSUED, PaperCertificateRecord


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that stays. `number` and `until` are there for a certificate that the law has us keep."""

    zh: str
    en: str
    number: str | None = None
    until: date | None = None

    def as_json(self) -> dict[str, object]:
        told: dict[str, object] = {"zh": self.zh, "en": self.en}
        if self.number is not None:
            told |= {"number": self.number, "until": None if self.until is None else self.until.isoformat()}
        return told


ALWAYS_KEPT = (
    Kept(
        "证书编号、状态及其变更日期：供他人查验",
        "numbers of certificates and their status: others check them",
    ),
    Kept("公开日志：只有承诺，不含个人信息", "the public log: commitments alone, nothing personal"),
    Kept("操作记录：谁在何时做了什么，不含个人信息", "the trail: who did what and when, nothing personal"),
    Kept("按日的扫码数、他人留存的核验结果：不含姓名", "counts of scans, and checks that readers kept: no name"),
    Kept(
        "证件号码的带密钥摘要：防止旧名册把已抹除的信息带回",
        "a keyed digest of the identity number: so that an old roster does not bring the data back",
    ),
)
"""What every erasure leaves, and why."""


_PUT_RIGHT = Kept(
    "成绩更正过的报名：公开日志中有更正的承诺，由两人负责，须能证明",
    "a registration of which results were put right: the log commits to it, and it must be shown that two people did",
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What goes. `person` says whether the entries of the person and the contact go as well."""

    numbers: frozenset[str] = frozenset()
    papers: frozenset[int] = frozenset()
    enrolments: frozenset[int] = frozenset()
    contact: bool = False
    kept: tuple[Kept, ...] = field(default=())


def scope_of_wish(services: Services, session: Session, found: Dossier, *, keep_certificate: bool) -> Scope:
    """What goes at the person's wish. Raises `Refused` where a certificate must be kept and `keep_certificate` is not
    said, or where one is just being issued."""
    if any(row.stage != ISSUED for row in found.certificates):
        raise Refused(
            "有证书正在签发，请在签发完成后再抹除",
            "a certificate is just being issued: erase once it is",
            rule="R10",
        )
    until = terms(session, found)
    held = {number: day for number, day in until.items() if day > services.today()}
    if held and not keep_certificate:
        number, day = max(held.items(), key=lambda pair: pair[1])
        raise Refused(
            f"证书 {number} 依法须保存至 {day}，不能全部抹除；可抹除其余信息（--keep-certificate）",
            f"certificate {number} is to be kept until {day} by the scheme's retention; the rest may be erased "
            "(--keep-certificate)",
            rule="R10",
            where=number,
        )
    based_on = _rests_on(services, found, held.keys()) | found.put_right
    return Scope(
        numbers=frozenset(found.numbers) - held.keys(),
        papers=frozenset(paper.id for paper in found.papers if paper.number not in held and paper.erased_on is None),
        enrolments=frozenset(one.id for one in found.enrolments) - based_on,
        contact=True,
        kept=(
            *(_must(number, day) for number, day in held.items()),
            *((_PUT_RIGHT,) if found.put_right else ()),
            *ALWAYS_KEPT,
        ),
    )


def scope_of_term(services: Services, session: Session, found: Dossier, asked_for: Collection[str]) -> Scope:
    """What goes of a person whose wish was followed as far as the law let it: those certificates that were kept then,
    and need not be any more."""
    until = terms(session, found)
    over = {number for number in asked_for if number in until and until[number] <= services.today()}
    held = {number: day for number, day in until.items() if number not in over}
    stays = _rests_on(services, found, held.keys()) | found.put_right
    goes = {row.enrolment_id for row in found.certificates if row.number in over and row.enrolment_id is not None}
    return Scope(
        numbers=frozenset(over & set(found.numbers)),
        papers=frozenset(paper.id for paper in found.papers if paper.number in over and paper.erased_on is None),
        enrolments=frozenset(goes - stays),
        kept=(*(_must(number, day) for number, day in held.items() if number in asked_for), *ALWAYS_KEPT),
    )


def terms(session: Session, found: Dossier) -> dict[str, date]:
    """By the number of each certificate, electronic or paper, that is not erased yet: until when it is to be kept."""
    schemes = schemes_by_id(session)
    until: dict[str, date] = {}
    for paper in found.papers:
        if paper.erased_on is None:
            until[paper.number] = kept_until([paper.issued_on], _scheme_of_paper(paper, list(schemes.values())))
    for number in found.numbers:
        versions = [row for row in found.versions(number) if row.erased_on is None]
        days = [row.reissued_on or row.issued_on for row in versions]
        for scheme_id in {row.scheme_id for row in versions if row.scheme_id is not None}:
            until[number] = max(until.get(number, date.min), kept_until(days, schemes[scheme_id]))
    return until


def _scheme_of_paper(paper: PaperCertificateRecord, schemes: list[Scheme]) -> Scheme:
    """The scheme whose occupation and level the paper has; of several, or where none is, the one that keeps longest."""
    same = [
        one
        for one in schemes
        if one.level == paper.level
        and paper.occupation in {one.occupation.code, one.occupation.name_zh, one.occupation.name_en}
    ]
    return max(same or schemes, key=lambda one: one.retention.certificate_years)


def _rests_on(services: Services, found: Dossier, numbers: Collection[str]) -> frozenset[int]:
    """The enrolments that these certificates rest on, and those whose portrait is signed in one of them."""
    rows = [row for row in found.certificates if row.number in numbers]
    portraits = set()
    for row in rows:
        genuine = genuine_claims(services, row)
        if genuine is not None:
            portraits.add(signed_photo(genuine.claims.portrait_digest))
    based_on = {row.enrolment_id for row in rows}
    return frozenset(
        one.id
        for one in found.enrolments
        if one.id in based_on or (one.photo_sha256 is not None and one.photo_sha256 in portraits)
    )


def _must(number: str, until: date) -> Kept:
    return Kept(
        f"证书 {number} 及其依据（姓名、证件号码、照片、报名与成绩）：依方案保存至 {until}，以便证明其真实、依法签发",
        f"certificate {number} with what it rests on (name, identity number, portrait, registration and results): kept "
        f"until {until} by the scheme, to show that it is genuine and was rightly issued",
        number,
        until,
    )
