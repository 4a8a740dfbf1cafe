"""What the register has under one identity document: a person, paper certificates, or both, and the names they bear.

Not here: who may ask (`sign_in`, `codes_by_message`), what a holder then sees (`own_record`). Source: R8.4, R10.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.person.identity import IdType
from certsvc.person.name import fold
from certsvc.store import ISSUED, CertificateRecord, PaperCertificateRecord, PersonRecord


@dataclass(frozen=True, slots=True)
class Known:
    """What the register has under one identity document: a person, paper certificates, or both.

    `reissued` has the name on the newest version of what replaced a paper, by the paper's id: corrected, maybe (R8.4).
    """

    person: PersonRecord | None
    papers: tuple[PaperCertificateRecord, ...]
    reissued: Mapping[int, str]

    @property
    def name(self) -> str:
        if self.person is not None:
            return self.person.name
        return self.reissued.get(self.papers[-1].id, self.papers[-1].name)

    @property
    def id_type(self) -> IdType:
        found = self.person.id_type if self.person is not None else self.papers[-1].id_type
        return IdType.of(found)

    def bears(self, name: str) -> bool:
        """Whether the person is on record under this name, folded (R9); every name is compared, whichever agrees."""
        names = [paper.name for paper in self.papers] + ([self.person.name] if self.person is not None else [""])
        names += self.reissued.values()
        typed = fold(name).encode()
        agreements = [hmac.compare_digest(fold(one).encode(), typed) for one in names]
        return any(agreements) and typed != b""


def find(session: Session, lookup: bytes) -> Known | None:
    """Who is on record under a lookup; papers oldest first."""
    person = session.scalar(select(PersonRecord).where(PersonRecord.id_lookup == lookup))
    papers = select(PaperCertificateRecord).where(PaperCertificateRecord.id_lookup == lookup)
    found = tuple(session.scalars(papers.order_by(PaperCertificateRecord.issued_on, PaperCertificateRecord.id)).all())
    # Where a person is on record for the newest version, it may be another's; if not, the paper says whose it is.
    reissued = session.execute(
        select(CertificateRecord.paper_id, CertificateRecord.holder_name).where(
            CertificateRecord.paper_id.in_([paper.id for paper in found]),
            CertificateRecord.stage == ISSUED,
            CertificateRecord.superseded_by_id.is_(None),
            CertificateRecord.person_id.is_(None),
        )
    )
    names = {paper_id: name for paper_id, name in reissued if paper_id is not None}
    return Known(person, found, names) if person is not None or found else None
