"""`/s/SECRET`: the public record of a certificate, for anyone who was handed a link to it (R10, never more).

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

from certsvc.errors import NotFound
from certsvc.services.holders import share_links
from certsvc.web.answers import HTML, Answer
from certsvc.web.languages import LANGUAGES
from certsvc.web.limits import Kind
from certsvc.web.problems import TooMany
from certsvc.web.public.record import language_cookie
from certsvc.web.public.statement import state_of
from certsvc.web.public.views import UNIFORM_SECONDS
from certsvc.web.requests import address, language, respond, wants_json
from certsvc.web.site import site

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
    record = share_links.open_link(here.services, secret[:200], counts=_by_a_person())
    if record is None:
        time.sleep(max(0.0, leaves_at - time.monotonic()))
        if wants_json():
            raise NotFound("没有这个分享链接，或已失效", "there is no such link, or it has ended", rule="R10")
        text = here.pages.render("holder/shared_gone.html", language())
        return respond(Answer(404, HTML, text.encode(), _HEADERS))
    statement = state_of(here, record)
    text = here.pages.render("holder/shared.html", language(), **statement.as_values())
    headers: tuple[tuple[str, str], ...] = _HEADERS
    if request.args.get("lang") in LANGUAGES:
        headers = (*headers, ("Set-Cookie", language_cookie(request.args["lang"], https=here.https)))
    return respond(Answer(statement.status, HTML, text.encode("utf-8", "replace"), headers))


def _by_a_person() -> bool:
    """Whether this opening is to be shown to the holder: not a HEAD, a prefetch or a messenger's preview."""
    ahead = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    if request.method == "HEAD" or "prefetch" in ahead:
        return False
    return not _FETCHERS.search(request.headers.get("User-Agent", "")[:300])
