"""`look_up.by_token` for the many: the same answer for a certificate in plain sight, in a tenth of the time.

One SELECT on a bare connection in place of a session and its mapped rows, and the same checks by the same functions:
one signature over all that is shown (`genuine`), the leaf that made it and the lists published last (`standing`). In
plain sight is a certificate that is valid by its row, with no change on record and a key that vouches by itself.
Everything else, whatever the reason, is handed on to `look_up`, which says what is the matter with it.
Source: R10, R11; docs/verification.md, "What a scan proves".
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from certsvc.credential.status import Status
from certsvc.credential.token import normalise_token
from certsvc.errors import Unavailable
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.log.last_word import StoredLeaf
from certsvc.services.verification import look_up
from certsvc.services.verification.genuine import genuine_by
from certsvc.services.verification.public_record import PublicRecord, as_signed
from certsvc.services.verification.standing import is_untouched, signed_lists
from certsvc.store import ISSUED


class _Row(NamedTuple):
    """What a scan reads: columns of `certificate` (`genuine.IssuedRow` among them), the leaf that made it, and whether
    any change is on record. Days are dates or ISO text, as the driver gives them."""

    number: str
    version: int
    token: str
    holder_name: str
    occupation_code: str
    level: int
    issued_on: date | str
    reissued_on: date | str | None
    valid_until: date | str | None
    credential: bytes | None
    credential_sha256: str | None
    status: str
    superseded_by_id: int | None
    scheme_id: int | None
    leaf: bytes | None
    leaf_hash: bytes | None
    is_changed: bool


_COLUMNS: Final = _Row._fields[: _Row._fields.index("leaf")]
_MAPPED_BYTES: Final = 1 << 40
_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SELECT: Final = (
    f"select {', '.join(f'c.{name}' for name in _COLUMNS)}, l.content, l.hash, "  # noqa: S608 - our own names
    "exists (select 1 from status_change s where s.certificate_id = c.id) "
    'from certificate c left join log_leaf l on l."index" = c.leaf_index '
    f"where c.token = {{}} and c.stage = '{ISSUED}'"
)


_SELECT_FROM_FILE: Final = _SELECT.format("?")


class WouldWait(Exception):
    """The database is a server, or locked, or must be asked more than one question."""


def by_token(services: Services, token: str, *, wait: bool = True) -> PublicRecord | None:
    """As `look_up.by_token`. Raises `Unavailable`; without `wait`, `WouldWait` rather than wait for the database."""
    wanted = normalise_token(token)
    if wanted is None:
        return None
    row = _read(services, wanted, wait=wait)
    record = None if row is None else _in_plain_sight(services, row)
    if record is None:
        if not wait:
            raise WouldWait
        return look_up.by_token(services, token)
    return record


def _in_plain_sight(services: Services, row: _Row) -> PublicRecord | None:
    if row.status != "valid" or row.is_changed or row.superseded_by_id is not None:
        return None
    genuine = genuine_by(services.stored_proofs, services.issuer.did, row)
    leaf, leaf_hash = row.leaf, row.leaf_hash
    if genuine is None or not isinstance(leaf, bytes) or not isinstance(leaf_hash, bytes):
        return None
    claims = genuine.claims
    listed = signed_lists(services).says(claims.status_list, claims.status_index)
    if not is_untouched(StoredLeaf(leaf, leaf_hash), claims, listed):
        return None
    now = services.now()
    return as_signed(
        genuine,
        status=Status.VALID,
        since=None,
        reason=None,
        # Who stays in force for good need not be told the day.
        today=now.date() if claims.valid_until is None else now.astimezone(SHANGHAI).date(),
        checked_at=now,
        scheme_id=row.scheme_id,
    )


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
        # Read where the kernel keeps it, not copied page by page: a credential spans several. Both pragmas are this
        # connection's own, which writes nothing.
        connection.execute(f"PRAGMA mmap_size={_MAPPED_BYTES}")
        if not wait:
            connection.execute("PRAGMA busy_timeout=0")
        _of_thread.connections[wait] = connection
    try:
        # Each SELECT is a transaction of its own, so that a revocation shows at once.
        return connection.execute(_SELECT_FROM_FILE, (token,)).fetchone()
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
    return None if found is None else _Row._make(found)
