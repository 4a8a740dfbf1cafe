"""The kinds of notices, and what the `about` of each names: ids, versions and days, separated by blanks.

| kind | about |
|---|---|
| registered | enrolment |
| registration-approved, -returned, -rejected | enrolment, step of the review |
| admitted, unseated | seat, moment |
| results-out | enrolment, and what was published or corrected |
| retake-ends | enrolment, subject, deadline |
| certificate-issued, -corrected | number, version |
| certificate-suspended, -revoked, -reinstated | number, version, leaf |
| reissue-approved, -rejected | request |
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from certsvc.person.words import Worded


class NoticeKind(Worded):
    REGISTERED = "registered", "报名已登记", "registered"
    APPROVED = "registration-approved", "报名审核通过", "registration approved"
    RETURNED = "registration-returned", "报名需补充", "registration returned"
    REJECTED = "registration-rejected", "报名未通过", "registration rejected"
    ADMITTED = "admitted", "考试安排", "admitted to a sitting"
    UNSEATED = "unseated", "考试安排取消", "taken off a sitting"
    RESULTS_OUT = "results-out", "成绩发布", "results out"
    RETAKE_ENDS = "retake-ends", "补考将到期", "retake ending soon"
    ISSUED = "certificate-issued", "证书签发", "certificate issued"
    CORRECTED = "certificate-corrected", "证书更正", "certificate corrected"
    SUSPENDED = "certificate-suspended", "证书暂停", "certificate suspended"
    REVOKED = "certificate-revoked", "证书撤销", "certificate revoked"
    REINSTATED = "certificate-reinstated", "证书恢复", "certificate reinstated"
    REISSUE_APPROVED = "reissue-approved", "补发批准", "reissue approved"
    REISSUE_REJECTED = "reissue-rejected", "补发未批准", "reissue turned down"


OF_REGISTRATIONS: Final = (
    NoticeKind.REGISTERED,
    NoticeKind.APPROVED,
    NoticeKind.RETURNED,
    NoticeKind.REJECTED,
    NoticeKind.RESULTS_OUT,
    NoticeKind.RETAKE_ENDS,
)
"""The kinds whose `about` begins with an enrolment."""
OF_SEATS: Final = (NoticeKind.ADMITTED, NoticeKind.UNSEATED)
"""The kinds whose `about` begins with a seat."""
TRIED_FOR: Final = timedelta(days=7)
"""So long a notice is tried, where the matter itself does not end before."""
