"""What is done after data were taken out of the register, by this run or, where it was killed, by the next: files are
deleted, the list of erasures is written, and what the database keeps beside its tables is cleared (R10).

The list stands in the home and in no backup: after an older one was restored, the erasures since are done again from it
(`erase.erase_again`). It holds keyed look-ups, days and who did it; each line bears a proof by the look-up key.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import FileRefused
from certsvc.files.folder import sync_folder
from certsvc.files.leftovers import working_file
from certsvc.services.context import Services
from certsvc.services.records.photos import signed_photo
from certsvc.services.vault import Vault
from certsvc.services.verification.genuine import genuine_claims
from certsvc.store import ISSUED, CertificateRecord, EnrolmentRecord, ErasureRecord
from certsvc.store.database import forget

LIST: Final = "erasures.jsonl"
WISH: Final = "wish"
_CHUNK: Final = 500
_PROOF: Final = "proof"
_TOUCHED: Final = (
    "approval",
    "attempt",
    "certificate",
    "earlier_document",
    "enrolment",
    "holder_code",
    "holder_session",
    "message",
    "paper_certificate",
    "person",
    "reissue_request",
    "review_step",
    "share_link",
    "share_opening",
    "status_change",
)


def finish(services: Services, lines: Sequence[Mapping[str, Any]] = ()) -> int:
    """How many files were deleted. `lines` of another list are kept in this home's."""
    with services.database.writing() as session:
        deleted = _delete_pdfs(services, session) + _delete_photos(services, session)
        _write_list(services, session, lines)
    forget(services.database, _TOUCHED)
    return deleted


def read_list(services: Services, path: Path) -> list[dict[str, Any]]:
    """The lines of a list of erasures, each proven. Raises `FileRefused`."""
    try:
        lines = [json.loads(text) for text in path.read_text("utf-8").splitlines()]
        proven = all(hmac.compare_digest(str(line[_PROOF]), _proof(services.vault, line)) for line in lines)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileRefused(
            f"抹除名单无法采信：{error}", f"the list of erasures is not to be believed: {error}", where=str(path)
        ) from error
    if not proven:
        raise FileRefused(
            "抹除名单被改动，或不是本登记册的",
            "the list of erasures was changed, or is another register's",
            where=str(path),
        )
    return lines


def _delete_pdfs(services: Services, session: Session) -> int:
    """Every file of an erased certificate: also one that a run which was drawing put back since."""
    erased = select(CertificateRecord.number, CertificateRecord.version).where(CertificateRecord.erased_on.is_not(None))
    places = [services.folders.certificate_pdf(number, version) for number, version in session.execute(erased)]
    return _unlink(places)


def _delete_photos(services: Services, session: Session) -> int:
    """Portraits that no registration has and no certificate shows. Imports hold the same lock, so that one that is
    just coming in has its registration."""
    there = {path.stem: path for path in services.folders.photos.glob("*.jpg")}
    if there:
        query = select(EnrolmentRecord.photo_sha256).where(EnrolmentRecord.photo_sha256.is_not(None))
        for photo in (*session.scalars(query), *reissued_portraits(services, session)):
            there.pop(str(photo), None)
    return _unlink(list(there.values()))


def reissued_portraits(services: Services, session: Session) -> set[str]:
    """The portraits signed in certificates that rest on no registration: a reissue shows one of another registration
    of its holder (R8.2)."""
    query = select(CertificateRecord).where(
        CertificateRecord.stage == ISSUED,
        CertificateRecord.enrolment_id.is_(None),
        CertificateRecord.erased_on.is_(None),
    )
    found = set()
    for row in session.scalars(query.execution_options(yield_per=_CHUNK)):
        genuine = genuine_claims(services, row)
        photo = None if genuine is None else signed_photo(genuine.claims.portrait_digest)
        if photo is not None:
            found.add(photo)
        session.expunge(row)
    return found


def _unlink(places: Sequence[Path]) -> int:
    there = [place for place in places if place.exists()]
    for place in there:
        place.unlink(missing_ok=True)
    for folder in {place.parent for place in there}:
        sync_folder(folder)
    return len(there)


def _write_list(services: Services, session: Session, more: Sequence[Mapping[str, Any]]) -> None:
    """Whole or not at all; a line that is there stays, also where the register was restored from before it."""
    path = services.folders.home / LIST
    before: list[dict[str, Any]] = []
    with suppress(FileRefused):
        before = read_list(services, path)
    query = select(ErasureRecord).where(ErasureRecord.kind == WISH).order_by(ErasureRecord.id)
    now = [_line(services.vault, row) for row in session.scalars(query)]
    lines = {one[_PROOF]: one for one in (*before, *more, *now)}
    if not lines:
        return
    text = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines.values())
    with working_file(services.folders.home, ".erasures-") as (temporary, _):
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    sync_folder(services.folders.home)


def _line(vault: Vault, row: ErasureRecord) -> dict[str, Any]:
    line: dict[str, Any] = {
        "id_lookup": row.id_lookup.hex(),
        "through": row.through.isoformat(),
        "at": row.at.isoformat(),
        "by": row.by,
        "approved_by": row.approved_by,
        "numbers": json.loads(row.numbers),
    }
    return line | {_PROOF: _proof(vault, line)}


def _proof(vault: Vault, line: Mapping[str, Any]) -> str:
    said = {name: value for name, value in line.items() if name != _PROOF}
    return vault.prove("certsvc erasures v1", json.dumps(said, ensure_ascii=False, sort_keys=True))
