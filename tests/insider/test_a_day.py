"""An insider's day: what each single role can do alone stands in SECURITY.md, and nothing else succeeds.

The table there and these tests are the same data: an attempt that succeeds and is not in the table fails, and so does a
row whose attempt no longer succeeds, or whose test does not exist.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

from tests.insider.attempts import ROSTER, roster_line
from tests.insider.conftest import NewDay
from tests.insider.day import ACCOUNTS, ATTACKS, HOLDER, ROLES, allowed, named_tests, table

TESTS: Final = Path(__file__).parents[1]
# Ways of the security review that no attempt here tries again, with the tests that do: of load, of files, of pages.
ELSEWHERE: Final = {
    6: "test_work_beyond_its_bounds_ends_alone",
    7: "test_no_list_is_a_way_round_the_limit_by_address",
    11: "test_the_next_run_sweeps_what_a_killed_one_left",
    16: "test_a_code_that_leads_elsewhere_is_named_and_not_opened",
}
RIGHTS: Final = 12  # what the person may ask for (R10): no way in
# The five accounts try the same; one of them does so in each run, the others in the long ones.
SLOW: Final = frozenset(ACCOUNTS) - {"operator"}


@pytest.mark.parametrize("who", [pytest.param(one, marks=pytest.mark.slow) if one in SLOW else one for one in ROLES])
def test_what_succeeds_is_in_the_table_and_nothing_else(who: str, new_day: NewDay) -> None:
    tried = [attack for attack in ATTACKS if attack.who == who]
    assert {attack.way for attack in tried if attack.succeeds(new_day())} == allowed(who)


def test_every_row_is_of_a_role_and_names_an_attempt_and_a_test_that_exist() -> None:
    known, named = {(attack.who, attack.way) for attack in ATTACKS}, named_tests(TESTS)
    for row in table():
        assert row.who in ROLES
        assert (row.who, row.way) in known, row
        assert row.seen, row
        assert row.test in named, row


def test_every_way_of_the_review_is_tried_by_someone() -> None:
    tried = {finding for attack in ATTACKS for finding in attack.findings}
    named = named_tests(TESTS)
    assert tried | ELSEWHERE.keys() | {RIGHTS} == set(range(1, 17))
    assert all(name in named for name in ELSEWHERE.values())


def test_no_attempt_is_counted_twice() -> None:
    ways = defaultdict(list)
    for attack in ATTACKS:
        ways[attack.who].append(attack.way)
    assert ways.keys() == set(ROLES)
    assert all(len(one) == len(set(one)) for one in ways.values())
    assert ROSTER.count(",") == roster_line(HOLDER, "1").count(",")
