"""An issuer that cheats with its own keys, past all services, and the strangers who look at what it publishes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select, text

from certsvc.credential.canonical import load_strict
from certsvc.credential.checked import check
from certsvc.credential.document import CertificateClaims, compose, read_claims
from certsvc.credential.status import Status
from certsvc.credential.token import format_token
from certsvc.credential.verdict import Verdict, Verification
from certsvc.services.audit.check_published import InHand, audit_published
from certsvc.services.audit.witness import Witnessed, WitnessKey, visit
from certsvc.services.log import read as log_read
from certsvc.services.log.append import append
from certsvc.services.log.fetch import fetcher, status_fetcher
from certsvc.services.log.publish import log_keys, origin, publish_log
from certsvc.services.publishing.status_lists import list_names, publish_status_lists
from certsvc.services.verification.verify import Options, verify_offline
from certsvc.signing.keys import Purpose
from certsvc.signing.proofs import sign_credential
from certsvc.store import CertificateRecord
from certsvc.transparency import leaf as leaves
from certsvc.transparency.audit import AuditReport
from certsvc.transparency.leaf import Event, Leaf
from certsvc.transparency.proofs import prove_inclusion
from certsvc.transparency.receipt import Opening, Receipt
from certsvc.transparency.witness import Refusal
from tests.builders.installation import Installation

SALT = bytes(range(32))


@dataclass
class Made:
    """A certificate made by hand, and its receipt where it was logged."""

    credential: bytes
    receipt: bytes = b""


def claims_of_somebody_else(home: Installation, **changes: object) -> CertificateClaims:
    """What a certificate of somebody who never passed would say."""
    with home.services.database.reading() as session:
        document = session.execute(text("select document from certificate where id = 1")).scalar_one()
    genuine = read_claims(load_strict(bytes(document)))
    friend = {"holder_name": "测试友", "token": format_token(bytes(16)), "number": "2663010001509999"}
    return replace(genuine, **(friend | changes))  # type: ignore[arg-type]


def signed(home: Installation, claims: CertificateClaims) -> bytes:
    services = home.services
    signer = services.keystore.signer(Purpose.CREDENTIAL)
    method = f"{services.issuer.did}#{signer.kid}"
    return sign_credential(check(compose(claims), drawable=None), signer, method, services.now())


def logged(home: Installation, credential: bytes, leaf: Leaf, *before: Leaf) -> Made:
    """Puts the leaf into the log past all services, and publishes."""
    services = home.services
    leaf = replace(leaf, credential=leaves.commit_credential(SALT, credential))
    with services.database.writing() as session:
        *_, index = append(session, [leaves.encode(one) for one in (*before, leaf)], at=services.now())
    published = publish_log(services, services.folders.published / "log")
    with services.database.reading() as session:
        hashes = prove_inclusion(index, published.checkpoint.size, log_read.hash_reader(session))
    return Made(credential, Receipt(Opening(leaf, SALT), index, hashes, published.signed).encode())


def issue_leaf(home: Installation, claims: CertificateClaims, **changes: object) -> Leaf:
    leaf = Leaf(
        event=Event.ISSUE,
        day=home.services.today(),
        credential="",
        dated=claims.issued_on,
        session=session_of(home),
        evidence=claims.evidence_commitment,
    )
    return replace(leaf, **changes)  # type: ignore[arg-type]


def session_of(home: Installation) -> str:
    with home.services.database.reading() as session:
        return str(session.execute(text("select session from log_session")).scalar_one())


def by_sql(home: Installation, *statements: str) -> None:
    with home.services.database.writing() as session:
        for statement in statements:
            session.execute(text(statement))


def sign_lists(home: Installation) -> None:
    """Sign what the rows say by its own hand, and publish it: `publish` would hold them against the log first."""
    services = home.services
    with services.database.reading() as session:
        query = select(CertificateRecord.status_list, CertificateRecord.status_index, CertificateRecord.status)
        rows = {(name, index): Status(status) for name, index, status in session.execute(query)}
        statuses = {place: status for place, status in rows.items() if status is not Status.VALID}
        publish_status_lists(services, list_names(session), statuses, services.folders.published / "status", {})
    publish_log(services, services.folders.published / "log")


def audited(home: Installation, folder: Path | None = None, in_hand: InHand | None = None) -> AuditReport:
    source = str(folder or home.services.folders.published)
    return audit_published(
        fetcher(source), home.services.trust, in_hand, lists=status_fetcher(source), now=home.services.now()
    )


def rules(report: AuditReport) -> set[str]:
    return {problem.rule for problem in report.problems}


def in_hand(*made: Made) -> InHand:
    return InHand(certificates=[(one.credential, one.receipt) for one in made])


def checked_offline(home: Installation, made: Made, *, demand_log: bool = False) -> Verification:
    return verify_offline(
        made.credential,
        home.services.trust,
        Options(
            published=home.services.folders.published,
            now=home.services.now(),
            receipt=made.receipt or None,
            demand_log=demand_log,
        ),
    )


def offline(home: Installation, made: Made, *, demand_log: bool = False) -> Verdict:
    return checked_offline(home, made, demand_log=demand_log).verdict


def look(home: Installation, state: Path) -> Witnessed | Refusal:
    return visit(
        fetcher(str(home.services.folders.published)),
        state,
        origin=origin(home.services),
        log_keys=log_keys(home.services),
        key=WitnessKey(state, "witness.example"),
        now=home.clock(),
    )


def another_face(home: Installation, folder: Path) -> Installation:
    """The same issuer from here on twice: a copy of everything, keys too."""
    home.services.database.close()
    shutil.copytree(home.home, folder)
    home.reopen()
    return Installation(folder, home.clock)
