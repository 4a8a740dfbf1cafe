"""`certsvc sending-system register|list|revoke`: systems that send results by a signed call (RFC 9421)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, json_option, say, tell, tell_waiting

if TYPE_CHECKING:
    from certsvc.services.operation.sending_systems import SendingSystem


@click.group("sending-system", cls=WholeGroup)
def sending_system() -> None:
    """以签名调用报送成绩的系统 / Systems that send results by a signed call."""


@sending_system.command()
@click.argument("name")
@click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Ed25519 公钥（PEM） / its public key.",
)
@click.option(
    "--subject",
    "subjects",
    type=click.Choice(["theory", "practical"]),
    multiple=True,
    required=True,
    help="可报送的科目 / what it may send.",
)
@click.option("--station", default=None, help="只限该站场次的考生 / only those on the rolls of this station.")
@by_option
@json_option
def register(
    name: str, *, public_key: Path, subjects: tuple[str, ...], station: str | None, by: str | None, as_json: bool
) -> None:
    """登记系统的公钥，得到 keyid；正式密钥须两人 / Let a system in; prints its keyid. Real keys: two people."""
    from certsvc.rules.terms import Subject
    from certsvc.services.operation import callers_by_two, sending_systems

    services, wanted, pem = work.services(), [Subject.of(one) for one in subjects], public_key.read_bytes()
    if work.real(services):
        proposed = callers_by_two.propose_system(services, name, pem, wanted, station=station, by=work.person(by))
        if as_json:
            tell(proposed.as_json())
        else:
            say(f"{name}  keyid={proposed.key_id}")
            tell_waiting(proposed.approval_id)
        return
    made = sending_systems.register(services, name, pem, wanted, station=station, by=work.person(by))
    if as_json:
        tell(made.as_json())
    else:
        _say(made)


@sending_system.command("list")
@json_option
def list_(as_json: bool) -> None:
    """全部系统 / Every system."""
    from certsvc.services.operation import sending_systems

    found = sending_systems.list_systems(work.services())
    if as_json:
        tell([one.as_json() for one in found])
        return
    for one in found:
        _say(one)


@sending_system.command()
@click.argument("system_id", type=int)
@by_option
def revoke(system_id: int, by: str | None) -> None:
    """撤销其公钥 / Take its key out of use."""
    from certsvc.services.operation import sending_systems

    done = sending_systems.revoke(work.services(), system_id, by=work.person(by))
    say(f"{done.name} 已撤销 revoked")


def _say(one: SendingSystem) -> None:
    subjects = "、".join(subject.zh for subject in one.subjects)
    state = "已撤销 revoked" if one.revoked_at else "有效 active"
    say(f"{one.id}  {one.name}  keyid={one.key_id}  {subjects}  {one.station or '-'}  {state}")
