from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import InvalidName
from certsvc.person.name import MAX_CHARACTERS, ParsedName, check_name, fold, mask_name, parse_name, same_name

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
    "unified ideograph of the compatibility block": "王\ufa0e",
    "iteration mark": "佐々木",
    "Latin with punctuation": "Anne-Marie O'Neil Jr.",
    "typographic apostrophe": "O\u2019Neil",
    "composed letter": "José",
    "mark that composes with no letter": "Q\u0301uo",
    "full stop behind a Latin letter": "王 Jr.",
    "one blank between Han and Latin": "王 Wei",
    "full-width letters": "Ｌｉ",
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
    "no-break space between words": ("Li\u00a0Wei", 3, "letters"),
    "full stop first": (".张", 1, "begins with a letter"),
    "two spaces": ("Li  Wei", 3, "single spaces"),
    "two spaces, the position as it was given": (" Li  Wei", 4, "single spaces"),
    "compatibility ideograph": ("\uf9e1芳", 1, "'李' (U+674E) is meant"),
    "compatibility ideograph behind a blank": ("王 \uf9e1", 3, "'李' (U+674E) is meant"),
    "compatibility ideograph of plane 2": ("王\U0002f800", 2, "'丽' (U+4E3D) is meant"),
    "full-width hyphen": ("Anna\uff0dLena", 5, "should it be '-'"),
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


@pytest.mark.parametrize("text", ["", " ", "\u3000 "])
def test_an_empty_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="empty"):
        parse_name(text)
    with pytest.raises(InvalidName):
        check_name(text)


SLIPS = {
    "blank between Han characters": ("王 芳", "王芳", [(2, "left out")]),
    "ideographic space between": ("王\u3000芳", "王芳", [(2, "U+3000")]),
    "no-break space between": ("王\u00a0芳", "王芳", [(2, "U+00A0")]),
    "several blanks between": ("王 \u2009芳", "王芳", [(2, "U+0020"), (3, "U+2009")]),
    "blank before and behind": (" 王芳\u3000", "王芳", [(1, "left out"), (4, "U+3000")]),
    "blank behind a Latin name": ("Anna Wei ", "Anna Wei", [(9, "left out")]),
    "full stop": ("阿依古丽.买买提", "阿依古丽·买买提", [(5, "'.' was replaced")]),
    "full-width full stop": ("阿依古丽\uff0e买买提", "阿依古丽·买买提", [(5, "was replaced")]),
    "Chinese full stop": ("阿依古丽。买买提", "阿依古丽·买买提", [(5, "was replaced")]),
    "dot operator": ("阿依古丽\u22c5买买提", "阿依古丽·买买提", [(5, "was replaced")]),
    "blanks beside the middle dot": ("阿 · 卜", "阿·卜", [(2, "left out"), (4, "left out")]),
    "blank beside a bullet": ("阿• 卜", "阿·卜", [(2, "'•' was replaced"), (3, "left out")]),
    "bullet between Latin words": ("Anna•Wei", "Anna·Wei", [(5, "'•' was replaced")]),
    "beyond the first plane": ("𠮷 田.𠮷", "𠮷田·𠮷", [(2, "left out"), (4, "'.' was replaced")]),
    "letter and mark": ("Jose\u0301", "José", [(4, "U+0065 U+0301")]),
    "two letters with marks": ("e\u0301 o\u0308", "é ö", [(1, "U+00E9"), (4, "U+00F6")]),
    "two marks": ("Pho\u031b\u0309", "Phở", [(3, "U+1EDF")]),
    "marks in another order": ("Q\u0301\u0323uo", "Q\u0323\u0301uo", [(1, "U+0323 U+0301")]),
    "Hangul letter by letter": ("\u1112\u1161\u11ab", "한", [(1, "U+D55C")]),
    "a letter that is there twice": ("\u212belse", "Åelse", [(1, "U+00C5")]),
    "blank and mark": (" Jose\u0301", "José", [(1, "left out"), (5, "U+00E9")]),
}


@pytest.mark.parametrize(("given", "kept", "changes"), SLIPS.values(), ids=SLIPS)
def test_slips_are_put_right_and_each_is_told(given: str, kept: str, changes: list[tuple[int, str]]) -> None:
    parsed = parse_name(given)
    assert parsed.text == kept
    assert [warning.position for warning in parsed.warnings] == [position for position, _ in changes]
    for warning, (position, told) in zip(parsed.warnings, changes, strict=True):
        assert warning.character == given[position - 1]
        assert f"第 {position} 个字符" in warning.zh
        assert told in warning.en
    assert parse_name(kept).warnings == ()


def test_a_name_apart_from_its_marks_may_be_longer_than_a_hundred_characters_and_not_without_bound() -> None:
    assert parse_name("e\u0301" * MAX_CHARACTERS).text == "é" * MAX_CHARACTERS
    with pytest.raises(InvalidName, match="101"):
        parse_name("e\u0301" * (MAX_CHARACTERS + 1))
    with pytest.raises(InvalidName, match="401"):
        parse_name(" " * 401)


@pytest.mark.parametrize("stored", ["王 芳", "Jose\u0301", "\uf9e1芳", "阿依古丽.买买提", *ACCEPTED.values()])
def test_a_name_stored_before_slips_were_put_right_may_still_be_printed(stored: str) -> None:
    check_name(stored)


@pytest.mark.parametrize("stored", [" 王芳", "王芳 ", "Li  Wei", "阿•卜", "张3", "-张", "张" * (MAX_CHARACTERS + 1)])
def test_what_was_never_accepted_is_printed_on_no_certificate(stored: str) -> None:
    with pytest.raises(InvalidName):
        check_name(stored)


@pytest.mark.parametrize("length", [MAX_CHARACTERS + 1, 300])
def test_a_name_of_more_than_a_hundred_characters_is_refused(length: int) -> None:
    with pytest.raises(InvalidName, match=str(length)):
        parse_name("张" * length)


@given(st.text(max_size=120) | st.deferred(lambda: NAMES))
def test_a_name_is_accepted_or_refused_and_never_anything_else(text: str) -> None:
    try:
        parsed = parse_name(text)
        assert (parsed.text == text) == (parsed.warnings == ())
        assert unicodedata.is_normalized("NFC", parsed.text)
        assert parse_name(parsed.text) == ParsedName(parsed.text)
        check_name(parsed.text)
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


FOLDED_ALIKE = {
    "blank behind": ("王芳 ", "王芳"),
    "blank between": ("王 芳", "王芳"),
    "ideographic space behind": ("王芳\u3000", "王芳"),
    "no-break and thin spaces": ("\u00a0王\u2009芳", "王芳"),
    "line end copied along": ("王芳\r\n", "王芳"),
    "zero-width space": ("王\u200b芳", "王芳"),
    "byte order mark": ("\ufeff王芳", "王芳"),
    "direction marks of a chat": ("\u202a王芳\u202c", "王芳"),
    "variation selector": ("葛\U000e0100城", "葛城"),
    "Hangul filler and braille blank": ("王\u3164\u2800芳", "王芳"),
    "ASCII full stop": ("阿依古丽.买买提", "阿依古丽·买买提"),
    "full-width full stop": ("阿依古丽．买买提", "阿依古丽·买买提"),
    "Chinese full stop": ("阿依古丽。买买提", "阿依古丽·买买提"),
    "bullet": ("阿依古丽•买买提", "阿依古丽·买买提"),
    "hyphenation point": ("阿依古丽\u2027买买提", "阿依古丽·买买提"),
    "Katakana dot": ("阿依古丽・买买提", "阿依古丽·买买提"),
    "half-width Katakana dot": ("阿依古丽\uff65买买提", "阿依古丽·买买提"),
    "dot operator": ("阿依古丽\u22c5买买提", "阿依古丽·买买提"),
    "blanks beside the dot": ("阿依古丽 · 买买提", "阿依古丽·买买提"),
    "upper case": ("ANNA-LENA O'MADE", "Anna-Lena O'Made"),
    "sharp s": ("GROSSE", "Große"),
    "en dash": ("Anna–Lena O'Made", "Anna-Lena O'Made"),
    "em dash": ("Anna—Lena", "Anna-Lena"),
    "minus sign": ("Anna\u2212Lena", "Anna-Lena"),
    "no-break hyphen": ("Anna\u2011Lena", "Anna-Lena"),
    "typographic apostrophe": ("O\u2019Made", "O'Made"),
    "left quotation mark": ("O\u2018Made", "O'Made"),
    "modifier apostrophe": ("O\u02bcMade", "O'Made"),
    "acute accent alone": ("O\u00b4Made", "O'Made"),
    "grave accent alone": ("O`Made", "O'Made"),
    "full-width letters": ("Ａｎｎａ－Ｌｅｎａ　Ｏ＇Ｍａｄｅ", "Anna-Lena O'Made"),
    "decomposed": ("Jose\u0301", "José"),
    "decomposed, the mark after what shows nothing": ("Jose\u200d\u0301", "José"),
    "half-width Katakana": ("ｶﾞﾝ", "ガン"),
    "Hangul letter by letter": ("\u1112\u1161\u11ab", "한"),
    "Kangxi radical of a copied page": ("\u2f45芳", "方芳"),
    "compatibility ideograph": ("\uf9e1芳", "李芳"),
}


@pytest.mark.parametrize(("typed", "stored"), FOLDED_ALIKE.values(), ids=FOLDED_ALIKE)
def test_what_people_type_differently_for_one_name_is_one(typed: str, stored: str) -> None:
    assert typed != stored
    assert fold(typed) == fold(stored)
    assert same_name(typed, stored)
    assert same_name(stored, stored)


FOLDED_APART = {
    "another ideograph": ("王芳", "王方"),
    "the traditional form": ("张伟", "張偉"),
    "ideographic zero and 零": ("李〇", "李零"),
    "a unified ideograph in the compatibility block": ("王\ufa0e", "王"),
    "beyond the first plane": ("𠮷田", "吉田"),
    "an accent": ("José", "Jose"),
    "the long mark is a letter": ("マーク", "マ-ク"),
    "the numeral one is an ideograph": ("王一", "王-"),
    "a dot more": ("阿·卜", "阿卜"),
    "an apostrophe more": ("O'Made", "OMade"),
    "a dash more": ("Anna-Lena", "AnnaLena"),
    "a dot is no dash": ("Anna·Lena", "Anna-Lena"),
    "dotless i": ("Işıl", "Isil"),
    "other order": ("王芳", "芳王"),
}


@pytest.mark.parametrize(("one", "other"), FOLDED_APART.values(), ids=FOLDED_APART)
def test_other_characters_stay_another_name(one: str, other: str) -> None:
    assert fold(one) != fold(other)
    assert not same_name(one, other)


def test_half_a_surrogate_pair_folds_to_what_a_register_can_keep_and_no_name_holds() -> None:
    assert fold("王\ud842") == "王\ufffd"
    with pytest.raises(InvalidName):
        parse_name(fold("王\ud842"))


def test_a_text_that_shows_nothing_folds_to_nothing() -> None:
    assert fold(" \u3000\u200b\x00") == ""


NAMES = st.text(
    st.one_of(
        st.characters(categories=["Lu", "Ll", "Lo", "Mn"]),
        st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF),
        st.characters(min_codepoint=0x20000, max_codepoint=0x323AF),
        st.sampled_from(" ·.'\u2019-\u30fb\u2022"),
    ),
    min_size=1,
    max_size=20,
)


@given(st.text(max_size=40) | NAMES)
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(NAMES)
def test_a_name_that_is_accepted_never_folds_to_nothing(text: str) -> None:
    try:
        name = parse_name(text).text
    except InvalidName:
        return
    assert fold(name)
    assert fold(name) == fold(text)


@given(*[st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=6)] * 2)
def test_names_in_han_are_one_only_where_they_are_the_same(one: str, other: str) -> None:
    assert (fold(one) == fold(other)) == (one == other)


@given(NAMES)
def test_letter_case_and_composition_make_no_other_name(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert fold(unicodedata.normalize(form, text)) == fold(text)
    assert fold(text.casefold()) == fold(text)
