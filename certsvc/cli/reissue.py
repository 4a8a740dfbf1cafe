"""`certsvc reissue apply|approve|reject|list`: electronic certificates in place of lost or damaged paper (R8)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, id_number_option, id_type_option, json_option, say, tell
from certsvc.cli.status import publish

if TYPE_CHECKING:
    from certsvc.services.certificates.reissue_request import Request


@click.group(cls=WholeGroup)
def reissue() -> None:
    """补发 / Reissue: paper lost or damaged is replaced by an electronic certificate."""


@reissue.command()
@click.option("--number", required=True, help="纸质证书编号 / the paper certificate's number.")
@click.option("--name", required=True, help="姓名 / the holder's name.")
@id_number_option("证件号码 / the holder's identity number.", required=True)
@id_type_option
@click.option("--reason", type=click.Choice(["lost", "damaged"]), required=True, help="遗失或损毁 / why.")
@click.option("--evidence", default=None, help="登记册中没有时的证明 / what stands in for an entry of the register.")
@click.option(
    "--issued-on", type=work.Day(), default=None, help="附证明时：原发证日期 / with evidence: the paper's date."
)
@click.option("--issuer", default=None, help="附证明时：原发证机构 / with evidence: who issued the paper.")
@by_option
@json_option
def apply(
    *,
    number: str,
    name: str,
    id_number: str,
    id_type: str,
    reason: str,
    evidence: str | None,
    issued_on: date | None,
    issuer: str | None,
    by: str | None,
    as_json: bool,
) -> None:
    """登记补发申请 / Record a request; again, it leads to the existing one."""
    from certsvc.services.certificates import reissue as desk
    from certsvc.services.certificates.unregistered_paper import Evidence

    if evidence is not None and issued_on is None:
        raise click.UsageError("附证明材料时须给出 --issued-on / with --evidence, give --issued-on")
    services = work.services()
    shown = (
        Evidence(evidence, issued_on, issuer or services.issuer.name_zh)
        if evidence is not None and issued_on is not None
        else None
    )
    request = desk.apply(
        services,
        number=number,
        name=name,
        identity=work.identity(id_type, id_number),
        reason=reason,
        by=work.person(by),
        evidence=shown,
    )
    _tell(request, as_json)


@reissue.command()
@click.argument("request_id", metavar="ID", type=int)
@click.option("--note", default=None, help="审批意见 / a note.")
@click.option("--scheme", "scheme_key", default=None, help="方案（默认青海 2025） / the scheme, by its key.")
@by_option
@json_option
def approve(request_id: int, note: str | None, scheme_key: str | None, by: str | None, as_json: bool) -> None:
    """批准并签发电子证书 / Approve, and issue the electronic certificate; not by the one who recorded it."""
    from certsvc.services.certificates import reissue as desk
    from certsvc.services.issuing.render import render

    services = work.services()
    request = desk.approve(services, request_id, by=work.person(by), decision_note=note, scheme_key=scheme_key)
    if request.certificate_id is not None and not request.existing:
        render(services, [request.certificate_id])
    publish(services)
    _tell(request, as_json)


@reissue.command()
@click.argument("request_id", metavar="ID", type=int)
@click.option("--note", required=True, help="不予补发的原因 / why it is turned down.")
@by_option
@json_option
def reject(request_id: int, note: str, by: str | None, as_json: bool) -> None:
    """驳回 / Turn a request down, saying why."""
    from certsvc.services.certificates import reissue as desk

    _tell(desk.reject(work.services(), request_id, by=work.person(by), decision_note=note), as_json)


@reissue.command("list")
@click.option("--state", type=click.Choice(["applied", "approved", "rejected"]), default=None, help="状态 / state.")
@json_option
def list_(state: str | None, as_json: bool) -> None:
    """补发申请 / The requests; "v2 → v3": reissued as version 2, now version 3 (corrected since), and so the name."""
    from certsvc.services.certificates import reissue as desk

    requests = desk.list_requests(work.services(), state)
    if as_json:
        tell([request.as_json() for request in requests])
        return
    for request in requests:
        _say(request)


def _tell(request: Request, as_json: bool) -> None:
    if as_json:
        tell(request.as_json())
        return
    if request.existing:
        say("已有申请或已补发 / there is one already:")
    _say(request)


def _say(request: Request) -> None:
    from certsvc.credential.status import Status

    name, version = request.name, f"v{request.version}" if request.version else ""
    if request.now is not None:
        if request.now.name != name:
            name = f"{name} → {request.now.name}"
        if request.now.version != request.version:
            version = f"{version} → v{request.now.version}"
        if request.now.status != Status.VALID:
            version = f"{version} {request.now.status}"
    told = (str(request.id), request.number, name, request.reason, request.state, version, request.decision_note)
    say("  ".join(each for each in told if each))
