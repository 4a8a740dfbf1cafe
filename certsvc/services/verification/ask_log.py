"""Whether the log that everybody sees has the leaf of a receipt: step V9 offline, from the published files.

A receipt proves that some head signed by the log's key has the leaf. An issuer that keeps a second log for its friends
can give such a receipt too; the leaf is then not in the log that lies beside the status lists. A copy of the log that
is older than the receipt cannot say. Source: docs/log-format.md.
"""

from __future__ import annotations

from pathlib import Path

from certsvc.errors import CertsvcError
from certsvc.services.log.fetch import fetch_tile, fetcher
from certsvc.services.verification.examine import Examined
from certsvc.signing.trust import TrustBundle, host_of, log_keys_of
from certsvc.transparency import tiles
from certsvc.transparency.checkpoint import open_checkpoint
from certsvc.transparency.leaf import encode
from certsvc.transparency.note import MAX_BYTES
from certsvc.transparency.proofs import prove_inclusion, verify_inclusion
from certsvc.transparency.tree import leaf_hash

_NAME = "log-inclusion"


def ask_published_log(found: Examined, trust: TrustBundle, folder: Path) -> None:
    """Adds the check where there is a receipt to hold against a log in `folder`, and nothing where there is not."""
    if found.receipt is None or not (folder / "log" / "checkpoint").is_file():
        return
    index = found.receipt.index
    try:
        size, leaf = _published(index, trust, folder)
    except CertsvcError as error:
        found.say(_NAME, None, f"读不到可信的已公布日志:{error.zh}", f"no published log to be believed: {error.en}")
        return
    if leaf is None:
        found.say(
            _NAME,
            None,
            "这里的日志早于该证书,未查是否相同",
            "the log here is older than the certificate: not held against it",
        )
        return
    same = leaf == leaf_hash(encode(found.receipt.opening.leaf))
    found.say(
        _NAME,
        same,
        f"已公布的日志中有该证书:第 {index} 叶,共 {size} 叶" if same else f"已公布的日志中,第 {index} 叶不是该证书",
        f"in the published log: leaf {index} of {size}"
        if same
        else f"leaf {index} of the published log is not this certificate's",
    )


def _published(index: int, trust: TrustBundle, folder: Path) -> tuple[int, bytes | None]:
    """The published log's size and its leaf hash at the index, proven under its head; None where it ends before.

    Raises `CertsvcError` where files are missing or damaged: that says nothing about a certificate (R10).
    """
    fetch = fetcher(str(folder))
    head = open_checkpoint(fetch("checkpoint", MAX_BYTES), f"{host_of(trust)}/log", log_keys_of(trust)).checkpoint
    if head.size <= index:
        return head.size, None
    hashes = tiles.hash_reader(head.size, lambda tile: fetch_tile(fetch, tile))
    leaf = hashes(0, index)
    verify_inclusion(leaf, index, head.size, prove_inclusion(index, head.size, hashes), head.root)
    return head.size, leaf
