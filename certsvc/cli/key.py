"""`certsvc key …`: keys apart by purpose; nothing is made silently, public history is kept for good."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.lazy import LazyGroup
from certsvc.cli.speech import by_option, json_option, say, talk, tell, tell_waiting
from certsvc.cli.status import publish

if TYPE_CHECKING:
    from certsvc.services.certificates.key_work import ProposedWork
    from certsvc.services.context import Services
    from certsvc.signing.keys import KeyRecord

PURPOSES = ("credential", "pdf-seal", "status-list", "log-checkpoint", "lookup", "personal-data", "session", "gm")
_REASON = click.option("--reason", default="密钥管理 key work", help="原因（正式密钥） / why, with real keys.")
_PURPOSE = click.argument("purpose", type=click.Choice(PURPOSES))


@click.group(
    cls=LazyGroup,
    commands_at={
        "request": "certsvc.cli.seal_key:request",
        "import-chain": "certsvc.cli.seal_key:import_chain",
        "import-seal": "certsvc.cli.seal_key:import_seal",
        "crl": "certsvc.cli.seal_key:crl",
        "root": "certsvc.cli.root:root",
        "gm-public": "certsvc.cli.gm:gm_public",
    },
)
def key() -> None:
    """密钥 / Keys."""


@key.command("list")
@json_option
def list_(as_json: bool) -> None:
    """全部密钥（只列公开部分） / Every key there ever was; public parts only."""
    records = work.services(migrated=False).keystore.records()
    if as_json:
        tell([as_json_of(record) for record in records])
        return
    for record in records:
        say_record(record)


@key.command()
@_PURPOSE
@click.option("--at", default="file:", help="file: 或 pkcs11:… URI / where the private part is kept.")
@click.option("--real", is_flag=True, help="在开发密钥旁生成正式密钥 / a real key beside development keys.")
@by_option
@json_option
def new(purpose: str, *, at: str, real: bool, by: str | None, as_json: bool) -> None:
    """为某用途生成第一把密钥 / Make the first key of a purpose."""
    from certsvc.services.log.clock import check_clock
    from certsvc.services.operation.own_keys import deed
    from certsvc.signing.keys import Purpose

    services = work.services()
    check_clock(services)
    there = services.keystore.records()
    # Beside development keys another of their kind: a real key is made on purpose (R7.6), and under a passphrase.
    development = bool(there) and all(record.development for record in there) and not real
    announce = deed(services, "key.new", work.person(by))
    made = services.keystore.new(Purpose(purpose), development=development, at=at, announce=announce)
    done(services, made, as_json, to_publish=False)  # before all keys are there, nothing can be published


@key.command()
@_PURPOSE
@click.option("--at", default="file:", help="file: 或 pkcs11:… URI / where the private part is kept.")
@click.option("--real", is_flag=True, help="开发密钥换成正式密钥 / a real key in place of a development key.")
@_REASON
@by_option
@json_option
def rotate(purpose: str, *, at: str, real: bool, reason: str, by: str | None, as_json: bool) -> None:
    """换新密钥，旧公钥继续公布；正式密钥须两人 / Make a new key and retire the old one, which stays published."""
    from certsvc.services.certificates import key_work
    from certsvc.services.log.clock import check_clock
    from certsvc.services.operation.own_keys import deed
    from certsvc.signing.keys import Purpose

    if purpose == "lookup":
        raise click.UsageError("lookup 密钥不能更换：登记册的索引由它算出 / the register's index is computed with it")
    services = work.services()
    check_clock(services)
    keystore = services.keystore
    if work.real(services):
        wanted = Purpose(purpose)
        _tell_proposed(key_work.propose_rotation(services, wanted, at=at, reason=reason, by=work.person(by)), as_json)
        return
    # A development key is followed by another: SAMPLE ends only where a real key is made on purpose (R7.6).
    development = keystore.active(Purpose(purpose)).development and not real
    announce = deed(services, "key.rotate", work.person(by))
    done(services, keystore.rotate(Purpose(purpose), development=development, at=at, announce=announce), as_json)


@key.command()
@click.argument("kid")
@_REASON
@by_option
@json_option
def retire(kid: str, reason: str, by: str | None, as_json: bool) -> None:
    """停用；它签过的仍然有效；正式密钥须两人 / Take a key out of use; what it signed stays good."""
    from certsvc.services.certificates import key_work
    from certsvc.services.operation.own_keys import deed

    services = work.services()
    if work.real(services):
        _tell_proposed(key_work.propose_retirement(services, kid, reason=reason, by=work.person(by)), as_json)
        return
    done(services, services.keystore.retire(kid, deed(services, "key.retire", work.person(by))), as_json)


@key.command("web-copy")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@json_option
def web_copy(folder: Path, as_json: bool) -> None:
    """给网站进程的密钥目录，不含签名私钥 / A folder for the web process: everything but the private signing keys."""
    from certsvc.signing.key_copy import copy_without_signing_keys

    names = copy_without_signing_keys(work.settings().keys, folder)
    if as_json:
        tell({"folder": str(folder), "files": list(names)})
    else:
        say(f"{len(names)} → {folder}")


@key.command()
@click.argument("kid")
@click.option(
    "--from-index", type=click.IntRange(min=0), required=True, help="自哪个日志序号起 / from which log index."
)
@_REASON
@by_option
@json_option
def distrust(kid: str, from_index: int, reason: str, by: str | None, as_json: bool) -> None:
    """宣布被盗：自某日志序号起不再信任；正式密钥须两人 / Declare a key stolen, from a log index on."""
    from certsvc.services.certificates import key_work
    from certsvc.services.certificates.distrust import distrust as run

    services = work.services()
    if work.real(services):
        proposed = key_work.propose_distrust(services, kid, from_index, reason=reason, by=work.person(by))
        _tell_proposed(proposed, as_json)
        return
    found = run(services, kid, from_index, by=work.person(by))
    publish(services)
    if as_json:
        tell(as_json_of(found.record) | {"to_resign": found.to_resign})
        return
    say_record(found.record)
    if found.to_resign:
        say(f"尚有 {found.to_resign} 份有效证书须重新签名：certsvc certificate resign --key {kid}")
        say(f"{found.to_resign} certificates in force must be signed again: certsvc certificate resign --key {kid}")


def _tell_proposed(proposed: ProposedWork, as_json: bool) -> None:
    if as_json:
        tell(proposed.as_json())
    else:
        tell_waiting(proposed.approval_id)


def done(services: Services, record: KeyRecord, as_json: bool, *, to_publish: bool = True) -> None:
    """Let the register know the key as it is now, publish what is public of it, and tell its record.

    The deed stands and is in the trail: what hinders this is told, and the next command makes up for it.
    """
    from certsvc.errors import CertsvcError
    from certsvc.services.operation.own_keys import note_keys

    try:
        note_keys(services)
    except CertsvcError as error:
        talk(f"已完成，但尚未记入数据库，下一命令会补记 / done; the next command notes it there: {error}")
    if to_publish:
        publish(services)
    if as_json:
        tell(as_json_of(record))
    else:
        say_record(record)


def as_json_of(record: KeyRecord) -> dict[str, object]:
    return {
        "kid": record.kid,
        "purpose": record.purpose.value,
        "algorithm": record.algorithm.value,
        "state": record.state.value,
        "created_at": record.created_at.isoformat(),
        "retired_at": record.retired_at.isoformat() if record.retired_at else None,
        "distrusted_from": record.distrusted_from,
        "development": record.development,
        "public": record.public.hex(),
    }


def say_record(record: KeyRecord) -> None:
    sample = "  开发 development" if record.development else ""
    since = f"  自日志序号 from log index {record.distrusted_from}" if record.distrusted_from is not None else ""
    say(f"{record.kid}  {record.purpose.value}  {record.algorithm.value}  {record.state.value}{since}{sample}")
