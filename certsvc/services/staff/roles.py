"""Which role may do which deed, in one table. What is not in it may no one do.

An account has one role. The auditor reads everything and changes nothing; the administrator sees to accounts and to
nothing else; an institution, a station and its assessors see their own people alone (`SCOPED`). That two people are
needed for a deed is not said here: each deed asks (`rules.four_eyes`), whatever roles there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from certsvc.person.words import Worded


class Role(Worded):
    INSTITUTION = "institution", "培训机构", "training institution"
    STATION = "station", "鉴定站", "station"
    ASSESSOR = "assessor", "考评员", "assessor"
    REVIEWER = "reviewer", "审核员", "reviewer"
    MAKER = "maker", "经办人", "maker"
    APPROVER = "approver", "批准人", "approver"
    KEY_CUSTODIAN = "key-custodian", "密钥保管人", "key custodian"
    AUDITOR = "auditor", "审计员", "auditor"
    ADMINISTRATOR = "administrator", "账户管理员", "administrator"


SCOPED: Final = frozenset({Role.INSTITUTION, Role.STATION, Role.ASSESSOR})
"""Roles that belong to one institution or station, whose people alone they see."""


class Deed(StrEnum):
    """What a page of the console does; each route names one."""

    HOME = "home"
    OWN_ACCOUNT = "own account"
    READ_REGISTRATIONS = "read registrations"
    ENTER_REGISTRATIONS = "enter registrations"
    REVIEW_REGISTRATIONS = "review registrations"
    READ_SITTINGS = "read sittings"
    ARRANGE_SITTINGS = "arrange sittings"
    SHOW_DRAW = "show the draw"
    READ_SCORES = "read scores"
    ENTER_SCORES = "enter scores"
    CONFIRM_SCORES = "confirm scores"
    READ_RESULTS = "read results"
    ENTER_RESULTS = "enter results"
    PUBLISH_RESULTS = "publish results"
    PROPOSE_RESULTS = "propose a change of results"
    READ_RETAKES = "read retakes"
    NOTIFY_RETAKES = "tell of retakes that end"
    READ_BATCHES = "read batches"
    PROPOSE_BATCH = "propose a batch"
    READ_CERTIFICATES = "read certificates"
    PROPOSE_CHANGE = "propose a change of a certificate"
    READ_REISSUES = "read reissues"
    DECIDE_REISSUES = "decide reissues"
    READ_NOTICES = "read notices"
    SEND_NOTICES = "send notices"
    READ_APPROVALS = "read approvals"
    WITHDRAW_APPROVALS = "withdraw one's own requests"
    DECIDE_APPROVALS = "decide approvals"
    READ_TRAIL = "read the audit trail"
    READ_FIGURES = "read figures"
    READ_ACCOUNTS = "read accounts"
    MANAGE_ACCOUNTS = "manage accounts"


_ALL: Final = frozenset(Role)
_OFFICE: Final = frozenset({Role.REVIEWER, Role.MAKER, Role.APPROVER, Role.AUDITOR})
_AT_STATION: Final = frozenset({Role.STATION, Role.ASSESSOR})

MAY: Final[Mapping[Deed, frozenset[Role]]] = MappingProxyType(
    {
        Deed.HOME: _ALL,
        Deed.OWN_ACCOUNT: _ALL,
        Deed.READ_REGISTRATIONS: _OFFICE | {Role.INSTITUTION},
        Deed.ENTER_REGISTRATIONS: frozenset({Role.INSTITUTION, Role.MAKER}),
        Deed.REVIEW_REGISTRATIONS: frozenset({Role.REVIEWER}),
        Deed.READ_SITTINGS: _OFFICE | _AT_STATION,
        Deed.ARRANGE_SITTINGS: frozenset({Role.STATION, Role.MAKER}),
        Deed.SHOW_DRAW: _AT_STATION,
        Deed.READ_SCORES: _AT_STATION | {Role.REVIEWER, Role.AUDITOR},
        Deed.ENTER_SCORES: frozenset({Role.ASSESSOR}),
        Deed.CONFIRM_SCORES: frozenset({Role.STATION, Role.REVIEWER}),
        Deed.READ_RESULTS: _OFFICE,
        Deed.ENTER_RESULTS: frozenset({Role.MAKER}),
        Deed.PUBLISH_RESULTS: frozenset({Role.REVIEWER}),
        Deed.PROPOSE_RESULTS: frozenset({Role.MAKER}),
        Deed.READ_RETAKES: _OFFICE,
        Deed.NOTIFY_RETAKES: frozenset({Role.MAKER}),
        Deed.READ_BATCHES: frozenset({Role.MAKER, Role.APPROVER, Role.AUDITOR}),
        Deed.PROPOSE_BATCH: frozenset({Role.MAKER}),
        Deed.READ_CERTIFICATES: _OFFICE,
        Deed.PROPOSE_CHANGE: frozenset({Role.MAKER}),
        Deed.READ_REISSUES: _OFFICE,
        Deed.DECIDE_REISSUES: frozenset({Role.REVIEWER}),
        Deed.READ_NOTICES: _OFFICE,
        Deed.SEND_NOTICES: frozenset({Role.REVIEWER, Role.MAKER}),
        Deed.READ_APPROVALS: frozenset({Role.MAKER, Role.APPROVER, Role.AUDITOR}),
        Deed.WITHDRAW_APPROVALS: frozenset({Role.MAKER}),
        Deed.DECIDE_APPROVALS: frozenset({Role.APPROVER}),
        Deed.READ_TRAIL: frozenset({Role.AUDITOR}),
        Deed.READ_FIGURES: _OFFICE,
        Deed.READ_ACCOUNTS: frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
        Deed.MANAGE_ACCOUNTS: frozenset({Role.ADMINISTRATOR}),
    }
)


def may(role: Role, deed: Deed) -> bool:
    """Whether accounts of this role may do the deed."""
    return role in MAY[deed]
