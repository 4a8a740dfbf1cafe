"""A layout is data read strictly: what is wrong is refused by the name of its key."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from certsvc.errors import InvalidLayout
from certsvc.rendering.grid import places
from certsvc.rendering.layout import Layout
from certsvc.rendering.layout_file import load_layout, parse_layout
from certsvc.resources import templates_folder

FOLDER = templates_folder() / "certificate" / "default"
TEXT = (FOLDER / "layout.toml").read_text("utf-8")


def changed(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (TEXT + "\n[extra]\nx = 1\n", "extra"),
        (changed("height_mm = 210\n", ""), "page.height_mm"),
        (changed("height_mm = 210", 'height_mm = "tall"'), "page.height_mm"),
        (changed("height_mm = 210", "height_mm = true"), "page.height_mm"),
        (changed("height_mm = 210", "height_mm = 210\nweight = 3"), "page.weight"),
        (changed('ink = "#1B2326"', 'ink = "black"'), "colours.ink"),
        (changed('style = "song"', 'style = "gothic"'), "title.zh.style"),
        (changed('colour = "title"', 'colour = "mauve"'), "title.zh.colour"),
        (changed("[title.en]", "[title.fr]"), "title.en"),
        (changed("[rule]", "[title.fr]\n[rule]"), "title.fr"),
        (changed("[title.zh]", '[title.zh]\nalign = "right"'), "title.zh.align"),
        ("page = 3\n" + TEXT.replace("[page]\nwidth_mm = 297\nheight_mm = 210", ""), "page"),
        (changed("side_mm = 33", "side_mm = 25"), "code.side_mm"),
        (changed("x_mm = 225", "x_mm = 40"), "seal"),
        (changed("x_mm = 225", "x_mm = 280"), "seal"),
        (changed('image = ""', 'image = "missing.png"'), "seal.image"),
        (changed('signed_zh = "电子签章"', 'signed_zh = "\ue000"'), "words"),
        (changed('seal = "#DC6E64"', 'seal = "red"'), "colours.seal"),
        (changed("[closing]\nx_mm = 180", "[closing]\nx_mm = 280"), "closing"),
        (changed("width_mm = 96", "width_mm = 20"), "closing"),
        (changed("pitch_mm = 17\n", ""), "closing.pitch_mm"),
        (changed("pitch_mm = 17", "pitch_mm = 90"), "closing"),
        (changed('image = ""', 'image = "../../../etc/hostname"'), "seal.image"),
        (changed('key = "level"', 'key = "rank"'), "field[7].key"),
        (changed('key = "sex"', 'key = "name"'), "field"),
        (changed("column = 1\nspan = 2\nsize_pt = 21", "column = 2\nspan = 2\nsize_pt = 21"), "field[0].column"),
        (changed("column = 1\nspan = 2\nsize_pt = 21", "column = 1.5"), "field[0].column"),
        (changed('no_direction = "--"', 'no_direction = "\ue000"'), "words"),
        (changed("[page]", "[pages]"), "page"),
        (changed('name = "default"', "name = 3"), "name"),
        (TEXT.split("[[field]]")[0], "field"),
    ],
)
def test_a_fault_is_refused_by_the_name_of_its_key(text: str, where: str) -> None:
    with pytest.raises(InvalidLayout) as refused:
        parse_layout(text, FOLDER)
    assert refused.value.where == where


def test_a_field_that_every_certificate_carries_may_not_be_left_out() -> None:
    start = TEXT.index('[[field]]\nkey = "number"')
    end = TEXT.index("[[field]]", start + 1)
    with pytest.raises(InvalidLayout, match="number"):
        parse_layout(TEXT[:start] + TEXT[end:], FOLDER)


def test_what_is_not_toml_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidLayout, match="TOML"):
        parse_layout("[page", FOLDER)
    with pytest.raises(InvalidLayout, match="cannot be read"):
        load_layout(tmp_path)


def test_an_authority_changes_wording_and_position_without_code(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "layout.toml", tmp_path)
    file = tmp_path / "layout.toml"
    file.write_text(TEXT.replace('zh = "姓名"', 'zh = "持证人"').replace("x_mm = 225", "x_mm = 220"), "utf-8")
    layout = load_layout(tmp_path)
    assert isinstance(layout, Layout)
    assert layout.field[0].zh == "持证人"
    assert layout.seal.x_mm == 220


def test_a_layout_from_before_the_drawn_seal_opens_as_it_is() -> None:
    start, end = TEXT.index("# Issuer and date of issue, over"), TEXT.index("[grid]")
    older = TEXT[:start] + TEXT[end:]
    for line in ('seal = "#DC6E64"', "domain_pt = 17", 'no_portrait_zh = "无照片"', 'no_portrait_en = "No photo"'):
        assert line in older
        older = older.replace(f"{line}\n", "")
    older = older.replace("signed_zh =", 'zh = "签章处"\nen = "SEAL"\nsigned_zh =')
    layout = parse_layout(older, FOLDER)
    assert layout.closing is None
    assert (layout.words.no_portrait_zh, layout.words.no_portrait_en) == ("无照片", "No photo")
    assert {"issuer", "issued_on"} <= set(places(layout, ["name", "issuer", "issued_on"]))
