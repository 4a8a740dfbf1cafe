"""`certsvc reissue …`: electronic certificates in place of lost or damaged paper, applications from home too (R8)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, id_number_option, id_type_option, json_option, say, tell
from certsvc.cli.status import publish

if TYPE_CHECKING:
    from certsvc.services.certificates.reissue_request import Request


_REGISTER_SAYS: Final = {
    "agrees": ("与登记册一致", "as the register has it"),
    "differs": ("登记册中有该编号，但姓名或证件不符", "the register has this number with another name or document"),
    "none": ("登记册中没有该编号", "the register has no such number"),
}


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


@reissue.command()
@click.argument("request_id", metavar="ID", type=int)
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="新文件夹 / a new folder."
)
@by_option
@json_option
def evidence(request_id: int, output: Path, by: str | None, as_json: bool) -> None:
    """取出在家申请的照片 / Write out what an applicant sent from home, to look at; delete the folder afterwards."""
    from certsvc.services.certificates import home_review

    done = home_review.write_evidence(work.services(), request_id, output, by=work.person(by))
    if as_json:
        tell({"files": [str(file) for file in done.files], "register": done.register})
        return
    for file in done.files:
        say(str(file))
    zh, en = _REGISTER_SAYS[done.register]
    say(f"{zh} / {en}")


@reissue.command("return")
@click.argument("request_id", metavar="ID", type=int)
@click.option("--missing", required=True, help="缺什么，申请人会看到 / what is missing; the applicant reads it.")
@by_option
def return_(request_id: int, missing: str, by: str | None) -> None:
    """退回补充 / Ask an applicant at home for what is missing."""
    from certsvc.services.certificates import home_review

    home_review.return_for(work.services(), request_id, missing=missing, by=work.person(by))
    say(f"申请 {request_id} 已退回，等待补充 / request {request_id} waits for what is missing")


@reissue.command()
@click.argument("request_id", metavar="ID", type=int)
@click.option("--evidence", required=True, help="照片上看到什么 / what the pictures show.")
@click.option("--issued-on", type=work.Day(), required=True, help="原发证日期 / the paper's date.")
@click.option("--issuer", default=None, help="原发证机构 / who issued the paper.")
@by_option
def confirm(request_id: int, evidence: str, issued_on: date, issuer: str | None, by: str | None) -> None:
    """登记证明材料，由另一人批准 / Where the register has no entry: record the evidence; another person approves."""
    from certsvc.services.certificates import home_review
    from certsvc.services.certificates.unregistered_paper import Evidence

    services = work.services()
    shown = Evidence(evidence, issued_on, issuer or services.issuer.name_zh)
    home_review.confirm(services, request_id, shown, by=work.person(by))
    say(f"申请 {request_id} 待另一人批准 / request {request_id} waits for another person")


@reissue.command()
@click.argument("request_id", metavar="ID", type=int)
@click.option("--reason", required=True, help="原因 / why, such as how the caller was known.")
@by_option
@json_option
def contact(request_id: int, reason: str, by: str | None, as_json: bool) -> None:
    """申请把所填手机登记为本人手机 / Ask that the telephone an approved application named becomes the holder's."""
    from certsvc.cli.approved import tell_contact
    from certsvc.services.certificates import home_review
    from certsvc.services.holders.contact import propose

    services = work.services()
    identity, phone = home_review.named_by(services, request_id)
    tell_contact(propose(services, identity, phone, reason=reason, by=work.person(by)), as_json=as_json)


@reissue.command("drop-pictures")
@click.argument("request_id", metavar="ID", type=int)
@by_option
def drop_pictures(request_id: int, by: str | None) -> None:
    """立即删除已决定的申请的照片 / Delete a decided application's pictures at once, such as those of a hoax."""
    from certsvc.services.certificates import home_review

    count = home_review.drop_pictures(work.services(), request_id, by=work.person(by))
    say(f"已删除 {count} 张 / {count} pictures deleted")


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
    home = ""
    if request.home is not None:
        home = f"在家申请 from home: {request.home.phase}, {request.home.pictures} 张照片 pictures"
    told = (str(request.id), request.number, name, request.reason, request.state, version, home, request.decision_note)
    say("  ".join(each for each in told if each))
