"""An answer before it meets a server: status, headers, body; and the headers every answer carries.

Both ways out (Flask's views and the front) send what is made here, so a header cannot be had on one and missed on the
other. Source: OWASP secure headers, RFC 9110, W3C CSP 3. Not here: what the body says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import orjson

HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"

_NO_SENSORS: Final = "geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"


@dataclass(slots=True)  # not frozen: to make one then costs a scan four times as much
class Answer:
    """`headers` are name and value pairs without Content-Length and without the shared headers."""

    status: int
    media_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def own_headers(self) -> tuple[tuple[str, str], ...]:
        """What this answer has besides the shared headers."""
        return ("Content-Type", self.media_type), ("Content-Length", str(len(self.body))), *self.headers

    @property
    def status_line(self) -> str:
        return f"{self.status} {HTTPStatus(self.status).phrase}"


def json_answer(content: object, status: int = 200, *headers: tuple[str, str], media_type: str = JSON) -> Answer:
    return Answer(status, media_type, encoded(content), headers)


def encoded(content: object) -> bytes:
    """The bytes of a JSON value."""
    try:
        return orjson.dumps(content)
    except TypeError:  # half a surrogate pair that somebody typed, which UTF-8 has no bytes for
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def content_policy(style_source: str, *, wasm: bool = False) -> str:
    """The Content-Security-Policy: ours alone, no inline script, the one inline style by its hash."""
    script = "'self' 'wasm-unsafe-eval'" if wasm else "'self'"
    return (
        f"default-src 'none'; script-src {script}; style-src 'self' {style_source}; img-src 'self' blob:; "
        "media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def shared_headers(*, policy: str, https: bool, camera: bool = False) -> tuple[tuple[str, str], ...]:
    """What every answer carries. `Referrer-Policy` keeps a token from leaking to whatever is opened next."""
    headers = [
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Permissions-Policy", f"camera=({'self' if camera else ''}), {_NO_SENSORS}"),
    ]
    if https:
        headers.append(("Strict-Transport-Security", "max-age=31536000; includeSubDomains"))
    return tuple(headers)
