"""Where a genuine certificate stands now: by its row, which the log and the lists published last must bear out (R7.5).

The status is the one thing that is shown and not signed in the certificate. It is read again each time, and believed
only where the log's last word about the certificate says the same (`log.last_word`) and no signed list contradicts:
what a list calls revoked or replaced is so for good, and what it calls suspended is not valid again without a leaf that
says so. Rows that say otherwise were changed past the services. Then nothing is known (R10: an outage is no word about
anyone), and the operator is told by a line in the log and a counter (`web.figures`); neither names a person.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from certsvc.credential.public_claims import PublicClaims
from certsvc.credential.status import Status
from certsvc.errors import LogMismatch
from certsvc.services.context import Services
from certsvc.services.log.last_word import (
    LastWord,
    OnRecord,
    StoredLeaf,
    is_own_leaf,
    last_word,
    require_last_word,
)
from certsvc.services.publishing.signed_lists import NOTHING, ListSays, SignedLists
from certsvc.services.records.erased import Stub
from certsvc.store import CertificateRecord

_log: Final = logging.getLogger("certsvc.register")
_FINAL: Final = frozenset({Status.REVOKED, Status.SUPERSEDED})

# One for each installation that a process serves.
_lists: WeakKeyDictionary[Engine, SignedLists] = WeakKeyDictionary()


def signed_lists(services: Services) -> SignedLists:
    """The status lists of this installation as published last."""
    engine = services.database.engine
    known = _lists.get(engine)
    if known is None:
        folder = services.folders.published / "status"
        known = _lists[engine] = SignedLists(folder, services.base_url, lambda: services.trust)
    return known


def is_untouched(own: StoredLeaf, claims: PublicClaims, listed: ListSays) -> bool:
    """For a row that is marked valid with no change on record: whether log and lists say the same."""
    return listed is NOTHING and is_own_leaf(own, claims)


def standing(services: Services, row: CertificateRecord, claims: PublicClaims, on_record: OnRecord) -> LastWord | None:
    """Where the certificate stands; None, and an alarm, where the row contradicts the log or the lists."""
    return _believed(
        row,
        lambda: last_word(services, row, claims, on_record),
        signed_lists(services).says(claims.status_list, claims.status_index),
    )


def standing_of_erased(services: Services, row: CertificateRecord, stub: Stub, on_record: OnRecord) -> LastWord | None:
    """The same for a certificate whose holder's data were erased, by what is kept of it."""
    return _believed(
        row,
        lambda: require_last_word(services, row, stub.commitment, on_record),
        signed_lists(services).says(stub.status_list, int(stub.status_index)),
    )


def _believed(row: CertificateRecord, says: Callable[[], LastWord], listed: ListSays) -> LastWord | None:
    try:
        word = says()
        _check_listed(row, word, listed)
    except LogMismatch as error:
        # By the row's id: a number would lead to a person.
        _log.error("the register contradicts the log: certificate row %d: %s", row.id, error.en)
        return None
    return word


def _check_listed(row: CertificateRecord, word: LastWord, listed: ListSays) -> None:
    stays_suspended = (
        listed.suspended_as_of is not None
        and word.status is Status.VALID
        and (word.since is None or word.since < listed.suspended_as_of)  # no leaf lifted it after the list was signed
    )
    if (listed.revoked and word.status not in _FINAL) or stays_suspended:
        raise LogMismatch(
            f"已公布的状态列表与登记的 {row.status} 矛盾",
            f"the published status list contradicts the row, which is marked {row.status}",
            where=f"{row.number}-v{row.version}",
        )
