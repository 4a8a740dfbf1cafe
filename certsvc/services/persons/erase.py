"""Erase a person's data at their wish, as far as the law lets it: one person asks, another approves (R10; PIPL 47, GDPR
17).

Approving carries it out, in one transaction: what goes, a record of it under keyed look-ups, what is kept and why.
Files are deleted after it, and by the next run where this one is killed in between (`finish`). An older backup that is
restored brings the data back, so each erasure is also written to a list beside the register, from which they are done
again (`erase_again`). Not here: what may go (`scope`), the taking out (`take_out`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import FileRefused, NotFound, Refused
from certsvc.person.identity import IdentityDocument
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.context import Services
from certsvc.services.persons.dossier import Dossier, dossier
from certsvc.services.persons.finish import WISH, finish, read_list
from certsvc.services.persons.scope import Kept, Scope, scope_of_wish
from certsvc.services.persons.take_out import take_out
from certsvc.services.records.approvals import (
    ApprovalState,
    Asked,
    ask,
    decide,
    empty,
    opened,
    require_development,
    waiting,
    why,
)
from certsvc.services.records.erased import ERASURE
from certsvc.services.trail import note
from certsvc.store import ApprovalRecord, ErasureRecord

_KEEP: Final = "keep_certificate"
_AGAIN: Final = "抹除后恢复了旧备份，再次抹除 an older backup was restored: erased again"


@dataclass(frozen=True, slots=True)
class Erasure:
    """A wish that waits for a second person, or what came of it: the numbers that were erased, and what is kept."""

    approval_id: int
    state: str
    numbers: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()

    def as_json(self) -> dict[str, object]:
        return {
            "approval": self.approval_id,
            "state": self.state,
            "erased": list(self.numbers),
            "kept": [one.as_json() for one in self.kept],
        }


def propose(
    services: Services, identity: IdentityDocument, *, reason: str, by: str, keep_certificate: bool = False
) -> Erasure:
    """Ask for it; says what would go and what is kept. Raises `NotFound`, `Refused`."""
    with services.database.writing() as session:
        row, scope = _propose(services, session, identity, reason=reason, by=by, keep_certificate=keep_certificate)
        return Erasure(row.id, row.state, tuple(sorted(scope.numbers)), scope.kept)


def approve(services: Services, approval_id: int, *, by: str) -> Erasure:
    """Carry it out. Raises `NotFound`, `Refused` (not by the one who asked), `DocumentRefused`."""
    with services.database.writing() as session:
        row, asked = waiting(services, session, approval_id, by)
        done = _carry_out(services, session, row, asked, by)
    finish(services)
    return done


def erase(
    services: Services,
    identity: IdentityDocument,
    *,
    reason: str,
    by: str,
    approved_by: str,
    keep_certificate: bool = False,
) -> Erasure:
    """Both in one act, in a home with development keys. Raises what they raise."""
    require_development(services)
    with services.database.writing() as session:
        row, _ = _propose(services, session, identity, reason=reason, by=by, keep_certificate=keep_certificate)
        row, asked = waiting(services, session, row.id, approved_by)
        done = _carry_out(services, session, row, asked, approved_by)
    finish(services)
    return done


@dataclass(frozen=True, slots=True)
class Again:
    """What was done again from the list of a later register: how many were erased, and how many were so already."""

    erased: int
    already: int

    def as_json(self) -> dict[str, object]:
        return {"erased": self.erased, "already": self.already}


def erase_again(services: Services, path: Path, *, by: str) -> Again:
    """After an older backup was restored: erase everyone on the list who is on record again. The list bears a proof by
    the look-up key, and so who wished it and who approved. Raises `FileRefused`, `KeyMissing`."""
    lines = read_list(services, path)
    erased = already = 0
    for line in lines:
        with services.database.writing() as session:
            if _erase_line(services, session, line, by):
                erased += 1
            else:
                already += 1
    finish(services, lines)
    return Again(erased, already)


def _propose(
    services: Services, session: Session, identity: IdentityDocument, *, reason: str, by: str, keep_certificate: bool
) -> tuple[ApprovalRecord, Scope]:
    text = why(reason)
    found = dossier(session, services.vault.lookup(identity))
    scope = scope_of_wish(services, session, found, keep_certificate=keep_certificate)
    content = {
        "name": found.name,
        "id_number": identity.number,
        "id_type": identity.type.value,
        "erases": " ".join(sorted(scope.numbers)) or None,
        "keeps": " ".join(f"{one.number} ({one.until})" for one in scope.kept if one.number) or None,
        "lookup": found.lookups[0].hex(),
        _KEEP: "yes" if keep_certificate else None,
    }
    return ask(services, session, ERASURE, found.key, content, reason=text, by=by), scope


def _carry_out(services: Services, session: Session, row: ApprovalRecord, asked: Asked, by: str) -> Erasure:
    found = dossier(session, bytes.fromhex(str(asked.content["lookup"])))
    if found.key != asked.object_key:
        raise Refused("申请所指的人已变动，请重新申请", "it is about another entry by now: ask again", rule="R10")
    scope = scope_of_wish(services, session, found, keep_certificate=asked.content.get(_KEEP) == "yes")
    take_out(services, session, found, scope, by=by, apart=row)
    decide(services, session, row, ApprovalState.APPROVED, by=by)
    empty(services, row, {"erased_numbers": " ".join(sorted(scope.numbers))}, by=by)
    _record(services, session, row, found, scope)
    return Erasure(row.id, row.state, tuple(sorted(scope.numbers)), scope.kept)


def _record(services: Services, session: Session, row: ApprovalRecord, found: Dossier, scope: Scope) -> None:
    """One row for each look-up by which an old roster could bring the person back."""
    now, numbers = services.now(), json.dumps(sorted(scope.numbers))
    kept = json.dumps([one.as_json() for one in scope.kept], ensure_ascii=False)
    for lookup in found.tombstones:
        session.add(
            ErasureRecord(
                id_lookup=lookup,
                kind=WISH,
                through=services.today(),
                at=now,
                by=row.asked_by,
                approved_by=row.decided_by,
                approval_id=row.id,
                numbers=numbers,
                kept=kept,
            )
        )
    note(
        session,
        at=now,
        by=row.asked_by,
        action="person.erase",
        object_kind="person" if found.person is not None else "paper",
        object_key=found.key.removeprefix("paper "),
        approved_by=row.decided_by,
        approval=row.id,
        certificates=sorted(scope.numbers),
        kept=sorted(one.number for one in scope.kept if one.number),
    )


def _erase_line(services: Services, session: Session, line: Mapping[str, Any], by: str) -> bool:
    """Whether there was anyone to erase."""
    lookup = bytes.fromhex(line["id_lookup"])
    try:
        found = dossier(session, lookup)
    except (NotFound, Refused):
        _remember(session, line, lookup)
        return False
    registered = {one.id: one.registered_on for one in found.enrolments}
    through = date.fromisoformat(line["through"])
    scope = scope_of_wish(services, session, found, keep_certificate=True)
    # Who registered again since did so on a later day: that is none of it.
    scope = Scope(
        scope.numbers,
        scope.papers,
        frozenset(one for one in scope.enrolments if registered[one] <= through),
        scope.contact,
        scope.kept,
    )
    if not (scope.numbers or scope.papers or scope.enrolments) and _is_known(session, line, lookup):
        return False
    content = {"erased_numbers": None, "again_by": by}
    row = ask(services, session, ERASURE, found.key, content, reason=_AGAIN, by=line["by"])
    if not is_second_person(line["approved_by"], line["by"]):
        raise FileRefused("名单中的抹除没有第二人", "an erasure on the list has no second person", where="list")
    take_out(services, session, found, scope, by=by, apart=row)
    decide(services, session, row, ApprovalState.APPROVED, by=line["approved_by"])
    empty(services, row, {"erased_numbers": " ".join(sorted(scope.numbers)), "again_by": by}, by=by)
    _record(services, session, row, found, scope)
    return True


def _is_known(session: Session, line: Mapping[str, Any], lookup: bytes) -> bool:
    query = select(ErasureRecord.id).where(
        ErasureRecord.id_lookup == lookup, ErasureRecord.through >= date.fromisoformat(line["through"])
    )
    return session.scalar(query.limit(1)) is not None


def _remember(session: Session, line: Mapping[str, Any], lookup: bytes) -> None:
    """No one is on record under the look-up, and no old roster brings them back."""
    if not _is_known(session, line, lookup):
        session.add(
            ErasureRecord(
                id_lookup=lookup,
                kind=WISH,
                through=date.fromisoformat(line["through"]),
                at=datetime.fromisoformat(line["at"]).astimezone(UTC),
                by=line["by"],
                approved_by=line["approved_by"],
                approval_id=None,
                numbers=json.dumps(line["numbers"]),
                kept="[]",
            )
        )


def note_later(services: Services, row: ApprovalRecord, numbers: Iterable[str], *, by: str) -> None:
    """Certificates that were kept at first went by the same wish, their term being over: the request names them too."""
    asked = opened(services.vault, row)
    before = (asked.content.get("erased_numbers") or "").split()
    empty(services, row, {"erased_numbers": " ".join(sorted({*before, *numbers}))}, by=by)
