"""A real mail server on this machine (aiosmtpd), which may say no, ask for TLS and a password, or hang up."""

from __future__ import annotations

import email
import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "notices", "a password of some length"


class PostOffice:
    """Answers with `answers`, one a mail, the last one again and again; `hangs_up` when a mail was taken."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, with_password: bool = False) -> None:
        self.answers = ["250 OK"]
        self.refuses_recipients = False
        self.hangs_up = False
        self.taken: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.encrypted: list[bool] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options: dict[str, Any] = {"tls_context": tls, "require_starttls": tls is not None}
        if with_password:
            options |= {"authenticator": self._is_known, "auth_required": True}
        self.controller = Controller(self, hostname="127.0.0.1", port=port, **options)
        self.controller.start()
        self.url = f"smtp://localhost:{port}"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.refuses_recipients:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.startswith("250"):
            message = email.message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            self.taken.append(message)
            self.recipients += envelope.rcpt_tos
            self.encrypted.append(session.ssl is not None)
        if self.hangs_up:
            server.transport.close()
        return answer

    def _is_known(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        known = LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=given == known, handled=False)

    def close(self) -> None:
        self.controller.stop()


@pytest.fixture
def post_office(socket_enabled: None) -> Iterator[PostOffice]:
    made = PostOffice()
    yield made
    made.close()
