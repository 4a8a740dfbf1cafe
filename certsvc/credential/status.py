"""A credential's status: which there are, which may follow which, and what holds on a given day (R7.5).

`expired` is computed from the validity and never stored. Not here: who changed it and why (services, store), the status
lists (`status_list`), and the words of an answer (`wording`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Final

from certsvc.errors import StatusChangeRefused


class Status(StrEnum):
    VALID = "valid"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


# Revoked and superseded are final. A suspended credential is reinstated before it is corrected: a correction would
# otherwise end a suspension without anybody having decided that.
_NEXT: Final[Mapping[Status, frozenset[Status]]] = {
    Status.VALID: frozenset({Status.SUSPENDED, Status.REVOKED, Status.SUPERSEDED}),
    Status.SUSPENDED: frozenset({Status.VALID, Status.REVOKED}),
    Status.REVOKED: frozenset(),
    Status.SUPERSEDED: frozenset(),
    Status.EXPIRED: frozenset(),
}


def allowed(current: Status, change: Status) -> bool:
    """Whether the stored status may become `change`."""
    return change in _NEXT[current]


def check_change(current: Status, to: Status) -> None:
    """Raises `StatusChangeRefused` unless the stored status may become `to`."""
    if not allowed(current, to):
        raise StatusChangeRefused(
            f"状态不能由 {current.value} 变为 {to.value}", f"{current.value} cannot become {to.value}", rule="R7.5"
        )


def effective(stored: Status, valid_until: date | None, on: date) -> Status:
    """The status on a day: `expired` after the last day in force, unless something graver holds."""
    if stored is Status.VALID and valid_until is not None and on > valid_until:
        return Status.EXPIRED
    return stored
