"""`look_up.by_token` for the many: the same answer for a certificate in plain sight, in a tenth of the time.

One SELECT on a bare connection in place of a session and its mapped rows; signature, columns and status are checked by
the very same functions (`genuine`, `public_record`). What needs more than its own row — a replaced version, a token not
found, a key distrusted — is handed on to `look_up`. Source: R10, R11; ADR 14.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from certsvc.credential.token import normalise_token
from certsvc.errors import Unavailable
from certsvc.services.context import Services
from certsvc.services.verification import look_up
from certsvc.services.verification.public_record import PublicRecord, electronic_record
from certsvc.signing.trust import TrustBundle
from certsvc.store import ISSUED, CertificateRecord


class _Row(NamedTuple):
    """The columns of `certificate` that `genuine` and `public_record` read, under the same names."""

    number: str
    version: int
    token: str
    holder_name: str
    occupation_code: str
    level: int
    issued_on: date
    reissued_on: date | None
    valid_until: date | None
    credential: bytes | None
    credential_sha256: str | None
    status: str
    status_changed_on: date | None
    status_reason: str | None
    superseded_by_id: int | None
    leaf_index: int | None
    scheme_id: int | None


_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DATES: Final = tuple(
    _Row._fields.index(name) for name in ("issued_on", "reissued_on", "valid_until", "status_changed_on")
)
_SELECT: Final = f"select {', '.join(_Row._fields)} from certificate where token = {{}} and stage = '{ISSUED}'"  # noqa: S608 - our own names


class WouldWait(Exception):
    """The database is a server, or locked, or must be asked more than one question."""


def by_token(services: Services, token: str, *, wait: bool = True) -> PublicRecord | None:
    """As `look_up.by_token`. Raises `Unavailable`; without `wait`, `WouldWait` rather than wait for the database."""
    wanted = normalise_token(token)
    if wanted is None:
        return None
    row = _read(services, wanted, wait=wait)
    trust = services.trust
    distrust = any(key.distrusted_from is not None for key in trust.keys.values())
    if row is None or row.superseded_by_id is not None or distrust:
        if not wait:
            raise WouldWait
        return look_up.by_token(services, token)
    # A row of ours and a mapped one are read by the same names; the session serves replaced versions alone.
    # Looking whether the keys changed costs a file's time stamp, so one answer looks once.
    seen = _Seen(trust, services.now, services.today)
    return electronic_record(cast(Services, seen), cast(Session, None), cast(CertificateRecord, row))


class _Seen(NamedTuple):
    """What `electronic_record` asks of the services for a row in plain sight."""

    trust: TrustBundle
    now: Callable[[], datetime]
    today: Callable[[], date]


class _OfThread(threading.local):
    """Connections of SQLite's own for each thread, one that waits for a lock and one that does not: taking one from the
    pool costs twice the query."""

    engine: Engine | None = None
    connections: dict[bool, Any]


_of_thread = _OfThread()


def _from_file(engine: Engine, token: str, *, wait: bool) -> Any:
    if _of_thread.engine is not engine:
        _forget()
        _of_thread.engine = engine
    connection = _of_thread.connections.get(wait)
    if connection is None:
        pooled = engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()  # it is this thread's until the thread ends
        assert connection is not None
        if not wait:
            connection.execute("PRAGMA busy_timeout=0")
        _of_thread.connections[wait] = connection
    try:
        # Each SELECT is a transaction of its own, so that a revocation shows at once.
        return connection.execute(_SELECT.format("?"), (token,)).fetchone()
    except sqlite3.OperationalError as error:
        if not wait and error.sqlite_errorcode & 0xFF in _LOCKED:
            raise WouldWait from error
        _forget()
        raise
    except BaseException:
        _forget()
        raise


def _forget() -> None:
    for connection in vars(_of_thread).get("connections", {}).values():
        connection.close()
    _of_thread.engine, _of_thread.connections = None, {}


def _from_server(engine: Engine, token: str) -> Any:
    with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(_SELECT.format("%s"), (token,))
        return cursor.fetchone()


def _read(services: Services, token: str, *, wait: bool) -> _Row | None:
    engine = services.database.engine
    try:
        if services.database.is_sqlite:
            found = _from_file(engine, token, wait=wait)
        elif wait:
            found = _from_server(engine, token)
        else:
            raise WouldWait
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        # A locked or damaged file, a missing table: nothing is known of any certificate (R10).
        raise Unavailable("暂时无法查询", "cannot be looked up just now") from error
    if found is None:
        return None
    values = list(found)
    for place in _DATES:
        if isinstance(values[place], str):  # SQLite keeps dates as text
            values[place] = date.fromisoformat(values[place])
    return _Row(*values)
