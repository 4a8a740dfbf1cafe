"""Who is signed in, by cookie; and whether a form was sent from our own page.

The cookie holds a random secret and ends with the browser; the register keeps its keyed digest (`sign_in`). A
form must carry the session's own form key, and what the browser says of its origin must not be another site's.
Source: RFC 6265bis (`__Host-`, SameSite), W3C Fetch Metadata. Not here: how long a session lives.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from flask import Response, request

from certsvc.errors import Refused
from certsvc.services.holders import sign_in
from certsvc.services.holders.sign_in import Holder
from certsvc.web.site import Site

SESSION: Final = "certsvc_holder"
CARRIER: Final = "certsvc_carrier"
_FORM: Final = b"certsvc holder form v1"
_LONGEST: Final = 200


class SignInRequired(Refused):
    """No one is signed in, or no longer."""

    code = "sign-in-required"

    def __init__(self) -> None:
        super().__init__("请先登录", "sign in first", rule="R10")


class FormRefused(Refused):
    """The form came from another site, or from a page of another session."""

    code = "form-refused"

    def __init__(self) -> None:
        super().__init__(
            "这个表单不是从本页面提交的，未作任何处理，请重新打开页面再试",
            "this form did not come from our own page; nothing was done. Open the page again and retry",
        )


def cookie(site: Site, name: str) -> str | None:
    """The value of one of our cookies; an over-long one counts as absent."""
    found = request.cookies.get(_named(site, name))
    return found if found and len(found) <= _LONGEST else None


def keep(site: Site, response: Response, name: str, value: str) -> None:
    """Set one of our cookies until the browser is closed."""
    response.set_cookie(_named(site, name), value, path="/", secure=site.https, httponly=True, samesite="Strict")


def drop(site: Site, response: Response, name: str) -> None:
    response.delete_cookie(_named(site, name), path="/", secure=site.https, httponly=True, samesite="Strict")


def _named(site: Site, name: str) -> str:
    # The prefix makes browsers refuse the cookie from a neighbouring domain or without https; loopback has no https.
    return f"__Host-{name}" if site.https else name


def current(site: Site) -> Holder | None:
    """Who is signed in; asking keeps the session awake. Raises `Unavailable`."""
    secret = cookie(site, SESSION)
    return sign_in.holder_of(site.services, secret) if secret else None


def signed_in(site: Site) -> Holder:
    """As `current`; raises `SignInRequired` for no one."""
    holder = current(site)
    if holder is None:
        raise SignInRequired
    return holder


def form_key(holder: Holder) -> str:
    """What every form of this session's pages carries."""
    return hmac.digest(holder.form_key, _FORM, hashlib.sha256).hex()[:32]


def submitted(site: Site) -> Holder:
    """Who sent this form from our own page. Raises `SignInRequired`, `FormRefused`."""
    check_origin(site)
    holder = signed_in(site)
    # In octets: a text that is not ASCII is refused by compare_digest with an error.
    if not hmac.compare_digest(request.form.get("form", "").encode("utf-8", "replace"), form_key(holder).encode()):
        raise FormRefused
    return holder


def check_origin(site: Site) -> None:
    """Refuse what a browser says another site sent. Raises `FormRefused`.

    `Origin` is "null" from our own pages, which send no Referer; then `Sec-Fetch-Site`, or the form's key, decides.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        raise FormRefused
    origin = request.headers.get("Origin", "null")
    if origin != "null" and origin.partition("://")[2] not in {site.host, request.host}:
        raise FormRefused
