"""Who of the staff is at this browser, by cookie; and whether a form came from our own page, and of someone there.

The cookie holds a random secret and ends with the browser; the register keeps its keyed digest
(`services.staff.sessions`). A form carries the session's own form key. Deeds that matter ask for the second factor
again unless it was shown within five minutes; a passkey then signs the digest of the deed: its address and every field,
among them the digest of what is approved. Source: W3C WebAuthn, RFC 6265bis. Not here: what a role may do (`desk`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Final

from flask import Response, request

from certsvc.errors import Refused
from certsvc.services.staff import sessions
from certsvc.services.staff.second_factor import LONGEST_ASSERTION, Assertion, Code, Shown, is_guessable
from certsvc.services.staff.sessions import Staff
from certsvc.web.holder.session import FormRefused, check_origin, cookie, drop, keep
from certsvc.web.limits import Kind
from certsvc.web.problems import TooMany
from certsvc.web.requests import address, network_of
from certsvc.web.site import Site

SESSION: Final = "certsvc_staff"
FORM: Final = "form"
CODE: Final = "again_code"
PASSKEY: Final = "again_passkey"
_FORM_KEY: Final = b"certsvc staff form v1"
_DEED: Final = b"certsvc staff deed v1\0"
_LONGEST_CODE: Final = 40


class StaffRequired(Refused):
    """No one is signed in, or no longer."""

    code = "sign-in-required"

    def __init__(self) -> None:
        super().__init__("请先登录", "sign in first", rule="R1.6")


class ConfirmAgain(Refused):
    """The second factor is asked for again; nothing was done yet. `wrong`: what was shown was not right."""

    code = "confirm-again"

    def __init__(self, challenge: bytes, *, wrong: bool = False) -> None:
        super().__init__("请再出示一次第二因素", "show your second factor once more", rule="R1.6")
        self.challenge = challenge
        self.wrong = wrong


class TooManyTries(TooMany):
    """By this network at this account, known or not; or wrong codes at one."""

    def __init__(self) -> None:
        super().__init__()
        self.zh, self.en = "试的次数太多了，请一小时后再来", "too many attempts: come back in an hour"


def secret_of(site: Site) -> str | None:
    """The session's secret, as the browser has it."""
    return cookie(site, SESSION)


def current(site: Site) -> Staff | None:
    """Who is there, signed in or half way; asking keeps the session awake. Raises `Unavailable`."""
    secret = secret_of(site)
    return sessions.whose(site.services, secret) if secret else None


def begin(site: Site, response: Response, secret: str) -> Response:
    """Give the browser another secret."""
    keep(site, response, SESSION, secret)
    return response


def end(site: Site, response: Response) -> Response:
    """Take the cookie away."""
    drop(site, response, SESSION)
    return response


def form_key(staff: Staff) -> str:
    """What every form of this session's pages carries."""
    return hmac.digest(staff.form_key, _FORM_KEY, hashlib.sha256).hex()[:32]


def check_form(site: Site, staff: Staff) -> None:
    """Refuse what did not come from a page of this session. Raises `FormRefused`."""
    check_origin(site)
    given = request.form.get(FORM, "").encode("utf-8", "replace")
    if not hmac.compare_digest(given, form_key(staff).encode()):
        raise FormRefused


def fields() -> list[tuple[str, str]]:
    """What was posted, without what belongs to the session."""
    return [(name, value) for name, value in request.form.items(multi=True) if name not in (FORM, CODE, PASSKEY)]


def shown(challenge: bytes) -> Shown | None:
    """The second factor that came with a form; None for none."""
    assertion = request.form.get(PASSKEY, "")
    if assertion:
        return Assertion(assertion[:LONGEST_ASSERTION], challenge)
    code = request.form.get(CODE, "")[:_LONGEST_CODE].strip()
    return Code(code) if code else None


def confirm(site: Site, staff: Staff) -> None:
    """See to it that the second factor was shown within five minutes. Raises `ConfirmAgain`, `TooManyTries`,
    `SignInOver`."""
    if staff.fresh:
        return
    challenge = hashlib.sha256(
        _DEED
        + json.dumps([form_key(staff), request.path, sorted(fields())], ensure_ascii=False).encode("utf-8", "replace")
    ).digest()
    factor, secret = shown(challenge), secret_of(site)
    if factor is None or secret is None:
        raise ConfirmAgain(challenge)
    count_code(site, staff.name, factor)
    if not sessions.confirm(site.services, secret, factor):
        raise ConfirmAgain(challenge, wrong=True)


def count_code(site: Site, name: str, factor: Shown | None = None) -> None:
    """Count a try at what could be guessed, by one who knows the password: passkeys and recovery codes cannot, and
    their owner shall not wait for a thief's tries. Raises `TooManyTries`."""
    if isinstance(factor, Assertion) or (isinstance(factor, Code) and not is_guessable(factor)):
        return
    if not site.limits.allow(Kind.PERSON, f"staff code\0{name}"):
        raise TooManyTries


def count_sign_in(site: Site, name: str) -> None:
    """Count a password tried, by address, and by network at this account: no stranger shuts anyone out elsewhere.

    Raises `TooManyTries`.
    """
    by_address = site.limits.allow(Kind.SIGN_IN, f"staff\0{address()}")
    if not (site.limits.allow(Kind.PERSON, f"staff\0{network_of(address())}\0{name}") and by_address):
        raise TooManyTries
