"""The reasons of a decision: a rule number and a sentence in Chinese and in English, for the candidate to read.

First what happened in each subject, attempt by attempt; then what that leaves open; last the enrolment as a whole.
Source: R5; each sentence cites the rule it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from certsvc.errors import AttemptRefused
from certsvc.rules.course import Course, Standing
from certsvc.rules.enrolment import Attempt, AttemptKind, Outcome
from certsvc.rules.progress import EnrolmentState, Progress
from certsvc.rules.terms import Fees, Scheme
from certsvc.rules.wording import en_date, score_text, zh_date


@dataclass(frozen=True, slots=True)
class Reason:
    rule: str
    zh: str
    en: str


def reasons_for(
    progress: Progress, refused: Sequence[tuple[Attempt, AttemptRefused]], state: EnrolmentState, on: date
) -> tuple[Reason, ...]:
    """Why the enrolment stands in `state` on a day, in the order in which a reader asks."""
    reasons: list[Reason] = []
    for course in (progress.theory, progress.practical):
        uncounted = progress.uncounted.get(course.subject)
        if uncounted is None or course.taken:
            _tell_course(reasons, course, state, progress.scheme, on)
        if uncounted is not None:
            reasons += map(_uncounted, uncounted.taken)
    reasons += [_without_ground(attempt, refusal) for attempt, refusal in refused]
    reasons.append(_state_reason(progress, state, on))
    return tuple(reasons)


def _tell_course(reasons: list[Reason], course: Course, state: EnrolmentState, scheme: Scheme, on: date) -> None:
    if not course.taken:
        subject = course.subject
        reasons.append(
            Reason("R4.3", f"{subject.zh}尚无考试记录。", f"The {subject.en} has not been sat yet."),
        )
        return
    for attempt in course.taken:
        reasons.append(_attempt_reason(attempt, course))
    if state.lost:
        if course.passed:
            reasons.append(_lapsed(course))
    elif course.retake_left:
        _tell_entitlement(reasons, course, scheme, on)


# What happened: one sentence per attempt


def _named(attempt: Attempt) -> tuple[str, str]:
    zh = f"{attempt.subject.zh}{attempt.kind.zh}({zh_date(attempt.sat_on)})"
    return zh, f"The {attempt.subject.en}'s {attempt.kind.en} on {en_date(attempt.sat_on)}"


def _uncounted(attempt: Attempt) -> Reason:
    zh, en = _named(attempt)
    return Reason(
        "R3.8",
        f"{zh}时本次报名已因另一科结束，已登记，不计入。",
        f"{en} came after the other subject had closed the enrolment: it is on record and is not counted.",
    )


def _without_ground(attempt: Attempt, refusal: AttemptRefused) -> Reason:
    """R2.5: on record, and by what is known now it could not be; so it has no effect."""
    zh, en = _named(attempt)
    because_zh, because_en = refusal.because or (refusal.zh, refusal.en)
    return Reason(
        refusal.rule or "R3.7",
        f"{zh}已登记，不计：{because_zh}。",
        f"{en} is on record and not counted: {because_en}. It has no effect.",
    )


def _attempt_reason(attempt: Attempt, course: Course) -> Reason:
    zh, en = _named(attempt)
    match attempt.outcome:
        case Outcome.SCORED:
            return _scored(attempt, course, zh, en)
        case Outcome.ABSENT:
            return _absent(attempt, zh, en)
        case Outcome.EXCUSED:
            return Reason("R2.3", f"{zh}经批准缓考，不占用考试机会。", f"{en} was excused; it uses nothing up.")
        case Outcome.MISCONDUCT:
            return Reason(
                "R2.3",
                f"{zh}违纪，按不合格处理，并取消该科免费补考。",
                f"{en} ended in misconduct: it counts as failed and takes the free retake away.",
            )
        case _:  # void
            return Reason("R2.3", f"{zh}已作废，视为未考。", f"{en} was annulled; it counts as not taken.")


_SCORE_RULE = {AttemptKind.FIRST: "R2", AttemptKind.ONSITE_RETAKE: "R3.2", AttemptKind.FREE_RETAKE: "R3.5"}


def _scored(attempt: Attempt, course: Course, zh: str, en: str) -> Reason:
    assert attempt.score is not None
    mark = course.rules.pass_mark
    got, needed, rule = score_text(attempt.score), score_text(mark), _SCORE_RULE[attempt.kind]
    if attempt.score >= mark:
        return Reason(
            rule,
            f"{zh}得 {got} 分，达到合格线 {needed} 分，合格。",
            f"{en} scored {got}, which reaches the pass mark of {needed}: passed.",
        )
    return Reason(
        rule,
        f"{zh}得 {got} 分，低于合格线 {needed} 分，不合格。",
        f"{en} scored {got}, below the pass mark of {needed}: failed.",
    )


def _absent(attempt: Attempt, zh: str, en: str) -> Reason:
    if attempt.kind is AttemptKind.FIRST:
        return Reason("R4.1", f"{zh}缺考。", f"{en} was missed.")
    if attempt.kind is AttemptKind.ONSITE_RETAKE:
        return Reason(
            "R3.2",
            f"{zh}未参加，视为放弃现场补考，不影响免费补考。",
            f"{en} was not taken up; the free retake is untouched.",
        )
    return Reason("R3.4", f"{zh}缺考，免费补考机会已用。", f"{en} was missed, and with it the free retake.")


# What is left open


def _tell_entitlement(reasons: list[Reason], course: Course, scheme: Scheme, on: date) -> None:
    """R3.1, R3.2 or R4.1, the on-site retake of the same day, and the deadline of R3.3."""
    first, deadline = course.first, course.deadline
    assert first is not None
    assert deadline is not None
    zh, en = course.subject.zh, course.subject.en
    fee_zh, fee_en = _retake_fee(scheme.fees)
    if course.missed_first:
        rule, because_zh, because_en = "R4.1", "缺考", "was missed"
    elif course.rules.onsite_retakes:
        rule, because_zh, because_en = "R3.2", "不合格", "was failed"
    else:
        rule, because_zh, because_en = "R3.1", "不合格", "was failed"
    if _onsite_still_open(course, on):
        reasons.append(
            Reason(
                "R3.2",
                f"{zh}可在 {zh_date(on)} 当日现场免费补考一次，也可放弃，不影响此后的免费补考。",
                f"The {en} may be retaken on site on {en_date(on)}, free; to decline leaves the free retake untouched.",
            )
        )
    reasons.append(
        Reason(
            rule,
            f"{zh}{because_zh}，可补考一次，{fee_zh}，须重考该科全部内容。",
            f"The {en} {because_en}: one retake of the whole subject is open, {fee_en}.",
        )
    )
    reasons.append(
        Reason(
            "R4.1" if course.missed_first else "R3.3",
            f"{zh}补考须在 {zh_date(deadline)}（含当日）之前完成，自第一次考试日期 {zh_date(first.sat_on)} 起算；"
            "以实际参加补考的日期为准，逾期视为放弃。",
            f"The {en}'s retake must be sat by {en_date(deadline)} inclusive, counted from its first exam date "
            f"{en_date(first.sat_on)}; a retake not sat by then is given up.",
        )
    )


def _onsite_still_open(course: Course, on: date) -> bool:
    first = course.first
    return (
        first is not None
        and first.sat_on == on
        and first.outcome is Outcome.SCORED
        and course.free_used == 0
        and course.onsite_used < course.rules.onsite_retakes
    )


def _retake_fee(fees: Fees) -> tuple[str, str]:
    if fees.free_retake == 0:
        return "免费", "free of charge"
    amount = score_text(fees.free_retake)
    return f"补考费 {amount} 元", f"for {amount} yuan"


def _exam_fee(fees: Fees) -> tuple[str, str]:
    if fees.exam is None:
        return "缴纳考务费", "with the exam fee"
    amount = score_text(fees.exam)
    return f"缴纳考务费 {amount} 元", f"with the exam fee of {amount} yuan"


# The enrolment as a whole


def _lapsed(course: Course) -> Reason:
    return Reason(
        "R3.6",
        f"{course.subject.zh}的合格成绩只在本次报名内有效，现已失效。",
        f"The pass in the {course.subject.en} held within this enrolment only and has lapsed.",
    )


def _state_reason(progress: Progress, state: EnrolmentState, on: date) -> Reason:
    match state:
        case EnrolmentState.PASSED:
            return Reason(
                "R4.3", "两科均合格，本次报名考核通过。", "Both subjects are passed: the enrolment has passed."
            )
        case EnrolmentState.IN_PROGRESS:
            zh, en = _names(progress, lambda course: course.standing is Standing.NOT_SAT)
            return Reason(
                "R4.3", f"{zh}尚未考，本次报名进行中。", f"Still to be sat: {en}. The enrolment is in progress."
            )
        case EnrolmentState.RETAKE_OPEN:
            zh, en = _names(progress, lambda course: course.retake_left)
            return Reason("R4.3", f"可补考科目：{zh}。", f"Open for a free retake: {en}.")
        case EnrolmentState.VOID:
            return _void_reason(progress)
        case EnrolmentState.FAILED:
            return _failed_reason(progress)
        case _:  # forfeited
            return _forfeited_reason(progress, on)


def _names(progress: Progress, which: Callable[[Course], bool]) -> tuple[str, str]:
    subjects = [course.subject for course in (progress.theory, progress.practical) if which(course)]
    return "、".join(subject.zh for subject in subjects), " and ".join(f"the {subject.en}" for subject in subjects)


def _void_reason(progress: Progress) -> Reason:
    fee_zh, fee_en = _exam_fee(progress.scheme.fees)
    return Reason(
        "R4.2",
        f"两科初考均缺考，本次报名作废，不能补考；须重新报名参加全部考试并{fee_zh}，新报名享有通常的一次免费补考。",
        f"Both first attempts were missed: the enrolment is void, with no retake. Register again for both subjects, "
        f"{fee_en}; the new enrolment has the ordinary free retake.",
    )


def _failed_reason(progress: Progress) -> Reason:
    fee_zh, fee_en = _exam_fee(progress.scheme.fees)
    again_zh, again_en = f"须重新报名参加全部考试并{fee_zh}", f"register again for both subjects, {fee_en}"
    zh, en = _names(progress, lambda course: course.exhausted)
    if not zh:
        return Reason(
            "R4.3",
            f"两科均不合格，按本方案不设补考，本次报名未通过；{again_zh}。",
            f"Both subjects were failed, and this scheme then grants no retake: the enrolment has failed; {again_en}.",
        )
    return Reason(
        "R3.4",
        f"{zh}未合格且已无补考机会，本次报名未通过；{again_zh}。",
        f"Not passed and with no retake left: {en}. The enrolment has failed; {again_en}.",
    )


def _forfeited_reason(progress: Progress, on: date) -> Reason:
    fee_zh, fee_en = _exam_fee(progress.scheme.fees)
    overdue = [course for course in (progress.theory, progress.practical) if course.overdue(on)]
    zh = "、".join(f"{course.subject.zh}（期限 {zh_date(course.deadline)}）" for course in overdue if course.deadline)
    en = " and ".join(
        f"the {course.subject.en} (deadline {en_date(course.deadline)})" for course in overdue if course.deadline
    )
    return Reason(
        "R3.4",
        f"逾期未补考，视为放弃：{zh}。本次报名终止，须重新报名参加全部考试并{fee_zh}。",
        f"Free retake not sat by its deadline and given up: {en}. The enrolment is forfeited; "
        f"register again for both subjects, {fee_en}.",
    )
