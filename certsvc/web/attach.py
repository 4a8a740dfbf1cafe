"""Hang the site's pages, its error answers and its headers on a Flask application."""

from __future__ import annotations

import logging
from typing import Final

from flask import Flask, Response, request
from flask_babel import Babel
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import BaseConverter

from certsvc.errors import CertsvcError
from certsvc.web import operation, problems
from certsvc.web.answers import Answer, content_policy, shared_headers
from certsvc.web.api import results as api_results
from certsvc.web.api import views as api
from certsvc.web.console import (
    accounts,
    approvals,
    certificates,
    directory,
    issuing,
    me,
    notices,
    overview,
    registrations,
    reissues,
    results,
    retakes,
    scores,
    sittings,
    trail,
)
from certsvc.web.console import sign_in as console
from certsvc.web.gate import most_bytes
from certsvc.web.holder import paper, shared, sign_in
from certsvc.web.holder import views as holder
from certsvc.web.languages import TRANSLATIONS
from certsvc.web.public import kept, offline, published, views
from certsvc.web.requests import language, respond, wants_json
from certsvc.web.site import EXTENSION, Site, site

_log: Final = logging.getLogger("certsvc.web")
_SCANNING: Final = frozenset({"public.verify", "public.verify_number", "public.verify_brought"})


_DESKS: Final = (
    console.desk,
    directory.desk,
    registrations.desk,
    results.desk,
    retakes.desk,
    sittings.desk,
    scores.desk,
    approvals.desk,
    issuing.desk,
    certificates.desk,
    reissues.desk,
    overview.desk,
    notices.desk,
    accounts.desk,
    me.desk,
    trail.desk,
)


class _Whatever(BaseConverter):
    """All the rest of an address. The framework's `path` stops at a line break, which then would be no look-up."""

    regex = r"(?s:[^/].*?)"
    weight = 200
    part_isolating = False


def attach(app: Flask, parts: Site, *, with_console: bool = True) -> None:
    """Register everything on `app`; called once, by `app.create_app`. The console only where it is served."""
    app.extensions[EXTENSION] = parts
    app.url_map.converters["whatever"] = _Whatever
    Babel(app, default_locale="zh", default_translation_directories=str(TRANSLATIONS), locale_selector=language)
    app.register_blueprint(views.blueprint)
    app.register_blueprint(kept.blueprint)
    app.register_blueprint(holder.blueprint)
    app.register_blueprint(sign_in.blueprint)
    app.register_blueprint(paper.blueprint)
    app.register_blueprint(shared.blueprint)
    for desk in _DESKS if with_console else ():
        app.register_blueprint(desk)
    app.register_blueprint(offline.blueprint)
    app.register_blueprint(published.blueprint)
    app.register_blueprint(operation.blueprint)
    app.register_blueprint(api.blueprint)
    app.register_blueprint(api_results.blueprint)
    app.register_error_handler(CertsvcError, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _fault)
    app.before_request(_bound_body)
    app.after_request(_headers(parts))


def _bound_body() -> None:
    request.max_content_length = most_bytes(request.content_type or "", site().max_upload_bytes)


def _refused(error: CertsvcError) -> Response:
    return respond(_answer(error))


def _http(error: HTTPException) -> Response:
    if error.code is not None and 300 <= error.code < 400:
        return error.get_response()  # type: ignore[return-value]  # werkzeug's redirect
    status, ours = problems.as_certsvc(error)
    answer = respond(_answer(ours, status))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # RFC 9110, 15.5.6
    return answer


def _fault(error: Exception) -> Response:
    # The traceback's last line could quote what was typed, so only the kind of fault and its place are logged (R10).
    _log.error("fault of kind %s at %s", type(error).__name__, request.endpoint)
    _log.debug("the fault", exc_info=error)
    return respond(_answer(CertsvcError("系统出错，已记录", "a fault of ours; it was recorded"), 500))


def _answer(error: CertsvcError, status: int | None = None) -> Answer:
    if request.path.startswith("/api/") or wants_json():
        return problems.problem_answer(error, status)
    return problems.problem_page(site(), error, language(), status)


def _headers(parts: Site):  # type: ignore[no-untyped-def]  # a closure for after_request
    source = parts.pages.style_source
    plain = shared_headers(policy=content_policy(source), https=parts.https)
    scanning = shared_headers(policy=content_policy(source, wasm=True), https=parts.https, camera=True)

    def add(response: Response) -> Response:
        for name, value in scanning if request.endpoint in _SCANNING else plain:
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return add
