"""`certsvc serve`: the public site on this machine."""

from __future__ import annotations

import click

from certsvc.cli import work
from certsvc.cli.speech import talk


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="监听地址 / address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="端口 / port.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="进程数 / processes.")
def serve(host: str, port: int, workers: int) -> None:
    """启动网站 / Serve the site: /verify, /v/TOKEN, /api/v1, /healthz …"""
    from certsvc.app import create_asgi
    from certsvc.errors import Refused
    from certsvc.web import workers as processes

    work.services()  # a refusal belongs here, in one line, not in a worker's traceback
    shown = f"[{host}]" if ":" in host else host
    talk(f"http://{shown}:{port}/verify  (Ctrl-C 停止 / stops)")
    try:
        processes.serve(create_asgi, host, port, workers)
    except OSError as error:
        raise Refused(f"无法监听：{error}", f"cannot listen: {error}", where=f"{shown}:{port}") from error
