"""The auditor finds, from public files alone, whatever breaks one of the log's rules L1 to L11, L13 and L14."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.transparency import leaf as leaf_form
from certsvc.transparency.audit import AuditReport, CosignedAt, ShownCertificate, audit
from certsvc.transparency.checkpoint import Checkpoint
from certsvc.transparency.leaf import Act, Changed, Entry, Event, Leaf, Stated, commit_credential
from certsvc.transparency.tree import root
from tests.transparency import leaves
from tests.transparency.keys import ORIGIN
from tests.transparency.leaves import DAY, change, correct, issue, reissue, result, session

SALT = bytes(range(32))
SHOWN = replace(issue("shown"), credential=commit_credential(SALT, b"signed"))
DAYS = [DAY + timedelta(days=n) for n in range(5)]

A_GOOD_LIFE = [
    session(3, day=DAYS[0]),
    issue("a", day=DAYS[0]),
    issue("b", day=DAYS[0]),
    change(Event.SUSPEND, "a", day=DAYS[1]),
    change(Event.REINSTATE, "a", day=DAYS[1]),
    correct("a2", replaces="a", day=DAYS[2]),
    change(Event.SUSPEND, "b", day=DAYS[2]),
    change(Event.REVOKE, "b", day=DAYS[2]),
    reissue("c", paper="p1", day=DAYS[3]),
    reissue("d", paper="p2", day=DAYS[3]),
    reissue("e", paper="p3", day=DAYS[3]),
    change(Event.REVOKE, "a2", day=DAYS[4]),
    session(4, day=DAYS[4]),
]


def recount(
    log: Iterable[Leaf | bytes],
    *,
    head: Checkpoint | None = None,
    shown: Iterable[ShownCertificate] = (),
    cosigned: Iterable[CosignedAt] = (),
    heads: Iterable[Checkpoint] = (),
    days_dated_back: int = 0,
    today: date | None = None,
) -> AuditReport:
    contents = [item if isinstance(item, bytes) else leaf_form.encode(item) for item in log]
    head = head or Checkpoint(ORIGIN, len(contents), root(contents))
    return audit(
        head,
        iter(contents),
        shown=shown,
        cosigned=cosigned,
        heads=heads,
        days_dated_back=days_dated_back,
        today=today,
    )


def found(report: AuditReport) -> list[tuple[str, int | None]]:
    assert report.ok is (not report.problems)
    assert all(str(problem).startswith(problem.rule) for problem in report.problems)
    return [(problem.rule, problem.index) for problem in report.problems]


def at(day: date, hour: int = 12) -> int:
    """The POSIX second of an hour in Shanghai."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + (hour - 8) * 3600


def test_a_good_log_has_no_problem_and_counts_add_up() -> None:
    report = recount(A_GOOD_LIFE)
    assert report.ok
    assert report.events == {
        Event.SESSION: 2,
        Event.ISSUE: 2,
        Event.SUSPEND: 2,
        Event.REINSTATE: 1,
        Event.CORRECT: 1,
        Event.REVOKE: 2,
        Event.REISSUE: 3,
    }
    assert {code: (count.passed, count.issued) for code, count in report.sessions.items()} == {leaves.SESSION: (4, 2)}


def test_an_empty_log_is_a_good_log() -> None:
    assert recount([]).ok


@given(st.integers(0, len(A_GOOD_LIFE) - 1), st.data())
def test_a_leaf_changed_by_hand_is_found(index: int, data: st.DataObject) -> None:
    contents = [leaf_form.encode(leaf) for leaf in A_GOOD_LIFE]
    head = Checkpoint(ORIGIN, len(contents), root(contents))
    changed = bytearray(contents[index])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    log = [*contents[:index], bytes(changed), *contents[index + 1 :]]
    assert ("L1", None) in found(recount(log, head=head))


@pytest.mark.parametrize("kept", [A_GOOD_LIFE[:-1], [*A_GOOD_LIFE, session(5, day=DAYS[4])], []])
def test_a_leaf_removed_or_slipped_in_is_found(kept: list[Leaf]) -> None:
    contents = [leaf_form.encode(leaf) for leaf in A_GOOD_LIFE]
    head = Checkpoint(ORIGIN, len(contents), root(contents))
    assert ("L1", None) in found(recount(kept, head=head))


def test_what_is_not_a_leaf_is_found_and_the_rest_still_read() -> None:
    report = recount([session(1), b"junk", issue("a")])
    assert found(report) == [("L2", 1)]
    assert report.size == 3


def test_days_never_go_backwards() -> None:
    log = [session(1, day=DAYS[1]), session(1, day=DAYS[2]), session(1, day=DAYS[1]), session(1, day=DAYS[2])]
    assert found(recount(log)) == [("L3", 2)]


def test_a_leaf_added_after_a_witness_looked_cannot_claim_an_earlier_day() -> None:
    log = [session(2, day=DAYS[0]), issue("a", day=DAYS[0]), issue("b", day=DAYS[0])]
    cosigned = [CosignedAt(1, at(DAYS[0])), CosignedAt(2, at(DAYS[3]))]
    assert found(recount(log, cosigned=cosigned)) == [("L4", 2)]


def test_a_leaf_seen_by_a_witness_cannot_claim_a_later_day() -> None:
    log = [session(2, day=DAYS[0]), issue("a", day=DAYS[4])]
    assert found(recount(log, cosigned=[CosignedAt(2, at(DAYS[1]))])) == [("L4", 1)]
    # Anyone who saw the larger head first saw the smaller one too.
    assert found(recount(log, cosigned=[CosignedAt(2, at(DAYS[4])), CosignedAt(3, at(DAYS[1]))])) == [("L4", 1)]


def test_a_head_signed_before_midnight_may_be_cosigned_after_it() -> None:
    log = [session(2, day=DAYS[1]), issue("a", day=DAYS[1]), issue("b", day=DAYS[1])]
    assert recount(log, cosigned=[CosignedAt(1, at(DAYS[2], 1)), CosignedAt(3, at(DAYS[2], 1))]).ok
    assert recount(log, cosigned=[CosignedAt(3, at(DAYS[0], 23))]).ok


def test_times_at_the_ends_of_the_calendar_do_no_harm() -> None:
    cosigned = [CosignedAt(0, -1), CosignedAt(0, 0), CosignedAt(9, 2**63 - 1)]
    assert recount([session(1)], cosigned=cosigned).ok
    assert found(recount([session(1)], cosigned=[CosignedAt(0, 2**63 - 1)])) == [("L4", 0)]


@pytest.mark.parametrize(
    ("dated", "allowed", "right"), [(0, 0, True), (-1, 0, False), (1, 0, False), (-3, 3, True), (-4, 3, False)]
)
def test_a_certificate_is_dated_the_day_it_is_logged(dated: int, allowed: int, right: bool) -> None:
    log = [session(1), issue("a", dated=DAY + timedelta(days=dated))]
    assert found(recount(log, days_dated_back=allowed)) == ([] if right else [("L5", 1)])


def test_no_session_issues_more_than_passed() -> None:
    assert found(recount([session(1), issue("a"), issue("b")])) == [("L6", 2)]
    assert found(recount([issue("a"), session(1)])) == [("L6", 0)]
    assert found(recount([session(2), issue("a"), issue("b"), session(1)])) == [("L6", 3)]


def test_each_session_counts_for_itself() -> None:
    log = [session(1, code="s1"), session(1, code="s2"), issue("a", session="s1"), issue("b", session="s1")]
    report = recount(log)
    assert found(report) == [("L6", 3)]
    assert (report.sessions["s2"].passed, report.sessions["s2"].issued) == (1, 0)


def test_no_credential_is_logged_twice() -> None:
    assert found(recount([session(2), issue("a"), issue("a")])) == [("L7", 2)]
    assert found(recount([session(2), issue("a"), reissue("a")])) == [("L7", 2)]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([change(Event.REVOKE, "stranger")], id="revoke what was never logged"),
        pytest.param([correct("b", replaces="stranger")], id="correct what was never logged"),
        pytest.param([change(Event.REINSTATE, "a")], id="reinstate what is valid"),
        pytest.param([change(Event.SUSPEND, "a"), change(Event.SUSPEND, "a")], id="suspend twice"),
        pytest.param([change(Event.SUSPEND, "a"), correct("b", replaces="a")], id="correct what is suspended"),
        pytest.param([change(Event.REVOKE, "a"), change(Event.REINSTATE, "a")], id="reinstate what is revoked"),
        pytest.param([change(Event.REVOKE, "a"), change(Event.REVOKE, "a")], id="revoke twice"),
        pytest.param([correct("b", replaces="a"), correct("c", replaces="a")], id="correct twice"),
        pytest.param([correct("b", replaces="a"), change(Event.REVOKE, "a")], id="revoke what is superseded"),
    ],
)
def test_changes_follow_the_status_of_the_credential(events: list[Leaf]) -> None:
    assert found(recount([session(1), issue("a"), *events])) == [("L8", 1 + len(events))]


def test_a_paper_certificate_is_reissued_once() -> None:
    assert found(recount([reissue("a", paper="p"), reissue("b", paper="p")])) == [("L9", 1)]


def test_results_that_were_put_right_are_counted_by_what_was_done() -> None:
    acts = [Act.CORRECTED, Act.ANNULLED, Act.CORRECTED, Act.WITHDRAWN]
    report = recount([session(1), issue("a"), *(result(str(n), act=act) for n, act in enumerate(acts))])
    assert report.ok
    assert dict(report.results) == {Act.CORRECTED: 2, Act.ANNULLED: 1, Act.WITHDRAWN: 1}
    assert found(recount([result(day=DAYS[1]), result(day=DAYS[0])])) == [("L3", 1)]


def test_corrections_are_counted_by_what_they_changed_and_reissues_by_the_register() -> None:
    log = [
        session(3),
        *(issue(name) for name in "abc"),
        correct("a2", replaces="a"),
        correct("b2", replaces="b", changed=Changed.NAME),
        correct("b3", replaces="b2", changed=Changed.IDENTITY),
        correct("c2", replaces="c", changed=Changed.KEY),
        correct("c3", replaces="c2", changed=Changed.NAME),
        reissue("d", paper="p1"),
        reissue("e", paper="p2", entry=Entry.NONE),
        reissue("f", paper="p3", entry=Entry.REGISTERED),
        reissue("g", paper="p4", entry=Entry.NONE),
    ]
    report = recount(log)
    assert report.ok
    assert dict(report.corrections) == {None: 1, Changed.NAME: 2, Changed.IDENTITY: 1, Changed.KEY: 1}
    assert dict(report.reissues) == {None: 1, Entry.NONE: 2, Entry.REGISTERED: 1}


def test_what_the_log_has_begun_to_say_it_goes_on_saying() -> None:
    """Else a change of number hides among those from before it was said."""
    log = [
        session(1),
        issue("a"),
        correct("b", replaces="a", changed=Changed.NAME),
        correct("c", replaces="b"),
        reissue("d", paper="p1", entry=Entry.REGISTERED),
        reissue("e", paper="p2"),
    ]
    assert found(recount(log)) == [("L14", 3), ("L14", 5)]


def test_a_certificate_shown_is_the_one_its_leaf_is_about() -> None:
    log: list[Leaf | bytes] = [session(2), issue("a"), SHOWN, b"junk", change(Event.REVOKE, "a")]
    right = ShownCertificate(2, SALT, b"signed")
    assert found(recount(log, shown=[right])) == [("L2", 3)]
    wrong = [
        replace(right, signed_credential=b"altered"),
        replace(right, salt=bytes(32)),
        replace(right, index=1),
        replace(right, index=3),
        replace(right, index=0),
        replace(right, index=9),
    ]
    for certificate in wrong:
        problems = found(recount(log, shown=[right, certificate]))
        assert [item for item in problems if item[0] == "L10"] == [("L10", certificate.index)]


def test_a_revocation_does_not_stand_in_for_an_issue() -> None:
    revoked = replace(change(Event.REVOKE, "shown"), credential=SHOWN.credential)
    log = [session(1), SHOWN, revoked]
    assert found(recount(log, shown=[ShownCertificate(2, SALT, b"signed")])) == [("L10", 2)]


@pytest.mark.parametrize(
    ("stated", "right"),
    [
        (Stated(Event.ISSUE, DAY, SHOWN.evidence), True),
        (Stated(Event.REISSUE, DAY, SHOWN.evidence), False),
        (Stated(Event.ISSUE, DAY - timedelta(days=1), SHOWN.evidence), False),
        (Stated(Event.ISSUE, DAY, leaves.commitment("another")), False),
        (Stated(Event.ISSUE, DAY, None), False),
    ],
)
def test_a_leaf_says_what_its_certificate_states(stated: Stated, right: bool) -> None:
    report = recount([session(1), SHOWN], shown=[ShownCertificate(1, SALT, b"signed", stated)])
    assert found(report) == ([] if right else [("L10", 1)])


def test_where_the_leaves_lead_is_counted() -> None:
    assert dict(recount(A_GOOD_LIFE).standing) == {"superseded": 1, "revoked": 2, "valid": 3}


def head_of(log: list[Leaf], size: int) -> Checkpoint:
    return Checkpoint(ORIGIN, size, root([leaf_form.encode(one) for one in log[:size]]))


@given(st.sets(st.integers(0, len(A_GOOD_LIFE))))
def test_every_head_of_this_log_is_a_beginning_of_it(sizes: set[int]) -> None:
    assert found(recount(A_GOOD_LIFE, heads=[head_of(A_GOOD_LIFE, size) for size in sizes])) == []


@pytest.mark.parametrize("size", [0, 1, 7, len(A_GOOD_LIFE), len(A_GOOD_LIFE) + 5])
def test_a_head_of_another_face_or_of_leaves_taken_away_is_found(size: int) -> None:
    other = Checkpoint(ORIGIN, size, bytes(32))
    assert found(recount(A_GOOD_LIFE, heads=[head_of(A_GOOD_LIFE, 1), other])) == [("L11", None)]


FAR = DAY + timedelta(days=400)


def clock(since: int, day: date) -> Leaf:
    return Leaf(event=Event.CLOCK, day=day, since=since)


def test_a_leaf_of_the_future_is_found_until_the_issuer_takes_its_day_back() -> None:
    fast = [session(3, day=DAYS[0]), issue("a", day=DAYS[0]), issue("b", day=FAR), change(Event.SUSPEND, "a", day=FAR)]
    assert found(recount(fast)) == []
    assert found(recount(fast, today=DAYS[1])) == [("L13", 2), ("L13", 3)]
    assert found(recount(fast, today=FAR)) == []
    back = [*fast, clock(2, DAYS[1]), change(Event.REVOKE, "b", day=DAYS[1])]
    report = recount(back, today=DAYS[1])
    assert (found(report), report.events[Event.CLOCK]) == ([], 1)
    assert found(recount([*back, issue("c", day=DAYS[0])], today=DAYS[1])) == [("L3", 6)]
    assert found(recount([*back, issue("c", day=FAR)], today=DAYS[1])) == [("L13", 6)]


def test_what_a_witness_saw_of_a_fast_clock_is_explained_as_well() -> None:
    seen = CosignedAt(3, int(datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC).timestamp()))
    fast = [session(3, day=DAYS[0]), issue("a", day=DAYS[0]), issue("b", day=FAR)]
    assert found(recount(fast, cosigned=[seen])) == [("L4", 2)]
    assert found(recount([*fast, clock(2, DAYS[0])], cosigned=[seen])) == []
    # It explains nothing before the leaf it names, and no dating back at all.
    assert found(recount([*fast, clock(3, FAR)], cosigned=[seen])) == [("L4", 2), ("L3", 3)]
    back = [*fast, clock(2, DAYS[0] - timedelta(days=9))]
    assert found(recount(back, cosigned=[seen])) == [("L4", 2), ("L4", 3), ("L3", 3)]


@pytest.mark.parametrize(
    ("since", "day", "why"),
    [
        (3, DAYS[1], "it names itself"),
        (9, DAYS[1], "it names a leaf that is not there yet"),
        (2, DAYS[0] - timedelta(days=1), "it goes back beyond the last right day"),
    ],
)
def test_a_clock_leaf_sets_back_no_more_than_the_wrong_days(since: int, day: date, why: str) -> None:
    fast = [session(3, day=DAYS[0]), issue("a", day=DAYS[0]), issue("b", day=FAR)]
    assert found(recount([*fast, clock(since, day)], today=DAYS[4])) == [("L13", 2), ("L3", 3)], why


def test_days_that_were_set_right_are_not_set_back_again() -> None:
    log = [
        session(3, day=DAYS[0]),
        issue("a", day=FAR),
        clock(1, DAYS[1]),
        issue("b", day=DAYS[1]),
        clock(1, DAYS[0]),
    ]
    assert found(recount(log, today=DAYS[1])) == [("L3", 4)]
    assert found(recount([*log[:4], clock(3, DAYS[1])], today=DAYS[1])) == []
    assert found(recount([issue("a", day=FAR), clock(0, DAYS[0]), session(1, day=DAYS[0])], today=DAYS[1])) == [
        ("L6", 0)
    ]
