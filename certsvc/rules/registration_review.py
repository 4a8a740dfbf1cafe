"""The review of a registration: which step may follow which, and who may take it (R1.6).

draft → submitted → approved | returned (what is missing) | rejected (why); returned goes back to submitted. Before it
is approved, the candidate has confirmed what was entered: photo, identity, and the face check with its time and place;
what that check compared is not kept. Who entered a registration, or any part of it, may not decide it.
Not here: who may register (`registration`), where the steps are kept (`services.records.reviews`). Source: R1.6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from certsvc.errors import RegistrationRefused
from certsvc.person.words import Worded
from certsvc.rules.four_eyes import hand

LONGEST_REMARK: Final = 500
LONGEST_PLACE: Final = 100


class RegistrationState(Worded):
    DRAFT = "draft", "草稿", "draft"
    SUBMITTED = "submitted", "待审核", "under review"
    APPROVED = "approved", "审核通过", "approved"
    RETURNED = "returned", "已退回补充", "returned for completion"
    REJECTED = "rejected", "审核未通过", "rejected"


WAITING: Final = (RegistrationState.SUBMITTED, RegistrationState.RETURNED)
"""Neither approved nor rejected: somebody's turn it is."""


class Move(Worded):
    """What somebody does to a registration."""

    SUBMIT = "submit", "提交", "submit"
    CONFIRM = "confirm", "记录本人确认", "confirm"
    APPROVE = "approve", "批准", "approve"
    RETURN = "return", "退回", "return"
    REJECT = "reject", "不予通过", "reject"


class FaceCheck(Worded):
    PASS = "pass", "通过", "passed"
    FAIL = "fail", "未通过", "failed"
    MANUAL = "manual", "人工核对", "done by a person"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The candidate has confirmed photo, identity and data; the face check's result, when and where it was made."""

    face: FaceCheck
    checked_at: datetime
    place: str


@dataclass(frozen=True, slots=True)
class ReviewStep:
    """One step. `remark`: what is missing, or why it is rejected; `changed`: submitted with other values than then."""

    move: Move
    by: str
    at: datetime
    remark: str | None = None
    changed: bool = False
    confirmation: Confirmation | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """Where a registration stands. `entered_by` are those who may not decide it, as `four_eyes.hand` writes them."""

    state: RegistrationState = RegistrationState.DRAFT
    entered_by: frozenset[str] = frozenset()
    confirmation: Confirmation | None = None


_FROM: Final = {
    Move.SUBMIT: frozenset({RegistrationState.DRAFT, RegistrationState.RETURNED}),
    Move.CONFIRM: frozenset({RegistrationState.SUBMITTED, RegistrationState.RETURNED}),
    Move.APPROVE: frozenset({RegistrationState.SUBMITTED}),
    Move.RETURN: frozenset({RegistrationState.SUBMITTED}),
    Move.REJECT: frozenset({RegistrationState.SUBMITTED}),
}
_TO: Final = {
    Move.SUBMIT: RegistrationState.SUBMITTED,
    Move.APPROVE: RegistrationState.APPROVED,
    Move.RETURN: RegistrationState.RETURNED,
    Move.REJECT: RegistrationState.REJECTED,
}


def review_of(steps: Iterable[ReviewStep], entered_by: str) -> Review:
    """Where the steps lead, in their order, from a draft of `entered_by`. Raises what `take` raises."""
    review = Review(entered_by=frozenset({hand(entered_by)}))
    for step in steps:
        review = take(review, step)
    return review


def take(review: Review, step: ReviewStep) -> Review:
    """The review after one step more; raises `RegistrationRefused` (R1.6) for one that may not be taken."""
    if review.state not in _FROM[step.move]:
        raise _refused(
            f"该报名的状态为“{review.state.zh}”，不能{step.move.zh}",
            f"it is {review.state.value}: {step.move.en} is not possible",
        )
    who = hand(step.by)
    if not who:
        raise _refused("须写明经办人", "say who does it")
    if step.move is Move.SUBMIT:
        # What the candidate confirmed was what stood there then.
        kept = None if step.changed else review.confirmation
        return Review(_TO[step.move], review.entered_by | {who}, kept)
    if step.move is Move.CONFIRM:
        return replace(review, entered_by=review.entered_by | {who}, confirmation=_confirmed(step))
    if who in review.entered_by:
        raise _refused("登记人不得审核自己登记的报名", "the one who entered it may not decide it")
    if step.move is Move.APPROVE:
        _check_confirmed(review.confirmation)
    else:
        _check_text(step.remark, LONGEST_REMARK, "须写明缺少什么或不通过的原因", "say what is missing, or why")
    return replace(review, state=_TO[step.move])


def _confirmed(step: ReviewStep) -> Confirmation:
    confirmation = step.confirmation
    if confirmation is None:
        raise _refused("须记录人脸核验的结果、时间和地点", "the face check's result, time and place are due")
    _check_text(confirmation.place, LONGEST_PLACE, "须写明人脸核验的地点", "say where the face check was made")
    if confirmation.checked_at > step.at:
        raise _refused("人脸核验的时间晚于现在", "the face check lies in the future")
    return confirmation


def _check_confirmed(confirmation: Confirmation | None) -> None:
    if confirmation is None:
        raise _refused(
            "考生尚未确认照片、身份和人脸核验", "the candidate has not confirmed photo, identity and face check"
        )
    if confirmation.face is FaceCheck.FAIL:
        raise _refused("人脸核验未通过，不能批准", "the face check failed, so it cannot be approved")


def _check_text(text: str | None, longest: int, zh: str, en: str) -> None:
    if text is None or not 0 < len(text.strip()) <= longest or not text.replace("\u3000", " ").isprintable():
        raise _refused(f"{zh}（一行，至多 {longest} 字）", f"{en} (one line, at most {longest} characters)")


def _refused(zh: str, en: str) -> RegistrationRefused:
    return RegistrationRefused(zh, en, rule="R1.6")
