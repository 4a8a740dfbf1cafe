"""The draw of the practical's items: shown on the day, published when the sitting is closed, checked by anyone (R2.1).

Each ticket's draw follows from the sitting's seed and the ticket alone (`rules.draw`), so it is reckoned and never
stored. The published file `draws/ID.json` holds the commitment from the beginning; once the sitting is closed, the seed
and every ticket's draw as well. Not here: when the seed is made and revealed (`sittings`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import Refused
from certsvc.rules.draw import FORMAT, commitment_of, drawn_items
from certsvc.rules.terms import Item, Scheme, Subject
from certsvc.services import trail
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.examination.sittings import found, roll, seed_of
from certsvc.services.records.schemes import schemes_by_id
from certsvc.store import EnrolmentRecord, SeatRecord, SittingRecord


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one ticket is to do; `name` is for the station's eyes and stands in no published file."""

    ticket: str
    name: str
    items: tuple[Item, ...]

    def as_json(self) -> dict[str, object]:
        return {
            "ticket": self.ticket,
            "name": self.name,
            "items": [{"code": one.code, "zh": one.zh, "en": one.en} for one in self.items],
        }


@dataclass(frozen=True, slots=True)
class DrawCheck:
    """What a check of a published draw found: `faults` are empty where all agrees."""

    sitting: int
    commitment: str
    revealed: bool
    tickets: int
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return self.revealed and not self.faults


def draw(services: Services, sitting_id: int, *, by: str) -> list[Drawn]:
    """Everyone's items, on the day of the sitting and after. That they were shown first is noted, and ends removals.

    Raises `NotFound`, `Refused` before the day or where nothing is drawn.
    """
    with services.database.writing() as session:
        row = found(session, sitting_id)
        seed = seed_of(services, row)
        if services.today() < row.sat_on:
            raise Refused(
                f"抽签于考试当日（{row.sat_on}）公布",
                f"the draw is shown on the day of the sitting, {row.sat_on}",
                rule="R2.1",
                where=str(sitting_id),
            )
        if row.drawn_at is None:
            row.drawn_at = services.now()
            trail.note(
                session,
                at=row.drawn_at,
                by=by,
                action="sitting.draw",
                object_kind="sitting",
                object_key=str(row.id),
                tickets=len(roll(session, row)),
            )
        pairs = pairs_of(session, row)
        return [
            Drawn(seat.ticket, seat.name, items_of(seed, seat.ticket, pairs[seat.enrolment_id]))
            for seat in roll(session, row)
        ]


def items_of(seed: bytes, ticket: str, pairs: tuple[tuple[Item, Item], ...]) -> tuple[Item, ...]:
    """The items that a ticket has drawn of its scheme's pairs."""
    by_code = {item.code: item for pair in pairs for item in pair}
    codes = drawn_items(seed, ticket, [[item.code for item in pair] for pair in pairs])
    return tuple(by_code[code] for code in codes)


def schemes_of(session: Session, row: SittingRecord) -> Mapping[int, Scheme]:
    """The scheme that each enrolment of a roll is pinned to (R0)."""
    schemes = schemes_by_id(session)
    query = (
        select(EnrolmentRecord.id, EnrolmentRecord.scheme_id)
        .join(SeatRecord, SeatRecord.enrolment_id == EnrolmentRecord.id)
        .where(SeatRecord.sitting_id == row.id)
    )
    return {one: schemes[scheme] for one, scheme in session.execute(query)}


def pairs_of(session: Session, row: SittingRecord) -> Mapping[int, tuple[tuple[Item, Item], ...]]:
    """The pairs that each enrolment of a roll draws from, by its scheme."""
    subject = Subject.of(row.subject)
    return {one: scheme.subjects[subject].drawn for one, scheme in schemes_of(session, row).items()}


def shown_draw(services: Services, sitting_id: int) -> Mapping[str, tuple[Item, ...]]:
    """What each ticket has drawn, once the draw was shown (`draw`); nothing before. Raises `NotFound`."""
    with services.database.reading() as session:
        row = found(session, sitting_id)
        if row.drawn_at is None:
            return {}
        seed, pairs = seed_of(services, row), pairs_of(session, row)
        return {seat.ticket: items_of(seed, seat.ticket, pairs[seat.enrolment_id]) for seat in roll(session, row)}


def published_draws(session: Session) -> Iterator[tuple[str, bytes]]:
    """The name and content of each draw's public file: no name, no score."""
    query = select(SittingRecord).where(SittingRecord.commitment.is_not(None)).order_by(SittingRecord.id)
    for row in session.scalars(query):
        yield f"{row.id}.json", json.dumps(_published(session, row), ensure_ascii=False, indent=1).encode() + b"\n"


def _published(session: Session, row: SittingRecord) -> dict[str, object]:
    content: dict[str, object] = {
        "format": FORMAT,
        "sitting": row.id,
        "sat_on": row.sat_on.isoformat(),
        "begins": row.begins,
        "station": row.station,
        "subject": row.subject,
        "commitment": row.commitment,
        "committed_at": row.created_at.astimezone(SHANGHAI).isoformat(),
    }
    if row.seed_revealed is None:
        return content
    seed, pairs = bytes.fromhex(row.seed_revealed), pairs_of(session, row)
    draws = []
    for seat in roll(session, row):
        of = [[item.code for item in pair] for pair in pairs[seat.enrolment_id]]
        draws.append({"ticket": seat.ticket, "of": of, "drawn": list(drawn_items(seed, seat.ticket, of))})
    return {**content, "seed": row.seed_revealed, "draws": draws}


def check_draw(content: bytes, *, committed: str | None = None) -> DrawCheck:
    """Reckon a published draw again from its own values; `committed` is a commitment that was noted down before.

    Needs no register. Raises `Refused` for what is no published draw.
    """
    try:
        said = json.loads(content)
        sitting, commitment = int(said["sitting"]), str(said["commitment"])
        faults = [] if said["format"] == FORMAT else ["format"]
        faults += [] if committed in (None, commitment) else ["commitment"]
        if "seed" not in said:
            return DrawCheck(sitting, commitment, False, 0, tuple(faults))
        seed = bytes.fromhex(said["seed"])
        if commitment_of(seed, sitting) != commitment:
            faults.append("seed")
        faults += [str(one["ticket"]) for one in said["draws"] if not _agrees(seed, sitting, one)]
        tickets = [str(one["ticket"]) for one in said["draws"]]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise Refused("不是抽签公布文件", f"not a published draw of {FORMAT}") from error
    if len(set(tickets)) != len(tickets):
        faults.append("twice")
    return DrawCheck(sitting, commitment, True, len(tickets), tuple(faults))


def _agrees(seed: bytes, sitting: int, one: Mapping[str, Any]) -> bool:
    ticket = str(one["ticket"])
    # A ticket names its sitting: one of another could be made to fit.
    of_this = int(ticket.split("-")[1]) == sitting
    return of_this and list(drawn_items(seed, ticket, one["of"])) == list(one["drawn"])
