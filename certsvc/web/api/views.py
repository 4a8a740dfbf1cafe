"""The API: a certificate by its token, and verifications by number and name, by file, or by list.

Without a key the limits of R10 hold; with one, its scopes and daily quota, and the limit by record. Errors are RFC 9457
problems. Not here: the description of all this (`openapi`), the states' words (`credential.wording`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Set
from typing import Final

from flask import Blueprint, Response, request
from werkzeug.datastructures import FileStorage

from certsvc.credential.reasons import FOR_STATUS
from certsvc.credential.wording import STATES, say
from certsvc.services.operation import api_keys
from certsvc.web.answers import HTML, Answer, json_answer
from certsvc.web.api.openapi import EXAMPLES, describe
from certsvc.web.limits import Kind, record_asked
from certsvc.web.problems import BadRequest, KeyRejected, QuotaUsedUp, TooMany
from certsvc.web.public import record
from certsvc.web.public.files import examine_uploads
from certsvc.web.public.lists import count_rows, look_up_pairs, look_up_rows, read_rows, refuse_guessing
from certsvc.web.public.statement import Statement
from certsvc.web.public.views import look_up_uniformly
from certsvc.web.requests import ORIGIN_HEADER, address, language, respond
from certsvc.web.site import site

blueprint = Blueprint("api", __name__)

_LONGEST: Final = 400
_MOST_ROWS: Final = 5_000
_MEMBER: Final = re.compile(r"[A-Za-z_]{1,40}")
_PAIR: Final = frozenset({"number", "name"})


@blueprint.get("/api/v1/certificates/<whatever:token>")
def certificate(token: str) -> Response:
    here, token = site(), token.removesuffix("/")
    if _authorised(api_keys.Scope.CERTIFICATES):
        return respond(record.json_of(record.look_at(here, token)))
    ask = record.Ask(
        token=token,
        language="zh",
        wants_json=True,
        address=address(),
        origin=request.headers.get(ORIGIN_HEADER, "-"),
    )
    return respond(record.answer_scan(here, ask))


@blueprint.post("/api/v1/verifications")
def verify() -> Response:
    """By what was sent: JSON {number, name} or {rows: […]}, a PDF as it is, or a form with `file` or `list`."""
    if request.mimetype == "multipart/form-data":
        return _uploaded()
    if request.mimetype == "application/pdf":
        return _files([FileStorage(io.BytesIO(request.get_data(cache=False)), filename="sent.pdf")])
    if request.mimetype != "application/json":
        raise BadRequest(
            "内容须为 application/json、application/pdf 或 multipart/form-data",
            "send application/json, application/pdf or multipart/form-data",
        )
    try:
        content = request.get_json(silent=True)
    except RecursionError:  # nested beyond what the parser follows: malformed, and no fault of ours
        content = None
    if not isinstance(content, dict):
        raise BadRequest("请求不是 JSON 对象", "the body is not a JSON object")
    if "rows" in content:
        _refuse_unknown(content, {"rows"})
        return _rows(content["rows"])
    _refuse_unknown(content, _PAIR)
    number, name = _text(content, "number"), _text(content, "name")
    # A key lifts the limit by address alone: that by record (R10) keeps a stolen one from guessing names.
    by_address = not _authorised(api_keys.Scope.VERIFICATIONS)
    if not site().limits.allow_guess(address(), record_asked(number), by_address=by_address):
        raise TooMany
    return respond(record.json_of(look_up_uniformly(number, name, by_address=by_address)))


def _uploaded() -> Response:
    if "list" not in request.files:
        return _files(request.files.getlist("file"))
    by_address = not _authorised(api_keys.Scope.LISTS)
    if by_address and not site().limits.allow(Kind.FILE, address()):
        raise TooMany
    upload = request.files["list"]
    rows = read_rows(upload.stream.read(), (upload.filename or "")[-120:])
    # A key's quota counts rows, whether they come as a file or as JSON.
    if by_address:
        count_rows(site(), len(rows))
    elif len(rows) > 1:
        _authorised(api_keys.Scope.LISTS, cost=len(rows) - 1)
    return _answered(look_up_rows(site(), rows, by_address=by_address))


def _files(uploads: Iterable[FileStorage]) -> Response:
    by_address = not _authorised(api_keys.Scope.VERIFICATIONS)
    if by_address and not site().limits.allow(Kind.FILE, address()):
        raise TooMany
    return respond(examine_uploads(site(), uploads, "zh", as_json=True, by_address=by_address))


def _rows(rows: object) -> Response:
    if not isinstance(rows, list) or not 1 <= len(rows) <= _MOST_ROWS or not all(isinstance(r, dict) for r in rows):
        raise BadRequest("rows 须为 1 至 5000 个对象", "rows must be 1 to 5,000 objects", where="rows")
    by_address = not _authorised(api_keys.Scope.LISTS, cost=len(rows))
    if by_address:
        if not site().limits.allow(Kind.FILE, address()):
            raise TooMany
        count_rows(site(), len(rows))
    for row in rows:
        _refuse_unknown(row, _PAIR)
    pairs = [(_text(row, "number"), _text(row, "name")) for row in rows]
    refuse_guessing(iter(pairs))
    return _answered(look_up_pairs(site(), pairs, by_address=by_address))


def _answered(statements: Iterable[Statement]) -> Response:
    rows = [statement.as_json() for statement in statements]
    return respond(json_answer({"rows": rows}, 200, ("Cache-Control", "no-store")))


@blueprint.get("/api/v1/openapi.json")
def description() -> Response:
    return respond(json_answer(describe(site().services.base_url), 200, ("Cache-Control", "public, max-age=300")))


@blueprint.get("/api")
def reference() -> Response:
    """The reference page, drawn from the same description."""
    unsaid = dict.fromkeys(("date", "number", "version"), "…")
    states = {name: say(name, **unsaid) for name in STATES if name != "offline"}
    api = describe(site().services.base_url)
    text = site().pages.render(
        "public/reference.html", language(), api=api, states=states, reasons=FOR_STATUS, examples=EXAMPLES
    )
    return respond(Answer(200, HTML, text.encode(), (("Cache-Control", "no-cache"),)))


def _refuse_unknown(content: Mapping[str, object], known: Set[str]) -> None:
    # Ignored, a member such as `last_six` would look as if it had been compared and had matched.
    for name in content.keys() - known:
        # A mistaken request may have an identity number in a name's place; it is not said back (R10).
        shown = name if _MEMBER.fullmatch(name) else "?"
        raise BadRequest(f"未知字段 {shown}", f"the member {shown} is not known here", where=shown)


def _text(content: Mapping[str, object], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str):
        raise BadRequest(f"缺少文字字段 {name}", f"the text member {name} is missing", where=name)
    return value[:_LONGEST]


def _authorised(scope: api_keys.Scope, *, cost: int = 1) -> bool:
    """Whether a good key came with the request; False without one. Raises `KeyRejected`, `QuotaUsedUp`."""
    header = request.headers.get("Authorization", "")
    if not header:
        return False
    kind, _, secret = header.partition(" ")
    if kind.lower() != "bearer":
        raise KeyRejected("Authorization 须为 Bearer 密钥", "send Authorization: Bearer KEY")
    use = api_keys.use(site().services, secret.strip(), scope, cost=cost)
    if use is api_keys.Use.REJECTED:
        raise KeyRejected("接口密钥无效、已撤销或无此权限", "the API key is unknown, revoked, or lacks this scope")
    if use is api_keys.Use.USED_UP:
        raise QuotaUsedUp("接口密钥今日额度已用完", "the API key's quota for today is used up")
    return True
