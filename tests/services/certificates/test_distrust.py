"""A stolen credential key, distrusted from a log index on: what was logged before stays valid, nothing else is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import QueuePool, delete, event, select

from certsvc.credential.canonical import load_strict
from certsvc.credential.checked import check
from certsvc.credential.compact import compact_claims, qr_text
from certsvc.credential.document import CertificateClaims, compose, read_claims
from certsvc.credential.verdict import Verdict, Verification
from certsvc.errors import KeyRefused, Unavailable
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates.distrust import distrust
from certsvc.services.certificates.give_out import prove
from certsvc.services.log.append import append, frontier
from certsvc.services.publishing.static import publish_static
from certsvc.services.records.secrets import CertificateSecrets, seal_secrets
from certsvc.services.verification import look_up
from certsvc.services.verification.verify import Options, verify_offline, verify_online
from certsvc.signing.cose import sign_compact
from certsvc.signing.keys import Purpose, Signer
from certsvc.signing.pdf import PLACE, PdfSeal, seal
from certsvc.signing.proofs import sign_credential
from certsvc.signing.trust import TrustBundle
from certsvc.store import CertificateRecord, LogHeadRecord, LogLeafRecord, LogNodeRecord
from certsvc.transparency import leaf as leaves
from certsvc.transparency.leaf import Event, Leaf
from tests.builders.installation import Installation, made_up

THIEFS_TOKEN = "zzzzzzzzzzzzzzzzzzzzzzzzza"
THIEFS_NUMBER = "2663010001599999"


@dataclass
class Theft:
    """Two certificates logged before the theft; the thief keeps the key, the issuer goes on with a new one."""

    home: Installation
    key: Signer
    numbers: tuple[str, str]
    limit: int

    @property
    def kid(self) -> str:
        return self.key.kid

    def row(self, which: int = 0) -> CertificateRecord:
        return self.home.row(self.numbers[which])

    def genuine(self, which: int = 0) -> bytes:
        content = self.row(which).credential
        assert content is not None
        return content

    def claims(self) -> CertificateClaims:
        """What the thief certifies: somebody who never sat, dated like the genuine ones."""
        genuine = read_claims(load_strict(self.row().document))
        return replace(genuine, holder_name="测试窃", number=THIEFS_NUMBER, token=THIEFS_TOKEN)

    def forged(self, claims: CertificateClaims | None = None) -> tuple[bytes, bytes]:
        """The thief's credential and code, perfect but for the log; made an hour back by the thief's own clock."""
        checked = check(compose(claims or self.claims()), drawable=None)
        compact = compact_claims(checked.claims, checked.digest8)
        method = f"{self.home.services.issuer.did}#{self.kid}"
        made_at = self.home.clock() - timedelta(hours=1)
        return sign_credential(checked, self.key, method, made_at), sign_compact(compact, self.key)


@pytest.fixture
def theft(tmp_path: Path) -> Iterator[Theft]:
    home = Installation(tmp_path / "home")
    issued = home.issue(made_up(1), made_up(2))
    for one in issued:
        home.pdf(one.number)
    key = home.services.keystore.signer(Purpose.CREDENTIAL)
    publish_static(home.services)
    home.clock.move(minutes=5)
    home.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    with home.services.database.reading() as session:
        limit = frontier(session).size
    distrust(home.services, key.kid, limit, by="安全员")
    publish_static(home.services)
    yield Theft(home, key, (issued[0].number, issued[1].number), limit)
    home.services.database.close()


def online(theft: Theft, content: bytes | str) -> Verification:
    services = theft.home.services
    return verify_online(services, content, Options(bounded=False))


def offline(theft: Theft, content: bytes | str, receipt: bytes | None = None) -> Verification:
    folder = theft.home.services.folders.published
    now = theft.home.clock()
    return verify_offline(
        content, TrustBundle.load(folder), Options(published=folder, now=now, bounded=False, receipt=receipt)
    )


def code_of(row: CertificateRecord) -> str:
    assert row.cose is not None
    return qr_text("https://certsvc.example", row.token, row.cose)


# Logged before the theft


def test_what_was_logged_before_stays_valid_by_file_credential_and_code(theft: Theft) -> None:
    for content in (theft.genuine(), code_of(theft.row()), theft.home.pdf(theft.numbers[0])):
        found = online(theft, content)
        assert found.verdict is Verdict.VALID, [one for one in found.checks if one.ok is not True]
    record = look_up.by_token(theft.home.services, theft.row().token)
    assert record is not None
    assert record.state == "valid"


def test_the_pdf_stays_valid_offline_by_the_receipt_it_carries(theft: Theft) -> None:
    found = offline(theft, theft.home.pdf(theft.numbers[1]))
    assert found.verdict is Verdict.VALID, [one for one in found.checks if one.ok is not True]


def test_a_bare_credential_stays_valid_offline_with_its_receipt_and_cannot_be_judged_without(theft: Theft) -> None:
    receipt = prove(theft.home.services, theft.numbers[0]).encode()
    assert offline(theft, theft.genuine(), receipt).verdict is Verdict.VALID
    assert offline(theft, theft.genuine()).verdict is Verdict.UNAVAILABLE
    assert offline(theft, code_of(theft.row())).verdict is Verdict.UNAVAILABLE


def test_a_receipt_of_another_certificate_proves_nothing(theft: Theft) -> None:
    receipt = prove(theft.home.services, theft.numbers[1]).encode()
    assert offline(theft, theft.genuine(), receipt).verdict is Verdict.FORGED


def test_a_receipt_under_a_checkpoint_of_a_stolen_log_key_proves_nothing(theft: Theft) -> None:
    receipt = prove(theft.home.services, theft.numbers[0]).encode()
    keystore = theft.home.services.keystore
    stolen = keystore.active_kid(Purpose.LOG_CHECKPOINT)
    keystore.rotate(Purpose.LOG_CHECKPOINT, development=True)
    keystore.distrust(stolen, 0)
    theft.home.clock.move(minutes=1)
    publish_static(theft.home.services)
    assert offline(theft, theft.genuine(), receipt).verdict is not Verdict.VALID
    # The issuer goes on: under a head by the new key the log proves the same places again.
    assert online(theft, theft.genuine()).verdict is Verdict.VALID
    again = prove(theft.home.services, theft.numbers[0]).encode()
    assert offline(theft, theft.genuine(), again).verdict is Verdict.VALID


def test_the_certificates_logged_from_the_index_on_are_counted_and_no_longer_valid(theft: Theft) -> None:
    services = theft.home.services
    first_leaf = theft.row().leaf_index
    assert first_leaf is not None
    done = distrust(services, theft.kid, first_leaf + 1, by="安全员")
    assert done.to_resign == 1
    assert online(theft, theft.genuine(0)).verdict is Verdict.VALID
    assert online(theft, theft.genuine(1)).verdict is Verdict.UNKNOWN
    record = look_up.by_token(services, theft.row(1).token)
    assert record is None or record.state != "valid"


def test_without_a_signed_head_nothing_is_called_valid_and_nothing_forged(theft: Theft) -> None:
    (theft.home.services.folders.published / "log" / "checkpoint").unlink()
    assert online(theft, theft.genuine()).verdict is Verdict.UNAVAILABLE
    with pytest.raises(Unavailable):
        look_up.by_token(theft.home.services, theft.row().token)


def test_a_look_up_takes_one_connection_though_the_log_is_asked(theft: Theft) -> None:
    engine = theft.home.services.database.engine
    taken: list[int] = []
    event.listen(engine, "checkout", lambda *_: taken.append(cast(QueuePool, engine.pool).checkedout()))
    token, number, name = theft.row().token, theft.row().number, theft.row().holder_name
    taken.clear()
    assert look_up.by_token(theft.home.services, token) is not None
    assert look_up.by_numbers_and_names(theft.home.services, [(number, name)]) != [None]
    assert online(theft, theft.genuine()).verdict is Verdict.VALID
    # A second would wait for a writer who waits for the first to end: a minute, in which no one reads anything.
    assert set(taken) == {1}


def test_distrust_begins_within_the_log_and_is_never_moved_later(theft: Theft) -> None:
    with pytest.raises(KeyRefused):
        distrust(theft.home.services, theft.kid, theft.limit + 1, by="安全员")
    assert theft.home.services.keystore.record(theft.kid).distrusted_from == theft.limit


def test_a_file_of_a_stolen_seal_is_valid_only_where_its_very_hash_is_on_record(theft: Theft) -> None:
    services = theft.home.services
    pdf = theft.home.pdf(theft.numbers[0])
    stolen = PdfSeal.from_keystore(services.keystore)
    again = sealed_again(pdf, stolen, theft)  # genuine in every part, but not the file that was issued
    kid = services.keystore.active_kid(Purpose.PDF_SEAL)
    services.keystore.rotate(Purpose.PDF_SEAL, development=True)
    distrust(services, kid, theft.limit, by="安全员")
    publish_static(services)
    assert online(theft, pdf).verdict is Verdict.VALID
    assert online(theft, again).verdict is Verdict.UNKNOWN
    assert offline(theft, pdf).verdict is Verdict.UNAVAILABLE
    assert offline(theft, again).verdict is Verdict.UNAVAILABLE


def sealed_again(pdf: bytes, stolen: PdfSeal, theft: Theft) -> bytes:
    """The file with its seal taken off and made again, an hour later."""
    place = PLACE.match(pdf)
    assert place is not None
    bare = bytearray(pdf)
    for name in ("first", "second", "rest", "contents", "moment"):
        start, end = place.span(name)
        bare[start:end] = b"0" * (end - start)
    bare[slice(*place.span("zone"))] = b"00"
    return seal(bytes(bare), stolen, signed_at=theft.home.clock())


# Signed by the thief


def test_what_the_thief_signs_and_dates_back_is_never_valid(theft: Theft) -> None:
    credential, cose = theft.forged()
    code = qr_text("https://certsvc.example", THIEFS_TOKEN, cose)
    on_a_genuine_address = qr_text("https://certsvc.example", theft.row().token, cose)
    # On a genuine certificate's address the theft shows by itself: the address and the signed part are of two.
    said_of = {credential: Verdict.UNKNOWN, code: Verdict.UNKNOWN, on_a_genuine_address: Verdict.FORGED}
    for content, said in said_of.items():
        assert online(theft, content).verdict is said
        assert offline(theft, content).verdict is Verdict.UNAVAILABLE
    receipt = prove(theft.home.services, theft.numbers[0]).encode()
    assert offline(theft, credential, receipt).verdict is Verdict.FORGED
    assert look_up.by_token(theft.home.services, THIEFS_TOKEN) is None


def slip_in(theft: Theft, leaf_index: int | None, secrets: CertificateSecrets) -> CertificateRecord:
    """The thief owns the database and even the personal-data key: a row like any other, at a place of choice."""
    credential, cose = theft.forged()
    services, claims = theft.home.services, theft.claims()
    sealed = seal_secrets(services.vault, THIEFS_TOKEN, secrets)
    with services.database.writing() as session:
        genuine = session.get_one(CertificateRecord, theft.row().id)
        columns = {column.name: getattr(genuine, column.name) for column in CertificateRecord.__table__.columns}
        changed = {
            "id": None,
            "number": claims.number,
            "token": claims.token,
            "enrolment_id": None,
            "holder_name": claims.holder_name,
            "document": load_unsigned(credential),
            "credential": credential,
            "credential_sha256": hashlib.sha256(credential).hexdigest(),
            "cose": cose,
            "sealed": sealed.content,
            "sealed_kid": sealed.kid,
            "status_index": 1,
            "leaf_index": leaf_index,
            "pdf_sha256": None,
        }
        row = CertificateRecord(**columns | changed)
        session.add(row)
        session.flush()
        session.expunge(row)
    return row


def load_unsigned(credential: bytes) -> bytes:
    document = load_strict(credential)
    assert isinstance(document, dict)
    return check(compose(read_claims({k: v for k, v in document.items() if k != "proof"})), drawable=None).canonical


def thiefs_leaf(theft: Theft, secrets: CertificateSecrets) -> bytes:
    credential, _ = theft.forged()
    claims = theft.claims()
    return leaves.encode(
        Leaf(
            event=Event.ISSUE,
            day=claims.issued_on,
            credential=leaves.commit_credential(secrets.leaf_salt, credential),
            dated=claims.issued_on,
            session="emergency-rescuer-5/qinghai-2025/2025-03-24",
            evidence=claims.evidence_commitment,
        )
    )


def assert_never_valid(theft: Theft) -> None:
    credential, cose = theft.forged()
    for content in (credential, qr_text("https://certsvc.example", THIEFS_TOKEN, cose)):
        assert online(theft, content).verdict not in {Verdict.VALID, Verdict.EXPIRED, Verdict.SUPERSEDED}
    record = look_up.by_token(theft.home.services, THIEFS_TOKEN)
    assert record is None or record.state == "forged"
    named = look_up.by_number_and_name(theft.home.services, THIEFS_NUMBER, "测试窃")
    assert named is None or named.state == "forged"


def test_slipped_into_the_database_at_an_early_leaf_it_is_not_valid(theft: Theft) -> None:
    # Leaf 0 says how many passed; no certificate's row claims it.
    slip_in(theft, 0, CertificateSecrets.draw("11010119900101001X"))
    assert_never_valid(theft)


def test_slipped_into_the_database_and_appended_to_the_log_it_is_not_valid(theft: Theft) -> None:
    secrets = CertificateSecrets.draw("11010119900101001X")
    services = theft.home.services
    with services.database.writing() as session:
        (index,) = append(session, [thiefs_leaf(theft, secrets)], at=services.now())
    slip_in(theft, index, secrets)
    publish_static(services)  # our own server even signs the head that holds it
    assert index >= theft.limit
    assert_never_valid(theft)


def test_slipped_into_the_database_with_the_log_rewritten_it_is_not_valid(theft: Theft) -> None:
    secrets = CertificateSecrets.draw("11010119900101001X")
    services = theft.home.services
    with services.database.writing() as session:
        contents = list(session.scalars(select(LogLeafRecord.content).order_by(LogLeafRecord.index)))
        at = session.scalars(select(LogHeadRecord.at)).one()
        contents[0] = thiefs_leaf(theft, secrets)
        for table in (LogLeafRecord, LogNodeRecord, LogHeadRecord):
            session.execute(delete(table))
        session.expire_all()
        append(session, contents, at=at)
    slip_in(theft, 0, secrets)
    # Consistent in itself, but no log key signed it: what is published still says otherwise.
    assert_never_valid(theft)
    assert not check_log(services, services.folders.published / "log").ok


def test_a_slipped_in_row_is_found_by_the_auditor(theft: Theft) -> None:
    slip_in(theft, 0, CertificateSecrets.draw("11010119900101001X"))
    assert not check_log(theft.home.services, theft.home.services.folders.published / "log").ok
