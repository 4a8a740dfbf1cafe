"""Signing in at the authority's own directory, and showing oneself there again before a deed that asks for it.

What was asked rests signed in a cookie of ten minutes, which comes along when the directory sends the browser back
(`SameSite=Lax`); the session's cookie (`Strict`) does not, so the page that is then answered leads on by itself, from
our own site. No account is opened by signing in, and roles stay ours. Source: OpenID Connect Core; RFC 6265bis.
Not here: what is believed of the directory's answer (`certsvc.directory`), whose account it is (`services.staff`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from flask import Response, redirect, request
from itsdangerous import BadData, URLSafeTimedSerializer

from certsvc.directory.oidc import Asked, DirectoryRefused, Person, Provider
from certsvc.errors import NotFound, Refused
from certsvc.services.staff import sessions
from certsvc.services.staff.roles import Deed
from certsvc.web.console import session
from certsvc.web.console.desk import OPEN, Desk, render, sign_in_page, staff, words
from certsvc.web.console.session import TooManyTries
from certsvc.web.console.sign_in import inside
from certsvc.web.limits import Kind
from certsvc.web.requests import address
from certsvc.web.site import Site, site

desk = Desk("directory", __name__)

ASKED: Final = "certsvc_asked"
VOUCHED: Final = "certsvc_vouched"
_KEPT: Final = MappingProxyType({ASKED: (600, "Lax"), VOUCHED: (60, "Strict")})
"""So many seconds each, and whether it comes along from another site."""
_LONGEST: Final = 4000
_CONFIRMED: Final = "/console/directory/confirmed"


class NotAsked(Refused):
    """The browser brought an answer to nothing that was asked, or is asked no longer."""

    code = "directory-refused"

    def __init__(self) -> None:
        super().__init__(
            "这次登录请求已用过或已过期，请重新登录",
            "that request was used before, or is too old: sign in again",
            rule="R1.6",
        )


class NotBound(Refused):
    """The directory knows the person, and no account is theirs."""

    code = "directory-refused"

    def __init__(self, person: Person) -> None:
        super().__init__(
            f"机构目录中的这个人没有可用的账户，请账户管理员绑定（标识 {person.subject}）",
            f"no account in use is this person's: ask the administrator to bind one (subject {person.subject})",
            rule="R1.6",
        )


@desk.page("/console/directory", OPEN)
def begin() -> Response:
    """Off to the directory."""
    here, to = site(), inside(request.args.get("to", "")[:500])
    try:
        provider = _provider(here)
        if not here.limits.allow(Kind.SIGN_IN, f"staff\0{address()}"):
            raise TooManyTries
        asked = provider.ask()
    except Refused as error:
        return sign_in_page(status=429 if isinstance(error, TooManyTries) else 422, to=to, error=words(error))
    return _off(here, asked, {"to": to})


@desk.page("/console/directory/again", Deed.OWN_ACCOUNT)
def again() -> Response:
    """Off to the directory, to sign in there once more."""
    here, someone = site(), staff()
    provider = _provider(here)
    if not sessions.is_vouched_for(here.services, someone.account_id, provider.issuer):
        raise NotFound("您的账户没有绑定机构的目录", "your account is not bound to a directory", rule="R1.6")
    since = int(here.services.now().timestamp())
    return _off(here, provider.ask(again=True), {"session": someone.session_id, "since": since})


@desk.page("/console/directory/back", OPEN)
def back() -> Response:
    """What the directory says, by way of the browser."""
    here = site()
    asked = _read(here, ASKED)
    is_again = asked is not None and "session" in asked
    try:
        answer = _again_vouched(here, asked) if asked is not None and is_again else _signed_in(here, asked)
    except Refused as error:
        said = words(error)
        answer = render("refused.html", status=422, said=said) if is_again else sign_in_page(status=422, error=said)
    return _drop(here, answer, ASKED)


@desk.page(_CONFIRMED, Deed.OWN_ACCOUNT)
def confirmed() -> Response:
    """From our own page, with the session's cookie: deeds may follow for five minutes."""
    here, someone = site(), staff()
    vouched = _read(here, VOUCHED)
    if vouched is None or vouched["session"] != someone.session_id:
        raise NotAsked
    secret = session.secret_of(here) or ""
    if not sessions.confirm_vouched(here.services, secret, vouched["issuer"], vouched["subject"]):
        raise DirectoryRefused(
            "another", "在目录登录的不是您本人的账户", "the one who signed in at the directory is someone else"
        )
    return _drop(here, render("vouched.html", status=200), VOUCHED)


def _signed_in(here: Site, asked: dict[str, Any] | None) -> Response:
    person = _person(here, asked)
    secret = sessions.sign_in_vouched(here.services, person.issuer, person.subject)
    if secret is None:
        raise NotBound(person)
    assert asked is not None
    return session.begin(here, render("onward.html", to=asked["to"] or "/console"), secret)


def _again_vouched(here: Site, asked: dict[str, Any]) -> Response:
    since = datetime.fromtimestamp(asked["since"], UTC)
    person = _person(here, asked, since=since)
    said = {"issuer": person.issuer, "subject": person.subject, "session": asked["session"]}
    answer = render("onward.html", to=_CONFIRMED)
    return _set(here, answer, VOUCHED, said)


def _person(here: Site, asked: dict[str, Any] | None, *, since: datetime | None = None) -> Person:
    provider = _provider(here)
    if asked is None:
        raise NotAsked
    wanted = Asked("", asked["state"], asked["nonce"], asked["verifier"])
    answer = {name: value[:_LONGEST] for name, value in request.args.items()}
    return provider.vouched(answer, wanted, here.services.now(), since=since)


def _provider(here: Site) -> Provider:
    if here.directory is None:
        raise NotFound("没有配置机构的目录", "no directory is configured", rule="R1.6")
    return here.directory


def _off(here: Site, asked: Asked, kept: dict[str, Any]) -> Response:
    answer: Response = redirect(asked.address, 303)  # type: ignore[assignment]  # werkzeug's response
    said = {"state": asked.state, "nonce": asked.nonce, "verifier": asked.verifier, **kept}
    return _set(here, answer, ASKED, said)


def _signer(here: Site, name: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(here.key, salt=f"certsvc {name} v1")


def _named(here: Site, name: str) -> str:
    return f"__Host-{name}" if here.https else name


def _set(here: Site, answer: Response, name: str, said: dict[str, Any]) -> Response:
    seconds, same_site = _KEPT[name]
    value = _signer(here, name).dumps(said)
    answer.set_cookie(
        _named(here, name),
        value if isinstance(value, str) else value.decode(),
        max_age=seconds,
        path="/",
        secure=here.https,
        httponly=True,
        samesite=same_site,
    )
    return answer


def _read(here: Site, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = _signer(here, name).loads(
            request.cookies.get(_named(here, name), ""), max_age=_KEPT[name][0]
        )
    except BadData:
        return None
    return found


def _drop(here: Site, answer: Response, name: str) -> Response:
    same_site = _KEPT[name][1]
    answer.delete_cookie(_named(here, name), path="/", secure=here.https, httponly=True, samesite=same_site)
    return answer
