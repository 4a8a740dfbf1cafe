"""The versions under a certificate's number. Not here: how a next one is made (`issuing.next_version`)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import NotFound, Refused
from certsvc.store import ISSUED, CertificateRecord, PaperCertificateRecord


def versions_of(session: Session, number: str) -> Sequence[CertificateRecord]:
    """Every issued version under a number, oldest first; none where there is no such certificate."""
    query = select(CertificateRecord).where(CertificateRecord.number == number, CertificateRecord.stage == ISSUED)
    return session.scalars(query.order_by(CertificateRecord.version)).all()


def newest_version(session: Session, number: str) -> CertificateRecord:
    """The newest issued version under a number; raises `NotFound`, saying so where there is only paper."""
    row = session.scalar(
        select(CertificateRecord)
        .where(CertificateRecord.number == number, CertificateRecord.stage == ISSUED)
        .order_by(CertificateRecord.version.desc())
        .limit(1)
    )
    if row is not None:
        return row
    paper = session.scalar(select(PaperCertificateRecord.id).where(PaperCertificateRecord.number == number))
    if paper is not None:
        raise NotFound(
            "这是纸质证书，只能补发为电子证书",
            "this is a paper certificate; it can only be reissued",
            rule="R8.2",
            where=number,
        )
    raise NotFound("没有该编号的电子证书", "there is no electronic certificate with this number", where=number)


def require_not_erased(row: CertificateRecord) -> None:
    """Raises `Refused` where the holder's data were erased: nothing of theirs is here to be given out."""
    if row.erased_on is not None:
        raise Refused(
            f"持证人的个人信息已于 {row.erased_on} 应其要求抹除，证书文件已不在本系统",
            f"its holder's data were erased at their wish on {row.erased_on}, and its files with them",
            rule="R10",
            where=f"{row.number}-v{row.version}",
        )


def unknown_number(number: str) -> NotFound:
    """What to raise where no certificate bears the number."""
    return NotFound("没有该编号的证书", "there is no certificate with this number", where=number)
