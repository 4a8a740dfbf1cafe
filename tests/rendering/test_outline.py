"""Outlines are those of the font, by fontTools' own measure of them."""

from __future__ import annotations

import pytest
from fontTools.pens.areaPen import AreaPen
from fontTools.pens.boundsPen import BoundsPen
from fontTools.ttLib import TTFont

from certsvc.rendering.fonts import FontFile
from certsvc.rendering.fonts.outline import glyph_path
from certsvc.resources import fonts_folder

SONG = fonts_folder() / "CertsvcSong-Bold.ttf"


def replay(path: str, pen: AreaPen | BoundsPen) -> None:
    """Draw our operators with a pen of fontTools."""
    for line in path.splitlines():
        *numbers, operator = line.split()
        values = [float(number) for number in numbers]
        points = list(zip(values[::2], values[1::2], strict=True))
        {"m": pen.moveTo, "l": pen.lineTo, "c": pen.curveTo, "h": pen.closePath}[operator](*points)


@pytest.mark.parametrize("char", "样例SAMPLE证书永O8")
def test_an_outline_is_the_fonts(char: str) -> None:
    path = glyph_path(FontFile(SONG), char)
    assert path
    with TTFont(SONG) as font:
        glyphs = font.getGlyphSet()
        glyph = glyphs[font.getBestCmap()[ord(char)]]
        area, bounds = AreaPen(glyphs), BoundsPen(glyphs)
        glyph.draw(area)
        glyph.draw(bounds)
    ours, our_bounds = AreaPen(None), BoundsPen(None)
    replay(path, ours)
    replay(path, our_bounds)
    assert ours.value == pytest.approx(area.value, rel=1e-3)
    assert our_bounds.bounds == pytest.approx(bounds.bounds, abs=1)


def test_a_blank_has_no_outline() -> None:
    assert glyph_path(FontFile(SONG), " ") == ""


def test_a_glyph_put_together_from_others_is_left_to_the_font() -> None:
    font = FontFile(fonts_folder() / "LXGWWenKai-Regular.ttf")
    composite = next(char for char in map(chr, range(0xC0, 0x3000)) if font.draws(char) and _composite(font, char))
    assert glyph_path(font, composite) is None


def _composite(font: FontFile, char: str) -> bool:
    record = font.outline(font.gid(char))
    return len(record) >= 10 and int.from_bytes(record[:2], "big", signed=True) < 0
