"""How a notice reaches a mailbox: the operator's mail server, by SMTP over TLS (RFC 5321, 3207, 8314, 4954).

`smtps://` is TLS from the first byte, `smtp://` begins in the clear and must change to TLS before anything is said;
only on this machine may it stay as it is. `Message-ID` is the same at every try. Where the line broke after the whole
mail was handed over, no one knows whether it was taken (RFC 5321, 6.1): the fault is `unsure`, and it is not tried
again by itself. No error names an address. Not here: which notices there are and what they say (`services.notices`).
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from certsvc.delivery.sms import NotSent
from certsvc.errors import Refused

UNSURE: Final = "unsure"
_SECONDS: Final = 10.0
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS: Final = {"smtps": 465, "smtp": 587}
_ADDRESS: Final = re.compile(r"[^\s@<>,;]{1,64}@[A-Za-z0-9.-]{1,255}")
_LINE_WITH_DOT: Final = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail in plain text. `id` names it, the same at every try; nothing personal stands in `subject`."""

    id: str
    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)


class Mailer(Protocol):
    def send(self, mail: Mail, at: datetime) -> None:
        """Hand one mail over; raises `NotSent`."""


@dataclass(frozen=True)
class SmtpMailer:
    """An operator's mail server. `url` is smtps://[USER@]HOST[:PORT] or smtp://…; the password rests in a file."""

    url: str
    sender: str
    password_file: Path | None = None
    context: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        plain = parts.scheme in _PORTS and parts.hostname and not parts.password and parts.path in {"", "/"}
        if not plain or parts.query:
            raise Refused(
                "应为 smtps://USER@HOST:PORT 或 smtp://…，口令放在文件中",
                "expected smtps://USER@HOST:PORT or smtp://…, with the password in a file",
                where="CERTSVC_SMTP_URL",
            )
        if not _ADDRESS.fullmatch(self.sender):
            raise Refused("应为发件邮箱地址", "expected the mailbox that mails come from", where="CERTSVC_MAIL_FROM")
        if parts.username and self.password_file is None:
            raise Refused("须给出口令文件", "a user needs the file of the password", where=_PASSWORD)
        self._password()

    def send(self, mail: Mail, at: datetime) -> None:
        try:
            with closing(self._connected()) as smtp:
                self._secure(smtp)
                self._sign_in(smtp)
                _hand_over(smtp, self.sender, mail.to, self._bytes(mail, at))
                with suppress(OSError, smtplib.SMTPException):
                    smtp.quit()
        except TimeoutError:
            raise NotSent("timeout", where=_URL) from None  # the cause could quote what was sent
        except ssl.SSLError:
            raise NotSent("tls", where=_URL) from None
        except smtplib.SMTPAuthenticationError:
            raise NotSent("sign-in", where=_PASSWORD) from None
        except smtplib.SMTPException:  # before OSError, which it is
            raise NotSent("protocol", where=_URL) from None
        except OSError:
            raise NotSent("unreachable", where=_URL) from None

    def _connected(self) -> smtplib.SMTP:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        if parts.scheme == "smtps":
            return smtplib.SMTP_SSL(host, port, timeout=_SECONDS, context=self._tls())
        return smtplib.SMTP(host, port, timeout=_SECONDS)

    def _secure(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo_or_helo_if_needed()
        if isinstance(smtp, smtplib.SMTP_SSL):
            return
        if smtp.has_extn("starttls"):
            smtp.starttls(context=self._tls())
            smtp.ehlo_or_helo_if_needed()
        elif urlsplit(self.url).hostname not in _LOOPBACK:
            raise NotSent("no-tls", where=_URL)

    def _sign_in(self, smtp: smtplib.SMTP) -> None:
        user, password = urlsplit(self.url).username, self._password()
        if user and password is not None:
            smtp.login(unquote(user), password)

    def _bytes(self, mail: Mail, at: datetime) -> bytes:
        message = EmailMessage(policy=SMTP)
        message["Subject"], message["From"], message["To"] = mail.subject, self.sender, mail.to
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{mail.id}@{self.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday reply, please
        message["Content-Language"] = "zh-CN, en"
        message.set_content(mail.text, cte="base64")
        return message.as_bytes()

    def _tls(self) -> ssl.SSLContext:
        return self.context or ssl.create_default_context()

    def _password(self) -> str | None:
        # Read at each use: one that is changed needs no restart.
        if self.password_file is None:
            return None
        try:
            return self.password_file.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise Refused("读不到口令文件", "the password's file cannot be read", where=_PASSWORD) from error


_URL: Final = "CERTSVC_SMTP_URL"
_PASSWORD: Final = "CERTSVC_SMTP_PASSWORD_FILE"  # noqa: S105 - the name of a setting


def _hand_over(smtp: smtplib.SMTP, sender: str, to: str, content: bytes) -> None:
    """One mail to one mailbox. Raises `NotSent`, with `UNSURE` from the moment on that the server may have it."""
    for code in _up_to_data(smtp, sender, to):
        if not 200 <= code < 400:
            raise _refused(code)
    try:
        smtp.send(_LINE_WITH_DOT.sub(b"..", content) + b".\r\n")
        code, _ = smtp.getreply()
    except (OSError, smtplib.SMTPException):
        raise NotSent(UNSURE, again=False, where=_URL) from None
    if not 200 <= code < 300:
        raise _refused(code)


def _up_to_data(smtp: smtplib.SMTP, sender: str, to: str) -> Iterator[int]:
    """The answers, one by one: the next command is given only once the last was taken."""
    yield smtp.mail(sender)[0]
    yield smtp.rcpt(to)[0]
    yield smtp.docmd("DATA")[0]


def _refused(code: int) -> NotSent:
    return NotSent(f"smtp-{code}", again=400 <= code < 500, where=_URL)
