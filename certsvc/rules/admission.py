"""Whether an attempt may be recorded: every refusal on import, with its rule; and the replay of what may.

Rows may come in any order: they are put in the order in which they took place before they are judged.
Not here: scores and items (grading), the conflict of one key with two contents (services).
Source: R3.2, R3.4, R3.7, R3.8, R4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from certsvc.errors import AttemptRefused
from certsvc.rules.course import Course
from certsvc.rules.enrolment import Attempt, AttemptKind, Enrolment, Outcome, in_order
from certsvc.rules.progress import EnrolmentState, Progress
from certsvc.rules.terms import Scheme, Subject
from certsvc.rules.wording import score_text, zh_date

Refusals = list[tuple[Attempt, AttemptRefused]]


def admit(enrolment: Enrolment, earlier: Sequence[Attempt], attempt: Attempt, scheme: Scheme) -> None:
    """Accept the attempt beside those on record, in whatever order they come, or raise AttemptRefused with its rule."""
    _, refused_before = replay(enrolment, earlier, scheme)
    out_of_turn = _out_of_turn(_without(earlier, refused_before), attempt)
    if out_of_turn is not None:
        raise out_of_turn
    _, refused_after = replay(enrolment, [*earlier, attempt], scheme)
    for candidate, refusal in refused_after:
        if candidate is attempt:
            raise refusal
    if len(refused_after) > len(refused_before):
        undone = next(candidate for candidate, _ in refused_after if all(candidate is not c for c, _ in refused_before))
        raise _refused(
            "R3.7",
            attempt,
            f"与已登记的{undone.subject.zh}{undone.kind.zh}({zh_date(undone.sat_on)})不能并存",
            f"it cannot stand beside the {undone.subject.en}'s {undone.kind.en} of {undone.sat_on}, already on record",
        )


def admit_all(enrolment: Enrolment, existing: Sequence[Attempt], new: Iterable[Attempt], scheme: Scheme) -> Refusals:
    """The new attempts that are refused, each with why; the rest may be recorded together with the existing ones."""
    rows = in_order(list(new))
    if _stand_together(enrolment, existing, rows, scheme):
        return []
    on_record = list(existing)
    refusals: Refusals = []
    for attempt in rows:
        try:
            admit(enrolment, on_record, attempt, scheme)
        except AttemptRefused as refusal:
            refusals.append((attempt, refusal))
        else:
            on_record.append(attempt)
    return refusals


def _stand_together(enrolment: Enrolment, existing: Sequence[Attempt], rows: list[Attempt], scheme: Scheme) -> bool:
    """Nothing is refused when all rows are recorded at once: the usual case, and fairer than one by one.

    A failed first attempt may close an enrolment that the on-site retake in the next row keeps open.
    """
    _, before = replay(enrolment, existing, scheme)
    counted = _without(existing, before)
    if any(_out_of_turn(counted, attempt) for attempt in rows):
        return False
    _, refused = replay(enrolment, [*existing, *rows], scheme)
    # What a correction left without ground has no effect, and is in no one's way (R2.5).
    return {id(attempt) for attempt, _ in refused} <= {id(attempt) for attempt, _ in before}


def _without(attempts: Sequence[Attempt], refusals: Refusals) -> list[Attempt]:
    refused = {id(attempt) for attempt, _ in refusals}
    return [attempt for attempt in attempts if id(attempt) not in refused]


def replay(enrolment: Enrolment, attempts: Sequence[Attempt], scheme: Scheme) -> tuple[Progress, Refusals]:
    """The progress after all attempts that may be recorded, and those that may not, which have no effect."""
    progress = Progress.begin(scheme)
    refusals: Refusals = []
    for attempt in in_order(list(attempts)):
        progress.reach(attempt.sat_on)
        refusal = _refusal(enrolment, progress, attempt)
        if refusal is None:
            progress.take(attempt)
        else:
            refusals.append((attempt, refusal))
    return progress, refusals


def not_counted(enrolment: Enrolment, attempts: Sequence[Attempt], scheme: Scheme) -> list[Attempt]:
    """The attempts that are recorded and have no effect, since the other subject had closed the enrolment (R3.8)."""
    if len({attempt.sat_on for attempt in attempts if attempt.kind is AttemptKind.FIRST}) < 2:
        return []  # what happens on one day counts together
    progress, _ = replay(enrolment, attempts, scheme)
    return [attempt for course in progress.uncounted.values() for attempt in course.taken]


def entitlement(
    enrolment: Enrolment, attempts: Sequence[Attempt], subject: Subject, on: date, scheme: Scheme
) -> AttemptKind:
    """What one may be admitted to a sitting of the subject for on that day: a first attempt or the free retake.

    Raises `AttemptRefused` with the rule: the subject is passed, its deadline is over (R3.3), no free retake is left
    (R3.7), or the enrolment was closed before (R3.4, R4.2).
    """
    progress, _ = replay(enrolment, [attempt for attempt in attempts if attempt.sat_on <= on], scheme)
    progress.reach(on)
    first = progress.course(subject).first is None
    kind = AttemptKind.FIRST if first else AttemptKind.FREE_RETAKE
    asked = Attempt(subject, on, kind, Outcome.ABSENT)
    refusal = _refusal(enrolment, progress, asked)
    if refusal is None and progress.lost is not None:
        refusal = _closed(asked, progress.lost)
    if refusal is not None:
        raise refusal
    return kind


def _refusal(enrolment: Enrolment, progress: Progress, attempt: Attempt) -> AttemptRefused | None:
    """Why an attempt may not be recorded, those before it being known; None where it may."""
    if attempt.sat_on < enrolment.registered_on:
        return _before_registration(attempt, enrolment.registered_on)
    if attempt.outcome is Outcome.VOID:
        # An annulled sitting counts as not taken, so nothing entitles to it and nothing forbids it (R2.3).
        return None
    course = progress.course_of(attempt)
    return _closed_refusal(progress, course, attempt) or _KIND_REFUSALS[attempt.kind](attempt, course)


def _closed_refusal(progress: Progress, course: Course, attempt: Attempt) -> AttemptRefused | None:
    """R3.7 where the subject is passed or its deadline over, R3.4 or R4.2 where the enrolment was lost before."""
    if course.passed:
        return _already_passed(attempt, course)
    if attempt.kind is AttemptKind.FREE_RETAKE and course.overdue(attempt.sat_on):
        return _overdue(attempt, course)
    if course.counted and progress.lost is not None:
        return _closed(attempt, progress.lost)
    return None


def _first_refusal(attempt: Attempt, course: Course) -> AttemptRefused | None:
    if course.first is None:
        return None
    return _refused(
        "R3.7",
        attempt,
        f"该科初考已登记（第一次考试日期 {zh_date(course.first.sat_on)}），此后只能登记为补考",
        f"a first attempt of {course.first.sat_on} is on record already; what follows it is a retake",
    )


def _onsite_refusal(attempt: Attempt, course: Course) -> AttemptRefused | None:
    """R3.2: after a first attempt failed the same day, never on the day of a free or absence retake; R3.7: once."""
    first = course.first
    if course.rules.onsite_retakes == 0:
        return _refused("R3.2", attempt, "该科没有现场补考", "this subject has no on-site retake")
    if first is not None and first.sat_on == attempt.sat_on and first.outcome is Outcome.MISCONDUCT:
        return _refused(
            "R2.3",
            attempt,
            "初考违纪，不再安排现场补考",
            "the first attempt ended in misconduct, after which there is no on-site retake",
        )
    if first is None or first.sat_on != attempt.sat_on or first.outcome is not Outcome.SCORED:
        return _refused(
            "R3.2",
            attempt,
            "现场补考只能在初考不合格的当日进行（补考或缺考补考当日没有），当日没有不合格的初考记录",
            "an on-site retake follows a failed first attempt of the same day, never a free retake or an absence "
            "make-up; no such first attempt is on record",
        )
    if course.onsite_used >= course.rules.onsite_retakes:
        return _refused("R3.7", attempt, "现场补考只有一次，已经用过", "the one on-site retake has been used")
    return None


def _free_retake_refusal(attempt: Attempt, course: Course) -> AttemptRefused | None:
    if course.first is None:
        return _refused(
            "R3.7",
            attempt,
            "没有补考资格：该日之前没有不合格或缺考的初考记录",
            "no entitlement: no failed or missed first attempt is on record by that day",
        )
    if course.barred:
        return _refused(
            "R3.7",
            attempt,
            "没有补考资格：因违纪已被取消（R2.3）",
            "no entitlement: misconduct took the free retake away (R2.3)",
        )
    if not course.retake_left:
        return _refused(
            "R3.7",
            attempt,
            "没有补考资格：免费补考机会已用完",
            "no entitlement: the free retake has been used",
        )
    if course.onsite_used and course.first.sat_on == attempt.sat_on:
        return _refused(
            "R3.2",
            attempt,
            "同一天已有现场补考，补考当日不能有现场补考",
            "an on-site retake is on record for that day, and a free retake's day has none",
        )
    return None


_KIND_REFUSALS: dict[AttemptKind, Callable[[Attempt, Course], AttemptRefused | None]] = {
    AttemptKind.FIRST: _first_refusal,
    AttemptKind.ONSITE_RETAKE: _onsite_refusal,
    AttemptKind.FREE_RETAKE: _free_retake_refusal,
}


def _out_of_turn(earlier: Sequence[Attempt], attempt: Attempt) -> AttemptRefused | None:
    """R3.7: an attempt dated before one of the subject that is on record; void and excused ones are no matter."""
    if not _counts(attempt):
        return None
    for other in earlier:
        if other.subject is attempt.subject and attempt.sat_on < other.sat_on and _counts(other):
            return _refused(
                "R3.7",
                attempt,
                f"早于该科已登记的{other.kind.zh}({zh_date(other.sat_on)})",
                f"it is dated before the subject's {other.kind.en} of {other.sat_on}, already on record",
            )
    return None


def _counts(attempt: Attempt) -> bool:
    return attempt.outcome is not Outcome.VOID and attempt.outcome is not Outcome.EXCUSED


def _before_registration(attempt: Attempt, registered_on: date) -> AttemptRefused:
    return _refused(
        "R3.7",
        attempt,
        f"早于报名日期 {zh_date(registered_on)}",
        f"it is dated before the registration of {registered_on}",
    )


def _already_passed(attempt: Attempt, course: Course) -> AttemptRefused:
    assert course.passed_on is not None
    assert course.score is not None
    return _refused(
        "R3.7",
        attempt,
        f"该科已于 {zh_date(course.passed_on)} 以 {score_text(course.score)} 分合格，不能再考",
        f"the subject was passed on {course.passed_on} with {score_text(course.score)} points and is closed",
    )


def _overdue(attempt: Attempt, course: Course) -> AttemptRefused:
    assert course.deadline is not None
    return _refused(
        "R3.7",
        attempt,
        f"补考期限为 {zh_date(course.deadline)}（含当日），已逾期，视为放弃",
        f"the deadline of the free retake was {course.deadline} inclusive; it has been given up",
    )


def _closed(attempt: Attempt, lost: EnrolmentState) -> AttemptRefused:
    """A retake has no entitlement left; a second first attempt belongs to a new registration."""
    closing_rule = "R4.2" if lost is EnrolmentState.VOID else "R3.4"
    rule = closing_rule if attempt.kind is AttemptKind.FIRST else "R3.7"
    return _refused(
        rule,
        attempt,
        f"本次报名在此之前已结束（{lost.zh}），没有补考资格，须重新报名参加全部考试（{closing_rule}）",
        f"the enrolment was closed before that day ({lost.en}): no entitlement is left; "
        f"both subjects need a new registration ({closing_rule})",
    )


def _refused(rule: str, attempt: Attempt, zh: str, en: str) -> AttemptRefused:
    refused = AttemptRefused(
        f"{attempt.subject.zh}{attempt.kind.zh}({zh_date(attempt.sat_on)})不予登记：{zh}",
        f"{attempt.subject.en}, {attempt.kind.en} of {attempt.sat_on}, is refused: {en}",
        rule=rule,
    )
    refused.because = zh, en
    return refused
