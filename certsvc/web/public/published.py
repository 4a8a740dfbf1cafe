"""What an independent verifier needs: the issuer's keys, status lists, the log's checkpoint and tiles.

All of it is public, cacheable and open to any origin; files come from the published folder as they are, so that a
static server can take this over. Not here: making them (`services.publishing.static`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from certsvc.signing.keys import KeyState, Purpose
from certsvc.signing.trust import did_document, jwks
from certsvc.web.answers import Answer, json_answer
from certsvc.web.requests import respond
from certsvc.web.site import site

blueprint = Blueprint("published", __name__)

_OPEN: Final = (("Access-Control-Allow-Origin", "*"), ("Cross-Origin-Resource-Policy", "cross-origin"))
_HOUR: Final = ("Cache-Control", "public, max-age=3600")
_SHORT: Final = ("Cache-Control", "public, max-age=300")
_FOREVER: Final = ("Cache-Control", "public, max-age=31536000, immutable")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
# By key identifier, and by the beginning of the authority's digest.
_CHAIN = re.compile(r"[0-9a-f]{8}\.pem")
_REVOKED = re.compile(r"[0-9a-f]{16}\.crl")
_DRAW = re.compile(r"[1-9][0-9]{0,9}\.json")
# C2SP tlog-tiles: tile/L/N[.p/W], tile/entries/N[.p/W]; N in groups of three digits, all but the last with x.
_TILE = re.compile(r"(?:\d{1,2}|entries)/(?:x\d{3}/){0,4}\d{3}(?:\.p/\d{1,3})?")


@blueprint.get("/.well-known/did.json")
def did() -> Response:
    services = site().services
    return respond(json_answer(did_document(services.trust, services.base_url), 200, _HOUR, *_OPEN))


@blueprint.get("/.well-known/jwks.json")
def keys() -> Response:
    return respond(json_answer(jwks(site().services.trust), 200, _HOUR, *_OPEN))


@blueprint.get("/.well-known/certsvc-keys.json")
def credential_keys() -> Response:
    """The keys that may sign a QR, for the offline page to pin: no key of another purpose, none distrusted."""
    services = site().services
    pinned = {
        record.kid: record.public.hex()
        for record in services.trust.keys.values()
        if record.purpose is Purpose.CREDENTIAL and record.state not in (KeyState.DISTRUSTED, KeyState.PENDING)
    }
    content = {"issuer": services.issuer.did, "host": site().host, "keys": pinned, "at": services.now().isoformat()}
    return respond(json_answer(content, 200, ("Cache-Control", "no-cache"), *_OPEN))


@blueprint.get("/status/<name>")
def status_list(name: str) -> Response:
    if not _NAME.fullmatch(name):
        raise NotFound
    return _file("status", name, "application/vc+ld+json", _SHORT)


@blueprint.get("/log/checkpoint")
def checkpoint() -> Response:
    return _file("log", "checkpoint", "text/plain; charset=utf-8", ("Cache-Control", "no-cache"))


@blueprint.get("/log/tile/<path:place>")
def tile(place: str) -> Response:
    if not _TILE.fullmatch(place):
        raise NotFound
    return _file("log", f"tile/{place}", "application/octet-stream", _FOREVER)


@blueprint.get("/seal/<name>")
def seal(name: str) -> Response:
    if _CHAIN.fullmatch(name):
        return _file("seal", name, "application/pem-certificate-chain", _HOUR)
    if _REVOKED.fullmatch(name):
        return _file("seal", name, "application/pkix-crl", _HOUR)
    raise NotFound


@blueprint.get("/gm/<name>")
def gm(name: str) -> Response:
    if not _CHAIN.fullmatch(name):
        raise NotFound
    return _file("gm", name, "application/x-pem-file", _HOUR)


@blueprint.get("/draws/<name>")
def draws(name: str) -> Response:
    if not _DRAW.fullmatch(name):
        raise NotFound
    return _file("draws", name, "application/json", ("Cache-Control", "no-cache"))


def _file(kind: str, name: str, media_type: str, caching: tuple[str, str]) -> Response:
    folder: Path = site().services.folders.published / kind
    try:
        content = (folder / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NotFound from error
    return respond(Answer(200, media_type, content, (caching, *_OPEN)))
