"""A next version, a PDF and a kit are made from the verified credential, and from nothing that a row says (R8.4)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pypdfium2
import pytest
from sqlalchemy import text

from certsvc.credential.canonical import canonical_bytes, load_strict
from certsvc.credential.document import read_claims
from certsvc.errors import BatchRefused, CertsvcError, DocumentRefused, LogMismatch
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.certificates.resign import Selection, resign
from certsvc.services.issuing.issue import issue
from certsvc.services.kit.export import export_kit
from certsvc.services.records.secrets import open_secrets, seal_secrets
from certsvc.signing.keys import Purpose
from certsvc.store import CertificateRecord
from tests.builders.insider import by_sql
from tests.builders.installation import Installation, made_up

HOLDER, OTHER, THIRD = made_up(1), made_up(2), made_up(5)
FRIEND = "测试友"


@pytest.fixture
def number(at: Installation) -> str:
    """The first holder's certificate."""
    with at.services.database.reading() as session:
        return str(session.execute(text("select number from certificate order by id limit 1")).scalar_one())


def name_a_friend(at: Installation, number: str) -> None:
    """Writes another name into the unsigned document, as canonical as the one that was there."""
    with at.services.database.writing() as session:
        row = session.query(CertificateRecord).filter_by(number=number).one()
        document = load_strict(row.document)
        assert isinstance(document, dict)
        document["credentialSubject"]["name"] = FRIEND  # type: ignore[index]
        row.document = canonical_bytes(document)


def correct_identity(at: Installation, number: str) -> None:
    correct(at.services, number, Correction(id_number=THIRD.id_number), reason="证号有误", by="甲", approved_by="乙")


def rotate_and_resign(at: Installation, number: str) -> None:
    at.clock.move(minutes=1)
    at.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    assert number in dict(resign(at.services, Selection(batch=1), by="甲").resigned)


@pytest.mark.parametrize("deed", [correct_identity, rotate_and_resign])
def test_a_next_version_bears_the_name_that_was_signed(
    at: Installation, number: str, deed: Callable[[Installation, str], None]
) -> None:
    name_a_friend(at, number)
    deed(at, number)
    new = at.row(number, 2)
    assert new.credential is not None
    document = load_strict(new.credential)
    assert isinstance(document, dict)
    document.pop("proof")
    assert (read_claims(document).holder_name, new.holder_name) == (HOLDER.name, HOLDER.name)


def test_a_pdf_shows_what_was_signed(at: Installation, number: str) -> None:
    name_a_friend(at, number)
    with pypdfium2.PdfDocument(at.pdf(number)) as pdf:
        face = pdf[0].get_textpage().get_text_range()
    assert HOLDER.name in face
    assert FRIEND not in face


CHANGED = {
    "a name": "update certificate set holder_name = '测试友', holder_name_folded = '测试友' where id = 1",
    "a date": "update certificate set issued_on = '2020-01-01' where id = 1",
    "another scheme": "update certificate set scheme_id = (select min(id) from scheme) where id = 1",
    "another's leaf": "update certificate set leaf_index = case id when 1 then null else leaf_index end",
    "another's code": "update certificate set cose = (select cose from certificate where id = 2) where id = 1",
    "another's credential": "update certificate set credential = (select credential from certificate where id = 2), "
    "credential_sha256 = 'x' where id = 1",
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_row_that_is_not_what_was_signed_is_not_corrected(at: Installation, number: str, change: str) -> None:
    by_sql(at, CHANGED[change])
    with pytest.raises((DocumentRefused, LogMismatch)):
        correct_identity(at, number)
    with at.services.database.reading() as session:
        assert session.execute(text("select count(*) from certificate")).scalar_one() == 2


@pytest.mark.parametrize("change", ["another scheme", "another's code", "another's credential"])
def test_a_row_that_is_not_what_was_signed_is_neither_drawn_nor_sealed(
    at: Installation, number: str, change: str
) -> None:
    by_sql(at, CHANGED[change])
    with pytest.raises(CertsvcError):
        at.pdf(number)


@pytest.mark.parametrize("change", ["another's code", "another's credential"])
def test_no_kit_is_made_of_a_row_that_is_not_what_was_signed(
    at: Installation, number: str, change: str, tmp_path: Path
) -> None:
    del number
    by_sql(at, CHANGED[change])
    with pytest.raises(CertsvcError):
        export_kit(at.services, tmp_path / "kit")


def test_an_identity_number_that_was_not_committed_to_is_not_drawn(at: Installation, number: str) -> None:
    """Whoever has the personal-data key can seal another number; the signed commitment still tells."""
    with at.services.database.writing() as session:
        row = session.query(CertificateRecord).filter_by(number=number).one()
        kept = open_secrets(at.services.vault, row)
        friend = type(kept)(OTHER.id_number, kept.salt, kept.leaf_salt, kept.evidence_salt)
        sealed = seal_secrets(at.services.vault, row.token, friend)
        row.sealed, row.sealed_kid = sealed.content, sealed.kid
    with pytest.raises(DocumentRefused, match="committed"):
        at.pdf(number)


def reserve_one(own: Installation) -> CertificateRecord:
    """A reserved certificate that is not signed yet."""
    own.issue(HOLDER)
    with own.services.database.writing() as session:
        row = session.query(CertificateRecord).one()
        # As it stood before it was signed: a power failure between the two steps.
        row.stage, row.credential, row.credential_sha256, row.cose, row.leaf_index = "reserved", None, None, None, None
        session.flush()
        session.expunge(row)
    return row


def test_no_other_document_is_signed_in_place_of_the_one_reserved(own: Installation) -> None:
    row = reserve_one(own)
    name_a_friend(own, row.number)
    with pytest.raises(DocumentRefused, match="changed"):
        issue(own.services, by="签发员")


@pytest.mark.parametrize("changed", [False, True])
def test_what_an_earlier_program_reserved_is_signed_where_the_register_gives_it_word_for_word(
    own: Installation, changed: bool
) -> None:
    row = reserve_one(own)
    kept = open_secrets(own.services.vault, row)
    with own.services.database.writing() as session:
        again = session.get_one(CertificateRecord, row.id)
        earlier = seal_secrets(
            own.services.vault, row.token, type(kept)(kept.id_number, kept.salt, kept.leaf_salt, kept.evidence_salt)
        )
        again.sealed, again.sealed_kid = earlier.content, earlier.kid
    if changed:
        name_a_friend(own, row.number)
        with pytest.raises(BatchRefused, match="register"):
            issue(own.services, by="签发员")
    else:
        assert [one.number for one in issue(own.services, by="签发员").issued] == [row.number]
