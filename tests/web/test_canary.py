"""A canary's identity number, birth date and full name through every route: found in no answer and no log (R10).

The routes are read from the application itself, so that a new one is covered the day it is made.
"""

from __future__ import annotations

import io
import itertools
import logging
import re
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.routing import Rule

from certsvc.app import create_app
from certsvc.services.verification import look_up
from tests.builders.applying import photograph
from tests.builders.site import BORN, Register

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
# An employer's own list comes back with its states: the name in it is the one that was sent.
ECHOES = {
    "/verify/file",
    "/verify/list",
    # Who gave number and full name rightly, or name and last six, sees the full name back (R10).
    "/verify/number",
    "/api/v1/verifications",
    "/v/<token>/match",
    "/V/<token>/match",
}
# A form that is refused comes back as it was typed, to the one who typed it: in its page, and nowhere else.
KEPT_FORMS = {"/my/code", "/my/paper"}
# The console's sign-in keeps the account's name, and leads back to the address that was asked for: these fields alone.
KEPT_FIELDS = re.compile(r'(<input [^>]*name="(?:to|name)"[^>]* value=")[^"]*')


def _canaries(register: Register) -> list[str]:
    held = register.valid
    born = f"{BORN:%Y%m%d}", BORN.isoformat(), f"{BORN:%Y/%m/%d}", f"{BORN.year}年{BORN.month}月{BORN.day}日"
    return [held.id_number, held.id_number[-6:], held.id_number[6:14], held.name, quote(held.name), *born]


def _addresses(rule: Rule, register: Register) -> list[str]:
    """The rule's address with each of the canary's words, and its token, in place of each argument."""
    held = register.valid
    if not rule.arguments:
        return [rule.rule]
    words = [held.token, held.number, held.id_number, held.name, BORN.isoformat()]
    return [re.sub(r"<[^>]+>", lambda _, word=word: quote(word), rule.rule) for word in words]  # type: ignore[misc]


def _bodies(register: Register) -> list[dict[str, Any]]:
    held = register.valid
    typed = {"number": held.number, "name": held.name, "last_six": held.id_number[-6:]}
    applied = {"id_number": held.id_number, "phone": "13900001234", "reason": "lost", "said": held.id_number}
    mistaken = {"number": held.id_number, "name": held.id_number, "last_six": held.name, "birth_date": str(BORN)}
    rows = f"证书编号,姓名,证件号码\n{held.number},{held.name},{held.id_number}\n".encode()
    pdf = b"%PDF-1.7 " + held.name.encode() + held.id_number.encode()
    return [
        {},
        {"data": typed},
        {"data": mistaken},
        {"json": {"number": held.number, "name": held.name}},
        {"json": mistaken},
        {"json": {"rows": [{"number": held.number, "name": held.name}, {"number": held.id_number, "name": held.name}]}},
        {"json": {held.id_number: held.name}},
        {"data": held.id_number + held.name, "content_type": "application/json"},
        {"data": {"file": (io.BytesIO(pdf), "a.pdf"), "list": (io.BytesIO(rows), "a.csv")}},
        {"data": {"file": (io.BytesIO(pdf), "a.pdf")}},
        {"data": pdf, "content_type": "application/pdf"},
        {"data": {**typed, **applied, "document": (io.BytesIO(photograph()), "a.jpg")}},
    ]


def _search(where: str, seen: str, canaries: list[str], *, besides: tuple[str, ...] = ()) -> None:
    for canary in canaries:
        if canary not in besides:
            assert canary not in seen, f"{canary} in {where}"


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["short", "whole"])
def test_the_canary_is_found_in_no_answer_and_no_log(
    whole: bool, app: Flask, client: FlaskClient, register: Register, caplog: pytest.LogCaptureFixture
) -> None:
    """Short: every route with every word, as it wants to be asked. Whole: by each method, body and set of headers."""
    caplog.set_level(logging.DEBUG)
    canaries = _canaries(register)
    held = register.valid
    headers = {
        "Authorization": f"Bearer {held.id_number}",
        "User-Agent": quote(held.name),
        "Referer": f"https://a.example/{held.id_number}",
        "X-Origin-Region": held.id_number,
        "Cookie": f"certsvc_language={held.id_number}",
    }
    rules = {rule.rule: rule for rule in app.url_map.iter_rules()}
    assert len(rules) > 25
    asked = 0
    for name, rule in rules.items():
        for address, method, accept in itertools.product(
            _addresses(rule, register), METHODS, ("text/html", "application/json")
        ):
            taken = method in (rule.methods or ())
            if not whole and not (taken and accept == "text/html"):
                continue
            bodies = _bodies(register) if method == "POST" and taken else [{}]
            for sent in bodies if whole else bodies[1:4] or bodies:
                for more in ({}, headers) if taken and accept == "text/html" else ({},):
                    answer = client.open(
                        address,
                        method=method,
                        headers={"Accept": accept} | more,
                        query_string={"name": held.name, "id": held.id_number, "born": str(BORN)},
                        **{key: _again(value) for key, value in sent.items()},
                    )
                    asked += 1
                    besides = (held.name,) if name in ECHOES else ()
                    seen = answer.text if answer.mimetype.startswith(("text", "application/")) else ""
                    if name in KEPT_FORMS and answer.status_code == 422:
                        seen = ""
                    if name.startswith("/console"):
                        seen = KEPT_FIELDS.sub(r"\1", seen)
                    _search(f"{method} {address}", seen + str(answer.headers), canaries, besides=besides)
    assert asked > (700 if whole else 150)
    _search("the log", caplog.text, canaries)
    app.extensions["certsvc"].figures.flush()
    with register.services.database.reading() as session:
        for table in ("limit_count", "scan_count"):
            _search(table, str(session.execute(text(f"select * from {table}")).all()), canaries)
    with register.services.database.counts.reading() as session:
        _search("attempts", str(session.execute(text("select * from limit_count")).all()), canaries)


def _again(value: Any) -> Any:
    """A file may be read once; each request gets its own."""
    if isinstance(value, dict):
        return {
            name: (io.BytesIO(part[0].getvalue()), part[1]) if isinstance(part, tuple) else part
            for name, part in value.items()
        }
    return value


def test_the_canary_is_in_no_fault_and_no_outage(
    own: Register, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    client = create_app(own.settings, services=own.services).test_client()
    canaries = _canaries(own)
    held = own.valid
    pair = {"number": held.number, "name": held.name, "last_six": held.id_number[-6:]}

    def fault(*_: object) -> None:
        raise RuntimeError(f"{held.name} {held.id_number} {BORN}")

    def ask(status: int) -> None:
        for address in ("/verify/number", "/verify/match"):
            for accept in ("text/html", "application/json"):
                answer = client.post(address, data=pair, headers={"Accept": accept})
                assert answer.status_code == status
                _search(address, answer.text + str(answer.headers), canaries)
                assert "Traceback" not in answer.text
                assert "paper_certificate" not in answer.text

    with monkeypatch.context() as patched:
        patched.setattr(look_up, "by_number_and_name", fault)
        patched.setattr(look_up, "match_paper", fault)
        ask(500)
    with own.services.database.writing() as session:
        session.execute(text("alter table paper_certificate rename to paper_gone"))
    ask(503)
    _search("the log", caplog.text, canaries)
