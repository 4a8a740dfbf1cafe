"""The table of roles: what each of them may never do."""

from __future__ import annotations

import pytest

from certsvc.services.staff.roles import MAY, SCOPED, Deed, Role, may
from certsvc.store.account import ROLES

EVERYONE = {Deed.HOME, Deed.OWN_ACCOUNT}
READS = {deed for deed in Deed if deed.value.startswith("read ")}


def test_every_deed_is_in_the_table_and_the_database_knows_every_role() -> None:
    assert set(MAY) == set(Deed)
    assert tuple(Role) == ROLES


def test_the_auditor_reads_and_changes_nothing() -> None:
    assert {deed for deed in Deed if may(Role.AUDITOR, deed)} == EVERYONE | READS


def test_the_administrator_sees_to_accounts_and_cannot_issue() -> None:
    allowed = {deed for deed in Deed if may(Role.ADMINISTRATOR, deed)}
    assert allowed == EVERYONE | {Deed.READ_ACCOUNTS, Deed.MANAGE_ACCOUNTS}


AT_STATION = {Deed.READ_SITTINGS, Deed.SHOW_DRAW, Deed.READ_SCORES}
WITHIN = {
    Role.INSTITUTION: {Deed.READ_REGISTRATIONS, Deed.ENTER_REGISTRATIONS},
    Role.STATION: AT_STATION | {Deed.ARRANGE_SITTINGS, Deed.CONFIRM_SCORES},
    Role.ASSESSOR: AT_STATION | {Deed.ENTER_SCORES},
}


@pytest.mark.parametrize("role", sorted(SCOPED))
def test_who_has_a_scope_decides_on_no_certificate_and_no_result_on_record(role: Role) -> None:
    assert {deed for deed in Deed if may(role, deed)} == EVERYONE | WITHIN[role]


def test_no_role_both_asks_and_decides() -> None:
    for role in Role:
        assert not (
            may(role, Deed.DECIDE_APPROVALS) and (may(role, Deed.PROPOSE_BATCH) or may(role, Deed.PROPOSE_CHANGE))
        )
        assert not (may(role, Deed.DECIDE_APPROVALS) and may(role, Deed.PROPOSE_RESULTS))
        assert not (may(role, Deed.REVIEW_REGISTRATIONS) and may(role, Deed.ENTER_REGISTRATIONS))
        assert not (may(role, Deed.PUBLISH_RESULTS) and may(role, Deed.ENTER_RESULTS))
        assert not (may(role, Deed.CONFIRM_SCORES) and may(role, Deed.ENTER_SCORES))
