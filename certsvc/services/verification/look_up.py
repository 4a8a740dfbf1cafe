"""Look a certificate up for the public: by the QR's token, or by number and name together (R8.1, R10, R11).

Numbers and names are compared folded (R9), in the database, which keeps both so (`store.base`). What is shown comes
from the signed bytes, whose signature is checked on each look-up (`genuine`); only the status comes from the register,
as far as the log bears it out (`standing`). By number and name there is one answer for unknown, wrong name and
malformed, and the same queries and the same cryptography are done for it as for a hit: on a miss a decoy is read and
thrown away. Database trouble is `Unavailable`, never "unknown". Not here: what a holder sees (R10), and files brought
to be checked (`verify`).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Select, select, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from certsvc.credential.number import NO_NUMBER, fold_number, normalise_number
from certsvc.credential.token import normalise_token
from certsvc.errors import KeyMissing, Unavailable
from certsvc.person.name import fold
from certsvc.services.context import Services
from certsvc.services.log.last_word import OnRecord
from certsvc.services.verification.genuine import folds_agree, genuine_claims
from certsvc.services.verification.public_record import PublicRecord, electronic_record, forged_record, paper_record
from certsvc.store import ISSUED, CertificateRecord, PaperCertificateRecord

_NO_TOKEN: Final = "0" * 26  # "0" is not in the token's alphabet
_NO_NAME: Final = "-"  # a name begins with a letter; asked for in place of nothing
_LAST: Final = 6
# Comparing digests under a key of this process takes the same time wherever the texts differ.
_comparison_key = secrets.token_bytes(32)

Row = TypeVar("Row", CertificateRecord, PaperCertificateRecord)


def by_token(services: Services, token: str) -> PublicRecord | None:
    """The certificate with the token that a QR holds, in any letter case; None where there is none."""
    wanted = normalise_token(token) or _NO_TOKEN
    with _reading(services) as session:
        row = session.scalar(_issued().where(CertificateRecord.token == wanted))
        return None if row is None else electronic_record(services, session, row)


def by_number_and_name(services: Services, number: str, name: str) -> PublicRecord | None:
    """The certificate, electronic or paper, with this number whose holder has this name; None for anything else.

    A paper entry comes first while its holder's name matches: who presents paper that has been replaced is told so
    (R8.3), and the electronic successor's state beside it. Of several versions, the newest that bears this name.
    """
    asked, typed = _Number.of(number), fold(name) or _NO_NAME
    with _reading(services) as session:
        # The name is compared in the query, so that a number with another name brings back as little as no number at
        # all; `|| ''` keeps the planner from going by the name, whose bearers are more or fewer.
        certificate, paper = CertificateRecord, PaperCertificateRecord
        on_paper = session.scalar(
            select(paper.id)
            .where(paper.number_folded == asked.folded, paper.name_folded.concat("") == typed)
            .order_by((paper.number == asked.exact).desc(), paper.id)
            .limit(1)
        )
        electronic = session.scalar(
            select(certificate.id)
            .where(
                certificate.number_folded == asked.folded,
                certificate.stage == ISSUED,
                certificate.holder_name_folded.concat("") == typed,
            )
            .order_by((certificate.number == asked.exact).desc(), certificate.version.desc(), certificate.id)
            .limit(1)
        )
        paper_row = _row_or_decoy(session, paper, on_paper)
        electronic_row = _row_or_decoy(session, certificate, electronic)
        shown_on_paper = None if paper_row is None else _paper(services, session, paper_row)
        in_register = None if electronic_row is None else _electronic(services, session, electronic_row)
        if on_paper is not None:
            return shown_on_paper
        return in_register if electronic is not None else None


def by_numbers_and_names(services: Services, pairs: Sequence[tuple[str, str]]) -> list[PublicRecord | None]:
    """`by_number_and_name` for each pair of a list, in order, in two queries for them all.

    Anyone who asks row by row is told row by row, so only what comes back for the whole may not tell an unknown number
    from a wrong name: the database compares both, and gives back hits alone.
    """
    wanted = [(_Number.of(number), fold(name) or _NO_NAME) for number, name in pairs]
    asked = sorted({(number.folded, name) for number, name in wanted if number.folded != NO_NUMBER})
    numbers = sorted({number for number, _ in asked})
    found: dict[tuple[str, str], dict[str, PublicRecord]] = {}
    with _reading(services) as session:
        certificate, paper = CertificateRecord, PaperCertificateRecord
        # The numbers for the index, the pairs for the answer; `|| ''` keeps the planner from going by any other column.
        electronic = select(certificate).where(
            certificate.stage.concat("") == ISSUED,
            certificate.number_folded.in_(numbers),
            tuple_(certificate.number_folded, certificate.holder_name_folded.concat("")).in_(asked),
        )
        rows = list(session.scalars(electronic.order_by(certificate.version, certificate.id.desc())))
        on_record = OnRecord(session, rows)
        for row in rows:
            same = found.setdefault((row.number_folded, row.holder_name_folded), {})
            same.pop(row.number, None)  # an earlier version; the newest comes last
            same[row.number] = _electronic(services, session, row, on_record)
        on_paper = select(paper).where(
            paper.number_folded.in_(numbers), tuple_(paper.number_folded, paper.name_folded.concat("")).in_(asked)
        )
        papers: dict[tuple[str, str], dict[str, PublicRecord]] = {}
        for entry in session.scalars(on_paper.order_by(paper.id.desc())):
            same = papers.setdefault((entry.number_folded, entry.name_folded), {})
            same[entry.number] = _paper(services, session, entry)
    # Paper before electronic, as for one: a key of both is the paper's alone.
    found |= papers
    return [_best(found.get((number.folded, name)), number.exact) for number, name in wanted]


def with_full_name(services: Services, record: PublicRecord) -> PublicRecord:
    """The record of a token with its holder's full name, for who named it rightly in match mode (R10)."""
    if record.token is None or not record.signature_ok:
        return record
    with _reading(services) as session:
        row = session.scalar(_issued().where(CertificateRecord.token == record.token))
        genuine = None if row is None else genuine_claims(services, row)
        return record if genuine is None else replace(record, full_name=genuine.claims.holder_name)


def match(services: Services, token: str, name: str, last_six: str) -> bool:
    """Whether the certificate is this person's: full name and the last six characters of the identity number (R10).

    The same work and the same answer for an unknown token as for another person.
    """
    wanted = normalise_token(token) or _NO_TOKEN
    query = select(CertificateRecord.id).where(CertificateRecord.token == wanted, CertificateRecord.stage == ISSUED)
    return _matches(services, CertificateRecord, query, name, last_six)


def match_paper(services: Services, number: str, name: str, last_six: str) -> bool:
    """`match` for a paper certificate, which has no token."""
    asked = _Number.of(number)
    query = (
        select(PaperCertificateRecord.id)
        .where(PaperCertificateRecord.number_folded == asked.folded)
        .order_by((PaperCertificateRecord.number == asked.exact).desc(), PaperCertificateRecord.id)
        .limit(1)
    )
    return _matches(services, PaperCertificateRecord, query, name, last_six)


class _Number(NamedTuple):
    """A number as typed, folded for the question; where two of the register fold to one, the exact one is meant."""

    folded: str
    exact: str

    @classmethod
    def of(cls, typed: str) -> _Number:
        return cls(fold_number(typed), normalise_number(typed))


def _best(found: dict[str, PublicRecord] | None, exact: str) -> PublicRecord | None:
    """The record of the number as typed, else the last: the newest version, the first entry."""
    return None if found is None else found.get(exact) or found[next(reversed(found))]


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(_keyed(one), _keyed(other))


def _keyed(text: str) -> bytes:
    return hmac.digest(_comparison_key, text.encode("utf-8", "surrogatepass"), "sha256")


@contextmanager
def _reading(services: Services) -> Iterator[Session]:
    try:
        with services.database.reading() as session:
            yield session
    except SQLAlchemyError as error:
        # A missing table or a damaged file says nothing about any certificate (R10).
        raise Unavailable("暂时无法查询", "cannot be looked up just now") from error


def _issued() -> Select[CertificateRecord]:
    return select(CertificateRecord).where(CertificateRecord.stage == ISSUED)


def _electronic(
    services: Services, session: Session, row: CertificateRecord, on_record: OnRecord | None = None
) -> PublicRecord:
    """The record, with its full name, of a row found by its folded columns: they must be those of number and name."""
    record = electronic_record(services, session, row, on_record)
    if not folds_agree(row):
        return forged_record(services, row)
    # Where the record is genuine, the column is what was signed.
    return replace(record, full_name=row.holder_name) if record.signature_ok else record


def _paper(services: Services, session: Session, row: PaperCertificateRecord) -> PublicRecord:
    return replace(paper_record(services, session, row), full_name=row.name)


def _row_or_decoy(session: Session, kind: type[Row], found: int | None) -> Row | None:
    # One that is read as a hit would be: an erased one has less to check, and would tell a miss by the time it takes.
    decoy = session.scalar(select(kind.id).where(kind.erased_on.is_(None)).order_by(kind.id).limit(1))
    wanted = decoy if found is None else found
    return session.scalar(select(kind).where(kind.id == wanted))


def _matches(
    services: Services,
    kind: type[Row],
    query: Select[int],
    name: str,
    last_six: str,
) -> bool:
    typed_end = fold_number(last_six[:64])
    with _reading(services) as session:
        found = session.scalar(query)
        target = _row_or_decoy(session, kind, found)
        if target is None:
            return False
        if isinstance(target, CertificateRecord):
            genuine, holder, bound_to = genuine_claims(services, target) is not None, target.holder_name, target.token
            number = _identity_number(services, target.sealed, target.sealed_kid, bound_to.encode())
        else:
            genuine, holder = True, target.name
            number = _identity_number(services, target.sealed, target.sealed_kid, target.id_lookup)
        # Each is computed before any is looked at.
        agreements = (
            found is not None,
            genuine,
            _same(fold(holder), fold(name) or _NO_NAME),
            _same(fold_number(number)[-_LAST:], typed_end),
            len(typed_end) == _LAST,
        )
        return all(agreements)


def _identity_number(services: Services, sealed: bytes, kid: str, bound_to: bytes) -> str:
    try:
        return services.vault.open(sealed, kid, bound_to).get("id_number") or ""
    except KeyMissing as error:
        # A key that is not there, or a row that was tampered with, is no word about this person.
        raise Unavailable("暂时无法比对", "cannot be compared just now") from error
