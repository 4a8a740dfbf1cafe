"""`certsvc certificate revoke|suspend|reinstate`: who, when, why; published at once (R7.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from certsvc.cli import work
from certsvc.cli.speech import by_option, json_option, say, talk, tell, tell_waiting
from certsvc.credential.reasons import FOR_STATUS, reason_of

if TYPE_CHECKING:
    from certsvc.services.certificates.change_status import StatusChange
    from certsvc.services.context import Services

_REASON = click.option("--reason", required=True, help="原因（只供内部，不公开） / why; kept inside, never public.")
_CODE = click.option(
    "--code",
    type=click.Choice([reason.value for reason in FOR_STATUS]),
    default="other",
    show_default=True,
    help="公开的原因代码 / the reason the public reads, by its code.",
)


def _change_options(command: Any) -> Any:
    for option in (json_option, by_option, _REASON, click.argument("number")):
        command = option(command)
    return command


@click.command()
@_change_options
@_CODE
def revoke(number: str, reason: str, code: str, by: str | None, as_json: bool) -> None:
    """撤销证书，不可恢复；正式密钥须两人，急则先 suspend / Revoke for good; real keys: two people; suspend first."""
    from certsvc.services.certificates import change_status

    services = work.services()
    if work.real(services):
        _propose(services, number, "revoked", reason=reason, code=code, by=by, as_json=as_json)
    else:
        _change(services, change_status.revoke, number, reason=reason, code=code, by=by, as_json=as_json)


@click.command()
@_change_options
@_CODE
def suspend(number: str, reason: str, code: str, by: str | None, as_json: bool) -> None:
    """暂停使用，一人即可，立即生效 / Suspend a certificate until it is reinstated: one person, at once."""
    from certsvc.services.certificates import change_status

    _change(work.services(), change_status.suspend, number, reason=reason, code=code, by=by, as_json=as_json)


@click.command()
@_change_options
def reinstate(number: str, reason: str, by: str | None, as_json: bool) -> None:
    """恢复使用；正式密钥须两人 / Put a suspended certificate back in force."""
    from certsvc.services.certificates import change_status

    services = work.services()
    if work.real(services):
        _propose(services, number, "valid", reason=reason, by=by, as_json=as_json)
    else:
        _change(services, change_status.reinstate, number, reason=reason, by=by, as_json=as_json)


def publish(services: Services) -> None:
    """Bring the published files up to date; what hinders it is told, since the deed itself stands."""
    from certsvc.services.publishing.static import refresh

    error = refresh(services)
    if error is not None:
        talk(f"已完成，但静态文件未能更新 / done, but the published files are not up to date: {error}")


def tell_change(services: Services, done: StatusChange, *, as_json: bool) -> None:
    """Publish a change of status, and say so."""
    publish(services)
    if as_json:
        tell(done.as_json())
        return
    say(f"{done.number} v{done.version}: {done.from_status} → {done.to_status}  {done.on}")


def _propose(
    services: Services,
    number: str,
    to: str,
    *,
    reason: str,
    by: str | None,
    as_json: bool,
    code: str | None = None,
) -> None:
    from certsvc.credential.status import Status
    from certsvc.services.certificates import change_status

    proposed = change_status.propose(
        services, number, Status(to), reason=reason, by=work.person(by), code=reason_of(code)
    )
    if as_json:
        tell(proposed.as_json())
        return
    tell_waiting(proposed.approval_id)
    if to != "valid":
        talk("情况紧急可先暂停：certsvc certificate suspend / urgent? suspend it at once: certsvc certificate suspend")


def _change(
    services: Services,
    change: Callable[..., StatusChange],
    number: str,
    *,
    reason: str,
    by: str | None,
    as_json: bool,
    code: str | None = None,
) -> None:
    coded = {} if code is None else {"code": reason_of(code)}
    done = change(services, number, reason=reason, by=work.person(by), **coded)
    tell_change(services, done, as_json=as_json)
