"""Breaking lines: where a break may be, never past the width; and words that are ink and no text."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.rendering.fonts import Style
from certsvc.rendering.typeset import Ink, Pen, balance, measure, outlines, wrap

TEXTS = st.text(st.sampled_from("张伟𠮷古丽热·AbcdM（） -'"), min_size=1, max_size=100).map(
    lambda text: text.strip() or "张"
)


def test_a_line_never_begins_with_a_closing_mark_nor_ends_with_an_opening_one() -> None:
    assert wrap("甲乙，丙", Style.KAI, 10, 20) == ("甲", "乙，", "丙")
    assert wrap("甲乙（丙丁）", Style.KAI, 10, 30) == ("甲乙", "（丙", "丁）")


@given(TEXTS, st.floats(min_value=60, max_value=600))
def test_no_character_is_lost_and_no_line_is_wider_than_its_place(text: str, width: float) -> None:
    lines = balance(text, Style.KAI, 20, width, wrap(text, Style.KAI, 20, width))
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(measure(line, Style.KAI, 20) <= width + 0.01 for line in lines)


def test_words_drawn_as_outlines_are_no_text() -> None:
    drawn = outlines("样例 −", Style.SONG, 0.2, 100)
    assert drawn.width == pytest.approx(measure("样例 −", Style.SONG, 100, 0.2))
    assert "Tj" not in drawn.path
    assert drawn.path.count("f Q") == 3, "a blank has no ink, and what is put together from other glyphs has"
    form = drawn.form()
    assert drawn.path.encode() == zlib.decompress(form[form.index(b"stream\n") + 7 : form.rindex(b"\nendstream")])


def test_a_stretch_in_another_language_stands_within_its_element() -> None:
    ink = Ink("S")
    mark = ink.begin("P")
    ink.begin_span(lang="en")
    ink.text(0, 0, "Name", Pen(Style.LATIN, 8, (0, 0, 0)))
    ink.end()
    ink.end()
    steps = [line for line in ink.content().decode().splitlines() if line.endswith(("BDC", "EMC"))]
    assert (mark, ink.next_mark) == (0, 1)
    assert steps == ["/P <</MCID 0>> BDC", "/Span <</Lang(en)>> BDC", "EMC", "EMC"]
