"""What the log says of each certificate's status, held against the rows before a status list is signed (R7.5).

What was signed before stands in the lists of this home, which no one forges without the list's key. To it comes what
the log says since: each leaf of a change, of the certificate that opens it, at the place in the lists that the
certificate itself names. So a row put back to "valid" past the services, a change taken off the record and two places
swapped are refused, by number, before a bit of it is signed; and the cost is that of what is new. The leaves that are
read must lead to the log's head, and that must go on from each head signed before: a leaf that was rewritten says
nothing here.
How far the lists reach is kept in the home, sealed (`records.kept_state`): the log's size and root, what the rows said
then, and each list as it was written. Where the rows say that still and the leaves since change nothing, no list is
read; where they do not, the lists are; and where the state is lost, or does not add up, every leaf is read again.
Not here: the lists (`status_lists`), a single certificate's last word (`log.last_word`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from certsvc.credential.status import Status
from certsvc.credential.status_list import Purpose
from certsvc.errors import CertsvcError, LogMismatch
from certsvc.services.context import Services
from certsvc.services.log import read as log_read
from certsvc.services.log.append import frontier
from certsvc.services.log.last_word import CHANGES
from certsvc.services.log.publish import edge_at, require_growth
from certsvc.services.publishing.status_lists import Statuses, Written, list_names, read_published
from certsvc.services.publishing.status_places import list_url
from certsvc.services.records.erased import log_name, open_stub
from certsvc.services.records.kept_state import keep, kept
from certsvc.store import CertificateRecord, StatusChangeRecord
from certsvc.transparency import leaf as leaves
from certsvc.transparency.leaf import Event
from certsvc.transparency.tree import Frontier, leaf_hash

_MOST_LOOKED_FOR: Final = 100
_REACH: Final = "status-lists-reach"
# As they stand in a leaf, whose one form is known: most leaves change nothing, and need not be taken apart.
_NO_CHANGE: Final = tuple(
    f'"event":"{event.value}"'.encode()
    for event in (Event.ISSUE, Event.REISSUE, Event.SESSION, Event.CLOCK, Event.RESULT)
)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What rows and log agree on, as of a log of this size and root; and the lists, where they were written so."""

    size: int
    root: bytes
    statuses: Statuses
    lists: Mapping[str, Written]


def check_logged(services: Services, session: Session) -> Agreed:
    """What may be signed: the rows, held against the log. Raises `LogMismatch`, naming the certificate."""
    edge = frontier(session)
    require_growth(services, session, edge)
    stored = _stored(session)
    reach = _reach(services, session, edge)
    if reach is not None:
        changed: Statuses = {}
        touched = _replay(services, session, changed, reach.size, edge)
        if not touched and _digest(stored) == reach.statuses:
            return Agreed(edge.size, edge.root(), stored, reach.lists)
        logged = _signed_before(services, list_names(session))
        _replay(services, session, logged, reach.size, edge)
        if logged == stored:
            return Agreed(edge.size, edge.root(), stored, reach.lists)
    logged = {}
    _replay(services, session, logged, 0, edge)
    if logged != stored:
        raise _contradiction(session, stored, logged)
    return Agreed(edge.size, edge.root(), stored, {} if reach is None else reach.lists)


def note_reach(services: Services, agreed: Agreed, lists: Mapping[str, Written]) -> None:
    """Remember that the lists of this home say what rows and log agreed on."""
    keep(
        services,
        _REACH,
        {
            "size": agreed.size,
            "root": agreed.root.hex(),
            "statuses": _digest(agreed.statuses),
            "trust": _trust(services),
            "lists": {name: list(one) for name, one in sorted(lists.items())},
        },
    )


class _Reach(NamedTuple):
    size: int
    statuses: str
    lists: Mapping[str, Written]


def _reach(services: Services, session: Session, edge: Frontier) -> _Reach | None:
    """How far the lists of this home reach, where the log still goes on from there."""
    state = kept(services, _REACH)
    with suppress(KeyError, ValueError, TypeError, LogMismatch):
        if state is not None and state["size"] <= edge.size:
            size = int(state["size"])
            then = edge if size == edge.size else edge_at(size, log_read.hash_reader(session))
            if then.root().hex() == state["root"]:
                # By other keys than these, a list may be one that is distrusted since: they are read again.
                known = state["lists"] if state["trust"] == _trust(services) else {}
                return _Reach(then.size, state["statuses"], {name: Written(*one) for name, one in known.items()})
    return None


def _trust(services: Services) -> str:
    return hashlib.sha256(services.trust.to_json()).hexdigest()


def _digest(statuses: Statuses) -> str:
    return hashlib.sha256(
        json.dumps(sorted((*place, one.value) for place, one in statuses.items())).encode()
    ).hexdigest()


def _stored(session: Session) -> Statuses:
    """What is not valid, of whatever stage: the index has these apart, where "unequal" would read every row."""
    status = CertificateRecord.status
    query = select(CertificateRecord.status_list, CertificateRecord.status_index, status)
    unlike = or_(status < Status.VALID.value, status > Status.VALID.value)
    return {(name, index): Status(said) for name, index, said in session.execute(query.where(unlike))}


def _signed_before(services: Services, names: list[str]) -> Statuses:
    """What the lists in this home say, those that are there and bear their key's signature."""
    found: Statuses = {}
    for name in names:
        bits = {purpose: _indexes(services, purpose, name) for purpose in Purpose}
        found |= dict.fromkeys(((name, index) for index in bits[Purpose.SUSPENSION]), Status.SUSPENDED)
        found |= dict.fromkeys(((name, index) for index in bits[Purpose.REVOCATION]), Status.REVOKED)
        found |= dict.fromkeys(((name, index) for index in bits[Purpose.REFRESH]), Status.SUPERSEDED)
    return found


def _indexes(services: Services, purpose: Purpose, name: str) -> Iterator[int]:
    url = list_url(services.base_url, purpose.value, name)
    try:
        content = (services.folders.published / "status" / url.rsplit("/", 1)[1]).read_bytes()
        bits = read_published(content, services.trust, url=url, purpose=purpose).entries.bits
    except (OSError, CertsvcError):
        return
    for place, byte in enumerate(bits):
        if byte:
            yield from (8 * place + bit for bit in range(8) if byte & (0x80 >> bit))


def _replay(services: Services, session: Session, statuses: Statuses, start: int, edge: Frontier) -> int:
    """Move `statuses` on by the leaves from `start` to the log's edge, to which their contents must lead; how many of
    them change anything."""
    query = select(StatusChangeRecord, CertificateRecord).join(
        CertificateRecord, CertificateRecord.id == StatusChangeRecord.certificate_id
    )
    changes = {
        change.leaf_index: (change, row)
        for change, row in session.execute(query.where(StatusChangeRecord.leaf_index >= start))
    }
    index, grown = start, edge_at(start, log_read.hash_reader(session))
    touched = 0
    for some in log_read.contents(session, start, edge.size):
        grown = grown.extend(leaf_hash(content) for content in some).frontier
        for content in some:
            if not any(event in content for event in _NO_CHANGE):
                change, row = changes.get(index, (None, None))
                if change is None or row is None:
                    raise LogMismatch(
                        f"登记中没有第 {index} 叶所记的变更", f"no change on record goes with leaf {index}", where="log"
                    )
                _apply(services, statuses, content, change, row)
                touched += 1
            index += 1
    if grown.root() != edge.root():
        raise LogMismatch("叶的内容与日志根不符", "the leaves' contents do not give the log's root", where="log")
    return touched


def _apply(
    services: Services, statuses: Statuses, content: bytes, change: StatusChangeRecord, row: CertificateRecord
) -> None:
    leaf, to = leaves.decode(content), Status(change.to_status)
    named = leaf.replaces if leaf.event is Event.CORRECT else leaf.credential
    commitment = log_name(services.vault, row)
    if leaf.event is not CHANGES.get(to) or named != commitment:
        raise LogMismatch(
            f"第 {change.leaf_index} 叶说的不是它变为 {to.value}",
            f"leaf {change.leaf_index} does not say that it became {to.value}",
            where=f"{row.number}-v{row.version}",
        )
    place = _place(services, row)
    statuses.pop(place, None)
    if to is not Status.VALID:
        statuses[place] = to


def _place(services: Services, row: CertificateRecord) -> tuple[str, int]:
    """The place in the lists that a certificate names itself: the leaf commits to its bytes, not to its row."""
    if row.erased_on is not None:
        stub = open_stub(services.vault, row)
        return stub.list_name, int(stub.status_index)
    assert row.credential is not None
    document: dict[str, Any] = json.loads(row.credential)
    entries = document.get("credentialStatus")
    if not entries:
        return row.status_list, row.status_index
    return entries[0]["statusListCredential"].rpartition("-")[2], int(entries[0]["statusListIndex"])


def _at(session: Session, name: str, index: int) -> CertificateRecord | None:
    return session.scalar(
        select(CertificateRecord).where(CertificateRecord.status_list == name, CertificateRecord.status_index == index)
    )


def _contradiction(session: Session, stored: Statuses, logged: Statuses) -> LogMismatch:
    places = sorted(one for one in stored.keys() | logged.keys() if stored.get(one) != logged.get(one))
    named = [(one, row) for one in places[:_MOST_LOOKED_FOR] if (row := _at(session, *one)) is not None]
    place, row = named[0] if named else (places[0], None)
    marked, says = (each.get(place, Status.VALID).value for each in (stored, logged))
    return LogMismatch(
        f"登记为 {marked}，按日志应为 {says}；请先查明（certsvc log check）",
        f"marked {marked} where the log says {says}: find out first (certsvc log check)",
        where=f"{place[0]}/{place[1]}" if row is None else f"{row.number}-v{row.version}",
    )
