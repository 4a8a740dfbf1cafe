from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import InvalidName
from certsvc.person.name import MAX_CHARACTERS, mask_name, parse_name

ACCEPTED = {
    "plain": "张伟",
    "one character": "张",
    "compound surname": "欧阳修远",
    "middle dot": "阿卜杜拉·买买提",
    "extension B": "𠮷田",
    "extension B, rare": "王𬎆",
    "extension H, newer than Python's tables": "王\U00031350",
    "extension I": "李\U0002ebf0",
    "ideographic zero": "李〇",
    "compatibility ideograph kept": "\uf9dc",
    "Latin with punctuation": "Anne-Marie O'Neil Jr.",
    "typographic apostrophe": "O\u2019Neil",
    "combining mark": "Jose\u0301",
    "Uyghur": "ئابدۇللا",
    "Tibetan": "བསྟན་འཛིན".replace("་", " "),
    "fifty characters": "阿" * 50,
    "a hundred characters": "阿" * 100,
}


@pytest.mark.parametrize("name", ACCEPTED.values(), ids=ACCEPTED)
def test_names_of_every_script_are_kept_as_written(name: str) -> None:
    parsed = parse_name(name)
    assert parsed.text == name
    assert parsed.warnings == ()


@pytest.mark.parametrize("dot", ["\u2022", "\u2027", "\u30fb", "\uff0e"])
def test_stray_middle_dots_become_the_middle_dot_with_a_warning(dot: str) -> None:
    parsed = parse_name(f"阿卜杜拉{dot}买买提")
    assert parsed.text == "阿卜杜拉·买买提"
    (warning,) = parsed.warnings
    assert (warning.position, warning.character) == (5, dot)
    assert dot in warning.zh
    assert dot in warning.en


def test_each_stray_dot_has_its_own_warning() -> None:
    parsed = parse_name("阿•卜・提")
    assert parsed.text == "阿·卜·提"
    assert [warning.position for warning in parsed.warnings] == [2, 4]


REFUSED = {
    "line feed": ("张\n伟", 2, "control"),
    "null": ("张伟\x00", 3, "control"),
    "line separator": ("张\u2028伟", 2, "control"),
    "soft hyphen": ("张\u00ad伟", 2, "control"),
    "right-to-left override": ("张\u202e伟", 2, "bidirectional"),
    "isolate": ("张\u2066伟", 2, "bidirectional"),
    "Arabic letter mark": ("张\u061c伟", 2, "bidirectional"),
    "zero-width space": ("张\u200b伟", 2, "zero-width"),
    "zero-width joiner": ("张\u200d伟", 2, "zero-width"),
    "byte order mark": ("\ufeff张伟", 1, "zero-width"),
    "Hangul filler": ("张\u3164", 2, "zero-width"),
    "variation selector": ("葛\U000e0100", 2, "zero-width"),
    "markup": ("<img src=x>", 1, "letters"),
    "markup within": ("张<b>", 2, "letters"),
    "template code": ("{{7*7}}", 1, "letters"),
    "formula": ("=1+1", 1, "letters"),
    "formula plus": ("+86", 1, "letters"),
    "formula at": ("@SUM", 1, "letters"),
    "formula minus": ("-张", 1, "begins with a letter"),
    "begins with a dot": ("·张", 1, "begins with a letter"),
    "begins with a stray dot": ("•张", 1, "begins with a letter"),
    "begins with a mark": ("\u0301e", 1, "begins with a letter"),
    "digit": ("张3", 2, "letters"),
    "full-width digit": ("张3", 2, "letters"),
    "leading space": (" 张伟", 1, "single spaces"),
    "trailing space": ("张伟 ", 3, "single spaces"),
    "two spaces": ("Li  Wei", 3, "single spaces"),
    "ideographic space": ("张\u3000伟", 2, "letters"),
    "private use": ("张\ue863", 2, "private-use"),
    "lone surrogate": ("张\ud842", 2, "letters"),
    "Kangxi radical": ("张\u2f45", 2, "should it be '方'"),
    "emoji": ("张😀", 2, "letters"),
    "noncharacter of plane 2": ("张\U0002ffff", 2, "letters"),
}


@pytest.mark.parametrize(("name", "position", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_name_is_refused_with_character_and_position(name: str, position: int, why: str) -> None:
    with pytest.raises(InvalidName) as caught:
        parse_name(name)
    error = caught.value
    assert error.rule == "R9"
    assert f"第 {position} 个字符" in error.zh
    assert f"character {position} " in error.en
    assert f"U+{ord(name[position - 1]):04X}" in error.en
    assert why in error.en


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(InvalidName, match="empty"):
        parse_name("")


@pytest.mark.parametrize("length", [MAX_CHARACTERS + 1, 300])
def test_a_name_of_more_than_a_hundred_characters_is_refused(length: int) -> None:
    with pytest.raises(InvalidName, match=str(length)):
        parse_name("张" * length)


@given(st.text(max_size=120))
def test_a_name_is_accepted_or_refused_and_never_anything_else(text: str) -> None:
    try:
        name = parse_name(text).text
        assert len(name) == len(text)
        assert parse_name(name).warnings == ()
        refusal = ""
    except InvalidName as error:
        refusal = error.zh + error.en
    assert refusal.isprintable()


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张伟", "张*"),
        ("张", "张"),
        ("欧阳修远", "欧***"),
        ("阿卜杜拉·买买提", "阿*******"),
        ("𠮷田𬎆", "𠮷**"),
        ("Li Wei", "L*****"),
        ("", ""),
    ],
)
def test_the_public_sees_the_first_code_point_and_a_star_for_each_other(name: str, masked: str) -> None:
    assert mask_name(name) == masked
