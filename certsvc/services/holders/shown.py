"""What holders see of their own record, as values (R10: their own record whole). No I/O, no decision is made here.

Words of a scheme or an enumeration come in Chinese and English. Days are of Asia/Shanghai, times aware and in UTC.
Not here: reading any of it from the register (`own_record`, `enrolments`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from certsvc.rules.decide import EnrolmentState, Reason, Standing
from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.rules.registration_review import Confirmation, RegistrationState
from certsvc.rules.result_correction import CorrectionReason
from certsvc.rules.terms import Subject
from certsvc.services.holders.share_links import Share


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """A result that was put right after it was published (R2.4): on which day, why by its code, and what it said until
    then. What was another person's is not shown: `outcome` is None."""

    on: date
    reason: CorrectionReason
    sat_on: date | None
    outcome: Outcome | None
    score: Decimal | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One published result, as it counts. `items` are (Chinese, English, score, maximum), in the scheme's order;
    `corrections` what it said before, the latest first."""

    sat_on: date
    kind: AttemptKind
    outcome: Outcome
    score: Decimal | None
    items: tuple[tuple[str, str, Decimal, Decimal], ...] = ()
    corrections: tuple[CorrectionView, ...] = ()


@dataclass(frozen=True, slots=True)
class SubjectView:
    """Where a subject stands by what is published. Deadline (inclusive) and fee (yuan) go with an open retake."""

    subject: Subject
    standing: Standing
    score: Decimal | None
    pass_mark: Decimal
    maximum: Decimal
    retake_open: bool
    retake_deadline: date | None
    retake_fee: Decimal | None
    attempts: tuple[AttemptView, ...]

    @property
    def corrected(self) -> bool:
        """Whether any result of it was put right after it was published."""
        return any(attempt.corrections for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class PendingView:
    """A subject sat on a day, with nothing published of it: neither how it went nor how many goes there were (R6)."""

    subject: Subject
    sat_on: date
    expected_on: date
    overdue: bool


@dataclass(frozen=True, slots=True)
class ReviewView:
    """A registration that is not approved (R1.6). `remark`: what is missing, or why it is rejected; `since`: the day of
    the last step. `confirmed` is the face check the candidate confirmed the data with: result, time, place.
    """

    state: RegistrationState
    since: date | None
    remark: str | None
    confirmed: Confirmation | None


@dataclass(frozen=True, slots=True)
class EnrolmentView:
    """One registration. `as_of` is the day the state is of: today, or, while results are pending, the last sitting's.

    `certificate_expected` (first and last day) is there when it has passed and no certificate is issued yet; `review`
    until it is approved, and then nothing else about it counts.
    """

    id: int
    occupation_zh: str
    occupation_en: str
    level: int
    level_name_zh: str
    level_name_en: str
    region_zh: str
    region_en: str
    registered_on: date
    institution: str | None
    as_of: date
    state: EnrolmentState
    subjects: tuple[SubjectView, ...]
    reasons: tuple[Reason, ...]
    pending: tuple[PendingView, ...]
    completed_on: date | None
    certificate_expected: tuple[date, date] | None
    certificate_overdue: bool
    review: ReviewView | None = None


@dataclass(frozen=True, slots=True)
class CertificateView:
    """One version of a certificate. `status` is a key of R11: valid, suspended, revoked, superseded, expired, forged.

    Scans (day, origin, count; newest day first) are counted by number, and stand with its newest version alone.
    """

    number: str
    version: int
    token: str
    newest: bool
    status: str
    status_on: date | None
    reason: str | None
    name: str
    occupation_zh: str
    occupation_en: str
    level: int
    level_name_zh: str
    level_name_en: str
    issuer_zh: str
    issuer_en: str
    sample: bool
    issued_on: date
    reissued_on: date | None
    valid_until: date | None
    pdf_ready: bool
    superseded_by: tuple[str, int] | None
    scans: tuple[tuple[date, str, int], ...]
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class PaperView:
    """One entry of the register of former paper certificates. `status` is "paper_valid" or "paper_replaced" (R8.3).

    `may_apply`: a reissue can be asked for; neither replaced nor asked for already.
    """

    number: str
    name: str
    occupation: str
    level: int
    level_name_zh: str
    level_name_en: str
    issued_on: date
    issuer: str
    status: str
    replaced_on: date | None
    replaced_reason: str | None
    replaced_by: tuple[str, int] | None
    may_apply: bool


@dataclass(frozen=True, slots=True)
class ReissueView:
    """A request for a reissue: `state` applied, approved, rejected; `reason` lost, damaged; `note` the reviewer's."""

    id: int
    number: str
    reason: str
    state: str
    applied_at: datetime
    decided_at: datetime | None
    note: str | None
    version: int | None


@dataclass(frozen=True, slots=True)
class HolderView:
    """All of it. Enrolments and certificates newest first; papers by number; requests newest first."""

    name: str
    id_type_zh: str
    id_type_en: str
    id_number_masked: str
    enrolments: tuple[EnrolmentView, ...]
    certificates: tuple[CertificateView, ...]
    papers: tuple[PaperView, ...]
    reissues: tuple[ReissueView, ...]
