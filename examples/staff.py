"""Accounts of the demo, one for each role, set up as their owners would, so that the tour can say how to sign in.

Development homes alone: passwords and secrets stand on the tour's page and in the demo's folder. A second run finds
them and changes nothing.
"""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyotp

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.services.context import Services
from certsvc.services.staff import sessions
from certsvc.services.staff.accounts import accounts, do_alone, opening
from certsvc.services.staff.roles import SCOPED, Role
from examples.desks import STATION
from examples.made_up_roll import INSTITUTIONS

KEPT: Final = "staff.json"
BY: Final = "demo"
_SCOPES: Final = dict.fromkeys(SCOPED, STATION) | {Role.INSTITUTION: INSTITUTIONS[0]}


@dataclass(frozen=True, slots=True)
class Member:
    """Who can sign in at /console; `secret` goes into an authenticator."""

    name: str
    role: str
    zh: str
    en: str
    password: str
    secret: str


def join_all(folder: Path) -> list[Member]:
    """An account for each role that has none."""
    services = open_services(Settings.from_environment())
    if not services.keystore.development:
        sys.exit("演示账户仅限开发密钥 / accounts of the demo are for development keys alone")
    kept = folder / KEPT
    known = {one["role"]: Member(**one) for one in json.loads(kept.read_text("utf-8"))} if kept.exists() else {}
    there = {account.name for account in accounts(services)}
    members = [known.get(role) or _join(services, role) for role in Role if role in known or _name(role) not in there]
    kept.write_text(json.dumps([asdict(one) for one in members], ensure_ascii=False, indent=1), "utf-8")
    kept.chmod(0o600)
    services.database.close()
    return members


def _join(services: Services, role: Role) -> Member:
    """What happens at the first sign-in, without a browser."""
    given, own = secrets.token_urlsafe(12), f"demo-{secrets.token_hex(4)}"
    do_alone(services, opening(_name(role), role, given, scope=_SCOPES.get(role)), by=BY)
    half = sessions.begin(services, _name(role), given)
    assert half is not None
    secret = sessions.secret_for(services, half)
    begun = sessions.set_up(services, half, pyotp.TOTP(secret).at(services.now()), own)
    assert begun is not None
    sessions.sign_out(services, begun[0])
    return Member(_name(role), role.value, role.zh, role.en, own, secret)


def _name(role: Role) -> str:
    return f"demo-{role.value}"
