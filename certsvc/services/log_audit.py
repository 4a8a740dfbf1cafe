"""Audit a log from its public files alone: pinned keys, the log as a folder or a web address, certificates in hand.

Needs nothing of an installation, no database and no key. Not here: the rules L1–L10 (`transparency.audit`), what only
the register can tell (`log_check`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from certsvc.errors import Unavailable
from certsvc.services.witness import Fetch
from certsvc.transparency import tiles
from certsvc.transparency.audit import AuditReport, ShownCertificate, audit
from certsvc.transparency.checkpoint import open_checkpoint
from certsvc.transparency.note import MAX_BYTES, VerifierKey
from certsvc.transparency.receipt import parse_receipt

_MOST_OF_A_BUNDLE: Final = tiles.WIDTH * (2 + tiles.MAX_ENTRY_BYTES)


def audit_published(
    fetch: Fetch,
    *,
    origin: str,
    log_keys: Sequence[VerifierKey],
    certificates: Sequence[tuple[bytes, bytes]] = (),
    days_dated_back: int = 0,
) -> AuditReport:
    """Recount a published log under its signed head. `certificates` are (signed credential, receipt) pairs.

    Raises `Unavailable` where a file cannot be had, `MalformedLog` or `CheckpointRefused` where the head or a receipt
    is none.
    """
    head = open_checkpoint(fetch("checkpoint", MAX_BYTES), origin, log_keys).checkpoint
    shown = []
    for credential, text in certificates:
        receipt = parse_receipt(text)
        shown.append(ShownCertificate(receipt.index, receipt.opening.salt, credential))
    return audit(head, _contents(fetch, head.size), shown=shown, days_dated_back=days_dated_back)


def _contents(fetch: Fetch, size: int) -> Iterator[bytes]:
    for start in range(0, size, tiles.WIDTH):
        tile = tiles.tile_of(tiles.ENTRIES, start, size)
        yield from tiles.read_entry_bundle(_bundle(fetch, tile), tile.width)


def _bundle(fetch: Fetch, tile: tiles.Tile) -> bytes:
    try:
        return fetch(tile.path, _MOST_OF_A_BUNDLE)
    except Unavailable:
        if tile.width == tiles.WIDTH:
            raise
        # The full bundle may have taken the partial one's place meanwhile; its first entries are the same.
        full = tiles.read_entry_bundle(fetch(tiles.Tile(tile.level, tile.index).path, _MOST_OF_A_BUNDLE), tiles.WIDTH)
        return tiles.entry_bundle(full[: tile.width])
