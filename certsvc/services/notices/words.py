"""What a notice says on the day it is handed over, in both languages; or that what it was about is over.

It names no person, no score and no exam but the day and place of a sitting; who it goes to signs in to see the rest
(R10). Of results it also says until when something is open (R3, R4), by what is published alone (R6).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.rules.registration_review import RegistrationState
from certsvc.services.context import Services
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.records.attempts import attempt_of, decision_on
from certsvc.services.records.decisions import enrolments_on_record
from certsvc.store import EnrolmentRecord, HomeApplicationRecord, NoticeRecord, SeatRecord, SittingRecord


@dataclass(frozen=True, slots=True)
class Words:
    zh: str
    en: str


_SIMPLE: Final[Mapping[NoticeKind, tuple[str, str]]] = MappingProxyType(
    {
        NoticeKind.REGISTERED: ("您的报名已登记", "Your registration is on record"),
        NoticeKind.APPROVED: ("您的报名已审核通过", "Your registration was approved"),
        NoticeKind.RETURNED: ("您的报名需要补充材料", "Your registration needs something more"),
        NoticeKind.REJECTED: ("您的报名未通过审核", "Your registration was not approved"),
        NoticeKind.ISSUED: ("您的电子证书已签发", "Your electronic certificate was issued"),
        NoticeKind.CORRECTED: (
            "您的电子证书已更正，原文件由新版本替代",
            "Your electronic certificate was corrected; a new version replaces the file you have",
        ),
        NoticeKind.SUSPENDED: ("您的证书已暂停使用", "Your certificate is suspended"),
        NoticeKind.REVOKED: ("您的证书已撤销", "Your certificate was revoked"),
        NoticeKind.REINSTATED: ("您的证书已恢复有效", "Your certificate is in force again"),
        NoticeKind.REISSUE_APPROVED: ("您的纸质证书补发申请已批准", "Your application for a reissue was approved"),
        NoticeKind.REISSUE_REJECTED: (
            "您的纸质证书补发申请未通过",
            "Your application for a reissue was turned down",
        ),
    }
)
_STILL: Final = MappingProxyType(
    {
        NoticeKind.APPROVED: RegistrationState.APPROVED,
        NoticeKind.RETURNED: RegistrationState.RETURNED,
        NoticeKind.REJECTED: RegistrationState.REJECTED,
    }
)


def words_of(services: Services, session: Session, row: NoticeRecord) -> Words | None:
    """What it says now; None where what it was about is over, or is another since."""
    kind = NoticeKind.of(row.kind)
    said = _SAYS.get(kind, _simple)(services, session, row)
    if said is None:
        return None
    path = "/my/paper" if _is_from_home(session, kind, row) else "/my"
    at = services.base_url.split("://", 1)[-1] + path
    return Words(f"{said.zh}，请登录 {at} 查看。", f"{said.en}. Sign in at {at} to see it.")


def _simple(_services: Services, session: Session, row: NoticeRecord) -> Words | None:
    kind = NoticeKind.of(row.kind)
    state = _STILL.get(kind)
    if state is not None:
        enrolment = session.get(EnrolmentRecord, int(row.about.split()[0]))
        if enrolment is None or enrolment.review_state != state:
            return None
    return Words(*_SIMPLE[kind])


def _seat(services: Services, session: Session, row: NoticeRecord) -> tuple[SeatRecord, SittingRecord] | None:
    seat = session.get(SeatRecord, int(row.about.split()[0]))
    sitting = None if seat is None else session.get(SittingRecord, seat.sitting_id)
    if seat is None or sitting is None or sitting.sat_on < services.today():
        return None
    return seat, sitting


def _admitted(services: Services, session: Session, row: NoticeRecord) -> Words | None:
    found = _seat(services, session, row)
    if found is None or found[0].removed_at is not None or row.about != seat_about(found[0]):
        return None
    day, place = f"{found[1].sat_on} {found[1].begins}", found[1].place
    return Words(
        f"您的考试安排：{day}，{place}，请携带身份证件", f"Your exam: {day}, {place}. Bring your identity document"
    )


def _unseated(services: Services, session: Session, row: NoticeRecord) -> Words | None:
    found = _seat(services, session, row)
    if found is None or found[0].removed_at is None:
        return None
    return Words(f"您原定 {found[1].sat_on} 的考试安排已取消", f"Your exam of {found[1].sat_on} was called off for you")


def _results(services: Services, session: Session, row: NoticeRecord) -> Words | None:
    enrolment_id = int(row.about.split()[0])
    one = enrolments_on_record(session, [enrolment_id]).get(enrolment_id)
    if one is None or not one.approved:
        return None
    today = services.today()
    seen = [attempt_of(each) for each in one.attempts if each.published_on is not None and each.published_on <= today]
    if not seen:
        return None  # withdrawn meanwhile
    decision = decision_on(one.enrolment, seen, one.scheme, today)
    open_until = [each.free_retake.deadline for each in decision.subjects.values() if each.free_retake.open]
    first = min((day for day in open_until if day is not None), default=None)
    if first is None:
        return Words("您的成绩已可查询", "Your results are out")
    return Words(
        f"您的成绩已可查询，其中有事宜须在 {first} 前（含当日）办理",
        f"Your results are out, and something is open until {first}, inclusive",
    )


def _retake_ends(services: Services, _session: Session, row: NoticeRecord) -> Words | None:
    deadline = date.fromisoformat(row.about.split()[-1])
    if deadline < services.today():
        return None
    return Words(f"您有一项事宜将于 {deadline} 截止（含当日）", f"Something of yours ends on {deadline}, inclusive")


def seat_about(seat: SeatRecord) -> str:
    """What a notice about a seat is about: one for each time that it was given."""
    return f"{seat.id} {seat.admitted_at:%Y%m%dT%H%M%S}"


def _is_from_home(session: Session, kind: NoticeKind, row: NoticeRecord) -> bool:
    if kind not in (NoticeKind.REISSUE_APPROVED, NoticeKind.REISSUE_REJECTED):
        return False
    home = select(HomeApplicationRecord.id).where(HomeApplicationRecord.request_id == int(row.about))
    return session.scalar(home) is not None


_SAYS: Final[Mapping[NoticeKind, Callable[[Services, Session, NoticeRecord], Words | None]]] = MappingProxyType(
    {
        NoticeKind.ADMITTED: _admitted,
        NoticeKind.UNSEATED: _unseated,
        NoticeKind.RESULTS_OUT: _results,
        NoticeKind.RETAKE_ENDS: _retake_ends,
    }
)
