"""Import the register of former paper certificates (R8.1). The key is the number; nothing of it ever changes.

Not here: the form of cells (`roster.paper`), replacing paper by an electronic certificate (`reissue`).
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from certsvc.errors import Conflict
from certsvc.roster.paper import PaperRow, read_paper
from certsvc.services.context import Services
from certsvc.services.imports import ImportReport, all_or_nothing, chunks, report
from certsvc.services.vault import Vault
from certsvc.store import CertificateRecord, PaperCertificateRecord


def import_paper(
    services: Services, path: Path, *, by: str, dry_run: bool = False, ignore_unknown: bool = False
) -> ImportReport:
    """Import the register at `path`, all of it or nothing. Raises `FileRefused`, `ImportRefused`."""
    parsed = read_paper(path, filename=path.name, ignore_unknown=ignore_unknown)
    today = services.today()
    with all_or_nothing(services, parsed, path, action="paper.import", by=by, dry_run=dry_run) as (session, tally):
        for chunk in chunks(iter(parsed)):
            numbers = [row.number for row in chunk]
            known = {
                record.number: record
                for record in session.scalars(
                    select(PaperCertificateRecord).where(PaperCertificateRecord.number.in_(numbers))
                )
            }
            electronic = set(
                session.scalars(
                    select(CertificateRecord.number).where(
                        CertificateRecord.number.in_(numbers), CertificateRecord.paper_id.is_(None)
                    )
                )
            )
            for row in chunk:
                if row.issued_on > today:
                    tally.warn_of_future(parsed, row.row, "issued_on", row.issued_on)
                if row.number in electronic:
                    conflict = Conflict(
                        "该编号是电子证书的编号", "an electronic certificate has this number", rule="R7.3"
                    )
                    tally.refuse(parsed.cell_error(row.row, "number", row.number, conflict))
                elif row.number not in known:
                    session.add(_record(row, services.vault))
                    tally.new += 1
                elif differing := _differing(known[row.number], row, services.vault):
                    for column, value in differing:
                        conflict = Conflict(
                            "与已登记的内容冲突", "conflict: differs from what is on record", rule="R8.1"
                        )
                        tally.refuse(parsed.cell_error(row.row, column, value, conflict))
                else:
                    tally.unchanged += 1
            session.flush()
            session.expunge_all()
    return report(tally, parsed, dry_run=dry_run)


def _record(row: PaperRow, vault: Vault) -> PaperCertificateRecord:
    lookup = vault.lookup(row.identity)
    sealed = vault.seal({"id_number": row.identity.number}, lookup)
    return PaperCertificateRecord(
        number=row.number,
        id_type=row.identity.type.value,
        id_lookup=lookup,
        sealed=sealed.content,
        sealed_kid=sealed.kid,
        name=row.name,
        occupation=row.occupation,
        level=row.level,
        issued_on=row.issued_on,
        issuer=row.issuer,
    )


def _differing(record: PaperCertificateRecord, row: PaperRow, vault: Vault) -> list[tuple[str, str]]:
    pairs = (
        ("name", record.name, row.name),
        ("id_number", record.id_lookup, vault.lookup(row.identity)),
        ("occupation", record.occupation, row.occupation),
        ("level", record.level, row.level),
        ("issued_on", record.issued_on, row.issued_on),
        ("issuer", record.issuer, row.issuer),
    )
    return [
        (column, row.identity.number if column == "id_number" else str(given))
        for column, stored, given in pairs
        if stored != given
    ]
