"""Enumerations that a person reads are found by the value that stands in files and rows."""

from __future__ import annotations

import pytest

from certsvc.person.identity import IdType


@pytest.mark.parametrize("kind", list(IdType))
def test_a_member_is_found_by_its_value(kind: IdType) -> None:
    assert IdType.of(kind.value) is kind
    assert IdType.known(kind.value) is kind


def test_an_unknown_value_is_an_error_or_none() -> None:
    with pytest.raises(KeyError):
        IdType.of("library card")
    assert IdType.known("library card") is None
