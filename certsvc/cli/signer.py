"""`certsvc signer serve`: the process that has the private keys (docs/operations.md, "Keys")."""

from __future__ import annotations

from pathlib import Path

import click

from certsvc.cli import work
from certsvc.cli.speech import talk


@click.group()
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
    with Signer(path, services, work.service_opener(), group) as listening:
        talk(f"{path}  (Ctrl-C 停止 / stops)")
        listening.serve_forever()
