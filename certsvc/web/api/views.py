"""The API: a certificate by its token, and verifications by number and name, by file, or by list.

Without a key the limits of R10 hold; with one, its scopes and daily quota, and the limit by record. Errors are RFC 9457
problems. Not here: the description of all this (`openapi`), the states' words (`credential.wording`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Final

from flask import Blueprint, Response, request

from certsvc.credential.reasons import FOR_STATUS
from certsvc.credential.wording import STATES, say
from certsvc.roster.employer_list import EmployerRow
from certsvc.services.operation import api_keys
from certsvc.web.answers import HTML, Answer, json_answer
from certsvc.web.api.long_json import SHORT, Misshapen, pair_of, read_long, read_object, rows_of
from certsvc.web.api.openapi import EXAMPLES, describe
from certsvc.web.limits import Kind, record_asked
from certsvc.web.problems import BadRequest, KeyRejected, QuotaUsedUp, TooMany
from certsvc.web.public import record
from certsvc.web.public.lists import Answered, answer_rows, count_rows, read_rows
from certsvc.web.public.uploads import answer_uploads
from certsvc.web.public.views import look_up_uniformly
from certsvc.web.requests import ORIGIN_HEADER, address, language, respond
from certsvc.web.site import site

blueprint = Blueprint("api", __name__)

_MEMBER: Final = re.compile(r"[A-Za-z_]{1,40}")


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
    """By what was sent: JSON {number, name} or {rows: […]}, a PDF as it is, or a form with files of any kind."""
    if request.mimetype in {"multipart/form-data", "application/pdf"}:
        return _uploaded()
    if request.mimetype != "application/json":
        raise BadRequest(
            "内容须为 application/json、application/pdf 或 multipart/form-data",
            "send application/json, application/pdf or multipart/form-data",
        )
    try:
        if (request.content_length or 0) > SHORT:
            return _long_rows()
        content = read_object(request.get_data(cache=False))
        if "rows" in content:
            return _rows(rows_of(content))
        number, name = pair_of(content)
    except Misshapen as fault:
        raise _misshapen(fault) from fault
    # A key lifts the limit by address alone: that by record (R10) keeps a stolen one from guessing names.
    by_address = not _authorised(api_keys.Scope.VERIFICATIONS)
    if not site().limits.allow_guess(address(), record_asked(number), by_address=by_address):
        raise TooMany
    return respond(record.json_of(look_up_uniformly(number, name, by_address=by_address)))


def _uploaded() -> Response:
    """Files of any kind; one list by itself is answered by its rows."""
    by_address = _counted()

    def of_list(content: bytes, name: str) -> Response:
        with site().gate.turn(address()):
            rows = read_rows(content, name)
        # A key's quota counts rows, whether they come as a file or as JSON.
        if by_address:
            count_rows(site(), len(rows))
        else:
            _authorised(api_keys.Scope.LISTS, cost=max(0, len(rows) - 1))
        return _answered(answer_rows(site(), rows, _turn, by_address=by_address))

    def of_files() -> None:
        if not by_address:
            _authorised(api_keys.Scope.VERIFICATIONS, cost=0)

    return answer_uploads(site(), "zh", as_json=True, by_address=by_address, of_list=of_list, of_files=of_files)


def _long_rows() -> Response:
    by_address = _counted()
    with _turn():
        pairs = read_long(request.get_data(cache=False))
    if by_address:
        count_rows(site(), len(pairs))
    else:
        _authorised(api_keys.Scope.LISTS, cost=len(pairs) - 1)
    return _answered_pairs(pairs, by_address=by_address)


def _rows(pairs: list[tuple[str, str]]) -> Response:
    by_address = not _authorised(api_keys.Scope.LISTS, cost=len(pairs))
    if by_address:
        if not site().limits.allow(Kind.FILE, address()):
            raise TooMany
        count_rows(site(), len(pairs))
    return _answered_pairs(pairs, by_address=by_address)


def _counted() -> bool:
    """Count an upload before a byte of it is looked at: against its key's quota, or its address's limit (True)."""
    if not request.headers.get("Authorization"):
        if not site().limits.allow(Kind.FILE, address()):
            raise TooMany
        return True
    # What is in it, and so which scope it needs, is not known yet.
    try:
        _authorised(api_keys.Scope.VERIFICATIONS)
    except KeyRejected:
        _authorised(api_keys.Scope.LISTS)
    return False


def _turn() -> AbstractContextManager[None]:
    return site().gate.turn(address())


def _answered_pairs(pairs: list[tuple[str, str]], *, by_address: bool) -> Response:
    rows = [EmployerRow(place, number, name) for place, (number, name) in enumerate(pairs, 1)]
    return _answered(answer_rows(site(), rows, _turn, by_address=by_address))


def _answered(rows: Iterable[Answered]) -> Response:
    answered = [statement.as_json() for _, statement in rows]
    return respond(json_answer({"rows": answered}, 200, ("Cache-Control", "no-store")))


def _misshapen(fault: Misshapen) -> BadRequest:
    if fault.kind == "rows":
        return BadRequest("rows 须为 1 至 5000 个对象", "rows must be 1 to 5,000 objects", where="rows")
    # A mistaken request may have an identity number in a name's place; it is not said back (R10).
    shown = fault.where if _MEMBER.fullmatch(fault.where) else "?"
    if fault.kind == "unknown":
        return BadRequest(f"未知字段 {shown}", f"the member {shown} is not known here", where=shown)
    if fault.kind == "missing":
        return BadRequest(f"缺少文字字段 {shown}", f"the text member {shown} is missing", where=shown)
    return BadRequest("请求不是 JSON 对象", "the body is not a JSON object")


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
