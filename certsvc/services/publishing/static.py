"""Write what an independent verifier needs as static files, servable by any web server (formats.md, "Addresses").

`.well-known/did.json`, `.well-known/jwks.json`, `trust.json` (the same keys, as our own verifier pins them),
`seal/*.pem` (the chains of the PDF seal), `seal/*.crl` (their revocation lists), `gm/*.pem` (SM2 keys), `draws/*.json`
(what sittings committed to, then their draws), `status/LIST`, `log/checkpoint`, `log/tile/…`. Nothing personal stands
in any of them. Cheap where nothing changed, so it runs after every issue and every change of status. The log comes
last: who sees a new head finds the status that goes with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.errors import CertsvcError
from certsvc.files.folder import NEW, only_writer, write_if_changed
from certsvc.files.leftovers import sweep_tree
from certsvc.services.context import Services
from certsvc.services.examination.draw import published_draws
from certsvc.services.log.clock import note_clock
from certsvc.services.log.publish import publish_log
from certsvc.services.publishing.logged_status import check_logged, note_reach
from certsvc.services.publishing.status_lists import list_names, publish_status_lists
from certsvc.signing.gm import public_pem
from certsvc.signing.keys import KeyState, Purpose
from certsvc.signing.trust import did_document, jwks


@dataclass(frozen=True, slots=True)
class StaticReport:
    """Where it was published, how many files were written, and the size of the log now signed."""

    folder: Path
    files_written: int
    log_size: int

    def as_json(self) -> dict[str, object]:
        return {"folder": str(self.folder), "files_written": self.files_written, "log_size": self.log_size}


def publish_static(services: Services, folder: Path | None = None) -> StaticReport:
    """Bring the static files up to date; raises `LogMismatch`, `ClockWentBack`, `ClockLeapt`, `KeyMissing`."""
    folder = folder or services.folders.published
    note_clock(services)
    with only_writer(folder):
        sweep_tree(folder, NEW)
        written = _publish_keys(services, folder)
        with services.database.reading() as session:
            agreed = check_logged(services, session)
            names = list_names(session)
            for name, content in published_draws(session):
                written += write_if_changed(folder / "draws" / name, content)
        own = folder == services.folders.published
        before = agreed.lists if own else {}
        some, lists = publish_status_lists(services, names, agreed.statuses, folder / "status", before)
        written += some
        if own:
            note_reach(services, agreed, lists)
        log = publish_log(services, folder / "log")
    return StaticReport(folder, written + log.files_written, log.checkpoint.size)


def lists_valid_until(folder: Path) -> datetime | None:
    """When the first of the published status lists runs out, as they say themselves (unchecked); None without any."""
    until = [json.loads(path.read_bytes())["validUntil"] for path in (folder / "status").glob("*") if path.is_file()]
    return min(map(datetime.fromisoformat, until), default=None)


def refresh(services: Services) -> CertsvcError | None:
    """`publish_static` after a deed that is already committed: what hinders it is answered, not raised.

    The deed stands; the next run publishes it. The caller shows the answer to the operator.
    """
    try:
        publish_static(services)
    except CertsvcError as error:
        return error
    except OSError as error:
        return CertsvcError(f"静态文件未能更新：{error}", f"the static files could not be written: {error}")
    return None


def _publish_keys(services: Services, folder: Path) -> int:
    trust = services.trust
    well_known = folder / ".well-known"
    written = 0
    written += write_if_changed(well_known / "did.json", _pretty(did_document(trust, services.base_url)))
    written += write_if_changed(well_known / "jwks.json", _pretty(jwks(trust)))
    written += write_if_changed(folder / "trust.json", trust.to_json())
    for record in services.keystore.records():
        if record.purpose is Purpose.PDF_SEAL and record.state is not KeyState.PENDING:
            chain = services.keystore.seal_chain(record.kid)
            pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
            written += write_if_changed(folder / "seal" / f"{record.kid}.pem", pem)
        elif record.purpose is Purpose.GM:
            written += write_if_changed(folder / "gm" / f"{record.kid}.pem", public_pem(record.public))
    for name, revoked in services.keystore.revocation_lists():
        written += write_if_changed(folder / "seal" / name, revoked)
    return written


def _pretty(document: dict[str, object]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
