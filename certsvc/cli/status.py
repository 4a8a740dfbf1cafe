"""`certsvc certificate revoke|suspend|reinstate`: who, when, why; published at once (R7.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from certsvc.cli import work
from certsvc.cli.speech import by_option, json_option, say, talk, tell
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
    """撤销证书，不可恢复 / Revoke a certificate, for good."""
    from certsvc.services.certificates import change_status

    _change(change_status.revoke, number, reason=reason, code=code, by=by, as_json=as_json)


@click.command()
@_change_options
@_CODE
def suspend(number: str, reason: str, code: str, by: str | None, as_json: bool) -> None:
    """暂停使用 / Suspend a certificate until it is reinstated."""
    from certsvc.services.certificates import change_status

    _change(change_status.suspend, number, reason=reason, code=code, by=by, as_json=as_json)


@click.command()
@_change_options
def reinstate(number: str, reason: str, by: str | None, as_json: bool) -> None:
    """恢复使用 / Put a suspended certificate back in force."""
    from certsvc.services.certificates import change_status

    _change(change_status.reinstate, number, reason=reason, by=by, as_json=as_json)


def publish(services: Services) -> None:
    """Bring the published files up to date; what hinders it is told, since the deed itself stands."""
    from certsvc.services.publishing.static import refresh

    error = refresh(services)
    if error is not None:
        talk(f"已完成，但静态文件未能更新 / done, but the published files are not up to date: {error}")


def _change(
    change: Callable[..., StatusChange],
    number: str,
    *,
    reason: str,
    by: str | None,
    as_json: bool,
    code: str | None = None,
) -> None:
    services = work.services()
    coded = {} if code is None else {"code": reason_of(code)}
    tell_change(services, change(services, number, reason=reason, by=work.who(by), **coded), as_json=as_json)


def tell_change(services: Services, done: StatusChange, *, as_json: bool) -> None:
    """Publish a change that was made, and say so."""
    publish(services)
    if as_json:
        tell(done.as_json())
        return
    say(f"{done.number} v{done.version}: {done.from_status} → {done.to_status}  {done.on}")
