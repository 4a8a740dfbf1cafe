"""The processes that serve: one, or several side by side on one port, started again where one ends by itself.

Each listens on a socket of its own and the kernel deals out connections (SO_REUSEPORT): on a shared socket the process
that wakes first would take them all. A process starts from nothing and is not forked, so that no thread, lock or signal
handler comes along. Not here: connections and requests (`wire`).
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Final

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from certsvc.web.asgi import AsgiSite
from certsvc.web.wire import IDLE_SECONDS, ScanProtocol, ScanServer

_STOP_SECONDS: Final = 80  # what is in flight may end; a file check takes at most a minute
_KILL_SECONDS: Final = 90
_AGAIN_SECONDS: Final = 1.0  # between two starts of a process that does not stay
# A scan gives up the interpreter some five times, and beside a thread that computes waits so long for it each time.
_SWITCH_SECONDS: Final = 0.0005
_BACKLOG: Final = 2048
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_log: Final = logging.getLogger("uvicorn.error")


def serve(make: Callable[[], AsgiSite], host: str, port: int, workers: int) -> None:
    """Serve what `make` (a function of a module, which each process calls) makes, until told to stop.

    Raises `OSError` where the address is taken.
    """
    _listen(host, port, shared=workers > 1).close()  # a refusal belongs here, before any process is started
    if workers == 1:
        serve_alone(make, host, port)
    else:
        _Workers(lambda: _start(make, host, port), workers).run()


def serve_alone(make: Callable[[], AsgiSite], host: str, port: int, *, shared: bool = False) -> None:
    """Serve in this process."""
    config = configured(make())
    gc.collect()
    gc.freeze()  # what is there now stays: the collector need not walk over it again and again
    sys.setswitchinterval(_SWITCH_SECONDS)
    listening = _listen(host, port, shared=shared)
    with suppress(KeyboardInterrupt):  # how it is told to stop: uvicorn has ended by then, and says it once more
        ScanServer(config).run(sockets=[listening])


def configured(site: AsgiSite) -> uvicorn.Config:
    """How uvicorn serves the site."""
    return uvicorn.Config(
        site,
        http=ScanProtocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        interface="asgi3",
        proxy_headers=False,  # who asked is found out behind it, by exactly so many proxies as there are
        server_header=False,
        access_log=False,
        timeout_keep_alive=int(IDLE_SECONDS),
        timeout_graceful_shutdown=_STOP_SECONDS,
        backlog=_BACKLOG,
        # Errors alone: each request that is none would be a warning, and our log is not for strangers to fill.
        log_config=LOGGING_CONFIG | {"loggers": {"uvicorn": {"handlers": ["default"], "level": "ERROR"}}},
    )


def _listen(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _start(make: Callable[[], AsgiSite], host: str, port: int) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(
        target=serve_alone, args=(make, host, port), kwargs={"shared": True}
    )
    process.start()
    return process


class _Workers:
    """The parent: it serves nothing itself."""

    def __init__(self, start: Callable[[], SpawnProcess], count: int) -> None:
        self._start = start
        self._stopping = False
        for number in _SIGNALS:
            signal.signal(number, self._stop)
        self._processes = [start() for _ in range(count)]

    def run(self) -> None:
        while not self._stopping:
            time.sleep(0.2)
            for place, process in enumerate(self._processes):
                if not self._stopping and not process.is_alive():
                    _log.error("a worker ended by itself (exit status %s) and is started again", process.exitcode)
                    time.sleep(_AGAIN_SECONDS)
                    self._processes[place] = self._start()
        until = time.monotonic() + _KILL_SECONDS
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
