"""What one writes first: a verification site in plain Flask, by somebody who knows nothing of this project.

The baseline of `serve.py`. It has a table of its own, filled with the credentials of a home, each signed with one
Ed25519 key; `/v/TOKEN` looks the token up, checks the signature and reads the status on every request, and answers by a
short template or `jsonify`. It uses nothing of certsvc, on purpose.

    PLAIN=FILE gunicorn -w 1 -b 127.0.0.1:8077 benchmarks.stranger_site:app
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from flask import Flask, Response, abort, jsonify, request

app = Flask(__name__)
local = threading.local()
PAGE = """<!doctype html><html lang="zh"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>证书核验</title><style>body{font-family:sans-serif;max-width:40em;margin:auto}
.ok{background:#060;color:#fff;padding:1em}dt{color:#555}</style></head><body><h1>证书核验 Certificate check</h1>
<p class="ok">{{ '真实有效 Genuine and in force' if status == 'valid' else status }}</p><p>{{ now }}</p><dl>
{% for label, value in facts %}<dt>{{ label }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
<p>请核对姓名与证件。 Compare the name with the person's document.</p></body></html>"""
TEMPLATE = app.jinja_env.from_string(PAGE)
LABELS = [
    ("证书编号", "number"),
    ("姓名", "name"),
    ("职业", "occupation"),
    ("等级", "level"),
    ("发证日期", "issued_on"),
]


def database() -> sqlite3.Connection:
    """The thread's own connection; the public key beside it."""
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(f"file:{os.environ['PLAIN']}?mode=ro", uri=True)
        key = local.connection.execute("select key from public_key").fetchone()[0]
        local.key = Ed25519PublicKey.from_public_bytes(key)
    connection: sqlite3.Connection = local.connection
    return connection


@app.get("/v/<token>")
def verify(token: str) -> Response | str:
    row = (
        database()
        .execute(
            "select payload, signature, status, number, name, occupation, level, issued_on from certificate"
            " where token = ?",
            (token.lower(),),
        )
        .fetchone()
    )
    if row is None:
        abort(404)
    payload, signature, status, *facts = row
    try:
        local.key.verify(signature, payload)
    except InvalidSignature:
        status = "forged"
    if "json" in request.headers.get("Accept", ""):
        found: dict[str, Any] = dict(zip([name for _, name in LABELS], facts, strict=True))
        return jsonify(status=status, checked_at=time.strftime("%FT%TZ", time.gmtime()), certificate=found)
    shown = list(zip([label for label, _ in LABELS], facts, strict=True))
    return TEMPLATE.render(status=status, facts=shown, now=time.strftime("%F %T"))


def prepare(register: Path, file: Path) -> int:
    """Fill the site's own file from the register's (SQLite); how many certificates."""
    key = Ed25519PrivateKey.generate()
    source, target = sqlite3.connect(f"file:{register}?mode=ro", uri=True), sqlite3.connect(file)
    target.execute("create table public_key (key blob)")
    target.execute("insert into public_key values (?)", (key.public_key().public_bytes_raw(),))
    target.execute(
        "create table certificate (token text primary key, payload blob, signature blob, status text, number text,"
        " name text, occupation text, level int, issued_on text) without rowid"
    )
    rows = source.execute(
        "select token, credential, status, number, holder_name, occupation_code, level, issued_on from certificate"
        " where credential is not null"
    )
    count = 0
    for token, payload, *rest in rows:
        target.execute("insert into certificate values (?,?,?,?,?,?,?,?,?)", (token, payload, key.sign(payload), *rest))
        count += 1
    target.commit()
    target.close()
    source.close()
    return count
