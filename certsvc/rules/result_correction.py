"""What a correction of results makes of an enrolment: why it was made, and which attempts no longer count (R2.4, R2.5).

Not here: what is on record (`services.records.attempts`), the decision itself (`decide`). Source: R2.4, R2.5, R3.8.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from certsvc.person.words import Worded
from certsvc.rules.admission import replay
from certsvc.rules.enrolment import Attempt, Enrolment, Outcome
from certsvc.rules.terms import Scheme


class CorrectionReason(Worded):
    """Why a result was corrected, as its candidate reads it; what staff wrote stays inside."""

    ENTRY = "entry", "录入有误", "it was entered wrongly"
    REVIEW = "review", "成绩复核", "the score was reviewed"
    MISCONDUCT = "misconduct", "查实违纪", "misconduct was found"
    ANNULLED = "annulled", "场次作废", "the sitting was annulled"
    WRONG_PERSON = "wrong_person", "录给他人", "it was another person's"
    OTHER = "other", "其他原因", "for another reason"


_WORDS: Final = (
    (CorrectionReason.WRONG_PERSON, ("wrong_person", "录给他人", "他人成绩", "人员有误", "张冠李戴")),
    (CorrectionReason.REVIEW, ("review", "复核", "复查")),
    (CorrectionReason.ANNULLED, ("annulled", "场次作废", "考场作废", "考试作废")),
    (CorrectionReason.MISCONDUCT, ("misconduct", "违纪", "作弊", "舞弊")),
    (CorrectionReason.ENTRY, ("entry", "录入", "登记有误", "输入")),
)


def reason_code(text: str, outcome: Outcome) -> CorrectionReason:
    """The code of a reason in words of one's own: by the word in it, else by what the attempt shall say."""
    usual = unicodedata.normalize("NFKC", text).casefold()
    for code, words in _WORDS:
        if any(_says(usual, word) for word in words):
            return code
    return CorrectionReason.MISCONDUCT if outcome is Outcome.MISCONDUCT else CorrectionReason.OTHER


def _says(text: str, word: str) -> bool:
    if word.isascii():
        return re.search(rf"(?<![a-z_]){word}(?![a-z_])", text) is not None
    return word in text


@dataclass(frozen=True, slots=True)
class NotCounted:
    """An attempt that is on record without effect: its place among those given, by which rule, and why."""

    place: int
    attempt: Attempt
    rule: str
    zh: str
    en: str


def without_effect(enrolment: Enrolment, attempts: Sequence[Attempt], scheme: Scheme) -> list[NotCounted]:
    """Every attempt that does not count, in the order given: no entitlement then (R2.5), or closed before (R3.8)."""
    progress, refused = replay(enrolment, attempts, scheme)
    why = {id(attempt): (error.rule or "R3.7", *(error.because or (error.zh, error.en))) for attempt, error in refused}
    for course in progress.uncounted.values():
        for attempt in course.taken:
            why[id(attempt)] = (
                "R3.8",
                "考试时本次报名已因另一科结束",
                "it came after the other subject had closed the enrolment",
            )
    return [
        NotCounted(place, attempt, *why[id(attempt)]) for place, attempt in enumerate(attempts) if id(attempt) in why
    ]
