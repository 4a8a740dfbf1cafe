"""What the fonts draw, and that a character they lack stops the certificate by name (R9)."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from certsvc.errors import MissingGlyph
from certsvc.rendering.fonts import FontFile, Style, Subset, check_glyphs, missing_glyphs, runs, width_em
from certsvc.resources import fonts_folder
from tests.rendering.faces import RARE_NAMES


def test_every_character_of_the_basic_han_block_is_drawn() -> None:
    assert missing_glyphs("".join(map(chr, range(0x4E00, 0x9FA6)))) == ()


def test_rare_names_beyond_the_bmp_are_drawn() -> None:
    assert [name for name in RARE_NAMES if missing_glyphs(name)] == []


def test_a_missing_character_is_named_with_its_code() -> None:
    with pytest.raises(MissingGlyph, match=r"U\+E123") as refused:
        check_glyphs(["张\ue123"])
    assert refused.value.rule == "R9"
    assert "张" not in str(refused.value)


def test_missing_characters_are_told_once_each_in_order() -> None:
    assert missing_glyphs("\ue002张\ue001\ue002") == ("\ue002", "\ue001")


def test_runs_refuse_a_missing_character_too() -> None:
    with pytest.raises(MissingGlyph, match=r"U\+E123"):
        runs("\ue123", Style.KAI)


def test_the_dot_of_a_chinese_name_is_set_in_the_chinese_font() -> None:
    assert len(runs("古丽·买买提", Style.KAI)) == 1
    assert [text for _, text in runs("Anna·Maria", Style.KAI)] == ["Anna·Maria"]
    assert runs("古·丽", Style.KAI)[0][0] is not runs("Anna·Maria", Style.KAI)[0][0]


def test_han_are_one_em_wide() -> None:
    assert width_em("张𠮷", Style.KAI) == 2


def test_a_title_character_outside_the_title_font_falls_back() -> None:
    fonts = [font.family for font, _ in runs("职𠮷", Style.SONG)]
    assert fonts == ["CertsvcSong-Bold", "LXGWWenKai-Regular"]


def test_a_subset_gives_a_number_to_each_character_and_a_program_that_opens() -> None:
    font = runs("张", Style.KAI)[0][0]
    subset = Subset(font)
    assert [subset.cid(char) for char in "张伟张"] == [1, 2, 1]
    with TTFont(io.BytesIO(font.cut([0, font.gid("张"), font.gid("伟")])), checkChecksums=2) as opened:
        assert opened["maxp"].numGlyphs == 3
        assert opened["glyf"][opened.getGlyphOrder()[1]].numberOfContours > 0


def test_the_parts_of_a_composite_glyph_come_along() -> None:
    font = runs("张", Style.KAI)[0][0]
    with TTFont(io.BytesIO(font.cut([0, font.gid("¨")])), checkChecksums=2) as opened:
        composite = opened["glyf"][opened.getGlyphOrder()[1]]
        assert composite.isComposite()
        names = {part.glyphName for part in composite.components}
        assert names <= set(opened.getGlyphOrder()[2:])
        assert all(opened["glyf"][name].numberOfContours > 0 for name in names)


def test_the_kai_font_is_shipped_whole_under_its_own_name_and_the_subsets_under_another() -> None:
    families = {}
    for path in fonts_folder().glob("*.ttf"):
        with TTFont(path, lazy=True) as font:
            families[path.name] = font["name"].getDebugName(1)
    assert families == {
        "LXGWWenKai-Regular.ttf": "LXGW WenKai",
        "CertsvcSong-Bold.ttf": "Certsvc Song",
        "CertsvcSong-Regular.ttf": "Certsvc Song",
    }
    for name in ("LXGWWenKai-LICENSE.txt", "CertsvcSong-LICENSE.txt"):
        assert "SIL OPEN FONT LICENSE" in (fonts_folder() / name).read_text("utf-8")


def test_the_font_tables_read_are_those_that_fonttools_reads() -> None:
    for path in sorted(fonts_folder().glob("*.ttf")):
        ours = FontFile(path)
        with TTFont(path, lazy=True) as theirs:
            numbers = theirs.getReverseGlyphMap()
            best = {code: numbers[name] for code, name in theirs.getBestCmap().items()}
            assert {code: ours.gid(chr(code)) for code in best if ours.draws(chr(code))} == best
            assert ours.family == theirs["name"].getDebugName(6)
            assert (ours.units, ours.cap_height) == (theirs["head"].unitsPerEm, theirs["OS/2"].sCapHeight)
            assert (ours.ascent, ours.descent) == (theirs["hhea"].ascent, theirs["hhea"].descent)


def test_an_old_font_without_a_height_of_capitals_is_read(tmp_path: Path) -> None:
    old = tmp_path / "old.ttf"
    with TTFont(fonts_folder() / "CertsvcSong-Regular.ttf") as font:
        font["OS/2"].version = 1
        font.save(old)
    assert FontFile(old).cap_height == FontFile(old).ascent


def test_an_apostrophe_in_a_latin_name_is_as_narrow_as_one() -> None:
    assert width_em("O\u2019Brien", Style.KAI) < width_em("OBrien", Style.KAI) + 0.4


@pytest.mark.parametrize("mark", "\u0300\u0301\u0302\u0303\u0308\u030c")
def test_a_combining_mark_stands_over_the_letter_before_it(mark: str) -> None:
    [(_, letter), (font, drawn)] = runs("e" + mark, Style.KAI)
    assert (letter, drawn, font.advance(mark)) == ("e", mark, 0)
    left, _, right, _ = struct.unpack_from(">4h", font.outline(font.gid(mark)), 2)
    assert left < right <= 0
