"""Strings in objects are read back by another's reader as what they were, and are short where they can be."""

from __future__ import annotations

import io
from collections.abc import Callable

import pikepdf
import pytest

from certsvc.rendering.objects import Objects, hex_string, text_string

STRINGS = (
    "",
    "plain ASCII",
    "a (b) \\ c)",
    "核验网址 check at",
    "\r\n",
    "证\u0d28\u5c28\u290d",  # octets that are a carriage return, a backslash and brackets
    "𠮷",
    "é",
    "\\(\u5c5c",
)


@pytest.mark.parametrize("text", STRINGS)
@pytest.mark.parametrize("write", [text_string, hex_string])
def test_a_text_string_is_read_back(text: str, write: Callable[[str], str]) -> None:
    objects = Objects()
    pages = objects.add("<</Type/Pages/Kids[]/Count 0>>")
    catalog = objects.add(f"<</Type/Catalog/Pages {pages} 0 R/Said {write(text)}>>")
    with pikepdf.open(io.BytesIO(objects.file(catalog))) as pdf:
        assert str(pdf.Root.Said) == text


def test_ascii_takes_one_octet_a_character_and_other_text_two() -> None:
    assert len(text_string("receipt.tlog-proof").encode("latin-1")) == len("receipt.tlog-proof") + 2
    assert len(text_string("签章").encode("latin-1")) == 2 + 2 + 4
