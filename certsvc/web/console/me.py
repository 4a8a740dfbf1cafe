"""One's own account: another password, new recovery codes, passkeys; they ask for the second factor again."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from certsvc.errors import Refused
from certsvc.services.staff import second_factor, sessions
from certsvc.services.staff.roles import Deed
from certsvc.web.console import session
from certsvc.web.console.desk import Desk, go, render, staff, typed, words
from certsvc.web.console.session import StaffRequired
from certsvc.web.requests import language
from certsvc.web.site import site

desk = Desk("me", __name__)

_LONGEST_PASSWORD: Final = 1000


@desk.page("/console/me", Deed.OWN_ACCOUNT)
def show() -> Response:
    return _page()


@desk.form("/console/me/password", Deed.OWN_ACCOUNT)
def password() -> Response:
    """The old one and the new one; every other session of the account ends."""
    here, secret = site(), _secret()
    session.count_code(here, staff().name)
    old, new = (request.form.get(name, "")[:_LONGEST_PASSWORD] for name in ("old", "new"))
    try:
        begun = sessions.change_password(here.services, secret, old, new)
    except sessions.SignInOver:
        raise
    except Refused as error:
        return _page(error=words(error), where="new", status=422)
    if begun is None:
        wrong = "现在的口令不对" if language() == "zh" else "That is not the password of now"
        return _page(error=wrong, where="old", status=422)
    return session.begin(here, go("/console/me?changed"), begun)


@desk.form("/console/me/recovery", Deed.OWN_ACCOUNT, again=True)
def recovery() -> Response:
    """Ten new ones, told on this one answer."""
    return render("recovery.html", codes=sessions.new_recovery_codes(site().services, _secret()), begun=False)


@desk.form("/console/me/passkey", Deed.OWN_ACCOUNT, again=True)
def new_passkey() -> Response:
    """The page on which the browser makes one."""
    return _passkey_page()


@desk.form("/console/me/passkeys", Deed.OWN_ACCOUNT, again=True)
def add_passkey() -> Response:
    """Keep the one that the browser made."""
    here, secret = site(), _secret()
    response = request.form.get("made", "")[: second_factor.LONGEST_ASSERTION]
    try:
        challenge = sessions.spend_challenge(here.services, secret)
        sessions.add_passkey(here.services, secret, response, challenge=challenge, label=typed("label", 60))
    except Refused as error:
        return _passkey_page(error=words(error))
    return go("/console/me?added")


@desk.form("/console/me/passkeys/<int(max=2147483647):passkey_id>/drop", Deed.OWN_ACCOUNT, again=True)
def drop_passkey(passkey_id: int) -> Response:
    sessions.drop_passkey(site().services, _secret(), passkey_id)
    return go("/console/me")


def _page(*, error: str = "", where: str = "", status: int = 200) -> Response:
    here, someone = site(), staff()
    with here.services.database.reading() as opened:
        keys = second_factor.passkeys_of(opened, someone.account_id)
        left = second_factor.recovery_codes_left(opened, someone.account_id)
    changed = "changed" in request.args
    return render("me.html", status=status, keys=keys, left=left, error=error, where=where, changed=changed)


def _passkey_page(*, error: str = "") -> Response:
    here, someone = site(), staff()
    challenge = sessions.new_challenge(here.services, _secret())
    with here.services.database.reading() as opened:
        keys = second_factor.passkeys_of(opened, someone.account_id)
    options = second_factor.registration_options(here.services, keys, someone.name, challenge)
    return render("passkey.html", status=422 if error else 200, options=options, error=error)


def _secret() -> str:
    secret = session.secret_of(site())
    if secret is None:
        raise StaffRequired
    return secret
