"""`/s/SECRET`: a certificate as its holder chose to show it, for anyone who was handed a link to it (R10).

Unknown, expired and withdrawn are one answer. The QR's token stands nowhere on the page, since who has it can look
the certificate up for good, and a link ends. What opens a link without a person behind it (HEAD, a prefetch, the
preview that a messenger makes) is not counted as an opening, where it says so. Not here: the link itself
(`services.holders.share_links`), what is public (`services.verification.public_record`).
"""

from __future__ import annotations

import re
import time
from typing import Final

from flask import Blueprint, Response, request

from certsvc.credential.token import normalise_token
from certsvc.errors import NotFound
from certsvc.services.holders import share_links
from certsvc.services.holders.share_links import Opened
from certsvc.services.verification import look_up
from certsvc.services.verification.portrait import SHOWN, signed_portrait
from certsvc.web.answers import HTML, Answer
from certsvc.web.holder.page import minute
from certsvc.web.languages import LANGUAGES
from certsvc.web.limits import Kind
from certsvc.web.problems import TooMany
from certsvc.web.public.record import language_cookie
from certsvc.web.public.statement import state_of
from certsvc.web.public.views import UNIFORM_SECONDS
from certsvc.web.requests import address, back_to, language, respond, wants_json
from certsvc.web.site import Site, site

blueprint = Blueprint("holder_shared", __name__)

_FETCHERS: Final = re.compile(
    r"bot\b|spider|crawler|preview|facebookexternalhit|whatsapp|skypeuripreview", re.IGNORECASE
)
_HEADERS: Final = (("Cache-Control", "no-store"), ("X-Robots-Tag", "noindex, nofollow, noarchive"))


@blueprint.get("/s/<secret>")
@blueprint.get("/S/<secret>")
def shared(secret: str) -> Response:
    here = site()
    if not here.limits.allow(Kind.PAGE, address()):
        raise TooMany
    leaves_at = time.monotonic() + UNIFORM_SECONDS
    opened = share_links.open_link(here.services, secret[:200], counts=_by_a_person())
    if opened is None:
        time.sleep(max(0.0, leaves_at - time.monotonic()))
        return _gone(here)
    return _page(here, secret, opened)


@blueprint.get("/s/<secret>/portrait")
@blueprint.get("/S/<secret>/portrait")
def portrait(secret: str) -> Response:
    """The photo as signed, where the holder chose to show it with this link; else there is nothing here."""
    here = site()
    if not here.limits.allow(Kind.PAGE, address()):
        raise TooMany
    opened = share_links.open_link(here.services, secret[:200], counts=False)
    jpeg = signed_portrait(here.services, opened.record) if opened is not None and opened.shows.portrait else None
    if jpeg is None:
        return _gone(here)
    headers = (("Cache-Control", "no-store"), ("Cross-Origin-Resource-Policy", "same-origin"))
    return respond(Answer(200, "image/jpeg", jpeg, headers))


@blueprint.post("/s/<secret>/match")
@blueprint.post("/S/<secret>/match")
def match(secret: str) -> Response:
    """Whether it is this person's: by the last six characters, and the name where the link does not show it (R10)."""
    here = site()
    if not here.limits.allow(Kind.PAGE, address()):
        raise TooMany
    opened = share_links.open_link(here.services, secret[:200], counts=False)
    if opened is None or opened.record.token is None:
        return _gone(here)
    # The same count as at the public page: a link is no second way to guess.
    about = opened.record.token
    if not here.limits.allow_guess(address(), about):
        return _page(here, secret, opened, limited=True)
    name = opened.record.full_name or request.form.get("name", "")[:400]
    matched = look_up.match(here.services, about, name, request.form.get("last_six", "")[:400])
    if matched:
        here.limits.give_back(address(), about)
    return _page(here, secret, opened, matched=matched)


@blueprint.get("/s/<secret>/match")
@blueprint.get("/S/<secret>/match")
def match_again(secret: str) -> Response:
    """A reload of the answer, or the switch of its language: back to the link."""
    wanted = normalise_token(secret)
    if wanted is None:
        return _gone(site())
    return back_to(f"/s/{wanted}")


def _gone(here: Site) -> Response:
    if wants_json():
        raise NotFound("没有这个分享链接，或已失效", "there is no such link, or it has ended", rule="R10")
    text = here.pages.render("holder/shared_gone.html", language())
    return respond(Answer(404, HTML, text.encode(), _HEADERS))


def _page(here: Site, secret: str, opened: Opened, *, matched: bool | None = None, limited: bool = False) -> Response:
    record = opened.record
    if matched and record.token is not None:
        record = look_up.with_full_name(here.services, record)
    shows_face = opened.shows.portrait and record.state in SHOWN and record.portrait_digest is not None
    link = f"/s/{normalise_token(secret)}"
    statement = state_of(here, record)
    values = statement.as_values() | {
        "link": link,
        "portrait": f"{link}/portrait" if shows_face else None,
        "asks_name": not opened.record.full_name,
        "expires_at": minute(opened.expires_at),
        "matched": matched,
        "limited": limited,
    }
    headers: tuple[tuple[str, str], ...] = _HEADERS
    if request.args.get("lang") in LANGUAGES:
        headers = (*headers, ("Set-Cookie", language_cookie(request.args["lang"], https=here.https)))
    text = here.pages.render("holder/shared.html", language(), **values)
    return respond(Answer(429 if limited else statement.status, HTML, text.encode("utf-8", "replace"), headers))


def _by_a_person() -> bool:
    """Whether this opening is to be shown to the holder: not a HEAD, a prefetch or a messenger's preview."""
    ahead = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    if request.method == "HEAD" or "prefetch" in ahead:
        return False
    return not _FETCHERS.search(request.headers.get("User-Agent", "")[:300])
