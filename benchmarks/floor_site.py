"""The floor of `serve.py`: what Python answers a second with a look-up alone, no check and no template.

PLAIN=FILE granian --interface rsgi --workers 1 --no-ws benchmarks.floor_site:answer
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any

_connection: sqlite3.Connection | None = None


async def answer(scope: Any, protocol: Any) -> None:
    """The stored bytes again, out of the file that `stranger_site.prepare` made."""
    global _connection  # noqa: PLW0603 - one process, one connection
    if _connection is None:
        _connection = sqlite3.connect(f"file:{os.environ['PLAIN']}?mode=ro", uri=True)
    token = scope.path[3:].lower()
    row = _connection.execute("select payload, status from certificate where token = ?", (token,)).fetchone()
    if row is None:
        protocol.response_empty(404, [])
    else:
        body = b'{"status":"' + row[1].encode() + b'","certificate":' + bytes(row[0]) + b"}"
        protocol.response_bytes(200, [("content-type", "application/json")], body)
