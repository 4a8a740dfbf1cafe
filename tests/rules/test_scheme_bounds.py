"""R0: each number of a scheme has its bounds; the bound itself is taken, and what lies beyond is refused by name."""

from __future__ import annotations

import pytest

from certsvc.errors import InvalidScheme
from certsvc.rules.scheme import Scheme, parse_scheme
from tests.rules.builders import changed, scheme_text

Q, H = "qinghai-2025", "haiyue-2026"
# name of the scheme, text there, taken instead, refused instead, the field that is named
BOUNDS = {
    "level": (Q, "\nlevel = 5", ["1", "5"], ["0", "6", "-1"], "level"),
    "minimum age": (Q, "minimum_age = 18", ["0", "120"], ["-1", "121"], "registration.minimum_age"),
    "duration": (Q, "duration_minutes = 100", ["1", "1440"], ["0", "1441"], "subjects.theory.duration_minutes"),
    "on-site retakes": (Q, "onsite_retakes = 1", ["0", "1"], ["-1", "2"], "subjects.practical.onsite_retakes"),
    "free retakes": (Q, "free_retakes = 1", ["0", "9"], ["-1", "10"], "subjects.theory.free_retakes"),
    "retake": (H, "[retake]\ndeadline_months = 6", ["1", "120"], ["0", "121"], "retake.deadline_months"),
    "absence": (H, "[absence]\ndeadline_months = 3", ["1", "120"], ["0", "121"], "absence.deadline_months"),
    "scores": (Q, "scores_after_days = 15", ["0", "3650"], ["-1", "3651"], "calendar.scores_after_days"),
    "validity": (H, "months = 48", ["1", "1200"], ["0", "1201"], "validity.months"),
    "exam fee": (H, "exam = 180", ["0", "0.01", "180.55", "1000000000"], ["-0.01", "1.555", "1000000001"], "fees.exam"),
    "retake fee": (H, "free_retake = 0", ["0", "30.55"], ["-1", "30.555", "1000000001"], "fees.free_retake"),
    "theory's maximum": (H, "maximum = 120", ["72", "120.55"], ["0", "120.555"], "subjects.theory.maximum"),
    "pass mark": (H, "pass_mark = 72", ["0.01", "71.55", "120"], ["0", "-1", "71.555"], "subjects.theory.pass_mark"),
    "a block's weight": (H, "required_weight = 0.75", ["0.75"], ["0", "0.755"], "subjects.practical.required_weight"),
    "the drawn block's": (H, "drawn_weight = 0.25", ["0.25"], ["0", "0.255"], "subjects.practical.drawn_weight"),
    "an item's maximum": (
        H, 'en = "safety assessment"\nmaximum = 20', ["20"], ["0", "20.005"], "subjects.practical.required[0].maximum",
    ),
    "days": (
        Q, "certificate_after_days = [20, 30]", ["[0, 0]", "[30, 30]"], ["[31, 30]", "[-1, 30]", "[20]", "[]", "20"],
        "calendar.certificate_after_days",
    ),
}  # fmt: skip


def written(name: str, old: str, value: str) -> str:
    text = scheme_text(name)
    assert text.count(old) >= 1
    text = text.replace(old, f"{old.rsplit(' = ', 1)[0]} = {value}", 1)
    return text.replace("open_levels = [5]", "open_levels = [1, 5]")  # a level is only taken where it is open


@pytest.mark.parametrize("case", BOUNDS)
def test_a_bound_itself_is_taken_and_what_lies_beyond_is_refused(case: str) -> None:
    name, old, taken, refused, field = BOUNDS[case]
    for value in taken:
        assert isinstance(parse_scheme(written(name, old, value)), Scheme), value
    for value in refused:
        with pytest.raises(InvalidScheme) as caught:
            parse_scheme(written(name, old, value))
        assert caught.value.where is not None
        assert caught.value.where.startswith(field), value


def test_a_pass_mark_may_be_the_maximum_and_not_a_hundredth_more() -> None:
    for value, fits in (("100", True), ("100.01", False)):
        text = scheme_text(Q).replace("pass_mark = 60", f"pass_mark = {value}")
        if fits:
            parse_scheme(text)
        else:
            with pytest.raises(InvalidScheme, match="above the maximum"):
                parse_scheme(text)


@pytest.mark.parametrize("statement", ["授予{occupation", "授予occupation}", "授予{}", "{level}{", "}{level}"])
def test_half_a_placeholder_is_refused(statement: str) -> None:
    text = scheme_text(Q).replace("经考核合格，授予{occupation}（{level}）职业资格", statement)
    with pytest.raises(InvalidScheme) as caught:
        parse_scheme(text)
    assert caught.value.where == "certificate.statement_zh"


def test_the_theory_has_neither_items_nor_a_second_go_on_the_spot() -> None:
    """R2.1, R3.2: whatever the practical has."""
    for name in (Q, H):
        scheme = parse_scheme(scheme_text(name))
        theory = next(rules for subject, rules in scheme.subjects.items() if subject.value == "theory")
        assert (theory.onsite_retakes, theory.items) == (0, ())


def test_points_are_weighed_by_one() -> None:
    """R2.1: on the scale of points the items sum to the total as they are."""
    for subject, rules in changed(Q, ('version = "1"', 'version = "2"')).subjects.items():
        if subject.value == "practical":
            assert rules.blocks is not None
            assert (rules.blocks.required_weight, rules.blocks.drawn_weight) == (1, 1)


@pytest.mark.parametrize("value", ["nan", "inf", "true", '"60"', "[60]"])
def test_a_number_is_finite_and_written_as_one(value: str) -> None:
    with pytest.raises(InvalidScheme) as caught:
        parse_scheme(scheme_text(Q).replace("pass_mark = 60", f"pass_mark = {value}", 1))
    assert caught.value.where == "subjects.theory.pass_mark"
