"""`/r/REFERENCE`: a check that its reader kept, printed with a QR code and found again for a year (R10, R11).

Keeping looks once more, writes one row and answers with the sheet to print. A reader who compared a name is given it
back on the sheet, by a ticket that only the answer to that comparison held. Found again, the record is the public one
as it is now, its name masked, beside what was said then; who types the name of the sheet is told 一致 or 不一致.
Not here: what is kept and for how long (`services.verification.kept_checks`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from flask import Blueprint, Response, request
from itsdangerous import BadSignature, URLSafeSerializer

from certsvc.credential.token import normalise_token
from certsvc.services.context import SHANGHAI
from certsvc.services.verification import kept_checks, look_up
from certsvc.services.verification.kept_checks import Compared, KeptCheck
from certsvc.services.verification.public_record import PublicRecord
from certsvc.web.answers import HTML, Answer
from certsvc.web.languages import LANGUAGES
from certsvc.web.limits import Kind
from certsvc.web.pages import beijing
from certsvc.web.problems import TooMany
from certsvc.web.public.page import portrait_address
from certsvc.web.public.record import language_cookie, record_page
from certsvc.web.public.statement import Statement, state_of
from certsvc.web.qr_picture import draw
from certsvc.web.requests import address, back_to, language, respond
from certsvc.web.site import Site, site

blueprint = Blueprint("kept", __name__)

TICKET_LIFE: Final = timedelta(hours=1)
_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Vary", "Accept-Language, Cookie"),
    ("X-Robots-Tag", "noindex, nofollow, noarchive"),
)


@dataclass(frozen=True, slots=True)
class _Ticket:
    """What a ticket says: whose record, and how its holder was compared. `name` is there for paper alone."""

    token: str | None
    number: str
    name: str
    compared: Compared


def ticket_of(here: Site, record: PublicRecord | None, compared: Compared) -> str | None:
    """For the page that answers a comparison: what lets its reader keep the check with the name on it."""
    if record is None or not record.full_name:
        return None
    until = int((here.services.now() + TICKET_LIFE).timestamp())
    name = "" if record.token else record.full_name
    return _tickets(here).dumps([record.token, record.number, name, compared.value, until])


@blueprint.post("/v/<token>/keep")
@blueprint.post("/V/<token>/keep")
def keep(token: str) -> Response:
    """Keep the check of a token; the name with it, where the ticket of this token is sent along."""
    here = site()
    _count(here)
    record = look_up.by_token(here.services, token)
    ticket = _read(here, request.form.get("ticket", ""))
    compared = Compared.NONE
    if record is not None and ticket is not None and ticket.token == record.token:
        record, compared = look_up.with_full_name(here.services, record), ticket.compared
    return _sheet(here, record, compared, _page_of(token))


@blueprint.post("/verify/keep")
def keep_paper() -> Response:
    """Keep the check of a paper certificate, which has no token: by the ticket alone."""
    here = site()
    _count(here)
    ticket = _read(here, request.form.get("ticket", ""))
    if ticket is None or ticket.token is not None:
        return back_to("/verify")
    record = look_up.by_number_and_name(here.services, ticket.number, ticket.name)
    return _sheet(here, record, ticket.compared, "/verify")


@blueprint.get("/v/<token>/keep")
@blueprint.get("/V/<token>/keep")
@blueprint.get("/v/<token>/match")
@blueprint.get("/V/<token>/match")
def keep_again(token: str) -> Response:
    """A reload of the sheet or of a comparison, or the switch of its language: back to the certificate's page."""
    return back_to(_page_of(token))


@blueprint.route("/r/<reference>", methods=["GET", "POST"])
@blueprint.route("/R/<reference>", methods=["GET", "POST"])
def kept(reference: str) -> Response:
    here = site()
    named = None
    if request.method == "POST":
        _guess(here, reference)
        named = kept_checks.is_named(here.services, reference, request.form.get("name", "")[:400])
        if named:
            here.limits.give_back(address(), _about(reference))
    elif not here.limits.allow(Kind.PAGE, address()):
        raise TooMany
    found = kept_checks.find(here.services, reference)
    if found is None:
        text = here.pages.render("public/kept_gone.html", language())
        return respond(Answer(404, HTML, text.encode(), _HEADERS))
    statement = state_of(here, found.record)
    if statement.record is None:  # its row contradicts the log: nothing it says is known
        return respond(record_page(here, statement, language()))
    return _page(here, found, statement, named=named)


def _sheet(here: Site, record: PublicRecord | None, compared: Compared, way_back: str) -> Response:
    """Keep it and show the sheet; where there is nothing to keep, back to where the reader came from."""
    statement = state_of(here, record)
    if record is None or statement.record is None or statement.state == "forged":
        return back_to(way_back)
    found = kept_checks.keep(here.services, record, statement.says, compared)
    return _page(here, found, replace(statement, checked_at=found.made_at), made=True)


def _page(
    here: Site, found: KeptCheck, statement: Statement, *, made: bool = False, named: bool | None = None
) -> Response:
    """The sheet. `made` says that it was kept just now; `named` is what the name typed into it was answered."""
    record = statement.record
    token = record.token if made and record is not None else None
    values = statement.as_values() | {
        "reference": kept_checks.written(found.reference),
        "then": found,
        "made_at": beijing(found.made_at),
        "found_until": found.found_until.astimezone(SHANGHAI).date(),
        "same": (found.says_zh, found.state) == (statement.says.zh, statement.state),
        "code": draw(f"{here.services.base_url}/r/{found.reference}".upper()),
        "made": made,
        "named": named,
        "token": token,
        "portrait": portrait_address(here, record) if made and found.compared is not Compared.NONE else None,
    }
    text = here.pages.render("public/kept.html", language(), **values)
    headers: tuple[tuple[str, str], ...] = _HEADERS
    if request.args.get("lang") in LANGUAGES:
        headers = (*headers, ("Set-Cookie", language_cookie(request.args["lang"], https=here.https)))
    return respond(Answer(200, HTML, text.encode("utf-8", "replace"), headers))


def _count(here: Site) -> None:
    # As dear as a file: it writes a row.
    if not here.limits.allow(Kind.FILE, address()):
        raise TooMany


def _guess(here: Site, reference: str) -> None:
    if not here.limits.allow_guess(address(), _about(reference)):
        raise TooMany


def _about(reference: str) -> str:
    return f"kept\0{reference[:40].upper()}"


def _page_of(token: str) -> str:
    """The page of a token; whatever else stands in the address does not come back in another (R10)."""
    wanted = normalise_token(token)
    return "/verify" if wanted is None else f"/v/{wanted}"


def _read(here: Site, text: str) -> _Ticket | None:
    """What a ticket says, or None alike for none, an old one and anything not made here."""
    try:
        token, number, name, compared, until = _tickets(here).loads(text[:4000])
    except BadSignature:
        return None
    if here.services.now().timestamp() >= until:
        return None
    return _Ticket(token, number, name, Compared(compared))


def _tickets(here: Site) -> URLSafeSerializer:
    return URLSafeSerializer(here.key, salt="certsvc kept check v1")
