"""`certsvc serve`: the public site on this machine, ASGI over granian."""

from __future__ import annotations

import gc
import logging
import signal
import sys
from typing import TYPE_CHECKING, Final

import click

from certsvc.cli import work
from certsvc.cli.speech import talk

if TYPE_CHECKING:
    from certsvc.web.asgi import AsgiSite

_HEAD_MS: Final = 10_000  # half a request holds one of a thousand connections, and the server's stop
_KILL_SECONDS: Final = 90  # what is in flight may end; a file check takes at most a minute

# The server's talk; granian would have it among the results.
_ON_STDERR: Final = {"class": "logging.StreamHandler", "formatter": "generic", "stream": "ext://sys.stderr"}


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="监听地址 / address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="端口 / port.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="进程数 / processes.")
def serve(host: str, port: int, workers: int) -> None:
    """启动网站 / Serve the site: /verify, /v/TOKEN, /api/v1, /healthz …"""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings

    work.services()  # a refusal belongs here, in one line, not in a worker's traceback
    shown = f"[{host}]" if ":" in host else host
    talk(f"http://{shown}:{port}/verify  (Ctrl-C 停止 / stops)")
    Granian(
        "certsvc.app:create_asgi",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,  # what proxies speak; in HTTP/2 a body may come without a length
        http1_settings=HTTP1Settings(header_read_timeout=_HEAD_MS),
        websockets=False,
        workers=workers,
        log_access=False,
        log_dictconfig={"handlers": {"console": _ON_STDERR, "access": _ON_STDERR}},
        workers_kill_timeout=_KILL_SECONDS,
    ).serve(target_loader=_load_site)


def _load_site(_target: str) -> AsgiSite:
    """The site, in a worker. Granian's own loader takes modules from the folder one stands in before all others."""
    _heed_signals()
    # One line for every piece of a list that no one is there to take is no news.
    logging.getLogger("_granian.asgi").setLevel(logging.WARNING)
    from certsvc.app import create_asgi

    site = create_asgi()
    gc.freeze()  # what is there now stays: the collector need not walk over it again and again
    return site


def _heed_signals() -> None:
    """A worker is forked with its parent's handlers, which only note a signal: told to stop while it starts, it would
    start and stay, and its parent wait for it."""
    inherited = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C the parent tells it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until granian sets the worker's own
    if getattr(inherited, "interrupt_signal", False):
        sys.exit(0)  # it came between the fork and here
