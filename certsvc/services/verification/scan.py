"""`look_up.by_token` for the many: the same answer for a certificate in plain sight, in a tenth of the time.

One SELECT on a bare connection in place of a session and its mapped rows, and the same checks by the same functions:
one signature over all that is shown (`genuine`), the leaf that made it and the lists published last (`standing`). In
plain sight is a certificate that is valid by its row, with no change on record and a key that vouches by itself.
Everything else, whatever the reason, is handed on to `look_up`, which says what is the matter with it. Nothing is
remembered of a certificate from one scan to the next.
Source: R10, R11; docs/verification.md, "What a scan proves".
"""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from certsvc.credential.status import Status
from certsvc.credential.token import normalise_token
from certsvc.errors import Unavailable
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.log.last_word import StoredLeaf
from certsvc.services.verification import look_up
from certsvc.services.verification.genuine import REPEATING, Genuine, genuine_by, in_text
from certsvc.services.verification.public_record import PublicRecord, as_signed
from certsvc.services.verification.standing import is_untouched, signed_lists
from certsvc.store import ISSUED
from certsvc.store.sqlite import LOCKED, sqlite


class Seen(NamedTuple):
    """A certificate in plain sight: what its signed bytes say, and when it was looked at."""

    genuine: Genuine
    scheme_id: int | None
    checked_at: datetime

    @property
    def is_in_force(self) -> bool:
        """Whether it is valid, and not expired by now."""
        until = self.genuine.claims.valid_until
        return until is None or until >= self.checked_at.astimezone(SHANGHAI).date().isoformat()


_REPEATED: Final = len(REPEATING)
_MAPPED_BYTES: Final = 1 << 40
_SELECT: Final = (
    f"select {', '.join(f'c.{name}' for name in REPEATING)}, c.credential, c.scheme_id, l.content, l.hash "  # noqa: S608 - our own names
    'from certificate c left join log_leaf l on l."index" = c.leaf_index '
    f"where c.token = {{}} and c.stage = '{ISSUED}' and c.status = 'valid' and c.superseded_by_id is null "
    "and not exists (select 1 from status_change s where s.certificate_id = c.id)"
)
_SELECT_FROM_FILE: Final = _SELECT.format("?")


class WouldWait(Exception):
    """The database is a server, or locked, or must be asked more than one question."""


class Locked(WouldWait):
    """Somebody writes to the file just now: it takes some milliseconds."""


def by_token(services: Services, token: str, *, wait: bool = True) -> PublicRecord | None:
    """As `look_up.by_token`. Raises `Unavailable`; without `wait`, `WouldWait` rather than wait for the database."""
    seen = in_plain_sight(services, token, wait=wait)
    return out_of_sight(services, token, wait=wait) if seen is None else as_record(seen)


def in_plain_sight(services: Services, token: str, *, wait: bool = True) -> Seen | None:
    """The certificate with this token where it is in plain sight; None says nothing. Raises as `by_token`."""
    wanted = normalise_token(token)
    row = None if wanted is None else _read(services, wanted, wait=wait)
    if row is None:
        return None
    credential, scheme_id, leaf, leaf_hash = row[_REPEATED:]
    genuine = genuine_by(services.stored_proofs, services.issuer.did, credential, row[:_REPEATED])
    if genuine is None or not isinstance(leaf, bytes) or not isinstance(leaf_hash, bytes):
        return None
    claims = genuine.claims
    listed = signed_lists(services).says(claims.status_list, claims.status_index)
    if not is_untouched(StoredLeaf(leaf, leaf_hash), claims, listed):
        return None
    return Seen(genuine, scheme_id, services.now())


def out_of_sight(services: Services, token: str, *, wait: bool = True) -> PublicRecord | None:
    """As `by_token`, of a certificate that is not in plain sight."""
    if normalise_token(token) is None:
        return None
    if not wait:
        raise WouldWait
    return look_up.by_token(services, token)


def as_record(seen: Seen) -> PublicRecord:
    """The record of a certificate in plain sight."""
    return as_signed(
        seen.genuine,
        status=Status.VALID,
        since=None,
        reason=None,
        today=seen.checked_at.astimezone(SHANGHAI).date(),
        checked_at=seen.checked_at,
        scheme_id=seen.scheme_id,
    )


class _OfThread(threading.local):
    """Connections of SQLite's own for each thread, one that waits for a lock and one that does not: taking one from the
    pool costs twice the query."""

    engine: Engine | None = None
    connections: dict[bool, Any]


_of_thread = _OfThread()


def _from_file(engine: Engine, token: str, *, wait: bool) -> tuple[Any, ...] | None:
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
        found: tuple[Any, ...] | None = connection.execute(_SELECT_FROM_FILE, (token,)).fetchone()
    except sqlite.OperationalError as error:
        if not wait and error.sqlite_errorcode & 0xFF in LOCKED:
            raise Locked from error
        _forget()
        raise
    except BaseException:
        _forget()
        raise
    return found


def _forget() -> None:
    for connection in vars(_of_thread).get("connections", {}).values():
        connection.close()
    _of_thread.engine, _of_thread.connections = None, {}


def _from_server(engine: Engine, token: str) -> tuple[Any, ...] | None:
    with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(_SELECT.format("%s"), (token,))
        return cursor.fetchone()


def _read(services: Services, token: str, *, wait: bool) -> tuple[Any, ...] | None:
    """The columns of `_SELECT`, days as ISO text."""
    engine = services.database.engine
    try:
        if services.database.is_sqlite:
            return _from_file(engine, token, wait=wait)
        if not wait:
            raise WouldWait
        found = _from_server(engine, token)
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        # A locked or damaged file, a missing table: nothing is known of any certificate (R10).
        raise Unavailable("暂时无法查询", "cannot be looked up just now") from error
    return None if found is None else (*in_text(found[:_REPEATED]), *found[_REPEATED:])
