"""Signing in: name and password, then the second factor; at the first time, a password of one's own and a first code.

No one can tell from these pages whether a name is known: each gets the same page after the same time. Not here: how
long a session lives, what is right (`services.staff.sessions`).
"""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlencode

from flask import Response, g, request

from certsvc.errors import Refused
from certsvc.services.staff import second_factor, sessions
from certsvc.services.staff.sessions import SignInOver, Staff
from certsvc.web.console import home, session
from certsvc.web.console.desk import OPEN, Desk, go, render, sign_in_page, typed, words
from certsvc.web.console.session import StaffRequired
from certsvc.web.holder.session import check_origin
from certsvc.web.qr_picture import draw
from certsvc.web.requests import language
from certsvc.web.site import site

desk = Desk("sign_in", __name__)

# Longer than holding a password against its hash takes on an idle machine, so that all answers leave together.
UNIFORM_SECONDS: Final = 0.5
_LONGEST_NAME: Final = 100
_LONGEST_PASSWORD: Final = 1000


@desk.page("/console", OPEN)
def enter() -> Response:
    """The form, or what waits for the one who is signed in."""
    here = site()
    someone = session.current(here)
    if someone is None:
        ended = session.secret_of(here) is not None
        answer = sign_in_page(ended=ended)
        return session.end(here, answer) if ended else answer
    if not someone.signed_in:
        return go(_next_step(someone))
    g.staff = someone
    return home.page()


@desk.form("/console/sign-in", OPEN)
def first_step() -> Response:
    """Name and password."""
    here = site()
    check_origin(here)
    leaves_at = time.monotonic() + UNIFORM_SECONDS
    name, to = typed("name", _LONGEST_NAME).lower(), inside(typed("to"))
    try:
        session.count_sign_in(here, name)
    except session.TooManyTries as error:
        answer = sign_in_page(status=429, to=to, name=name, error=words(error))
        answer.headers["Retry-After"] = "3600"
        return answer
    secret = sessions.begin(here.services, name, request.form.get("password", "")[:_LONGEST_PASSWORD])
    time.sleep(max(0.0, leaves_at - time.monotonic()))
    if secret is None:
        wrong = "账户名或口令不对" if language() == "zh" else "The name or the password is wrong"
        return sign_in_page(status=422, to=to, name=name, error=wrong)
    someone = sessions.whose(here.services, secret)
    assert someone is not None
    return session.begin(here, go(_next_step(someone) + (f"?{urlencode({'to': to})}" if to else "")), secret)


@desk.page("/console/second", OPEN)
def second_page() -> Response:
    return _second(_half_way(set_up=True))


@desk.form("/console/second", OPEN)
def second_step() -> Response:
    """The second factor."""
    here, someone = site(), _half_way(set_up=True)
    session.check_form(here, someone)
    secret = session.secret_of(here) or ""
    challenge = sessions.spend_challenge(here.services, secret) if session.PASSKEY in request.form else b""
    factor = session.shown(challenge)
    session.count_code(here, someone.name, factor)
    begun = None if factor is None else sessions.sign_in(here.services, secret, factor)
    if begun is None:
        return _second(someone, wrong=True)
    return session.begin(here, go(inside(typed("to")) or "/console"), begun)


@desk.page("/console/first", OPEN)
def first_page() -> Response:
    return _first(_half_way(set_up=False))


@desk.form("/console/first", OPEN)
def set_up() -> Response:
    """A password of one's own and a first code; the recovery codes stand on this one answer and nowhere else."""
    here, someone = site(), _half_way(set_up=False)
    session.check_form(here, someone)
    session.count_code(here, someone.name)
    password = request.form.get("password", "")[:_LONGEST_PASSWORD] or None
    try:
        begun = sessions.set_up(here.services, session.secret_of(here) or "", typed("code", 40), password)
    except SignInOver:
        raise
    except Refused as error:
        return _first(someone, error=words(error), where=error.where or "")
    if begun is None:
        wrong = "码不对，请看身份验证器上现在的 6 位数字" if language() == "zh" else "That is not the code of now"
        return _first(someone, error=wrong, where="code")
    secret, codes = begun
    return session.begin(here, render("recovery.html", codes=codes, begun=True), secret)


@desk.form("/console/sign-out", OPEN)
def sign_out() -> Response:
    here = site()
    someone, secret = session.current(here), session.secret_of(here)
    if someone is not None and secret is not None:
        session.check_form(here, someone)
        sessions.sign_out(here.services, secret)
    return session.end(here, go("/console"))


def _half_way(*, set_up: bool) -> Staff:
    """Who has shown the password alone, at this step. Raises `StaffRequired`, and `SignInOver` at another step."""
    someone = session.current(site())
    if someone is None:
        raise StaffRequired
    if someone.signed_in or someone.set_up is not set_up:
        raise SignInOver
    g.staff = someone
    return someone


def _next_step(someone: Staff) -> str:
    return "/console/second" if someone.set_up else "/console/first"


def _second(someone: Staff, *, wrong: bool = False) -> Response:
    here = site()
    with here.services.database.reading() as opened:
        keys = second_factor.passkeys_of(opened, someone.account_id)
    options = ""
    if keys:
        challenge = sessions.new_challenge(here.services, session.secret_of(here) or "")
        options = second_factor.assertion_options(here.services, keys, challenge)
    to = inside(request.values.get("to", "")[:500])
    return render("second.html", status=422 if wrong else 200, wrong=wrong, options=options, to=to)


def _first(someone: Staff, *, error: str = "", where: str = "") -> Response:
    here = site()
    secret = sessions.secret_for(here.services, session.secret_of(here) or "")
    return render(
        "first.html",
        status=422 if error else 200,
        error=error,
        where=where,
        secret=secret,
        code=draw(second_factor.address_of(secret, someone.name, here.host)),
        asks_password=not someone.password_is_own,
    )


def inside(to: str) -> str:
    """An address within the console, or nothing: no sign-in leads elsewhere."""
    plain = to.startswith("/console/") and to.isprintable() and "\\" not in to and "//" not in to
    return to if plain else ""
