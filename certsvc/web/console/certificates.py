"""Certificates: found by number or name, seen with every version, and changed by two people (R7.5, R8.4a)."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from certsvc.credential.reasons import FOR_STATUS, StatusReason, reason_of
from certsvc.credential.status import Status
from certsvc.errors import NotFound, Refused
from certsvc.person.identity import IdType
from certsvc.services.certificates import change_status, correct
from certsvc.services.certificates.correct import Correction
from certsvc.services.certificates.listing import find_certificates, show_certificate
from certsvc.services.publishing.static import refresh
from certsvc.services.staff.roles import Deed
from certsvc.web.console.desk import Desk, go, render, staff, typed, words
from certsvc.web.problems import status_of
from certsvc.web.site import site

desk = Desk("certificates", __name__)

MOST: Final = 50
_CHANGES: Final = {"revoke": Status.REVOKED, "suspend": Status.SUSPENDED, "reinstate": Status.VALID}


@desk.page("/console/certificates", Deed.READ_CERTIFICATES)
def search() -> Response:
    """By number or name; for neither, what to type."""
    number, name = (request.args.get(key, "")[:100].strip() for key in ("number", "name"))
    found = find_certificates(site().services, number=number, name=name, most=MOST) if number or name else []
    return render("certificates.html", found=found, number=number, name=name)


@desk.page("/console/certificates/<number>", Deed.READ_CERTIFICATES)
def show(number: str) -> Response:
    return _shown(number)


@desk.form("/console/certificates/<number>/change", Deed.PROPOSE_CHANGE, again=True)
def change(number: str) -> Response:
    """Ask for a revocation or a reinstatement, which another person approves; suspend at once, which is urgent."""
    to, reason, by = _CHANGES.get(typed("change")), typed("reason", 600), staff().name
    code = None if to is Status.VALID else reason_of(typed("code"))
    if to is None:
        missing = Refused("请选择要做什么", "choose what is to be done", where="change")
        return _shown(number, error=words(missing), status=422)
    try:
        if to is Status.SUSPENDED:
            change_status.suspend(site().services, number, reason=reason, by=by, code=code or StatusReason.OTHER)
        else:
            asked = change_status.propose(site().services, number, to, reason=reason, by=by, code=code)
    except NotFound:
        raise
    except Refused as error:
        return _shown(number, error=words(error), status=status_of(error))
    if to is Status.SUSPENDED:
        refresh(site().services)  # what hinders it the next run makes good; a scan says it at once
        return go(f"/console/certificates/{number}")
    return go(f"/console/approvals/{asked.approval_id}")


@desk.form("/console/certificates/<number>/correct", Deed.PROPOSE_CHANGE, again=True)
def propose_correction(number: str) -> Response:
    """Ask for a correction of the name or of the identity number, never both (R8.4a)."""
    wanted = Correction(
        name=typed("name", 200) or None,
        id_number=typed("id_number", 60) or None,
        id_type=IdType.known(typed("id_type")),
    )
    try:
        made = correct.propose(site().services, number, wanted, reason=typed("reason", 600), by=staff().name)
    except NotFound:
        raise
    except Refused as error:
        return _shown(number, error=words(error), status=status_of(error))
    return go(f"/console/approvals/{made.approval_id}")


def _shown(number: str, *, error: str = "", status: int = 200) -> Response:
    versions = show_certificate(site().services, number)
    kept = {key: typed(key, 600) if request.method == "POST" else "" for key in ("reason", "name", "id_number", "code")}
    return render(
        "certificate.html",
        status=status,
        versions=versions,
        it=versions[0],
        kept=kept,
        error=error,
        codes=FOR_STATUS,
        id_types=tuple(IdType),
    )
