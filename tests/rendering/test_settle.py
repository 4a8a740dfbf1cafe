"""A value and its English stay within their box, at any length, and are as large as they can be there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certsvc.rendering.fonts import Style
from certsvc.rendering.grid import ASCENT, DESCENT, Slot
from certsvc.rendering.settle import Lines, settle
from certsvc.rendering.typeset import measure

SLOT = Slot(x=0, y=0, width=180, size=13.5, size_en=8, beneath=12.2, top=13, bottom=-20)
SMALLEST = 8
VALUES = st.text(st.sampled_from("张伟𠮷古丽热·AbcdM（） -'"), min_size=1, max_size=150).map(
    lambda text: " ".join(text.split()) or "张"
)
ENGLISH = st.text(st.sampled_from("abcdefg ABCD-,"), max_size=200).map(lambda text: " ".join(text.split()))


def extent(lines: Lines, ascent: float) -> tuple[float, float]:
    return lines.lines[0][1] + ascent * lines.size, lines.lines[-1][1] - DESCENT * lines.size


def test_what_fits_stands_where_the_layout_says() -> None:
    value, english = settle("应急救援员", "Emergency Rescuer", SLOT, SMALLEST)
    assert value == Lines((("应急救援员", 0),), 13.5)
    assert english == Lines((("Emergency Rescuer", -12.2),), 8)


def test_what_is_a_little_too_long_is_shrunk_on_its_line() -> None:
    value, _ = settle("张" * 15, "", SLOT, SMALLEST)
    assert value == Lines((("张" * 15, 0),), pytest.approx(180 / 15))


def test_what_is_longer_takes_the_lines_that_make_it_largest() -> None:
    high = replace(SLOT, bottom=-60)
    value, english = settle("古丽米热·阿布都克里木" * 4, "", high, SMALLEST)
    assert len(value.lines) > 1
    assert value.size > 180 / measure("古丽米热·阿布都克里木" * 4, Style.KAI, 1)
    assert value.lines[0][0].endswith("·")
    assert english.lines == ()


def test_english_is_wrapped_rather_than_set_smaller_than_it_can_be_read() -> None:
    text = "Operator of signalling equipment for urban rail transit and its maintenance"
    _, english = settle("操作员", text, replace(SLOT, bottom=-40), SMALLEST)
    assert len(english.lines) == 2
    assert english.size > 6


def test_a_box_too_low_for_a_line_of_each_makes_both_smaller() -> None:
    value, english = settle("应急救援员", "Emergency Rescuer", replace(SLOT, top=8, bottom=-8), SMALLEST)
    assert extent(value, ASCENT)[0] <= 8.01
    assert extent(english, 0.75)[1] >= -8.01
    assert value.size < 13.5


@settings(max_examples=200)
@given(VALUES, ENGLISH, st.floats(min_value=40, max_value=500), st.floats(min_value=18, max_value=60))
def test_nothing_is_lost_leaves_its_box_or_meets_the_other(
    text: str, text_en: str, width: float, height: float
) -> None:
    slot = replace(SLOT, width=width, bottom=SLOT.top - height)
    value, english = settle(text, text_en, slot, SMALLEST)
    for lines, whole, style in ((value, text, Style.KAI), (english, text_en, Style.LATIN)):
        assert "".join(line for line, _ in lines.lines).replace(" ", "") == whole.replace(" ", "")
        assert all(measure(line, style, lines.size) <= width + 0.01 for line, _ in lines.lines)
    top, low = extent(value, ASCENT)
    assert top <= slot.top + 0.01
    assert low >= slot.bottom - 0.01
    if english.lines:
        top_en, low_en = extent(english, 0.75)
        assert top_en <= low + 0.01
        assert low_en >= slot.bottom - 0.01
