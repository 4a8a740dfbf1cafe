"""How a code reaches a phone: the operator's gateway over HTTPS, or a folder while keys are for development (R10).

The gateway is asked with one POST of JSON, signed: `{"at", "code", "id", "minutes", "text", "to"}`, header
`Certsvc-Signature: sha256=HEX`, the HMAC-SHA-256 of exactly the body under the shared secret. `id` is the same at every
try of a message, so that a gateway delivers it once; `at` (Unix time) lets it refuse what is old. An answer 2xx means
taken. A redirect is not followed, and no answer's text is kept: neither phone nor code stands in any error.
Not here: which messages there are, and when one is tried again (`notices.send`).
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import ssl
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from certsvc.errors import CertsvcError, Refused

SIGNATURE_HEADER: Final = "Certsvc-Signature"
_SECONDS: Final = 10.0
_SHORTEST_SECRET: Final = 16
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_AGAIN: Final = frozenset({408, 425, 429})
_OUTBOX_KEEPS: Final = timedelta(days=1)
_WRITTEN_WITHIN: Final = 60.0


@dataclass(frozen=True, slots=True)
class Message:
    """One message with a code. `id` names it, the same at every try."""

    id: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    code: str = field(repr=False)
    minutes: int


class NotSent(CertsvcError):
    """A message was not taken. `fault` is a fixed word; `again` says whether another try may help."""

    code = "not-sent"

    def __init__(self, fault: str, *, again: bool = True, where: str = "CERTSVC_SMS_URL") -> None:
        super().__init__(f"未发出：{fault}", f"the message was not sent: {fault}", rule="R10", where=where)
        self.fault = fault
        self.again = again


class Messenger(Protocol):
    def send(self, message: Message, at: datetime) -> None:
        """Hand one message over; raises `NotSent`."""


@dataclass(frozen=True)
class HttpMessenger:
    """An operator's gateway. `secret_file` holds the shared secret, at least 16 bytes, a line's end aside."""

    url: str
    secret_file: Path
    context: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        local = parts.hostname in _LOOPBACK
        if not (parts.scheme == "https" or (parts.scheme == "http" and local)) or not parts.hostname or parts.username:
            raise Refused(
                "应为 https 地址（本机可用 http）",
                "expected an https address (http for this machine alone)",
                where="CERTSVC_SMS_URL",
            )
        self._secret()

    def send(self, message: Message, at: datetime) -> None:
        members = {
            "at": int(at.timestamp()),
            "code": message.code,
            "id": message.id,
            "minutes": message.minutes,
            "text": message.text,
            "to": message.to,
        }
        body = json.dumps(members, ensure_ascii=False, sort_keys=True).encode()
        try:
            status = self._post(body)
        except TimeoutError:
            raise NotSent("timeout") from None  # the cause could quote what was sent
        except ssl.SSLError:
            raise NotSent("tls") from None
        except (OSError, http.client.HTTPException):
            raise NotSent("unreachable") from None
        if not 200 <= status < 300:
            raise NotSent(f"http-{status}", again=status >= 500 or status in _AGAIN)

    def _post(self, body: bytes) -> int:
        parts = urlsplit(self.url)
        signature = hmac.digest(self._secret(), body, hashlib.sha256).hex()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            SIGNATURE_HEADER: f"sha256={signature}",
            "User-Agent": "certsvc",
        }
        host, port = parts.hostname or "", parts.port
        connection = (
            http.client.HTTPSConnection(
                host, port, timeout=_SECONDS, context=self.context or ssl.create_default_context()
            )
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=_SECONDS)
        )
        try:
            connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def _secret(self) -> bytes:
        # Read at each use: a secret that is changed needs no restart.
        try:
            secret = self.secret_file.read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise _no_secret("读不到密钥文件", "the secret's file cannot be read") from error
        if len(secret) < _SHORTEST_SECRET:
            raise _no_secret(f"密钥至少 {_SHORTEST_SECRET} 字节", f"the secret has at least {_SHORTEST_SECRET} bytes")
        return secret


@dataclass(frozen=True)
class Outbox:
    """A folder in place of a gateway: one file a message, readable by the owner alone. For development keys only."""

    folder: Path

    def send(self, message: Message, at: datetime) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._prune(at)
            content = {"at": at.isoformat(), "id": message.id, "to": message.to, "text": message.text}
            descriptor, name = tempfile.mkstemp(prefix=".message-", dir=self.folder)  # 0600
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content | {"code": message.code}, file, ensure_ascii=False, indent=1)
            Path(name).replace(self.folder / f"{at:%Y%m%dT%H%M%S}-{message.id}.json")
        except OSError:
            raise NotSent("outbox") from None

    def _prune(self, at: datetime) -> None:
        past = f"{at - _OUTBOX_KEEPS:%Y%m%dT%H%M%S}"
        for path in self.folder.glob("[0-9]*.json"):
            if path.name < past:
                path.unlink(missing_ok=True)
        for path in self.folder.glob(".message-*"):  # of one that was killed between writing and moving it
            if path.stat().st_mtime < time.time() - _WRITTEN_WITHIN:
                path.unlink(missing_ok=True)


def _no_secret(zh: str, en: str) -> Refused:
    return Refused(zh, en, where="CERTSVC_SMS_SECRET_FILE")
