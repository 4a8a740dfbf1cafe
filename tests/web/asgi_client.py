"""An ASGI server of a few lines: one request, its messages as given, and what came back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from certsvc.web.asgi import AsgiSite

EMPTY = ({"type": "http.request", "body": b"", "more_body": False},)
GONE = {"type": "http.disconnect"}


@dataclass
class Heard:
    """What the application sent. `status` is None where it said nothing."""

    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def scope_of(
    path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, client: str = "127.0.0.1"
) -> dict[str, Any]:
    address, _, query = path.partition("?")
    named = {"host": "localhost"} | {name.lower(): value for name, value in (headers or {}).items()}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": address,
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items()],
        "client": (client, 50000),
        "server": ("127.0.0.1", 8080),
    }


async def exchange(app: AsgiSite, scope: dict[str, Any], messages: Sequence[dict[str, Any]] = EMPTY) -> Heard:
    """One request whose body comes in these messages; after the last the client stays and says nothing."""
    left = list(messages)
    heard = Heard()

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            heard.status = message["status"]
            heard.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        else:
            heard.body += message.get("body", b"")

    await app(scope, receive, send)
    return heard


def ask(app: AsgiSite, path: str, messages: Sequence[dict[str, Any]] = EMPTY, **more: Any) -> Heard:
    """`exchange` in an event loop of its own."""
    return asyncio.run(exchange(app, scope_of(path, **more), messages))


def pieces(*parts: bytes) -> list[dict[str, Any]]:
    """A body in pieces."""
    return [
        {"type": "http.request", "body": part, "more_body": place < len(parts) - 1} for place, part in enumerate(parts)
    ]
