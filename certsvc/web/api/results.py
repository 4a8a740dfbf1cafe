"""POST /api/v1/results: results by a signed call (RFC 9421, RFC 9530), idempotent by its key.

A call covers @method, its address (@target-uri, or @authority with @path), content-digest, content-type and
idempotency-key, with created, nonce and keyid. Not here: the rows and their rules (`services.examination.deliver`).
"""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, Response, request

from certsvc.errors import SignatureRefused
from certsvc.services.examination.deliver import Sender, Signed, deliver
from certsvc.services.operation import sending_systems
from certsvc.signing import http_signature
from certsvc.web.answers import json_answer
from certsvc.web.problems import BadRequest
from certsvc.web.requests import address, respond
from certsvc.web.site import site

blueprint = Blueprint("results", __name__)

COVERED: Final = ("@method", "@target-uri", "content-digest", "content-type", "idempotency-key")
_QUOTED: Final = re.compile(r'"([^"\\]*)"')


@blueprint.post("/api/v1/results")
def receive() -> Response:
    """The answer to a delivery: how many rows were new and how many on record already."""
    if request.mimetype != "application/json":
        raise BadRequest("内容须为 application/json", "send application/json", where="content-type")
    body = request.get_data(cache=False)
    services = site().services
    asked = _asked()
    signature = http_signature.signature_of(asked)
    system = sending_systems.known(services, signature.key_id)
    base = http_signature.check(asked, signature, system.public_key, body, now=services.now(), required=COVERED)
    sending_systems.take_nonce(services, system, signature.nonce)
    sender = Sender(system.id, system.name, system.subjects, system.station)
    with site().gate.turn(address()):
        answer = deliver(services, sender, Signed(body, base, signature.value), key=_key())
    return respond(json_answer(answer, 200, ("Cache-Control", "no-store")))


def _asked() -> http_signature.Request:
    """The request under this site's own address: what was signed for another is not for us."""
    here = site().services.base_url
    host = here.split("://", 1)[-1]
    if request.host.lower() != host.lower():
        raise SignatureRefused(
            f"请求发往 {request.host[:100]}，本站为 {host}",
            f"the call went to {request.host[:100]}, and this is {host}",
            where="@authority",
        )
    query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return http_signature.Request(request.method, f"{here}{request.path}{query}", headers)


def _key() -> str:
    """The idempotency key: a quoted string, as its field is defined, or bare."""
    given = request.headers.get("Idempotency-Key", "").strip()
    quoted = _QUOTED.fullmatch(given)
    return quoted[1] if quoted is not None else given
