"""Notices to candidates and holders: what became of them, by state and kind; what was not delivered is sent again."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from certsvc.errors import Refused
from certsvc.services.notices import listing
from certsvc.services.notices.deliver import FAILED
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.staff.roles import Deed
from certsvc.web.console.desk import Desk, go, render, staff, words
from certsvc.web.problems import status_of
from certsvc.web.site import site

desk = Desk("notices", __name__)

PAGE: Final = 50


@desk.page("/console/notices", Deed.READ_NOTICES)
def list_() -> Response:
    return _list()


@desk.form("/console/notices/<int(max=2147483647):notice_id>/again", Deed.SEND_NOTICES)
def again(notice_id: int) -> Response:
    try:
        listing.send_again(site().services, notice_id, by=staff().name)
    except Refused as error:
        return _list(error=f"{notice_id}: {words(error)}", status=status_of(error))
    return go("/console/notices")


def _list(*, error: str = "", status: int = 200) -> Response:
    services, asked = site().services, request.args.get("state", FAILED)
    state = asked if asked in listing.STATES else FAILED
    kind = NoticeKind.known(request.args.get("kind", ""))
    before = request.args.get("before", "")
    at = int(before) if before.isascii() and before.isdigit() and len(before) < 10 else None
    found = listing.notices(services, state=state, kind=kind and kind.value, before=at, most=PAGE + 1)
    return render(
        "notices.html",
        status=status,
        found=found[:PAGE],
        counts=listing.counts(services),
        state=state,
        kind=kind.value if kind is not None else "",
        kinds=tuple(NoticeKind),
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        error=error,
        on=services.notices_on,
    )
