"""Registrations: a roster handed in, the reviewer's queue with the portrait beside the data, one decided or many (R1).

An institution sees its own candidates alone. Not here: what a row must be (`roster`), which step may follow which
(`rules.registration_review`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from flask import Response, request

from certsvc.brought.names import plain_name
from certsvc.errors import ImportRefused, NotFound, Refused
from certsvc.rules.registration_review import FaceCheck, RegistrationState
from certsvc.services.imports import ImportReport
from certsvc.services.records.photos import kept_photo
from certsvc.services.registration import review, review_list
from certsvc.services.registration.import_roster import import_candidates
from certsvc.services.staff.roles import Deed
from certsvc.web.answers import Answer
from certsvc.web.console.desk import Desk, go, render, scope, staff, typed, words
from certsvc.web.problems import status_of
from certsvc.web.requests import address, respond
from certsvc.web.site import site

desk = Desk("registrations", __name__)

PAGE: Final = 50
MOST_PHOTOS: Final = 90  # a form has at most a hundred parts
_STATES: Final = (
    RegistrationState.SUBMITTED,
    RegistrationState.RETURNED,
    RegistrationState.APPROVED,
    RegistrationState.REJECTED,
)
_MOST_SHOWN: Final = 200
_LARGEST_ID: Final = 2**31 - 1


@desk.page("/console/registrations", Deed.READ_REGISTRATIONS)
def list_() -> Response:
    return _queue()


@desk.page("/console/registrations/new", Deed.ENTER_REGISTRATIONS)
def new() -> Response:
    return _upload_page()


@desk.form("/console/registrations/new", Deed.ENTER_REGISTRATIONS)
def upload() -> Response:
    """A roster with its photos: put to review, all of it or nothing; or checked alone."""
    here = site()
    roster = request.files.get("roster")
    if roster is None or not roster.filename:
        missing = Refused("请选择名册文件", "choose the roster's file", where="roster")
        return _upload_page(error=words(missing), status=422)
    photos = [one for one in request.files.getlist("photos") if one.filename]
    try:
        with here.gate.turn(address()), tempfile.TemporaryDirectory() as folder:
            path = _beside(Path(folder), "roster-" + plain_name(roster.filename))
            roster.save(path)
            for photo in photos[:MOST_PHOTOS]:
                photo.save(_beside(Path(folder), plain_name(photo.filename)))
            report = import_candidates(
                here.services,
                path,
                by=staff().name,
                dry_run="check" in request.form,
                for_review=True,
                institution=scope(),
            )
    except ImportRefused as error:
        return _upload_page(error=words(error), cells=error, status=422)
    except Refused as error:
        return _upload_page(error=words(error), status=status_of(error))
    return _upload_page(report=report)


@desk.page("/console/registrations/<int(max=2147483647):enrolment_id>", Deed.READ_REGISTRATIONS)
def show(enrolment_id: int) -> Response:
    return _shown(enrolment_id)


@desk.page("/console/registrations/<int(max=2147483647):enrolment_id>/portrait", Deed.READ_REGISTRATIONS)
def portrait(enrolment_id: int) -> Response:
    """The photo as it was handed in."""
    here = site()
    found = review_list.one_of(here.services, enrolment_id, institution=scope())
    digest = found.entered["photo_sha256"]
    if digest is None or not here.services.folders.photo(str(digest)).is_file():
        raise NotFound("没有照片", "there is no photo", where=str(enrolment_id))
    jpeg = kept_photo(here.services.folders, str(digest))
    assert jpeg is not None
    return respond(Answer(200, "image/jpeg", jpeg))


@desk.form("/console/registrations/<int(max=2147483647):enrolment_id>/confirm", Deed.ENTER_REGISTRATIONS)
def confirm(enrolment_id: int) -> Response:
    """Record that the candidate confirmed photo, identity and data, and the face check."""
    here = site()
    review_list.one_of(here.services, enrolment_id, institution=scope())
    face = FaceCheck.known(typed("face"))
    if face is None:
        missing = Refused("请选择核验结果", "choose the result of the check", where="face")
        return _shown(enrolment_id, error=words(missing), status=422)
    try:
        review.confirm(here.services, enrolment_id, by=staff().name, face=face, place=typed("place", 200))
    except Refused as error:
        return _shown(enrolment_id, error=words(error), status=status_of(error))
    return go(f"/console/registrations/{enrolment_id}")


@desk.form("/console/registrations/decide", Deed.REVIEW_REGISTRATIONS, again=True)
def decide() -> Response:
    """Approve, return or reject one or many, all of them or none; what another decided meanwhile is told."""
    ids = [
        int(one) for one in request.form.getlist("id") if one.isascii() and one.isdigit() and int(one) <= _LARGEST_ID
    ]
    reason = typed("reason", 600)
    try:
        _decide(ids, reason)
    except Refused as error:
        place = f"{error.where}: " if error.where else ""
        return _queue(error=place + words(error), ticked=ids, reason=reason)
    return go(f"/console/registrations?state=submitted&done={len(set(ids))}")


def _decide(ids: list[int], reason: str) -> None:
    services, by = site().services, staff().name
    if not ids:
        raise Refused("请先勾选报名", "tick the registrations first")
    if "approve" in request.form:
        review.approve(services, ids, by=by)
    elif "return" in request.form:
        review.return_(services, ids, by=by, missing=reason)
    elif "reject" in request.form:
        review.reject(services, ids, by=by, reason=reason)
    else:
        raise Refused("请选择批准、退回或不予通过", "choose: approve, return or reject")


def _queue(*, error: str = "", ticked: list[int] | None = None, reason: str = "") -> Response:
    wanted = RegistrationState.known(request.args.get("state", "submitted"))
    state = wanted if wanted in _STATES else RegistrationState.SUBMITTED
    name, after, done = (request.args.get(key, "")[:100].strip() for key in ("name", "after", "done"))
    start = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
    services = site().services
    found = review_list.queue(services, state, institution=scope(), name=name, after=start, most=PAGE + 1)
    return render(
        "registrations.html",
        status=422 if error else 200,
        found=found[:PAGE],
        counts=review_list.count_by_state(services, institution=scope()),
        state=state,
        states=_STATES,
        name=name,
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        start=start,
        done=done if done.isascii() and done.isdigit() else "",
        error=error,
        ticked=ticked or [],
        reason=reason,
    )


def _shown(enrolment_id: int, *, error: str = "", status: int = 200) -> Response:
    found = review_list.one_of(site().services, enrolment_id, institution=scope())
    state = RegistrationState.of(found.state)
    return render("registration.html", status=status, it=found, state=state, faces=tuple(FaceCheck), error=error)


def _upload_page(
    *,
    error: str = "",
    cells: ImportRefused | None = None,
    report: ImportReport | None = None,
    status: int = 200,
) -> Response:
    faults = () if cells is None else cells.errors
    return render(
        "roster.html",
        status=status,
        error=error,
        faults=faults[:_MOST_SHOWN],
        left=max(0, len(faults) - _MOST_SHOWN),
        report=report,
        scope=scope(),
    )


def _beside(folder: Path, name: str) -> Path:
    """A place in the folder; a name that leads out of it has lost its folders before (`plain_name`)."""
    return folder / (name if name not in {".", ".."} else "_")
