"""The one map from errors to HTTP: a status for each code, RFC 9457 for programs, a page for people.

Nothing of an unexpected error is shown: its text could hold what was typed. Source: RFC 9457. Not here: the answers of
R11, which are not errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import HTTPException

from certsvc.errors import CertsvcError, Refused, Unavailable
from certsvc.web.answers import HTML, PROBLEM, Answer, json_answer

if TYPE_CHECKING:
    from certsvc.web.site import Site


class TooMany(Refused):
    """Asked too often from one address or about one record (R10)."""

    code = "too-many-requests"

    def __init__(self) -> None:
        super().__init__("查询次数过多，请稍后再试", "asked too often; try again later", rule="R10")


class BadRequest(Refused):
    """The request itself is not of the form the address takes."""

    code = "bad-request"


class KeyRejected(Refused):
    """An API key that is unknown, revoked, or has no such scope."""

    code = "api-key-rejected"


class QuotaUsedUp(Refused):
    code = "quota-used-up"


STATUS: Final[Mapping[str, int]] = {
    "bad-request": 400,
    "api-key-rejected": 401,
    "sign-in-required": 401,
    "signature-refused": 401,
    "sign-in-over": 401,
    "form-refused": 403,
    "not-permitted": 403,
    "not-yours": 403,
    "not-found": 404,
    "request-timeout": 408,
    "conflict": 409,
    "too-large": 413,
    "file-refused": 422,
    "import-refused": 422,
    "refused": 422,
    "too-many-requests": 429,
    "quota-used-up": 429,
    "unavailable": 503,
    "busy": 503,
}
_OF_HTTP: Final[Mapping[int, tuple[str, str, str]]] = {
    400: ("bad-request", "请求格式不对", "the request is malformed"),
    404: ("not-found", "没有这个页面", "there is nothing at this address"),
    405: ("method-not-allowed", "此地址不接受这种请求方式", "this address does not take that method"),
    406: ("not-acceptable", "没有您要的格式", "no representation of the kind asked for"),
    413: ("too-large", "上传的内容太大", "what was sent is too large"),
    415: ("unsupported-media-type", "不支持的内容类型", "this content type is not taken"),
    421: ("misdirected", "本站不以此域名服务", "this site does not answer to that name"),
}
_RETRY_SECONDS: Final = {429: "60", 503: "30"}


def status_of(error: CertsvcError) -> int:
    """The HTTP status: the code's own, else 422 for a refusal and 500 for a fault of ours."""
    return STATUS.get(error.code, 422 if isinstance(error, Refused) else 500)


def as_certsvc(error: HTTPException) -> tuple[int, CertsvcError]:
    """An HTTP exception of the framework in our own words."""
    status = error.code or 500
    code, zh, en = _OF_HTTP.get(status, ("refused", "请求无法完成", "the request cannot be carried out"))
    ours = Refused(zh, en)
    ours.code = code  # type: ignore[misc]  # one instance speaks for a status that has no class of ours
    return status, ours


def _for_strangers(error: CertsvcError) -> CertsvcError:
    # An outage is told in the driver's words, which name tables and may quote what was typed: those are for operators.
    if isinstance(error, Unavailable):
        return Unavailable(
            "暂时无法查询，不代表证书有问题", "cannot be checked just now; this says nothing about any certificate"
        )
    return error


def problem_answer(error: CertsvcError, status: int | None = None) -> Answer:
    """RFC 9457: type, title, status, detail in both languages, and the rule where there is one."""
    error = _for_strangers(error)
    status = status or status_of(error)
    content: dict[str, object] = {
        "type": f"/api#problem-{error.code}",
        "title": error.en,
        "status": status,
        "detail": f"{error.zh} / {error.en}",
        "code": error.code,
    }
    if error.rule:
        content["rule"] = error.rule
    if error.where:
        content["where"] = error.where
    errors = getattr(error, "errors", None)
    if errors:
        content["errors"] = [
            {"row": cell.row, "column": cell.column, "rule": cell.rule, "zh": cell.zh, "en": cell.en}
            for cell in errors[:100]
        ]
    return json_answer(content, status, *_headers(status), media_type=PROBLEM)


def problem_page(site: Site, error: CertsvcError, language: str, status: int | None = None) -> Answer:
    """The same for a person."""
    error = _for_strangers(error)
    status = status or status_of(error)
    said, also = error.zh, error.en[:1].upper() + error.en[1:]
    if language != "zh":
        said, also = also, said
    text = site.pages.render(
        "public/problem.html",
        language,
        said=said,
        also=also,
        problem=error,
        status=status,
        largest_mb=site.max_upload_bytes // 2**20,
    )
    return Answer(status, HTML, text.encode("utf-8", "replace"), _headers(status))


def _headers(status: int) -> tuple[tuple[str, str], ...]:
    headers = [("Cache-Control", "no-store")]
    if status in _RETRY_SECONDS:
        headers.append(("Retry-After", _RETRY_SECONDS[status]))
    return tuple(headers)
