"""The straightforward site that `serve.py` measures ours against: Flask, the ORM, a template, jsonify.

It does the same work: look-up by token, the signature's verdict (kept by hash of the signed bytes, as ours), columns
held against the signed bytes, status from the register each time, the same page and the same JSON.
"""

from __future__ import annotations

from flask import Flask, Response, jsonify, request

from certsvc.app import open_services, open_site
from certsvc.config import Settings
from certsvc.services.verification import look_up
from certsvc.web.public.statement import state_of


def make() -> Flask:
    """The plain application, for gunicorn."""
    settings = Settings.from_environment()
    services = open_services(settings)
    site = open_site(settings, services)
    app = Flask(__name__)

    @app.get("/v/<token>")
    def scan(token: str) -> tuple[Response | str, int]:
        statement = state_of(site, look_up.by_token(services, token))
        if "json" in request.headers.get("Accept", ""):
            return jsonify(statement.as_json()), statement.status
        page = site.pages.render(
            "public/record.html",
            "zh",
            token=token,
            portrait=None,
            matched=None,
            limited=False,
            **statement.as_values(),
        )
        return page, statement.status

    return app
