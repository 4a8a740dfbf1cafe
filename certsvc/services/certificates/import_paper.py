"""Import the register of former paper certificates (R8.1). The key is the number; nothing of it ever changes.

Numbers and names are held against the register folded (R9); what is on record keeps its spelling.

Not here: the form of cells (`roster.paper`), replacing paper by an electronic certificate (`reissue`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import Conflict, Refused
from certsvc.person.name import same_name
from certsvc.roster.paper import PaperRow, read_paper
from certsvc.roster.parsed import Parsed
from certsvc.services.context import Services
from certsvc.services.imports import ImportReport, Tally, all_or_nothing, chunks, report
from certsvc.services.records.approvals import require_development
from certsvc.services.records.erased import erased_refusal, last_erasure
from certsvc.services.vault import Vault
from certsvc.store import CertificateRecord, ErasureRecord, PaperCertificateRecord
from certsvc.store.base import folded_number


def import_paper(
    services: Services, path: Path, *, by: str, dry_run: bool = False, ignore_unknown: bool = False
) -> ImportReport:
    """Import the register at `path`, all of it or nothing; with real keys a second person does it (`paper_by_two`).

    Raises `FileRefused`, `ImportRefused`, `Refused`.
    """
    if not dry_run:
        require_development(services)
    return carry_out(services, path, by=by, dry_run=dry_run, ignore_unknown=ignore_unknown)


def carry_out(
    services: Services,
    path: Path,
    *,
    by: str,
    dry_run: bool = False,
    ignore_unknown: bool = False,
    first: Callable[[Session], None] = lambda _: None,
) -> ImportReport:
    """Import; who may decide it was asked before. `first` is called in the same transaction.

    Raises as `import_paper`.
    """
    parsed = read_paper(path, filename=path.name, ignore_unknown=ignore_unknown)
    today = services.today()
    with all_or_nothing(services, parsed, path, action="paper.import", by=by, dry_run=dry_run) as (session, tally):
        first(session)
        for chunk in chunks(iter(parsed)):
            erased = last_erasure(session, {services.vault.lookup(row.identity) for row in chunk})
            desk = _Desk(services.vault, parsed, tally, *_under(session, chunk), erased)
            for row in chunk:
                if row.issued_on > today:
                    tally.warn_of_future(parsed, row.row, "issued_on", row.issued_on)
                tally.warn_of_undrawable(parsed, row.row, row.name)
                if (new := desk.take(row)) is not None:
                    session.add(new)
            session.flush()
            session.expunge_all()
    return report(tally, parsed, dry_run=dry_run)


def _under(session: Session, rows: list[PaperRow]) -> tuple[Mapping[str, list[PaperCertificateRecord]], frozenset[str]]:
    """What the register has under the rows' numbers as they are compared (R9): its entries, and electronic numbers."""
    numbers = {folded_number(row.number) for row in rows}
    entries = select(PaperCertificateRecord).where(PaperCertificateRecord.number_folded.in_(numbers))
    electronic = select(CertificateRecord.number_folded).where(
        CertificateRecord.number_folded.in_(numbers), CertificateRecord.paper_id.is_(None)
    )
    found: defaultdict[str, list[PaperCertificateRecord]] = defaultdict(list)
    for entry in session.scalars(entries.order_by(PaperCertificateRecord.id)):
        found[entry.number_folded].append(entry)
    return found, frozenset(session.scalars(electronic))


@dataclass(frozen=True, slots=True)
class _Desk:
    """Holds rows against what the register has under their numbers."""

    vault: Vault
    parsed: Parsed[PaperRow]
    tally: Tally
    entries: Mapping[str, list[PaperCertificateRecord]]  # by folded number
    electronic: frozenset[str]
    erased: Mapping[bytes, ErasureRecord]

    def take(self, row: PaperRow) -> PaperCertificateRecord | None:
        """The entry to add, where the row is new; else the row is counted as unchanged, or refused."""
        known = self._known(row)
        if folded_number(row.number) in self.electronic:
            conflict = Conflict("该编号是电子证书的编号", "an electronic certificate has this number", rule="R7.3")
            self.tally.refuse(self.parsed.cell_error(row.row, "number", row.number, conflict))
        elif (erasure := self._erasure(row)) is not None and (known is None or known.erased_on is not None):
            self.tally.refuse(
                self.parsed.cell_error(row.row, "id_number", row.identity.number, erased_refusal(erasure))
            )
        elif known is None:
            self.tally.new += 1
            return _record(row, self.vault)
        elif differing := _differing(known, row, self.vault):
            for column, value in differing:
                conflict = Conflict("与已登记的内容冲突", "conflict: differs from what is on record", rule="R8.1")
                self.tally.refuse(self.parsed.cell_error(row.row, column, value, conflict))
        else:
            self.tally.unchanged += 1
            self._warn_of_spelling(known, row)
        return None

    def _erasure(self, row: PaperRow) -> ErasureRecord | None:
        """The erasure of this person's data, where the paper was issued before it."""
        erasure = self.erased.get(self.vault.lookup(row.identity))
        return None if erasure is None or row.issued_on > erasure.through else erasure

    def _known(self, row: PaperRow) -> PaperCertificateRecord | None:
        """The entry with this number. One whose number has its dashes elsewhere is the same if it is this person's:
        1-23 and 12-3 may be two certificates."""
        same = self.entries.get(folded_number(row.number), [])
        exact = next((one for one in same if one.number == row.number), None)
        if exact is not None or not same:
            return exact
        lookup = self.vault.lookup(row.identity)
        return next((one for one in same if one.id_lookup == lookup), None)

    def _warn_of_spelling(self, known: PaperCertificateRecord, row: PaperRow) -> None:
        for column, stored, given in (("number", known.number, row.number), ("name", known.name, row.name)):
            if stored != given:
                kept = Refused(
                    f"与已登记的“{stored}”视为相同，登记的写法不变", f"the same as {stored}, which stays", rule="R9"
                )
                self.tally.warn(self.parsed.cell_error(row.row, column, given, kept))


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
        ("name", record.name, record.name if same_name(record.name, row.name) else row.name),
        ("id_number", record.id_lookup, vault.lookup(row.identity)),
        ("occupation", record.occupation, row.occupation),
        ("level", record.level, row.level),
        ("issued_on", record.issued_on, row.issued_on),
        ("issuer", record.issuer, row.issuer),
    )
    return [
        (column, row.identity.number if column == "id_number" else str(getattr(row, column)))
        for column, stored, given in pairs
        if stored != given
    ]
