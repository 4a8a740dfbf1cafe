"""A local pool of processes that draw certificates: fonts and keys are opened once a process, then kept.

Workers only draw; one process (the caller) records what they drew, so that there is one writer. Not here: the steps
before (services.issue), a queue on PostgreSQL.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection

from certsvc.services.context import Services
from certsvc.services.render_certificate import Drawn, draw

OpenServices = Callable[[], Services]
"""Opens the services anew in a worker; must be picklable, such as `functools.partial(open_services, settings)`."""

_services: Services | None = None


@contextmanager
def drawing_pool(open_services: OpenServices, workers: int) -> Iterator[Callable[[Sequence[int]], Iterator[Drawn]]]:
    """A function that draws certificates by id, in any order, over `workers` processes."""
    # Spawned, not forked: a fork would share the database's connection and any lock held by another thread.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_open, initargs=(open_services,))
    try:
        yield lambda ids: _draw_all(pool, ids, ahead=workers * 4)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _draw_all(pool: ProcessPoolExecutor, ids: Sequence[int], *, ahead: int) -> Iterator[Drawn]:
    # A bounded window: a hundred thousand futures at once would be memory for nothing.
    pending: list[Future[Drawn]] = []
    for certificate_id in ids:
        pending.append(pool.submit(_draw, certificate_id))
        if len(pending) >= ahead:
            yield pending.pop(0).result()
    for future in pending:
        yield future.result()


def _open(open_services: OpenServices) -> None:
    global _services  # noqa: PLW0603 - a worker's one state, set before its first task
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _services = open_services()


def _draw(certificate_id: int) -> Drawn:
    assert _services is not None
    return draw(_services, certificate_id)


def _end_with_parent() -> None:
    """A parent that is killed outright closes no queue; without this its workers would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
