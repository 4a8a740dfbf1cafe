"""`certsvc certificate correct`: asked for by one person; another approves it with `certsvc approval` (R8.4, R8.4a)."""

from __future__ import annotations

import click

from certsvc.cli import work
from certsvc.cli.approved import tell_corrected
from certsvc.cli.speech import by_option, id_number_option, json_option, tell, tell_waiting


@click.command()
@click.argument("number")
@click.option("--reason", required=True, help="原因（只供内部，不公开） / why; kept inside, never public.")
@by_option
@json_option
@click.option("--name", default=None, help="正确的姓名 / the right name.")
@id_number_option("正确的证件号码 / the right identity number.", required=False)
@click.option(
    "--id-type",
    type=click.Choice(["resident_id", "hmt_residence_permit", "foreign_permanent_resident", "passport"]),
    default=None,
    help="证件类型（默认不变） / the document's type (default: as it was).",
)
@click.option(
    "--approved-by",
    default=None,
    help="批准人，须为他人；仅限开发密钥，否则另行批准 / who approves it: another person; with development keys alone.",
)
def correct(
    number: str,
    *,
    reason: str,
    by: str | None,
    as_json: bool,
    name: str | None,
    id_number: str | None,
    id_type: str | None,
    approved_by: str | None,
) -> None:
    """申请更正姓名或证件号码，经第二人批准后签发新版本替代原版本 / Ask to correct the name or the identity number.

    A second person approves it (certsvc approval approve), and a new version replaces the earlier one.
    """
    from certsvc.person.identity import IdType
    from certsvc.services.certificates import correct as desk

    services = work.services()
    kind = IdType.known(id_type) if id_type is not None else None
    correction = desk.Correction(name=name, id_number=id_number, id_type=kind)
    if approved_by is not None:
        done = desk.correct(
            services, number, correction, reason=reason, by=work.person(by), approved_by=work.named(approved_by)
        )
        tell_corrected(services, done, as_json=as_json)
        return
    proposed = desk.propose(services, number, correction, reason=reason, by=work.person(by))
    if as_json:
        tell(proposed.as_json())
        return
    tell_waiting(proposed.approval_id)
