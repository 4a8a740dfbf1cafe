"""Hand over to a person all that is on record about them, readable by people and by programs (R10; PIPL 45, GDPR 15).

One ZIP for its owner alone: `data.json` (the rows by table, what is sealed opened), a summary, Chinese first, and the
files: portraits, every version of each certificate as PDF and as signed credential. Which columns are left out and why
is in `inventory`, and in the file. It is on the record of the trail. Not here: finding the rows (`dossier`).
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table

from certsvc.errors import KeyMissing, Refused
from certsvc.files.leftovers import working_file
from certsvc.files.private import make_private
from certsvc.person.identity import IdentityDocument
from certsvc.services.certificates.home import picture_bound_to
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.persons.dossier import Dossier, dossier
from certsvc.services.persons.inventory import LEFT_OUT, SECTIONS, WITHHELD
from certsvc.services.records import result_changes
from certsvc.services.records.approvals import opened
from certsvc.services.records.contacts import sealed_with
from certsvc.services.trail import note
from certsvc.store import (
    ApprovalRecord,
    Base,
    CertificateRecord,
    EnrolmentRecord,
    HomeApplicationRecord,
    PaperCertificateRecord,
    PersonRecord,
    ReissueRequestRecord,
    ResultCorrectionRecord,
    WithdrawnResultRecord,
    rows,
)

FORMAT: Final = "certsvc person 1"
DATA: Final = "data.json"
SUMMARY: Final = "摘要-summary.txt"


@dataclass(frozen=True, slots=True)
class Handed:
    """What was handed over: rows by table, how many files; `missing` names files that are gone from the home."""

    rows: Mapping[str, int]
    files: int
    missing: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return {"rows": dict(self.rows), "files": self.files, "missing": list(self.missing)}


def export_person(services: Services, identity: IdentityDocument, target: Path, *, by: str) -> Handed:
    """Write the ZIP to `target`, whole or not at all. Raises `NotFound`, and `Refused` where `target` exists."""
    if target.exists():
        raise _there(target)
    make_private(target.parent)
    with services.database.writing() as session:
        found = dossier(session, services.vault.lookup(identity))
        sections = {name: _rows(services, name, of) for name, of in tables_of(found).items()}
        sections["home_application"] = [
            told | _opened_application(services, found, one)
            for told, one in zip(sections["home_application"], found.from_home, strict=True)
        ]
        files, missing = _files(services, found)
        handed = Handed({name: len(each) for name, each in sections.items()}, len(files), tuple(missing))
        told = {DATA: _data(services, identity, sections), SUMMARY: _summary(services, identity, found)}
        content = _zip({**told, **files})
        with working_file(target.parent, ".person-") as (temporary, descriptor):
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            note(
                session,
                at=services.now(),
                by=by,
                action="person.export",
                object_kind="person" if found.person is not None else "paper",
                object_key=found.key.removeprefix("paper "),
                rows=sum(handed.rows.values()),
                files=handed.files,
            )
            session.flush()
            try:
                os.link(temporary, target)  # unlike a rename, this fails where somebody was faster
            except FileExistsError as error:
                raise _there(target) from error
    return handed


def _there(target: Path) -> Refused:
    return Refused("文件已存在，不覆盖", "the file exists; it is not overwritten", where=str(target))


def tables_of(found: Dossier) -> dict[str, Sequence[Base]]:
    """The rows of a dossier by their table."""
    return {
        "person": [*([] if found.person is None else [found.person]), *found.others],
        "earlier_document": found.earlier,
        "enrolment": found.enrolments,
        "review_step": found.steps,
        "attempt": found.attempts,
        "result_correction": found.corrections,
        "withdrawn_result": found.withdrawn,
        "seat": found.seats,
        "score_entry": found.entries,
        "notice": found.notices,
        "certificate": found.certificates,
        "pdf_file": found.files,
        "status_change": found.changes,
        "paper_certificate": found.papers,
        "reissue_request": found.reissues,
        "home_application": found.from_home,
        "evidence_picture": found.pictures,
        "approval": found.approvals,
        "share_link": found.links,
        "share_opening": found.openings,
        "kept_check": found.checks,
        "scan_count": found.scans,
        "holder_code": found.codes,
        "holder_session": found.sessions,
        "message": found.messages,
        "audit_event": found.trail,
        "erasure": found.erasures,
    }


def _rows(services: Services, name: str, of: Sequence[Base]) -> list[dict[str, Any]]:
    table = Base.metadata.tables[name]
    return [_row(table, one) | _opened(services, one) for one in of]


def _row(table: Table, one: Base) -> dict[str, Any]:
    named = {column.key: getattr(one, _attribute(one, column.name)) for column in table.columns}
    return {name: rows.plain(value) for name, value in named.items() if f"{table.name}.{name}" not in WITHHELD}


def _attribute(one: Base, column: str) -> str:
    """The attribute of a column: two are named otherwise than their columns."""
    mapper = type(one).__mapper__
    return mapper.get_property_by_column(mapper.local_table.c[column]).key


def _opened(services: Services, one: Base) -> dict[str, Any]:
    """What is sealed in the row, opened."""
    if isinstance(one, ApprovalRecord):
        return _opened_request(services, one)
    if isinstance(one, ResultCorrectionRecord | WithdrawnResultRecord):
        return _opened_change(services, one)
    bound: bytes | None = None
    if isinstance(one, PersonRecord | PaperCertificateRecord | ReissueRequestRecord):
        bound = one.id_lookup
    elif isinstance(one, CertificateRecord):
        bound = one.token.encode()
    else:
        return {}
    if not one.sealed:
        return {"opened": {}}
    try:
        return {"opened": services.vault.open(one.sealed, one.sealed_kid, bound)}
    except KeyMissing as error:
        return {"opened": None, "fault": str(error)}


def _opened_request(services: Services, one: ApprovalRecord) -> dict[str, Any]:
    try:
        asked = opened(services.vault, one)
    except Refused as error:
        return {"opened": None, "fault": str(error)}
    return {"opened": {**asked.content, "reason": asked.reason}}


def _opened_change(services: Services, one: ResultCorrectionRecord | WithdrawnResultRecord) -> dict[str, Any]:
    try:
        _, reason, evidence = result_changes.opened(services.vault, one)
    except KeyMissing as error:
        return {"opened": None, "fault": str(error)}
    return {"opened": {"reason": reason, "evidence": evidence}}


def _opened_application(services: Services, found: Dossier, one: HomeApplicationRecord) -> dict[str, Any]:
    request = next(each for each in found.reissues if each.id == one.request_id)
    try:
        return {"opened": services.vault.open(one.sealed, one.sealed_kid, sealed_with(request))}
    except KeyMissing as error:
        return {"opened": None, "fault": str(error)}


def _pictures(services: Services, found: Dossier) -> tuple[dict[str, bytes], list[str]]:
    """The pictures that came with applications from home, and the names of those that do not open."""
    files: dict[str, bytes] = {}
    missing: list[str] = []
    applications = {one.id: one for one in found.from_home}
    for one in found.pictures:
        name = f"evidence/{one.id}-{one.shows}.jpg"
        bound = picture_bound_to(applications[one.application_id], one.shows)
        try:
            files[name] = services.vault.open_bytes(one.sealed, one.sealed_kid, bound)
        except KeyMissing:
            missing.append(name)
    return files, missing


def _files(services: Services, found: Dossier) -> tuple[dict[str, bytes], list[str]]:
    files, missing = _pictures(services, found)
    wanted = {f"portraits/{sha256}.jpg": services.folders.photo(sha256) for sha256 in found.photos}
    for row in found.certificates:
        if row.credential:
            files[f"certificates/{row.number}-v{row.version}.json"] = row.credential
        if row.pdf_sha256 is not None:
            place = services.folders.certificate_pdf(row.number, row.version)
            wanted[f"certificates/{place.name}"] = place
    for name, place in wanted.items():
        try:
            files[name] = place.read_bytes()
        except OSError:
            missing.append(name)
    return files, missing


def _data(services: Services, identity: IdentityDocument, sections: Mapping[str, object]) -> bytes:
    document = {
        "format": FORMAT,
        "made_at": services.now().isoformat(),
        "issuer": {"zh": services.issuer.name_zh, "en": services.issuer.name_en, "did": services.issuer.did},
        "id_type": identity.type.value,
        "id_number": identity.number,
        "sections": dict(SECTIONS),
        "tables": sections,
        "left_out": {"tables": dict(LEFT_OUT), "columns": dict(WITHHELD)},
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def _summary(services: Services, identity: IdentityDocument, found: Dossier) -> bytes:
    made_at = services.now().astimezone(SHANGHAI)
    lines = [
        "个人信息副本 / A copy of the personal data on record",
        f"{services.issuer.name_zh} / {services.issuer.name_en}",
        f"生成时间 made at {made_at:%Y-%m-%d %H:%M}（北京时间 Beijing time）",
        "",
        f"姓名 name: {found.name}",
        f"证件 document: {identity.type.zh} / {identity.type.en}  {identity.number}",
        "",
        "电子证书 / Electronic certificates",
        *map(_certificate_line, found.certificates),
        "纸质证书 / Paper certificates",
        *(f"  {paper.number}  {paper.issued_on}  {paper.issuer}" for paper in found.papers),
        "报名与成绩 / Registrations and results",
        *(line for one in found.enrolments for line in _enrolment_lines(found, one)),
        "",
        "登记的条数 / How many entries there are of each kind (data.json has them whole)",
        *(f"  {SECTIONS[name]}: {len(each)}" for name, each in tables_of(found).items()),
        "",
        "没有交付的 / What is left out, and why",
        *(f"  {name}: {why}" for name, why in (*LEFT_OUT.items(), *WITHHELD.items())),
        "",
        "您可以要求更正或抹除；须依法留存的，会说明留存什么、到何时、为何。",
        "You may have any of it put right or erased; what the law has us keep is said, with the day and the rule.",
    ]
    return "\n".join(lines).encode() + b"\n"


def _certificate_line(row: CertificateRecord) -> str:
    erased = f"  （{row.erased_on} 已抹除 erased）" if row.erased_on else ""
    return f"  {row.number} 第 {row.version} 版  {row.issued_on}  {row.status}{erased}"


def _enrolment_lines(found: Dossier, one: EnrolmentRecord) -> list[str]:
    told = (str(one.registered_on), one.occupation_code, f"{one.level} 级 level", one.institution, one.review_state)
    lines = ["  " + "  ".join(each for each in told if each)]
    for attempt in found.attempts:
        if attempt.enrolment_id == one.id:
            score = "" if attempt.score_hundredths is None else f"  {attempt.score_hundredths / 100:g}"
            lines.append(f"    {attempt.sat_on}  {attempt.subject}  {attempt.kind}  {attempt.outcome}{score}")
    return lines


def _zip(members: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o600 << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return packed.getvalue()
