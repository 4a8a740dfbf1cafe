"""The terms a scheme sets: every number, date, switch and word that the rules leave to it, as frozen values.

Not here: how a scheme file is read and checked (scheme), nor any rule that uses the terms. Source: R0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from certsvc.person.words import Worded


class Subject(Worded):
    THEORY = "theory", "理论知识考试", "theory test"
    PRACTICAL = "practical", "技能考核", "practical test"


class Scale(StrEnum):
    """How item scores make a total (R2.1)."""

    POINTS = "points"
    WEIGHTED = "weighted"


class BothFailed(StrEnum):
    """What becomes of an enrolment both of whose subjects failed at the first go (R4.3, its scheme switch)."""

    RETAKE = "retake"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the practical test. `code` is the column of the results file (formats.md)."""

    code: str
    zh: str
    en: str
    maximum: Decimal


@dataclass(frozen=True, slots=True)
class ItemBlocks:
    """The items of a subject: all of `required`, and of each pair in `drawn` exactly one.

    On the scale `points` the items sum to the total and both weights are 1; on `weighted` each block has its own sum,
    multiplied by its weight.
    """

    scale: Scale
    required: tuple[Item, ...]
    drawn: tuple[tuple[Item, Item], ...]
    required_weight: Decimal
    drawn_weight: Decimal

    @property
    def items(self) -> tuple[Item, ...]:
        return self.required + tuple(item for pair in self.drawn for item in pair)


@dataclass(frozen=True, slots=True)
class SubjectRules:
    """How one subject is sat. `blocks` is None where it has no items; durations are minutes."""

    subject: Subject
    pass_mark: Decimal
    maximum: Decimal
    duration_minutes: int
    form_zh: str
    form_en: str
    onsite_retakes: int
    free_retakes: int
    blocks: ItemBlocks | None

    @property
    def required(self) -> tuple[Item, ...]:
        return self.blocks.required if self.blocks else ()

    @property
    def drawn(self) -> tuple[tuple[Item, Item], ...]:
        return self.blocks.drawn if self.blocks else ()

    @property
    def items(self) -> tuple[Item, ...]:
        return self.blocks.items if self.blocks else ()


@dataclass(frozen=True, slots=True)
class RegistrationRules:
    """R1.1 and R1.2."""

    minimum_age: int
    health_declaration: bool


@dataclass(frozen=True, slots=True)
class RetakeRules:
    """R3.3 and the switch of R4.3. The deadline counts in months from a subject's first exam date, inclusive."""

    deadline_months: int
    both_failed: BothFailed


@dataclass(frozen=True, slots=True)
class AbsenceRules:
    """R4.1: the deadline of an absence make-up, in months from the day missed, inclusive."""

    deadline_months: int


@dataclass(frozen=True, slots=True)
class Fees:
    """In yuan. `exam` is None where the region publishes none."""

    exam: Decimal | None
    free_retake: Decimal


@dataclass(frozen=True, slots=True)
class CalendarRules:
    """R6, in calendar days."""

    scores_after_days: int
    certificate_after_days: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Occupation:
    code: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class CertificateOptions:
    """What stands on the certificate's face (R7.2). The statements are whole sentences, their placeholders filled."""

    title_zh: str
    title_en: str
    statement_zh: str
    statement_en: str
    mask_id_number: bool
    show_scores: bool
    show_sex: bool
    show_birth_date: bool
    photo_required: bool
    show_photo_publicly: bool


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """R7.3: the kind of numbering and the parts this scheme fixes, as the certificate number's own code names them.

    `following` are the ranges that are gone on with, in this order, where the serials of a year are used up.
    """

    kind: str
    parts: Mapping[str, str]
    following: tuple[NumberFormat, ...] = ()


@dataclass(frozen=True, slots=True)
class Identifier:
    """R7.4: the fixed parts of a GB/T 36904 style identifier; `type` has 21 and `issuer` 18 characters."""

    root: str
    type: str
    issuer: str


@dataclass(frozen=True, slots=True)
class PaperRules:
    """R8.1a: the first and the last day on which paper was issued, and the form of its number, where the scheme says
    so."""

    first_day: date | None = None
    last_day: date | None = None
    number_form: str | None = None


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """R10: how long what is kept, in whole years or months. A certificate and what it rests on, from the day it was
    issued (or issued again); of who got none, the portrait and the registration with its results, from the day the
    enrolment was closed. No regulation on hand gives these terms: they are assumed, and a scheme sets its own."""

    certificate_years: int = 30
    portrait_months: int = 6
    registration_months: int = 36


@dataclass(frozen=True, slots=True)
class Scheme:
    """One occupation, level and region's rules, with the day they take effect (R0)."""

    key: str
    version: str
    in_force_from: date
    occupation: Occupation
    direction: str | None
    level: int
    level_name_zh: str
    level_name_en: str
    open_levels: tuple[int, ...]
    region_code: str
    region_zh: str
    region_en: str
    registration: RegistrationRules
    subjects: Mapping[Subject, SubjectRules]
    retake: RetakeRules
    absence: AbsenceRules
    fees: Fees
    calendar: CalendarRules
    validity_months: int | None
    certificate: CertificateOptions
    number: NumberFormat
    identifier: Identifier | None
    paper: PaperRules = PaperRules()
    retention: RetentionRules = RetentionRules()

    @property
    def family(self) -> str:
        """What successive schemes of one place share: occupation code, level and region code."""
        return f"{self.occupation.code}/{self.level}/{self.region_code}"


def in_force(schemes: Iterable[Scheme], on: date) -> Scheme | None:
    """Of the schemes of one family, the one in force on a day; None before the first (R0)."""
    begun = [scheme for scheme in schemes if scheme.in_force_from <= on]
    return max(begun, key=lambda scheme: scheme.in_force_from, default=None)
