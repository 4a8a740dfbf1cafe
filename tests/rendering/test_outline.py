"""Outlines are those of the font, by fontTools' own measure of them, and so are records put on a coarser grid."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.areaPen import AreaPen
from fontTools.pens.boundsPen import BoundsPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph, GlyphComponent

from certsvc.rendering.fonts import FontFile
from certsvc.rendering.fonts.glyf import is_simple, on_grid
from certsvc.rendering.fonts.outline import glyph_path
from certsvc.resources import fonts_folder

SONG = fonts_folder() / "CertsvcSong-Bold.ttf"
KAI = fonts_folder() / "LXGWWenKai-Regular.ttf"


def measured(path: str) -> tuple[float, tuple[float, ...]]:
    """Area and bounds of our operators."""
    area, bounds = AreaPen(None), BoundsPen(None)
    for pen in (area, bounds):
        for line in path.splitlines():
            *numbers, operator = line.split()
            points = [tuple(map(float, numbers))] if numbers else []
            {"m": pen.moveTo, "l": pen.lineTo, "h": pen.closePath}[operator](*points)
    return abs(area.value), bounds.bounds


def of_fonttools(path: Path, char: str) -> tuple[float, tuple[float, ...]]:
    with TTFont(path) as font:
        return of_glyph(font, font.getBestCmap()[ord(char)])


def of_glyph(font: TTFont, name: str) -> tuple[float, tuple[float, ...]]:
    glyphs = font.getGlyphSet()
    area, bounds = AreaPen(glyphs), BoundsPen(glyphs)
    for pen in (area, bounds):
        glyphs[name].draw(pen)
    return abs(area.value), bounds.bounds


@pytest.mark.parametrize("char", "样例SAMPLE证书永O8")
def test_an_outline_is_the_fonts(char: str) -> None:
    area, bounds = measured(glyph_path(FontFile(SONG), char, 1000))
    their_area, their_bounds = of_fonttools(SONG, char)
    assert area == pytest.approx(their_area, rel=3e-3)
    assert bounds == pytest.approx(their_bounds, abs=1)


def test_a_coarser_outline_is_the_same_shape_in_fewer_octets() -> None:
    fine, coarse = (glyph_path(FontFile(SONG), "鉴", grain) for grain in (1000, 100))
    assert len(coarse) < len(fine) / 1.5
    assert measured(coarse)[0] * 100 == pytest.approx(measured(fine)[0], rel=0.02)


def test_a_blank_has_no_outline_and_what_vanishes_on_the_grid_is_left_out() -> None:
    assert glyph_path(FontFile(SONG), " ", 1000) == ""
    assert glyph_path(FontFile(SONG), "·", 3) == ""


def test_a_glyph_put_together_from_others_is_drawn_from_its_parts() -> None:
    area, bounds = measured(glyph_path(FontFile(KAI), "¨", 1000))
    their_area, their_bounds = of_fonttools(KAI, "¨")
    assert area == pytest.approx(their_area, rel=0.02)
    assert bounds == pytest.approx(their_bounds, abs=1)


def composites(folder: Path) -> Path:
    """A font of one square and of glyphs made of it in every way that the format has."""
    pen = TTGlyphPen(None)
    for corner, draw in (
        ((0, 0), pen.moveTo),
        ((0, 100), pen.lineTo),
        ((100, 100), pen.lineTo),
        ((100, 0), pen.lineTo),
    ):
        draw(corner)
    pen.closePath()
    glyphs: dict[str, Glyph] = {".notdef": TTGlyphPen(None).glyph(), "square": pen.glyph()}
    placed: list[dict[str, object]] = [
        {"x": 300, "y": 500},
        {"x": 10, "y": 0, "transform": [[0.5, 0], [0, 0.5]]},
        {"x": 0, "y": -7, "transform": [[0.5, 0], [0, 1.5]]},
        {"x": 600, "y": 0, "transform": [[0, 1], [-1, 0]]},
        {"firstPt": 2, "secondPt": 0},
    ]
    for at, place in enumerate(placed):
        whole = Glyph()
        whole.numberOfContours = -1
        parts = [{"x": 0, "y": 0}, place]
        whole.components = []
        for values in parts:
            part = GlyphComponent()
            part.glyphName, part.flags = "square", 0
            for name, value in values.items():
                setattr(part, name, value)
            whole.components.append(part)
        glyphs[f"made{at}"] = whole
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({0x41 + at: name for at, name in enumerate(glyphs)})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Test", "styleName": "Regular", "psName": "Test-Regular"})
    builder.setupOS2()
    builder.setupPost()
    file = folder / "made.ttf"
    builder.save(file)
    return file


def test_a_part_may_be_laid_point_on_point(tmp_path: Path) -> None:
    # fontTools does not draw these: the second square stands with its first corner on the third of the first.
    area, bounds = measured(glyph_path(FontFile(composites(tmp_path)), "G", 1000))
    assert (area, bounds) == (20_000, (0, 0, 200, 200))


@pytest.mark.parametrize("char", "CDEF")
def test_parts_are_moved_scaled_and_turned(tmp_path: Path, char: str) -> None:
    file = composites(tmp_path)
    area, bounds = measured(glyph_path(FontFile(file), char, 1000))
    their_area, their_bounds = of_fonttools(file, char)
    assert area == pytest.approx(their_area, rel=0.01)
    assert bounds == pytest.approx(their_bounds, abs=1)


@pytest.mark.parametrize("grid", [2, 4])
@pytest.mark.parametrize("char", "证永鑫O8。·")
def test_a_record_on_a_coarser_grid_draws_the_same_within_a_step(char: str, grid: int) -> None:
    font = FontFile(KAI)
    gids = [0, font.gid(char)]
    programs = [font.cut(gids, step) for step in (1, grid)]
    fine, coarse = (TTFont(io.BytesIO(program), checkChecksums=2) for program in programs)
    names = fine.getGlyphOrder()
    before, after = fine["glyf"][names[1]], coarse["glyf"][names[1]]
    assert len(before.endPtsOfContours) == len(after.endPtsOfContours)
    # Each point that is left is one of the record's, moved by half a step at most.
    for x, y in after.coordinates:
        assert min(max(abs(x - old_x), abs(y - old_y)) for old_x, old_y in before.coordinates) <= grid / 2
        assert x % grid == y % grid == 0
    (area, bounds), (new_area, new_bounds) = (of_glyph(font_file, names[1]) for font_file in (fine, coarse))
    assert new_area == pytest.approx(area, rel=0.03)
    assert new_bounds == pytest.approx(bounds, abs=grid)
    # The side bearing follows the edge, or a rasteriser shifts the glyph by the difference.
    assert coarse["hmtx"][names[1]] == (fine["hmtx"][names[1]][0], after.xMin - before.xMin + fine["hmtx"][names[1]][1])
    assert len(programs[1]) <= len(programs[0])


def test_what_the_grid_makes_needless_is_left_out_and_no_more() -> None:
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((100, 0))
    pen.lineTo((200, 0))  # on the line
    pen.lineTo((201, 1))  # upon its neighbour, on the grid
    pen.qCurveTo((240, 100), (120, 160), (0, 100))  # the point between the two is implied
    pen.lineTo((0, 60))
    pen.lineTo((0, 80))  # turns back: stays
    pen.closePath()
    again = Glyph(on_grid(pen.glyph().compile(None), 4))
    again.expand(None)
    assert list(again.coordinates) == [(0, 0), (200, 0), (240, 100), (120, 160), (0, 100), (0, 60), (0, 80)]
    assert list(again.flags) == [1, 1, 0, 0, 1, 1, 1]


def test_blanks_composites_and_the_fonts_own_grid_are_left_as_they_are() -> None:
    font = FontFile(KAI)
    for char, grid in ((" ", 4), ("¨", 4), ("证", 1)):
        record = font.outline(font.gid(char))
        assert on_grid(record, grid) == record
    assert not is_simple(font.outline(font.gid("¨")))


def test_long_runs_of_like_points_are_counted(tmp_path: Path) -> None:
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for step in range(1, 600):
        pen.lineTo((2 * step, 3 * step + step % 2))  # no three on a line
    pen.closePath()
    record = pen.glyph().compile(None)
    written = on_grid(record, 1), on_grid(record, 2)
    assert written[0] == record
    again = Glyph(written[1])
    again.expand(None)
    assert len(again.coordinates) == 600
    assert again.coordinates[-1] == (1198, 1798)
