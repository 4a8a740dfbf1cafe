"""Why a certificate is not in force, as the public reads it: a code with its words in both languages (R7.5, R11).

What staff write about it stays inside, since it may name a person. Not here: which change is allowed (`status`).
"""

from __future__ import annotations

from enum import StrEnum


class StatusReason(StrEnum):
    """A reason for a suspension or a revocation; `zh` and `en` are what the public reads."""

    zh: str
    en: str

    def __new__(cls, code: str, zh: str, en: str) -> StatusReason:
        member = str.__new__(cls, code)
        member._value_ = code
        member.zh, member.en = zh, en
        return member

    UNDER_REVIEW = "under_review", "正在核查", "it is being looked into"
    ISSUED_IN_ERROR = "issued_in_error", "签发有误", "it was issued in error"
    RESULTS_WITHDRAWN = "results_withdrawn", "考试成绩已更正或作废", "its exam results were corrected or annulled"
    FRAUD = "fraud", "以欺骗等不正当手段取得", "it was obtained by fraud"
    MISUSED = "misused", "转借、涂改等违规使用", "it was lent, altered or otherwise misused"
    HOLDER_REQUEST = "holder_request", "持证人申请", "the holder asked for it"
    OTHER = "other", "原因请询问发证机构", "ask the issuing authority why"
    # Of paper that an electronic certificate replaced (R8.2).
    LOST = "lost", "遗失", "it was lost"
    DAMAGED = "damaged", "损毁", "it was damaged"


FOR_STATUS = tuple(reason for reason in StatusReason if reason not in {StatusReason.LOST, StatusReason.DAMAGED})
"""Those a suspension or a revocation can have."""


def reason_of(code: str | None) -> StatusReason | None:
    """The reason on record; None for none. What is no code, as once was written, is `other` and never said back."""
    if code is None:
        return None
    return next((reason for reason in StatusReason if reason.value == code), StatusReason.OTHER)
