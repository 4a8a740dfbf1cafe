"""R1.6, R8.1a, R8.4a: one name in two spellings is one person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.rules.four_eyes import hand, is_second_person

LOOK_ALIKES = [
    ("李明", "李 明"),
    ("李明", " 李明\u3000"),
    ("李明", "李\u200b明"),
    ("李明", "李·明"),
    ("li.ming", "LI MING"),
    ("li.ming", "ｌｉ．ｍｉｎｇ"),
    ("li.ming", "li_ming"),
    ("José", "JOSE"),
    ("José", "Jose\u0301"),
    ("anna", "аnnа"),  # Cyrillic а
    ("OMAR", "ΟΜΑR"),  # Greek capitals
    ("Ivan", "іvаn"),
]


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_another_spelling_is_no_second_person(one: str, other: str) -> None:
    assert one != other
    assert not is_second_person(other, one)
    assert not is_second_person(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("李明", "李月"), ("李明", "李明明"), ("anna", "anne"), ("clerk1", "clerk2")]
)
def test_another_name_is_a_second_person(one: str, other: str) -> None:
    assert is_second_person(one, other)


def test_one_of_several_who_recorded_may_not_decide() -> None:
    assert not is_second_person("李 明", "王芳", "李明")
    assert is_second_person("赵敏", "王芳", "李明")


@pytest.mark.parametrize("empty", [None, "", " ", "\u200b", "…"])
def test_no_one_is_no_second_person_and_no_first(empty: str | None) -> None:
    assert not is_second_person(empty, "李明")
    assert not is_second_person("李明", empty or "")


def test_where_no_one_recorded_there_is_no_one_to_differ_from() -> None:
    assert not is_second_person("李明")


@given(st.text(max_size=30))
def test_what_is_compared_is_compared_once_and_for_all(name: str) -> None:
    assert hand(hand(name)) == hand(name)
    assert not is_second_person(name, name)
