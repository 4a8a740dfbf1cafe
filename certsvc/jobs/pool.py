"""A local pool of processes that draw or check certificates: fonts, plates and keys are opened once a process.

Workers only draw and read; one process (the caller) records what they drew, so that there is one writer. Not here: the
steps before (services.issue), a queue on PostgreSQL.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection

from certsvc.services.audit.portions import Checked, CheckMany, Portion, check_portion
from certsvc.services.context import Services
from certsvc.services.issuing.render import DRAWN_AT_ONCE, Drawn, draw
from certsvc.services.log.receipts import Receipts

OpenServices = Callable[[], Services]
"""Opens the services again in a worker; must be picklable, such as `functools.partial(open_services, settings)`."""

DrawMany = Callable[[Sequence[int]], Iterator[list[Drawn]]]
"""Draws certificates by id, a list at a time, in order."""

_opened: tuple[Services, Receipts] | None = None


_LOADED_BEFORE = [
    "certsvc.services.issuing.render",
    "certsvc.services.log.receipts",
    "certsvc.rendering.press",
    "certsvc.signing.keystore",
]


@contextmanager
def drawing_pool(open_services: OpenServices, workers: int) -> Iterator[DrawMany]:
    """A function that draws over `workers` processes.

    The workers begin to start at once, so a caller with something else to do first finds them ready.
    """
    with _pool(open_services, workers) as pool:
        yield lambda ids: _draw_all(pool, ids, workers)


@contextmanager
def checking_pool(open_services: OpenServices, workers: int) -> Iterator[CheckMany]:
    """A function that checks portions of the register over `workers` processes, each as it finds the database."""
    with _pool(open_services, workers) as pool:
        yield lambda portions: _check_all(pool, portions, ahead=workers * 3)


@contextmanager
def _pool(open_services: OpenServices, workers: int) -> Iterator[ProcessPoolExecutor]:
    # Not forked from here: a fork would share the database's connection and any lock held by another thread. The
    # server they are forked from has only imported what they need, once for all of them.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED_BEFORE)
    given = (open_services, dict(os.environ))
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_open, initargs=given)
    try:
        for _ in range(workers):
            pool.submit(_ready)
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _check_all(pool: ProcessPoolExecutor, portions: Iterable[Portion], *, ahead: int) -> Iterator[Checked]:
    pending: deque[Future[Checked]] = deque()
    for portion in portions:
        pending.append(pool.submit(_check, portion))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _draw_all(pool: ProcessPoolExecutor, ids: Sequence[int], workers: int) -> Iterator[list[Drawn]]:
    ahead = workers * 3
    at_once = min(DRAWN_AT_ONCE, len(ids) // ahead + 1)
    # A bounded window: a hundred thousand futures at once would be memory for nothing.
    pending: list[Future[list[Drawn]]] = []
    for start in range(0, len(ids), at_once):
        pending.append(pool.submit(_draw, ids[start : start + at_once]))
        if len(pending) >= ahead:
            yield pending.pop(0).result()
    for future in pending:
        yield future.result()


def _open(open_services: OpenServices, environment: dict[str, str]) -> None:
    global _opened  # noqa: PLW0603 - a worker's one state, set before its first task
    # The server of the forks keeps the environment in which it was first started; a token's library reads today's.
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    services = open_services()
    _opened = services, Receipts(services)
    # Ctrl-C reaches every process of a terminal: the caller is told, and ends the others when they have done their bit.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _ready() -> None:
    """Submitted once a worker, for the pool starts one when there is something to do."""


def _draw(certificate_ids: Sequence[int]) -> list[Drawn]:
    assert _opened is not None
    services, receipts = _opened
    return draw(services, certificate_ids, receipts)


def _check(portion: Portion) -> Checked:
    assert _opened is not None
    return check_portion(_opened[0], portion)


def _end_with_parent() -> None:
    """A parent that is killed outright closes no queue; without this its workers would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
