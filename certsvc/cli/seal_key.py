"""`certsvc key request|import-chain|import-seal|crl`: the PDF seal's key and the authority above it."""

from __future__ import annotations

from pathlib import Path

import click

from certsvc.cli import work
from certsvc.cli.key import done
from certsvc.cli.speech import by_option, json_option, say, talk, tell
from certsvc.cli.status import publish

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUTPUT = click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)


@click.command()
@click.argument("kid")
@click.option("--name", required=True, help="证书主体名称 / the seal's name (CN).")
@click.option("--organisation", required=True, help="机构名称 / the organisation (O).")
@_OUTPUT
def request(kid: str, name: str, organisation: str, output: Path) -> None:
    """印章证书请求（PKCS#10） / The request that an authority answers with the seal's certificate."""
    output.write_bytes(work.services().keystore.certificate_request(kid, name, organisation))
    talk(f"→ {output}")


@click.command("import-chain")
@click.argument("kid")
@click.argument("chain", type=_FILE)
@by_option
@json_option
def import_chain(kid: str, chain: Path, by: str | None, as_json: bool) -> None:
    """导入证书链并启用印章密钥 / Import the chain for a seal key made here, and put it into use."""
    from certsvc.services.operation.own_keys import deed

    services = work.services()
    announce = deed(services, "key.import-chain", work.person(by))
    done(services, services.keystore.import_chain(kid, chain.read_bytes(), announce), as_json)


@click.command("import-seal")
@click.option("--key", "key_file", type=_FILE, required=True, help="P-256 私钥 PEM / the private key, PEM.")
@click.option("--chain", type=_FILE, required=True, help="证书链 PEM，先印章证书 / its chain, PEM, leaf first.")
@click.option("--passphrase-file", type=_FILE, default=None, help="私钥口令文件 / a file with the key's passphrase.")
@by_option
@json_option
def import_seal(*, key_file: Path, chain: Path, passphrase_file: Path | None, by: str | None, as_json: bool) -> None:
    """导入既有印章密钥与证书链 / Take over a seal key from elsewhere, with its authority's chain."""
    from certsvc.services.operation.own_keys import deed

    services = work.services()
    passphrase = None if passphrase_file is None else passphrase_file.read_bytes().rstrip(b"\r\n")
    announce = deed(services, "key.import-seal", work.person(by))
    done(
        services,
        services.keystore.import_seal(key_file.read_bytes(), chain.read_bytes(), passphrase, announce),
        as_json,
    )


@click.command()
@click.argument("file", type=_FILE)
@json_option
def crl(file: Path, as_json: bool) -> None:
    """公布上级的吊销列表 / Publish the revocation list of the authority above the seal."""
    services = work.services()
    name, content = services.keystore.import_revocation_list(file.read_bytes())
    publish(services)
    if as_json:
        tell({"published": f"seal/{name}", "bytes": len(content)})
    else:
        say(f"published/seal/{name}")
