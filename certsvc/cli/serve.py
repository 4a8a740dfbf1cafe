"""`certsvc serve`: the public site on this machine, ASGI over granian."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.speech import talk

if TYPE_CHECKING:
    from certsvc.web.asgi import AsgiSite


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="监听地址 / address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="端口 / port.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="进程数 / processes.")
def serve(host: str, port: int, workers: int) -> None:
    """启动网站 / Serve the site: /verify, /v/TOKEN, /api/v1, /healthz …"""
    from granian import Granian
    from granian.constants import Interfaces

    work.services()  # a refusal belongs here, in one line, not in a worker's traceback
    talk(f"http://{host}:{port}/verify  (Ctrl-C 停止 / stops)")
    Granian(
        "certsvc.app:create_asgi",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        workers=workers,
        log_access=False,
    ).serve(target_loader=_load_site)


def _load_site(_target: str) -> AsgiSite:
    """The site, in a worker. Granian's own loader takes modules from the folder one stands in before all others."""
    from certsvc.app import create_asgi

    site = create_asgi()
    gc.freeze()  # what is there now stays: the collector need not walk over it again and again
    return site
