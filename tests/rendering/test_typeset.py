"""Fitting: shrunk first, wrapped second, never cut, never past the width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.rendering.fonts import Style
from certsvc.rendering.typeset import Ink, Pen, fit, measure, wrap

NAMES = st.text(st.sampled_from("张伟𠮷古丽热·AbcdM -'"), min_size=1, max_size=100).map(
    lambda text: text.strip() or "张"
)


def test_a_short_name_keeps_its_size() -> None:
    assert fit("张伟", Style.KAI, 400, 20, 8) == fit("张伟", Style.KAI, 41, 20, 8)


def test_a_longer_name_is_shrunk_before_it_is_wrapped() -> None:
    line = fit("张" * 30, Style.KAI, 400, 20, 8)
    assert len(line.lines) == 1
    assert line.size == pytest.approx(400 / 30)


def test_a_hundred_characters_stand_on_two_lines() -> None:
    line = fit("古丽米热·阿布都克里木" * 9 + "江", Style.KAI, 470, 20, 8)
    assert len(line.lines) == 2
    assert line.lines[0].endswith("·")


def test_a_line_never_begins_with_a_closing_mark() -> None:
    assert wrap("甲乙\uff0c丙", Style.KAI, 10, 20) == ("甲", "乙\uff0c", "丙")


@given(NAMES, st.floats(min_value=60, max_value=600))
def test_no_character_is_lost_and_no_line_is_wider_than_its_place(name: str, width: float) -> None:
    line = fit(name, Style.KAI, width, 20, 8)
    assert "".join(line.lines).replace(" ", "") == name.replace(" ", "")
    assert all(measure(text, Style.KAI, line.size) <= width + 0.01 for text in line.lines)


def test_a_shape_has_no_text_unless_the_font_gives_no_simple_outline() -> None:
    pen = Pen(Style.KAI, 20, (0, 0, 0))
    ink = Ink("S")
    ink.shape(0, 0, "样例", pen)
    assert b"Tj" not in ink.content()
    ink.shape(0, 0, "样\u2212例", pen)  # this minus sign is put together from another glyph
    assert b"Tj" in ink.content()
