"""The administrator's desk: accounts opened, given another role, disabled, set back. It issues nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from flask import Response, request

from certsvc.errors import Refused
from certsvc.services.staff import accounts as service
from certsvc.services.staff.account_work import Answer, ProposedWork, do_or_ask
from certsvc.services.staff.accounts import Account
from certsvc.services.staff.roles import SCOPED, Deed, Role
from certsvc.web.console.desk import Desk, go, render, staff, typed, words
from certsvc.web.problems import status_of
from certsvc.web.site import site

desk = Desk("accounts", __name__)

_PASSWORD_BYTES: Final = 12


@desk.page("/console/accounts", Deed.READ_ACCOUNTS)
def list_() -> Response:
    return _list()


@desk.form("/console/accounts", Deed.MANAGE_ACCOUNTS, again=True)
def add() -> Response:
    """A new account, with a password for the first sign-in, which stands on this one answer."""
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    try:
        work = service.opening(typed("name"), typed("role"), password, scope=typed("of"))
        made = do_or_ask(site().services, work, by=staff().name)
    except Refused as error:
        return _list(error=words(error), where=error.where or "", status=status_of(error))
    return _given(made, password)


@desk.page("/console/accounts/<name>", Deed.READ_ACCOUNTS)
def show(name: str) -> Response:
    return _shown(service.account_named(site().services, name))


@desk.form("/console/accounts/<name>/role", Deed.MANAGE_ACCOUNTS, again=True)
def role(name: str) -> Response:
    return _changed(
        name,
        lambda by: do_or_ask(site().services, service.another_role(name, typed("role"), scope=typed("of")), by=by),
    )


@desk.form("/console/accounts/<name>/disable", Deed.MANAGE_ACCOUNTS, again=True)
def disable(name: str) -> Response:
    return _changed(name, lambda by: service.disable(site().services, name, by=by))


@desk.form("/console/accounts/<name>/enable", Deed.MANAGE_ACCOUNTS, again=True)
def enable(name: str) -> Response:
    return _changed(name, lambda by: service.enable(site().services, name, by=by))


@desk.form("/console/accounts/<name>/directory", Deed.MANAGE_ACCOUNTS, again=True)
def bind(name: str) -> Response:
    """Who of the authority's own directory it is."""
    here = site()
    issuer = None if here.directory is None else here.directory.issuer
    return _changed(
        name, lambda by: do_or_ask(here.services, service.binding(name, issuer, typed("sub") or None), by=by)
    )


@desk.form("/console/accounts/<name>/map", Deed.MANAGE_ACCOUNTS, again=True)
def map_os(name: str) -> Response:
    """Whose commands on the machine are this account's."""
    return _changed(name, lambda by: do_or_ask(site().services, service.mapping(name, typed("os") or None), by=by))


@desk.form("/console/accounts/<name>/reset", Deed.MANAGE_ACCOUNTS, again=True)
def reset(name: str) -> Response:
    """Another password for the next sign-in, told here once."""
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    try:
        found = do_or_ask(site().services, service.resetting(name, password), by=staff().name)
    except Refused as error:
        return _not_done(name, error)
    return _given(found, password)


def _given(made: Answer, password: str) -> Response:
    """The password, told this once; where another must approve, that it is good from then on."""
    return render("given.html", it=made, password=password, waits=isinstance(made, ProposedWork))


def _changed(name: str, change: Callable[[str], Answer]) -> Response:
    try:
        done = change(staff().name)
    except Refused as error:
        return _not_done(name, error)
    return go(f"/console/accounts/{name}" + ("?waits=1" if isinstance(done, ProposedWork) else ""))


def _not_done(name: str, error: Refused) -> Response:
    return _shown(service.account_named(site().services, name), error=words(error), status=status_of(error))


def _list(*, error: str = "", where: str = "", status: int = 200) -> Response:
    kept = {field: typed(field) if request.method == "POST" else "" for field in ("name", "role", "of")}
    return render(
        "accounts.html",
        status=status,
        found=service.accounts(site().services),
        roles=tuple(Role),
        typed=kept,
        error=error,
        where=where,
    )


def _shown(found: Account, *, error: str = "", status: int = 200) -> Response:
    return render(
        "account.html",
        status=status,
        it=found,
        roles=tuple(Role),
        scoped=SCOPED,
        error=error,
        own=found.name == staff().name,
        waits="waits" in request.args,
        directory=site().directory is not None,
    )
