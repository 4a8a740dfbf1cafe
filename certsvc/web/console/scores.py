"""The scoring sheet: an assessor enters, candidate by candidate; another confirms what they have seen (R2, R1.6).

An entry is a plain form. `static/sheet.js` sends the same form with `Accept: application/json`, and keeps it on the
device until it was answered, sealed with a key that this account alone is given. Not here: which entry counts
(`services.examination.sheet`), what the rules refuse (`services.examination.scores`).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flask import Response, request

from certsvc.errors import ImportRefused, Refused
from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.services.examination import scores, sheet, sitting_list
from certsvc.services.examination.scores import Entered
from certsvc.services.examination.sheet import WITHDRAWN, SheetLine
from certsvc.services.examination.sittings import Sitting
from certsvc.services.staff.roles import Deed, may
from certsvc.web.answers import json_answer
from certsvc.web.console.desk import Desk, go, render, scope, staff, typed, words
from certsvc.web.problems import status_of
from certsvc.web.requests import language, respond, wants_json
from certsvc.web.site import site

desk = Desk("scores", __name__)

OUTCOMES: Final = (Outcome.SCORED, Outcome.ABSENT, Outcome.EXCUSED, Outcome.MISCONDUCT)
_ITEM: Final = "item-"
_SEAL: Final = "scoring sheet on a device v1"


@dataclass(frozen=True, slots=True)
class Blank:
    """One form of the sheet: a ticket's first attempt or free retake, or its on-site retake. `id` is fresh each time a
    page is written; `error` is what was refused of it, with the `fields` as they were typed."""

    line: SheetLine
    kind: AttemptKind
    id: str
    sequence: int
    counts: Mapping[str, object] | None
    total: str | None
    fields: Mapping[str, str]
    error: str = ""
    where: str | None = None


@desk.page("/console/sittings/<int(max=2147483647):sitting_id>/sheet", Deed.READ_SCORES)
def show(sitting_id: int) -> Response:
    return _shown(sitting_id)


@desk.form("/console/sittings/<int(max=2147483647):sitting_id>/scores", Deed.ENTER_SCORES)
def enter(sitting_id: int) -> Response:
    """One entry. Sent twice, it is one; with a sequence that another was given first, it is refused by their name."""
    _mine(sitting_id)
    entered = _enter(sitting_id)
    if wants_json():
        return _told(sitting_id, entered)
    if entered.error is not None:
        return _shown(sitting_id, refused=entered.error)
    number = typed("ticket", 64).rpartition("-")[2]
    return go(f"/console/sittings/{sitting_id}/sheet#t{number}")


@desk.form("/console/sittings/<int(max=2147483647):sitting_id>/confirm", Deed.CONFIRM_SCORES, again=True)
def confirm_scores(sitting_id: int) -> Response:
    """Confirm exactly the sheet that was seen; all of it is recorded and locked, or nothing."""
    _mine(sitting_id)
    try:
        scores.confirm(site().services, sitting_id, by=staff().name, digest=typed("digest", 64))
    except ImportRefused as error:
        return _shown(sitting_id, said=words(error), cells=error, status=422)
    except Refused as error:
        if _mine(sitting_id).confirmed_by == staff().name:
            return go(f"/console/sittings/{sitting_id}/sheet")
        return _shown(sitting_id, said=words(error), status=status_of(error))
    return go(f"/console/sittings/{sitting_id}/sheet")


def _mine(sitting_id: int) -> Sitting:
    return sitting_list.show_to(site().services, sitting_id, station=scope())[0]


def _enter(sitting_id: int) -> Entered:
    """What becomes of the entry that the form holds."""
    try:
        entry = scores.read_entry(_entry(), "form")
    except Refused as error:
        return Entered(typed("id", 64), "refused", error=error)
    return scores.enter(site().services, sitting_id, [entry], by=staff().name)[0]


def _entry() -> dict[str, object]:
    """The form's members as a client sends them as JSON."""
    sequence = typed("sequence", 10)
    entry: dict[str, object] = {
        "id": typed("id", 80),
        "sequence": int(sequence) if sequence.isascii() and sequence.isdigit() else 0,
        "ticket": typed("ticket", 80),
        "kind": typed("kind", 20),
        "outcome": WITHDRAWN if "withdraw" in request.form else typed("outcome", 20),
    }
    if entry["outcome"] != WITHDRAWN:
        entry["items"] = _items()
        entry["score"] = typed("score", 20) or None
    return entry


def _items() -> dict[str, str]:
    named = [name for name in request.form if name.startswith(_ITEM)][:50]
    return {name.removeprefix(_ITEM): typed(name, 20) for name in named if typed(name, 20)}


def _told(sitting_id: int, entered: Entered) -> Response:
    """The answer to a sheet that sent an entry by itself: what became of it, and what counts now of ticket and kind."""
    ticket, kind = typed("ticket", 64), typed("kind", 20)
    line = next((one for one in sheet.sheet(site().services, sitting_id) if one.seat.ticket == ticket), None)
    content = entered.as_json() | {
        "counts": None if line is None else line.counts(kind),
        "sequence": 0 if line is None else line.newest.get(kind, 0),
        "passed": line is not None and line.passed(kind),
        "said": "" if entered.error is None else words(entered.error),
    }
    status = 200 if entered.error is None else status_of(entered.error)
    return respond(json_answer(content, status))


def _shown(
    sitting_id: int,
    *,
    refused: Refused | None = None,
    said: str = "",
    cells: ImportRefused | None = None,
    status: int = 200,
) -> Response:
    services, someone, found = site().services, staff(), _mine(sitting_id)
    lines = sheet.sheet(services, sitting_id)
    begun = services.today() >= found.sat_on
    enters = may(someone.role, Deed.ENTER_SCORES)
    return render(
        "sheet.html",
        status=status if refused is None else status_of(refused),
        it=found,
        lines=lines,
        blanks=_blanks(lines, refused) if enters and begun and not found.confirmed else [],
        outcomes=OUTCOMES,
        labels={item.code: item.zh if language() == "zh" else item.en for line in lines for item in line.rules.items},
        done=sum(line.seat.kind.value in line.entries for line in lines),
        next_ticket=next((line.seat.ticket for line in lines if not line.entries), None),
        digest=sheet.digest_of(sitting_id, lines),
        begun=begun,
        seal=services.vault.prove(_SEAL, f"{someone.account_id}\0{sitting_id}") if enters else "",
        error=said or ("" if refused is None else words(refused)),
        faults=() if cells is None else cells.errors,
    )


def _blanks(lines: Sequence[SheetLine], refused: Refused | None) -> list[tuple[SheetLine, list[Blank]]]:
    return [(line, [_blank(line, kind, refused) for kind in _kinds(line)]) for line in lines]


def _kinds(line: SheetLine) -> list[AttemptKind]:
    return [line.seat.kind, AttemptKind.ONSITE_RETAKE] if line.may_sit_again else [line.seat.kind]


def _blank(line: SheetLine, kind: AttemptKind, refused: Refused | None) -> Blank:
    own = refused is not None and (typed("ticket", 64), typed("kind", 20)) == (line.seat.ticket, kind.value)
    counts = line.counts(kind.value)
    return Blank(
        line=line,
        kind=kind,
        id=secrets.token_hex(16),
        sequence=line.newest.get(kind.value, 0) + 1,
        counts=counts,
        total=line.total(kind.value),
        fields=_typed_fields(line) if own else _counting_fields(line, kind.value),
        error=words(refused) if own and refused is not None else "",
        where=refused.where if own and refused is not None else None,
    )


def _typed_fields(line: SheetLine) -> dict[str, str]:
    items = {item.code: typed(_ITEM + item.code, 20) for item in line.items}
    return {"outcome": typed("outcome", 20), "score": typed("score", 20), **items}


def _counting_fields(line: SheetLine, kind: str) -> dict[str, str]:
    row = line.entries.get(kind)
    if row is None:
        return {"outcome": "", "score": ""}
    return {"outcome": row.outcome, "score": row.score or "", **sheet.items_in(row)}
