"""Leaves with sane defaults: each builder gives a right leaf, a test changes the one thing it is about."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from certsvc.transparency.leaf import Act, Changed, Entry, Event, Leaf, commit

DAY = date(2026, 3, 24)
SESSION = "emergency-rescuer-5/qinghai-2025/2026-03-01"


def commitment(name: str) -> str:
    return commit(name.encode().ljust(32, b"."), name)


def issue(name: str = "a", *, day: date = DAY, session: str = SESSION, dated: date | None = None) -> Leaf:
    return Leaf(
        event=Event.ISSUE,
        day=day,
        credential=commitment(name),
        dated=dated or day,
        session=session,
        evidence=commitment(name + " evidence"),
    )


def reissue(name: str, *, paper: str = "paper", day: date = DAY, entry: Entry | None = None) -> Leaf:
    return Leaf(
        event=Event.REISSUE,
        day=day,
        credential=commitment(name),
        dated=day,
        evidence=commitment(name + " evidence"),
        replaces=commitment(paper),
        entry=entry,
    )


def correct(name: str, *, replaces: str, day: date = DAY, changed: Changed | None = None) -> Leaf:
    return Leaf(
        event=Event.CORRECT,
        day=day,
        credential=commitment(name),
        dated=day,
        evidence=commitment(name + " evidence"),
        replaces=commitment(replaces),
        changed=changed,
    )


def change(event: Event, name: str, *, day: date = DAY) -> Leaf:
    return Leaf(event=event, day=day, credential=commitment(name))


def session(passed: int, *, code: str = SESSION, day: date = DAY) -> Leaf:
    return Leaf(event=Event.SESSION, day=day, session=code, passed=passed)


def result(name: str = "a", *, act: Act = Act.CORRECTED, day: date = DAY) -> Leaf:
    return Leaf(event=Event.RESULT, day=day, act=act, evidence=commitment(name + " result"))


names = st.text("abcdefgh", min_size=1, max_size=3)
days = st.dates(date(2020, 1, 1), date(2099, 12, 31))
any_leaf = st.one_of(
    st.builds(lambda day, since: Leaf(event=Event.CLOCK, day=day, since=since), days, st.integers(0, 2**53 - 1)),
    st.builds(issue, names, day=days, dated=st.none() | days),
    st.builds(result, names, act=st.sampled_from(Act), day=days),
    st.builds(
        reissue,
        names,
        paper=st.sampled_from(["one paper", "other paper"]),
        day=days,
        entry=st.none() | st.sampled_from(Entry),
    ),
    st.builds(
        lambda name, day, changed: correct(name, replaces="old", day=day, changed=changed),
        names,
        days,
        st.none() | st.sampled_from(Changed),
    ),
    st.builds(
        lambda event, name, day: change(event, name, day=day),
        st.sampled_from([Event.SUSPEND, Event.REINSTATE, Event.REVOKE]),
        names,
        days,
    ),
    st.builds(lambda passed, day: session(passed, day=day), st.integers(0, 2**31 - 1), days),
)
