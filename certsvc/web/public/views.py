"""The pages of the public site: the scan, number and name, match mode, files, lists.

Each view parses, asks a service, and hands the result to a page. A name and an identity number come by POST alone, so
that they stand in no address and no log (R10). Not here: the scan's answer itself (`record`), limits (`web.limits`).
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from certsvc.errors import Unavailable
from certsvc.services.verification import look_up
from certsvc.services.verification.kept_checks import Compared
from certsvc.services.verification.portrait import portrait_of
from certsvc.services.verification.scan import by_token
from certsvc.web.answers import HTML, Answer
from certsvc.web.limits import Kind, record_asked
from certsvc.web.packed import accepts_gzip
from certsvc.web.problems import TooMany
from certsvc.web.public import record
from certsvc.web.public.kept import ticket_of
from certsvc.web.public.lists import template
from certsvc.web.public.statement import Statement, state_of, without_record
from certsvc.web.public.uploads import answer_uploads
from certsvc.web.requests import ORIGIN_HEADER, address, back_to, language, respond, wants_json
from certsvc.web.site import site

blueprint = Blueprint("public", __name__)

# R10: every answer "unknown" leaves after the same time, whatever was looked at to find it.
UNIFORM_SECONDS: Final = 0.06
_LONGEST_FIELD: Final = 400


@blueprint.get("/")
def front_page() -> Response:
    return _page("front")


@blueprint.get("/institutions")
def institutions() -> Response:
    return _page("institutions")


@blueprint.get("/poster")
def poster() -> Response:
    """One sheet for the desk where certificates are taken in."""
    return _page("poster")


@blueprint.get("/v/<whatever:token>")
@blueprint.get("/V/<whatever:token>")
def scan(token: str) -> Response:
    ask = record.Ask(
        token=token.removesuffix("/"),
        language=language(),
        wants_json=wants_json(),
        address=address(),
        origin=request.headers.get(ORIGIN_HEADER, "-"),
        switch=request.args.get("lang"),
        packed=accepts_gzip(request.headers.get("Accept-Encoding", "")),
    )
    return respond(record.answer_scan(site(), ask))


@blueprint.get("/v/<token>/portrait")
@blueprint.get("/V/<token>/portrait")
def portrait(token: str) -> Response:
    """The photo as signed, for a scheme that makes it public; for any other there is nothing here."""
    here = site()
    if not here.limits.allow(Kind.PAGE, address()):
        raise TooMany
    found = by_token(here.services, token)
    jpeg = portrait_of(here.services, found) if found is not None else None
    if jpeg is None:
        raise NotFound
    headers = (("Cache-Control", "no-store"), ("Cross-Origin-Resource-Policy", "same-origin"))
    return respond(Answer(200, "image/jpeg", jpeg, headers))


@blueprint.post("/v/<token>/match")
@blueprint.post("/V/<token>/match")
def match(token: str) -> Response:
    """Match mode: one bit, 一致 or 不一致, under the limits of R10."""
    here = site()
    about = token[:64].lower()
    allowed = here.limits.allow_guess(address(), about)
    matched = None
    statement = record.look_at(here, token)
    if allowed and statement.record is not None:
        try:
            matched = look_up.match(here.services, token, _field("name"), _field("last_six"))
            if matched:
                named = look_up.with_full_name(here.services, statement.record)
                statement = replace(statement, record=named)
        except Unavailable:
            statement = without_record(here, "unavailable")
    if matched:
        here.limits.give_back(address(), about)
    if matched is not None:
        here.figures.answered("match", _match_word(matched=matched))
    if wants_json():
        return respond(_match_json(statement, matched, limited=not allowed))
    ticket = ticket_of(here, statement.record, Compared.MATCH)
    return respond(
        record.record_page(
            here, statement, language(), token=token, matched=matched, limited=not allowed, ticket=ticket
        )
    )


@blueprint.post("/verify/match")
def match_paper() -> Response:
    """Match mode for paper, which has no token: by number."""
    here = site()
    number, name = _field("number"), _field("name")
    if not here.limits.allow_guess(address(), record_asked(number)):
        return respond(record.too_many(here, language(), wants_json=wants_json()))
    matched = look_up.match_paper(here.services, number, name, _field("last_six"))
    here.figures.answered("match", _match_word(matched=matched))
    if matched:
        here.limits.give_back(address(), record_asked(number))
    found = look_up.by_number_and_name(here.services, number, name) if matched else None
    if found is None:
        text = here.pages.render("public/no_match.html", language())
        return respond(Answer(200, HTML, text.encode()))
    ticket = ticket_of(here, found, Compared.MATCH)
    return respond(record.record_page(here, state_of(here, found), language(), matched=True, ticket=ticket))


@blueprint.get("/verify")
def verify() -> Response:
    return _page("verify", largest_mb=site().max_upload_bytes // 2**20)


@blueprint.get("/verify/<any(number, file, list, match, keep):_way>")
def verify_again(_way: str) -> Response:
    """A reload of a result: back to the form, since what was typed is in no address."""
    return back_to("/verify")


@blueprint.post("/verify/number")
def verify_number() -> Response:
    here = site()
    number, name = _field("number"), _field("name")
    if not here.limits.allow_guess(address(), record_asked(number)):
        return respond(record.too_many(here, language(), wants_json=wants_json()))
    statement = look_up_uniformly(number, name)
    if wants_json():
        return respond(record.json_of(statement))
    token = statement.record.token if statement.record else None
    ticket = ticket_of(here, statement.record, Compared.NAME)
    return respond(record.record_page(here, statement, language(), token=token, ticket=ticket))


def look_up_uniformly(number: str, name: str, *, by_address: bool = True) -> Statement:
    """By number and name; unknown, wrong name and malformed look the same and take the same time (R10).

    The attempt has been counted; one that is right is given back.
    """
    here = site()
    leaves_at = time.monotonic() + UNIFORM_SECONDS
    try:
        found = look_up.by_number_and_name(here.services, number, name)
    except Unavailable:
        return without_record(here, "unavailable")
    if found is None:
        statement = without_record(here, "unknown")
        here.figures.answered("number", statement.state)
        time.sleep(max(0.0, leaves_at - time.monotonic()))
        return statement
    here.limits.give_back(address(), record_asked(number), by_address=by_address)
    statement = state_of(here, found)
    here.figures.answered("number", statement.state)
    return statement


@blueprint.post("/verify/file")
@blueprint.post("/verify/list")
def verify_brought() -> Response:
    """Whatever was brought: its kind is found from its bytes, by whichever address it came."""
    here = site()
    if not here.limits.allow(Kind.FILE, address()):
        return respond(record.too_many(here, language(), wants_json=wants_json()))
    return answer_uploads(here, language(), as_json=wants_json(), accept=request.headers.get("Accept", ""))


@blueprint.get("/verify/list/template.<any(csv, xlsx):kind>")
def list_template(kind: str) -> Response:
    """An empty list to fill in."""
    return template(kind)


def _page(name: str, **values: object) -> Response:
    """A page that names no one, and remembers the switch of language."""
    text = site().pages.render(f"public/{name}.html", language(), here=name, **values)
    headers: tuple[tuple[str, str], ...] = (("Cache-Control", "no-cache"), ("Vary", "Accept-Language, Cookie"))
    if request.args.get("lang") in {"zh", "en"}:
        headers = (*headers, ("Set-Cookie", record.language_cookie(request.args["lang"], https=site().https)))
    return respond(Answer(200, HTML, text.encode(), headers))


def _field(name: str) -> str:
    return request.form.get(name, "")[:_LONGEST_FIELD]


def _match_word(*, matched: bool) -> str:
    return "match" if matched else "no match"


def _match_json(statement: Statement, matched: bool | None, *, limited: bool) -> Answer:
    if limited:
        return record.too_many(site(), language(), wants_json=True)
    return record.json_of(statement, match=matched)
