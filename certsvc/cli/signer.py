"""`certsvc signer serve`: the process that has the private keys (docs/keys.md, "A signer of its own")."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import talk


@click.group(cls=WholeGroup)
def signer() -> None:
    """签名进程 / The signer: signing in a process of its own."""


@signer.command()
@click.option("--socket", "path", type=click.Path(path_type=Path), required=True, help="Unix 套接字 / the Unix socket.")
@click.option("--group", default=None, help="允许连接的用户组 / a group that may connect (default: the owner alone).")
def serve(path: Path, group: str | None) -> None:
    """只为已批准的批次签名 / Sign approved batches, and nothing else."""
    from certsvc.jobs.signer import Signer
    from certsvc.signing.keys import OPTIONAL_PURPOSES, SIGNING_PURPOSES

    services = work.services()
    for purpose in SIGNING_PURPOSES - OPTIONAL_PURPOSES:
        services.keystore.signer(purpose)  # a wrong passphrase is told now, not at the first batch
    for told in (signal.SIGTERM, signal.SIGINT):  # SIGINT too: what was started in the background ignores it
        signal.signal(told, lambda *_: sys.exit(0))
    with Signer(path, services, work.service_opener(), group) as listening:
        talk(f"{path}  (Ctrl-C 停止 / stops)")
        listening.serve_forever()
