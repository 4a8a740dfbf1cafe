"""What makes the page an installable app that answers with the server gone: manifest, service worker, static files.

The worker keeps the page's shell and the issuer's keys, never a status (only the last answer, with its time). Not
here: checking the QR's signature in the browser (`static/qr.js`).
"""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from typing import Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from certsvc.web.answers import HTML, Answer, json_answer
from certsvc.web.languages import LANGUAGES
from certsvc.web.packed import accepts_gzip
from certsvc.web.pages import STATIC, asset
from certsvc.web.requests import language, respond
from certsvc.web.site import site

blueprint = Blueprint("offline", __name__)

_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".wasm": "application/wasm",
    ".txt": "text/plain; charset=utf-8",
}
_FOREVER: Final = ("Cache-Control", "public, max-age=31536000, immutable")
# What the shell needs to answer without a network.
_SHELL: Final = ("record.js", "qr.js", "site.css", "icon.svg")
# What the page with the scanner needs to read a code without one; kept from the first visit to that page on.
_READER: Final = (
    "verify.css",
    "verify.js",
    "box.js",
    "scan.js",
    "reader.js",
    "zxing/reader/index.js",
    "zxing/share.js",
    "zxing/zxing_reader.wasm",
)


@lru_cache(maxsize=64)
def _read(name: str) -> tuple[bytes, bytes | None]:
    content = (STATIC / name).read_bytes()
    packed = gzip.compress(content, 9, mtime=0)
    return content, packed if len(packed) < len(content) * 0.9 else None


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())


@blueprint.get("/static/<path:name>")
def static(name: str) -> Response:
    suffix = "." + name.rsplit(".", 1)[-1]
    if name not in _names() or suffix not in _TYPES:
        raise NotFound
    content, packed = _read(name)
    headers: tuple[tuple[str, str], ...] = (("Vary", "Accept-Encoding"),)
    versioned = request.query_string.decode("ascii", "replace") == asset(name).partition("?")[2]
    headers = (*headers, _FOREVER if versioned else ("Cache-Control", "no-cache"))
    if packed is not None and accepts_gzip(request.headers.get("Accept-Encoding", "")):
        return respond(Answer(200, _TYPES[suffix], packed, (*headers, ("Content-Encoding", "gzip"))))
    return respond(Answer(200, _TYPES[suffix], content, headers))


@blueprint.get("/manifest.webmanifest")
def manifest() -> Response:
    zh = language() == "zh"
    content = {
        "name": "证书核验" if zh else "Certificate check",
        "short_name": "证书核验" if zh else "Cert check",
        "lang": "zh-CN" if zh else "en",
        "start_url": "/verify",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f5f3ec",
        "theme_color": "#12344f",
        "icons": [
            {"src": asset("icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
            {"src": asset("icon-192.png"), "sizes": "192x192", "type": "image/png", "purpose": "any maskable"},
            {"src": asset("icon-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "any maskable"},
        ],
    }
    headers = (("Cache-Control", "public, max-age=3600"), ("Vary", "Accept-Language, Cookie"))
    return respond(json_answer(content, 200, *headers, media_type="application/manifest+json"))


@blueprint.get("/sw.js")
def worker() -> Response:
    """The service worker, with the addresses it keeps; a change of any of them makes it a new worker."""
    pages = site().pages
    kept = [asset(name) for name in _SHELL]
    reader = ["/verify", *(asset(name) for name in _READER)]
    shells = [pages.shell_address(each) for each in LANGUAGES]
    version = hashlib.sha256(repr((kept, reader, shells)).encode()).hexdigest()[:12]
    head = f'const VERSION="{version}";const KEPT={kept!r};const READER={reader!r};const SHELLS={shells!r};\n'
    headers = (("Cache-Control", "no-cache"), ("Vary", "Accept-Encoding"))
    source = head.encode() + (STATIC / "worker.js").read_bytes()
    if accepts_gzip(request.headers.get("Accept-Encoding", "")):
        packed = gzip.compress(source, 6, mtime=0)
        return respond(Answer(200, _TYPES[".js"], packed, (*headers, ("Content-Encoding", "gzip"))))
    return respond(Answer(200, _TYPES[".js"], source, headers))


@blueprint.get("/offline")
def shell() -> Response:
    """The page the worker shows when the server cannot be reached; the script fills it from the QR's own payload."""
    kept = site().pages.shell(language())
    versioned = request.args.get("v") == kept.digest and request.args.get("lang") == language()
    caching = _FOREVER if versioned else ("Cache-Control", "no-cache")
    varies = "Accept-Encoding" if request.args.get("lang") in LANGUAGES else "Accept-Encoding, Accept-Language, Cookie"
    headers = (caching, ("Vary", varies))
    if accepts_gzip(request.headers.get("Accept-Encoding", "")):
        return respond(Answer(200, HTML, kept.packed, (*headers, ("Content-Encoding", "gzip"))))
    return respond(Answer(200, HTML, kept.text, headers))
