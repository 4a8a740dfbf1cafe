"""The catalogue is whole: every sentence of the pages is there, translated, compiled, and used."""

from __future__ import annotations

import io
import re

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask.testing import FlaskClient

from certsvc.resources import templates_folder
from certsvc.web.languages import LANGUAGES, TRANSLATIONS, choose_language
from tests.builders.site import Register

_HAN = re.compile(r"[\u4e00-\u9fff]")


def _sources() -> set[str]:
    found = [
        message
        for pages in ("public", "holder", "console")
        for _, _, message, _, _ in extract_from_dir(
            templates_folder() / pages,
            method_map=[("**.html", "jinja2")],
            options_map={"**.html": {"extensions": "jinja2.ext.i18n"}},
        )
    ]
    return {message if isinstance(message, str) else message[0] for message in found}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated_and_none_is_left_over(language: str) -> None:
    with (TRANSLATIONS / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file)
    assert {message.id for message in catalogue if message.id} == _sources()
    for message in catalogue:
        assert message.string
        if message.id:
            places = [set(re.findall(r"%\(\w+\)s", str(text))) for text in (message.id, message.string)]
            assert places[0] == places[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_the_written_one(language: str) -> None:
    folder = TRANSLATIONS / language / "LC_MESSAGES"
    with (folder / "messages.po").open("rb") as file:
        out = io.BytesIO()
        write_mo(out, read_po(file))
    assert (folder / "messages.mo").read_bytes() == out.getvalue()


def test_an_english_page_speaks_english(client: FlaskClient, register: Register) -> None:
    ours = ("/", "/institutions", "/poster", "/verify", "/my", "/offline")
    for address in (*ours, "/v/" + "a" * 26, "/r/x", "/s/x", "/nix"):
        page = client.get(address, headers={"Accept-Language": "en"}).text
        page = re.sub(r"<style>.*?</style>|<!--.*?-->|中文|样例", "", page, flags=re.DOTALL)
        page = re.sub(r'<p class="also" lang="zh-CN">.*?</p>', "", page)
        # The headers that a list must have are Chinese in any language.
        page = page.replace("证书编号, 姓名", "")
        assert not _HAN.search(page), (address, _HAN.search(page))


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "zh"),
        ("en-US,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("fr-FR", "zh"),
        ("en;q=0.2,zh;q=0.9", "zh"),
        ("en;q=x", "zh"),
        (",;;=q" * 100, "zh"),
    ],
)
def test_accept_language_chooses_and_chinese_comes_first(accept: str | None, chosen: str) -> None:
    assert choose_language(switch=None, cookie=None, accept=accept) == chosen
    assert choose_language(switch=None, cookie="en", accept="zh") == "en"
    assert choose_language(switch="zh", cookie="en", accept="en") == "zh"
    assert choose_language(switch="xx", cookie="yy", accept=accept) == chosen
