"""What is read from a request the same way everywhere: language, form of the answer, address, origin."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from flask import Response, has_request_context, redirect, request

from certsvc.web.answers import Answer
from certsvc.web.languages import COOKIE, LANGUAGES, choose_language

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ORIGIN_HEADER: Final = "X-Origin-Region"
ORIGIN_VARIABLE: Final = "HTTP_" + ORIGIN_HEADER.upper().replace("-", "_")


def without_origin(behind: WSGIApplication) -> WSGIApplication:
    """For a site with no proxy before it: anyone who names an origin there made it up, so no one behind sees it."""

    def forget(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ.pop(ORIGIN_VARIABLE, None)
        return behind(environ, start_response)

    return forget


def with_plain_host(behind: WSGIApplication) -> WSGIApplication:
    """A host name has no letter case (RFC 9110, 4.2.3), and a QR's address is upper case: not all clients lower it."""

    def lower(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host: str = environ.get("HTTP_HOST", "")
        if not host.islower():
            environ["HTTP_HOST"] = host.lower()
        return behind(environ, start_response)

    return lower


def language() -> str:
    """The language of this request's answer."""
    if not has_request_context():
        return "zh"
    return choose_language(
        switch=request.args.get("lang"),
        cookie=request.cookies.get(COOKIE),
        accept=request.headers.get("Accept-Language"),
    )


def back_to(path: str) -> Response:
    """On to a page that can be asked for again, in the language that was asked for: what a form answered has no
    address, so there the switch of language leads to its form."""
    wish = request.args.get("lang")
    kept = f"?lang={wish}" if wish in LANGUAGES else ""
    return redirect(path + kept, 303)  # type: ignore[return-value]  # werkzeug's response


def wants_json() -> bool:
    """Whether JSON was asked for rather than a page."""
    return prefers_json(request.headers.get("Accept", ""))


def prefers_json(accept: str) -> bool:
    """Whether an Accept header ranks JSON above HTML; a browser's, and none, do not."""
    return "json" in accept and _ranks_json(accept[:500])  # cut before it is kept: a header may have 400 KB


@lru_cache(maxsize=1000)
def _ranks_json(accept: str) -> bool:
    ranks = {"json": 0.0, "html": 0.0}
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        kind = "json" if media.endswith(("/json", "+json")) else "html" if media == "text/html" else None
        if kind is None:
            continue
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            ranks[kind] = max(ranks[kind], float(weight))
        except ValueError:
            continue
    return ranks["json"] > ranks["html"]


@lru_cache(maxsize=10_000)
def coarse_address(address: str) -> str:
    """The address limits are counted by: IPv4 whole, IPv6 by its /64, which is one subscriber."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)


@lru_cache(maxsize=10_000)
def network_of(address: str) -> str:
    """The network an address is of, IPv4 by /24 and IPv6 by /48: who has one address of it soon has another."""
    try:
        parsed = ipaddress.ip_interface(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((int(parsed.ip), 24 if parsed.version == 4 else 48), strict=False))


def address() -> str:
    """Where this request comes from, as limits count it."""
    return coarse_address(request.remote_addr or "")


def respond(answer: Answer) -> Response:
    """An answer as Flask's response."""
    response = Response(answer.body, status=answer.status, content_type=answer.media_type)
    for name, value in answer.headers:
        response.headers.add(name, value)
    return response
