"""`certsvc candidates review list|confirm|approve|return|reject`: registrations put to review, and decided (R1.6)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, json_option, say, tell, tell_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from certsvc.services.registration.review_list import Registration

_STATES = click.Choice(["submitted", "returned", "approved", "rejected"])
_ID = click.IntRange(1, 2**31 - 1)  # as the register numbers them
_IDS = click.argument("ids", metavar="ID…", type=_ID, nargs=-1, required=True)


class Moment(click.ParamType[datetime]):
    """A time on the command line, to the minute or finer; without a zone it is Beijing's."""

    name = "YYYY-MM-DDTHH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from certsvc.services.context import SHANGHAI

        try:
            moment = datetime.fromisoformat(str(value))
            return (moment if moment.tzinfo is not None else moment.replace(tzinfo=SHANGHAI)).astimezone(UTC)
        except (ValueError, OverflowError):  # such as the first day of the year 1, which in UTC is none
            self.fail(f"{value!r} 不是时间 / is not a time {self.name}", param, ctx)


@click.group(cls=WholeGroup)
def review() -> None:
    """报名审核 / The review of registrations: by another person than entered them."""


@review.command("list")
@click.option(
    "--state", type=_STATES, default=None, help="状态（默认待审核和已退回） / state (default: submitted and returned)."
)
@json_option
def list_(state: str | None, as_json: bool) -> None:
    """送审的报名 / The registrations put to review; with --json all that was entered, and each step."""
    from certsvc.services.registration.review_list import list_registrations

    found = list_registrations(work.services(), state)
    if as_json:
        tell_list(one.as_json() for one in found)
    else:
        _say(found)


@review.command()
@click.argument("registration_id", metavar="ID", type=_ID)
@click.option(
    "--face",
    type=click.Choice(["pass", "fail", "manual"]),
    required=True,
    help="人脸核验：通过、未通过、人工核对 / the face check.",
)
@click.option("--place", required=True, help="核验地点 / where it was made.")
@click.option("--at", type=Moment(), default=None, help="核验时间（默认现在） / when it was made (default: now).")
@by_option
@json_option
def confirm(registration_id: int, *, face: str, place: str, at: datetime | None, by: str | None, as_json: bool) -> None:
    """记录考生本人确认 / Record that the candidate confirmed photo, identity and data, and the face check."""
    from certsvc.rules.registration_review import FaceCheck
    from certsvc.services.registration import review as desk

    found = FaceCheck.of(face)
    _tell(
        [desk.confirm(work.services(), registration_id, by=work.who(by), face=found, place=place, checked_at=at)],
        as_json,
    )


@review.command()
@_IDS
@by_option
@json_option
def approve(ids: tuple[int, ...], by: str | None, as_json: bool) -> None:
    """批准 / Approve: from then on the registration counts."""
    from certsvc.services.registration import review as desk

    _tell(desk.approve(work.services(), ids, by=work.who(by)), as_json)


@review.command("return")
@_IDS
@click.option("--missing", required=True, help="缺少什么（考生可见） / what is missing; the candidate sees it.")
@by_option
@json_option
def return_(ids: tuple[int, ...], missing: str, by: str | None, as_json: bool) -> None:
    """退回补充 / Return: imported again with --for-review, it is submitted again."""
    from certsvc.services.registration import review as desk

    _tell(desk.return_(work.services(), ids, by=work.who(by), missing=missing), as_json)


@review.command()
@_IDS
@click.option("--reason", required=True, help="不通过的原因（考生可见） / why; the candidate sees it.")
@by_option
@json_option
def reject(ids: tuple[int, ...], reason: str, by: str | None, as_json: bool) -> None:
    """不予通过 / Reject: the registration is closed."""
    from certsvc.services.registration import review as desk

    _tell(desk.reject(work.services(), ids, by=work.who(by), reason=reason), as_json)


def _tell(decided: list[Registration], as_json: bool) -> None:
    if as_json:
        tell([one.as_json() for one in decided])
    else:
        _say(decided)


def _say(registrations: Iterable[Registration]) -> None:
    from certsvc.person.identity import mask_id_number
    from certsvc.rules.registration_review import RegistrationState

    for one in registrations:
        state = RegistrationState.of(one.state)
        remark = f"  {one.remark}" if one.remark else ""
        number = mask_id_number(one.id_number)
        say(f"{one.id}  {state.zh} {state.value}  {one.name}  {number}  {one.registered_on}{remark}")
