"""`certsvc key root …`: the offline root above the PDF seal. Run where no network is; it needs no installation."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import say, talk

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
_PASSPHRASE = click.option("--passphrase-file", type=_FILE, required=True, help="根密钥口令文件 / its passphrase.")
_OUTPUT = click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)


@click.group(cls=WholeGroup)
def root() -> None:
    """离线根 / The offline root above the seal."""


@root.command("new")
@_FOLDER
@click.option("--name", required=True, help="机构名称 / the organisation.")
@click.option("--years", type=click.IntRange(1, 40), default=20, show_default=True)
@_PASSPHRASE
def new(folder: Path, name: str, years: int, passphrase_file: Path) -> None:
    """生成离线根 / Make an offline root in a new folder."""
    from certsvc.signing.seal_authority import SealAuthority

    made = SealAuthority.make(folder, name, years=years, passphrase=_read(passphrase_file), now=datetime.now(UTC))
    say(f"{made.certificate.subject.rfc4514_string()}  → {folder}/root.pem")


@root.command()
@_FOLDER
@click.option("--request", type=_FILE, required=True, help="证书请求 / the request (certsvc key request).")
@click.option("--base-url", required=True, help="公布吊销列表的网址 / where its revocation list will be published.")
@click.option("--days", type=click.IntRange(1, 3650), default=1095, show_default=True)
@_PASSPHRASE
@_OUTPUT
def sign(folder: Path, *, request: Path, base_url: str, days: int, passphrase_file: Path, output: Path) -> None:
    """签发印章证书 / Sign a seal's certificate; writes its chain."""
    from certsvc.signing.seal_authority import SealAuthority

    authority = SealAuthority.open(folder, _read(passphrase_file))
    chain = authority.sign_request(request.read_bytes(), base_url=base_url, days=days, now=datetime.now(UTC))
    output.write_bytes(chain)
    talk(f"→ {output}")


@root.command("list")
@_FOLDER
def list_(folder: Path) -> None:
    """签发过的证书 / What this root has signed."""
    from certsvc.signing.seal_authority import issued

    for one in issued(folder):
        say(f"{one.serial}  {one.at}  {one.subject}{f'  {one.reason} {one.revoked_at}' if one.revoked_at else ''}")


@root.command()
@_FOLDER
@click.argument("serial")
@click.option("--reason", type=click.Choice(["key-compromise", "superseded", "cessation"]), required=True)
@_PASSPHRASE
def revoke(folder: Path, serial: str, reason: str, passphrase_file: Path) -> None:
    """吊销印章证书 / Revoke a seal's certificate; the next list says so."""
    from certsvc.signing.seal_authority import SealAuthority

    SealAuthority.open(folder, _read(passphrase_file)).revoke(serial, reason=reason, now=datetime.now(UTC))
    say(f"{serial}  {reason}")


@root.command()
@_FOLDER
@click.option("--days", type=click.IntRange(1, 400), default=180, show_default=True, help="有效天数 / good for.")
@_PASSPHRASE
@_OUTPUT
def crl(folder: Path, *, days: int, passphrase_file: Path, output: Path) -> None:
    """生成吊销列表 / Make a new revocation list."""
    from certsvc.signing.seal_authority import SealAuthority

    output.write_bytes(
        SealAuthority.open(folder, _read(passphrase_file)).revocation_list(days=days, now=datetime.now(UTC))
    )
    talk(f"→ {output}")


def _read(passphrase_file: Path) -> bytes:
    return passphrase_file.read_bytes().rstrip(b"\r\n")
