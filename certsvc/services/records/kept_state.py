"""What a run leaves in the home so that the next one goes on from there: sealed, since what it says is not asked again.

Who can write the home and has no key could otherwise tell the next run that a change was seen already. A state that is
gone, not readable or not sealed by a key of this register says nothing, and everything is read again. Not here: what
stands in a state (`publishing.logged_status`, `audit`).
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from certsvc.errors import CertsvcError
from certsvc.files.folder import write_if_changed
from certsvc.services.context import Services
from certsvc.signing.keys import Purpose

State = Mapping[str, Any]
"""A JSON object."""


def keep(services: Services, name: str, state: State) -> None:
    """Write the state `name` into the home, in place of the one before."""
    kid = services.keystore.active_kid(Purpose.PERSONAL_DATA)
    said = {"kid": kid, "state": state, "hmac-sha256": _proof(services, kid, name, state)}
    write_if_changed(_path(services, name), json.dumps(said).encode(), mode=0o600)


def kept(services: Services, name: str) -> State | None:
    """The state that was kept last; None where there is none that this register sealed."""
    with suppress(OSError, ValueError, KeyError, TypeError, CertsvcError):
        said = json.loads(_path(services, name).read_bytes())
        if hmac.compare_digest(said["hmac-sha256"], _proof(services, said["kid"], name, said["state"])):
            state = said["state"]
            return state if isinstance(state, dict) else None
    return None


def drop(services: Services, name: str) -> None:
    """Have the next run read everything."""
    _path(services, name).unlink(missing_ok=True)


def _path(services: Services, name: str) -> Path:
    return services.folders.home / f"{name}.json"


def _proof(services: Services, kid: str, name: str, state: State) -> str:
    secret = services.keystore.secret(Purpose.PERSONAL_DATA, kid)
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"certsvc kept state v1 " + name.encode()).derive(secret)
    return hmac.digest(key, json.dumps(state, sort_keys=True).encode(), "sha256").hex()
