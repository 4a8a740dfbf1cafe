"""A prebuilt page is the page the template would have written, for every shape."""

from __future__ import annotations

import gzip

import pytest
from flask import Flask

from certsvc.services.verification import look_up
from certsvc.web.prebuilt import Prebuilt, Slots, escaped, marker
from certsvc.web.public.page import portrait_address
from certsvc.web.public.record import record_page
from certsvc.web.public.statement import state_of
from certsvc.web.site import EXTENSION, Site
from tests.builders.site import PAPER_NAME, PAPER_NUMBER, Register


def test_a_prebuilt_page_is_the_template_s_own(app: Flask, register: Register) -> None:
    site: Site = app.extensions[EXTENSION]
    found = [look_up.by_token(register.services, held.token) for held in register.held.values()]
    found.append(look_up.by_number_and_name(register.services, PAPER_NUMBER, PAPER_NAME))
    for record in found:
        statement = state_of(site, record)
        token = record.token if record else None
        for language in ("zh", "en"):
            wanted = site.pages.render(
                "public/record.html",
                language,
                token=token,
                ticket=None,
                portrait=portrait_address(site, record),
                matched=None,
                limited=False,
                **statement.as_values(),
            )
            for _ in range(2):
                assert record_page(site, statement, language, token=token).body.decode() == wanted
                packed = record_page(site, statement, language, token=token, packed=True)
                assert gzip.decompress(packed.body).decode() == wanted
                assert len(packed.body) < len(wanted.encode()) / 2


def test_words_are_escaped_and_never_taken_for_markers() -> None:
    slots = Slots.cut(f"<p>{marker('name')}</p>")
    for word in ("<b>", marker("other"), "{{x}}", "&amp;"):
        text = slots.filled({"name": escaped(word), "other": b"no"}).decode()
        assert "no" not in text
        assert "<b>" not in text
        assert text.startswith("<p>")


def test_words_settled_for_good_leave_the_other_gaps() -> None:
    slots = Slots.cut("".join(f"<{name}>{marker(name)}" for name in ("a", "b", "c", "a")))
    words = {name: name.upper().encode() for name in ("a", "b", "c")}
    for gaps in ((), ("b",), ("a", "c"), ("a", "b", "c")):
        settled = slots.settled(words, gaps)
        assert set(settled.names) == set(gaps)
        assert settled.filled(words) == slots.filled(words) == b"<a>A<b>B<c>C<a>A"
        assert gzip.decompress(settled.filled_packed(words)) == slots.filled(words)


def test_no_more_shapes_are_kept_than_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certsvc.web.prebuilt._MOST", 3)
    pages = Prebuilt()
    for number in range(10):
        assert pages.slots(number, lambda: Slots.cut("x")).filled({}) == b"x"
        assert len(pages._shapes) <= 3
