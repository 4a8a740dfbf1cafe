"""`certsvc certificate gm-sign` and `certsvc key gm-public`: detached SM2 signatures (docs/gm.md)."""

from __future__ import annotations

from pathlib import Path

import click

from certsvc.cli import work
from certsvc.cli.speech import by_option, talk

_OUTPUT = click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)


@click.command("gm-sign")
@click.argument("number")
@_OUTPUT
@by_option
def gm_sign(number: str, output: Path, by: str | None) -> None:
    """国密 SM2 分离签名 / A detached SM2 signature over the credential as published."""
    from certsvc.services.certificates.gm_sign import gm_sign as run

    output.write_bytes(run(work.services(), number, by=work.person(by)))
    talk(f"→ {output}")


@click.command("gm-public")
@click.argument("kid", required=False)
@_OUTPUT
def gm_public(kid: str | None, output: Path) -> None:
    """SM2 公钥（PEM） / The SM2 public key, as openssl reads it; the one in use by default."""
    from certsvc.errors import KeyMissing
    from certsvc.signing import gm
    from certsvc.signing.keys import Purpose

    keystore = work.services(migrated=False).keystore
    record = keystore.active(Purpose.GM) if kid is None else keystore.record(kid)
    if record.purpose is not Purpose.GM:
        raise KeyMissing("不是 SM2 密钥", "not an SM2 key", where=record.kid)
    output.write_bytes(gm.public_pem(record.public))
    talk(f"→ {output}")
