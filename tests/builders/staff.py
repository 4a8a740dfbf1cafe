"""Members of the staff who sign in as people do: a password, then what their authenticator shows."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from datetime import datetime

import pyotp
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from certsvc.services.approvals import desk
from certsvc.services.context import Services
from certsvc.services.staff import sessions
from certsvc.services.staff.account_work import ProposedWork, do_or_ask
from certsvc.services.staff.accounts import opening
from certsvc.services.staff.second_factor import Code

HOST = "certsvc.example"
GIVEN, OWN = "given by another", "chosen by myself"


@dataclass
class Member:
    """An account that is set up; `secret` is what the authenticator has."""

    name: str
    role: str
    secret: str
    password: str = OWN
    recovery: list[str] = field(default_factory=list)

    def code(self, at: datetime) -> str:
        return pyotp.TOTP(self.secret).at(at)


def join(services: Services, name: str, role: str, *, scope: str | None = None) -> Member:
    """Open an account, by two people where it takes two, and sign in for the first time."""
    scope = scope or ("测试培训机构" if role in ("institution", "station", "assessor") else None)
    asked = do_or_ask(services, opening(name, role, GIVEN, scope=scope), by="root")
    if isinstance(asked, ProposedWork):
        desk.approve(services, asked.approval_id, by="another")
    half = sessions.begin(services, name, GIVEN)
    assert half is not None
    secret = sessions.secret_for(services, half)
    member = Member(name, role, secret)
    begun = sessions.set_up(services, half, member.code(services.now()), OWN)
    assert begun is not None
    member.recovery = begun[1]
    return member


def session_of(services: Services, member: Member) -> str:
    """The secret of a session; with a recovery code, so that a clock that stands still need not move."""
    half = sessions.begin(services, member.name, member.password)
    assert half is not None
    secret = sessions.sign_in(services, half, Code(member.recovery.pop()))
    assert secret is not None
    return secret


class Browser:
    """One member's browser at the console."""

    def __init__(self, app: Flask, services: Services) -> None:
        self.client: FlaskClient = app.test_client()
        self.services = services
        self.form = ""

    def enter(self, member: Member) -> Browser:
        """Sign in through the pages."""
        self.post("/console/sign-in", name=member.name, password=member.password)
        self.get("/console/second")
        answer = self.post("/console/second", again_code=member.recovery.pop())
        assert answer.status_code == 303, answer.text
        self.get("/console")
        if not member.recovery:
            self.renew(member)
        return self

    def renew(self, member: Member) -> None:
        """Give the member of this session new recovery codes."""
        secret = self.client.get_cookie("__Host-certsvc_staff", HOST)
        assert secret is not None
        member.recovery = sessions.new_recovery_codes(self.services, secret.value)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self._seen(self.client.get(path, base_url=f"https://{HOST}", headers=headers))

    def post(self, path: str, **fields: str | list[str]) -> TestResponse:
        """Send a form of the page that was seen last."""
        sent = {"form": self.form} | fields
        return self._seen(self.client.post(path, base_url=f"https://{HOST}", data=sent))

    def _seen(self, answer: TestResponse) -> TestResponse:
        found = (
            re.search(r'name="form" value="([0-9a-f]{32})"', answer.text) if answer.mimetype == "text/html" else None
        )
        self.form = found[1] if found else self.form
        return answer


def said(answer: TestResponse) -> str:
    """The main part of a page as text."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return html.unescape(re.sub(r"<[^>]+>", " ", main))
