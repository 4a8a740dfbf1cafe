"""What is said of a certificate in plain sight is what the ordinary way says, byte for byte."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import pytest
from flask import Flask

from certsvc.services.verification import scan
from certsvc.services.verification.scan import Seen, as_record
from certsvc.web.answers import encoded
from certsvc.web.public.page import write_record
from certsvc.web.public.plain import is_plain, plain_json, plain_page
from certsvc.web.public.statement import state_of
from certsvc.web.site import EXTENSION, Site
from tests.builders.site import Register

# What claims may differ in; words of other shapes and with something to escape among them.
CHANGES: dict[str, dict[str, object]] = {
    "as issued": {},
    "reissued": {"reissued_on": "2026-01-02", "version": 2},
    "for some years": {"valid_until": "2035-12-31"},
    "another level": {"level": 3, "level_zh": "三级/高级工", "level_en": "Level Three <Senior>"},
    "no sample": {"sample": False, "issuer_zh": "“甲”&乙", "issuer_en": 'A & "B" <c>'},
    "odd words": {"holder_name": "<\"&\\'", "number": "\"&<'>", "occupation_zh": "甲\u2028乙", "occupation_en": ""},
    "a portrait": {"portrait_digest": "uAbCdEf"},
}


@pytest.fixture
def site(app: Flask) -> Site:
    site: Site = app.extensions[EXTENSION]
    return site


def _seen(register: Register, changes: dict[str, object]) -> Seen:
    seen = scan.in_plain_sight(register.services, register.valid.token)
    assert seen is not None
    claims = seen.genuine.claims._replace(**{"portrait_digest": None} | changes)  # type: ignore[arg-type]
    return seen._replace(genuine=seen.genuine._replace(claims=claims))


@pytest.mark.parametrize("shows_portrait", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_a_plain_answer_is_the_ordinary_one(
    site: Site, register: Register, change: str, shows_portrait: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _seen(register, CHANGES[change])
    assert seen.scheme_id is not None
    known = {site.services.database.engine: {seen.scheme_id: shows_portrait}}
    monkeypatch.setattr("certsvc.services.verification.portrait._public", known)
    # Twice: drawn for its kind, then out of what was kept; and another of the kind in between.
    for one in (seen, _seen(register, {**CHANGES[change], "holder_name": "张三"}), seen):
        assert is_plain(site, one)
        statement = state_of(site, as_record(one))
        assert plain_json(site, one) == encoded(statement.as_json())
        assert json.loads(plain_json(site, one))["certificate"]["number"] == one.genuine.claims.number
        for language in ("zh", "en"):
            wanted = write_record(site, statement, language, one.genuine.claims.token, matched=None, limited=False)
            assert plain_page(site, one, language, packed=False) == wanted
            packed = plain_page(site, one, language, packed=True)
            assert gzip.decompress(packed) == wanted
            assert len(packed) < len(wanted) / 2
            assert (b"/portrait" in wanted) is (shows_portrait and change == "a portrait")


def test_what_is_kept_names_no_certificate(site: Site, register: Register) -> None:
    seen = _seen(register, {})
    for language in ("zh", "en"):
        plain_page(site, seen, language, packed=False)
    plain_json(site, seen)
    claims = seen.genuine.claims
    own = (claims.number, claims.number[:4] + "</span>", claims.token, claims.issued_on, seen.genuine.digest8.hex())
    kept = [(shape, slots) for shape, slots in site.pages.prebuilt._shapes.items() if "plain" in str(shape)]
    assert kept
    for shape, slots in kept:
        text = str(shape) + b"".join(slots.between).decode()
        assert not [word for word in (*own, claims.holder_name, claims.holder_name[:1] + "*") if word in text]


def test_what_is_over_is_not_plain(site: Site, register: Register) -> None:
    seen = _seen(register, {"valid_until": "2031-01-31"})
    assert is_plain(site, seen)
    last = seen.checked_at.replace(month=1, day=31, hour=15, minute=59)  # 23:59 in Shanghai
    assert is_plain(site, seen._replace(checked_at=last))
    assert not is_plain(site, seen._replace(checked_at=last + timedelta(minutes=1)))


def test_a_scheme_not_yet_asked_about_its_portraits_is_not_plain(
    site: Site, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certsvc.services.verification.portrait._public", {})
    assert is_plain(site, _seen(register, {}))
    assert not is_plain(site, _seen(register, {"portrait_digest": "uAbCdEf"}))
