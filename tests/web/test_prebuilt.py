"""A prebuilt page is the page the template would have written, for every shape."""

from __future__ import annotations

import gzip

from flask import Flask

from certsvc.services.verification import look_up
from certsvc.web.prebuilt import Prebuilt, marker
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
    pages = Prebuilt()
    for word in ("<b>", marker("other"), "{{x}}", "&amp;"):
        text = pages.write("shape", {"name": word, "other": "no"}, lambda: f"<p>{marker('name')}</p>").decode()
        assert "no" not in text
        assert "<b>" not in text
        assert text.startswith("<p>")
