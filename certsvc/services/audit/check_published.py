"""Audit a log from its public files alone: pinned keys, the log as a folder or a web address, and what one has in hand.

Needs nothing of an installation, no database and no key. In hand may be certificates with their receipts, and heads of
the log that others kept (a witness's note, an older copy): an issuer that shows different people different logs, or
takes back what it signed, is found by anyone who lays two of them side by side. Not here: the rules L1–L11
(`transparency.audit`), what only the register can tell (`audit.check_register`). Decided here is

L12 the status lists published beside the log have as many bits set as its leaves lead to
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from certsvc.credential.document import did_web
from certsvc.credential.status_list import Purpose
from certsvc.errors import CertsvcError, MalformedCredential, Unavailable
from certsvc.services.log.fetch import Fetch, fetch_tile
from certsvc.services.log.stated import stated_by
from certsvc.services.publishing.status_lists import read_published
from certsvc.signing.trust import TrustBundle, host_of, log_keys_of
from certsvc.transparency import tiles
from certsvc.transparency.audit import AuditReport, CosignedAt, Problem, ShownCertificate, audit
from certsvc.transparency.checkpoint import OpenedCheckpoint, open_checkpoint
from certsvc.transparency.note import MAX_BYTES, VerifierKey
from certsvc.transparency.receipt import parse_receipt

_MOST_OF_A_LIST: Final = 8 * 2**20
_MOST_LISTS: Final = 10_000
# Which standings set a list's bits (the same as `status_lists`, seen from outside).
_SETS: Final[Mapping[Purpose, tuple[str, ...]]] = {
    Purpose.REVOCATION: ("revoked", "superseded"),
    Purpose.SUSPENSION: ("suspended",),
    Purpose.REFRESH: ("superseded",),
}


@dataclass(frozen=True, slots=True)
class InHand:
    """What an auditor brings. `certificates` are (signed credential, receipt), `heads` signed heads of this log that
    others kept, `witnesses` the keys whose cosignatures on any of them count as clocks (L4)."""

    certificates: Sequence[tuple[bytes, bytes]] = ()
    heads: Sequence[bytes] = ()
    witnesses: Sequence[VerifierKey] = ()


def audit_published(
    fetch: Fetch,
    trust: TrustBundle,
    in_hand: InHand | None = None,
    *,
    days_dated_back: int = 0,
    lists: Fetch | None = None,
    now: datetime | None = None,
) -> AuditReport:
    """Recount a published log under its signed head, and hold against it what is in hand and its status `lists`.

    Raises `Unavailable` where a file of the log cannot be had, `MalformedLog` or `CheckpointRefused` where the head,
    one in hand, or a receipt is none. `now` tells whether the lists are out of date; without it that is not asked.
    """
    in_hand = in_hand or InHand()
    shown, notes = [], [fetch("checkpoint", MAX_BYTES), *in_hand.heads]
    for credential, text in in_hand.certificates:
        receipt = parse_receipt(text)
        shown.append(ShownCertificate(receipt.index, receipt.opening.salt, credential, stated_by(credential)))
        notes.append(receipt.checkpoint)
    opened = [_open(note, trust, in_hand.witnesses) for note in notes]
    head = opened[0].checkpoint
    cosigned = [
        CosignedAt(one.checkpoint.size, by.time) for one in opened for by in one.witnesses if by.time is not None
    ]
    report = audit(
        head,
        _contents(fetch, head.size),
        shown=shown,
        cosigned=cosigned,
        heads=[one.checkpoint for one in opened[1:]],
        days_dated_back=days_dated_back,
    )
    if lists is None:
        return report
    return replace(report, problems=(*report.problems, *_hold_lists(lists, trust, report, now)))


def _open(note: bytes, trust: TrustBundle, witnesses: Sequence[VerifierKey]) -> OpenedCheckpoint:
    return open_checkpoint(note, f"{host_of(trust)}/log", log_keys_of(trust), witnesses)


def _contents(fetch: Fetch, size: int) -> Iterator[bytes]:
    for start in range(0, size, tiles.WIDTH):
        tile = tiles.tile_of(tiles.ENTRIES, start, size)
        yield from tiles.read_entry_bundle(fetch_tile(fetch, tile), tile.width)


def _hold_lists(lists: Fetch, trust: TrustBundle, report: AuditReport, now: datetime | None) -> Iterator[Problem]:
    """L12. Which place is whose the leaves do not say, so only the numbers can be compared."""
    for purpose in Purpose:
        due = sum(report.standing.get(standing, 0) for standing in _SETS[purpose])
        try:
            listed = sum(_counts(lists, trust, purpose, now))
        except CertsvcError as error:
            yield Problem("L12", None, f"状态列表 {purpose}:{error.zh}", f"the {purpose} list: {error.en}")
            continue
        if listed != due:
            yield Problem(
                "L12",
                None,
                f"{purpose} 状态列表有 {listed} 位，按日志应有 {due} 位；若刚有变更，请再查一次",
                f"the {purpose} lists have {listed} bits set where the log leads to {due}; "
                "look again if something was changed just now",
            )


def _counts(lists: Fetch, trust: TrustBundle, purpose: Purpose, now: datetime | None) -> Iterator[int]:
    """The bits set in each list of a purpose; they are numbered from 1 on."""
    for number in range(1, _MOST_LISTS):
        name = f"{purpose}-{number}"
        try:
            content = lists(name, _MOST_OF_A_LIST)
        except Unavailable:
            if number == 1:
                raise
            return
        claims = read_published(content, trust, url=_url(content, trust, name), purpose=purpose)
        if now is not None and not claims.is_current(now):
            raise MalformedCredential("列表已过期", f"{name} is out of date since {claims.valid_until}")
        yield claims.entries.count()


def _url(content: bytes, trust: TrustBundle, name: str) -> str:
    """The list's own address, where that is one of the issuer's; whether the list is genuine is asked after that."""
    try:
        url = str(json.loads(content)["id"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MalformedCredential("不是状态列表", f"{name} is no status list") from error
    if not url.endswith(f"/status/{name}") or did_web(url.removesuffix(f"/status/{name}")) != trust.did:
        raise MalformedCredential("不是该机构的状态列表", f"{name} is another list: {url[:200]}")
    return url
