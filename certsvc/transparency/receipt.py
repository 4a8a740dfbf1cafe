"""The proof a certificate carries: which leaf is about it, and that the leaf is in the log (c2sp.org/tlog-proof).

Decides the text of a receipt and what it takes to believe one. Not here: which log and witness keys to trust (the
caller's), and the credential's own signature (`signing`).

A receipt is a tlog-proof whose `extra` line holds the opening: the leaf, and the salt of its commitment to the
credential. It needs no network and no register to check; without the certificate it says nothing about anybody.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from certsvc.errors import MalformedLog, ProofRefused
from certsvc.transparency import leaf as leaves
from certsvc.transparency.checkpoint import OpenedCheckpoint, open_checkpoint
from certsvc.transparency.leaf import Leaf, Stated, commit_credential
from certsvc.transparency.note import MAX_BYTES as MAX_NOTE_BYTES
from certsvc.transparency.note import VerifierKey, decode_base64
from certsvc.transparency.proofs import MAX_HASHES, verify_inclusion
from certsvc.transparency.tree import HASH_BYTES, leaf_hash

MAX_BYTES: Final = MAX_NOTE_BYTES + 2**13
_HEADER: Final = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})\Z")
_SALT = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Opening:
    """What turns a leaf from a riddle into a statement about one credential. Kept with the certificate."""

    leaf: Leaf
    salt: bytes

    def encode(self) -> bytes:
        """{"leaf":{…},"salt":"…"}: the leaf in its own form, the salt in hexadecimal."""
        return b'{"leaf":' + leaves.encode(self.leaf) + b',"salt":"' + self.salt.hex().encode("ascii") + b'"}'

    def opens(self, signed_credential: bytes) -> bool:
        """Whether the leaf is about exactly these signed bytes."""
        return self.leaf.credential == commit_credential(self.salt, signed_credential)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A leaf's place and proof in a signed log, with the opening of the leaf. `checkpoint` is the signed note."""

    opening: Opening
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """The receipt's text, to be kept as `.tlog-proof`."""
        lines = [_HEADER, f"extra {_base64(self.opening.encode())}", f"index {self.index}"]
        lines += [_base64(item) for item in self.hashes]
        return ("\n".join(lines) + "\n\n").encode("ascii") + self.checkpoint


def parse_receipt(text: bytes) -> Receipt:
    """Read a receipt strictly; raises MalformedLog. Nothing of it is believed before `check_receipt`."""
    if len(text) > MAX_BYTES:
        raise MalformedLog("日志凭据过大", f"a receipt has at most {MAX_BYTES} bytes")
    head, blank, checkpoint = text.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedLog("日志凭据的形式不对", "a receipt's lines are ASCII") from error
    if not blank or len(lines) < 3 or lines[0] != _HEADER or not lines[1].startswith("extra "):
        raise MalformedLog("日志凭据的形式不对", f"a receipt begins with {_HEADER}, extra and index")
    index = _INDEX.match(lines[2])
    if index is None or len(lines) > 3 + MAX_HASHES:
        raise MalformedLog("日志凭据的形式不对", "a receipt has one index and at most 63 hashes")
    hashes = tuple(decode_base64(line) for line in lines[3:])
    if any(len(item) != HASH_BYTES for item in hashes):
        raise MalformedLog("日志凭据的散列长度不对", f"a hash has {HASH_BYTES} bytes")
    opening = parse_opening(decode_base64(lines[1].removeprefix("extra ")))
    return Receipt(opening, int(index[1]), hashes, checkpoint)


def parse_opening(content: bytes) -> Opening:
    """Read an opening in its one form; raises MalformedLog."""
    try:
        members = json.loads(content)
        salt = str(members["salt"])
        leaf = leaves.decode(json.dumps(members["leaf"], sort_keys=True, separators=(",", ":")).encode())
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MalformedLog("日志叶的开启无法识别", f"not an opening: {error}") from error
    if not _SALT.match(salt):
        raise MalformedLog("日志叶的盐形式不对", "an opening's salt has 64 hexadecimal digits")
    opening = Opening(leaf, bytes.fromhex(salt))
    if opening.encode() != content:
        raise MalformedLog("日志叶的开启不是规范形式", "not the canonical form of an opening")
    return opening


def check_receipt(
    receipt: Receipt,
    signed_credential: bytes,
    origin: str,
    log_keys: Iterable[VerifierKey],
    witness_keys: Iterable[VerifierKey] = (),
    *,
    stated: Stated | None = None,
) -> OpenedCheckpoint:
    """Believe that this credential was logged: the leaf is about it, the checkpoint is signed, the leaf is in it.

    `stated` is what the credential says of its own leaf; anyone who has read it gives it, and the leaf must agree.
    Raises ProofRefused where the leaf is about something else or is not included, CheckpointRefused or MalformedLog
    for a checkpoint that must not be believed. It proves that the event was logged, not that nothing came after.
    """
    if not receipt.opening.opens(signed_credential):
        raise ProofRefused("日志凭据不属于此证书", "the receipt is about another credential")
    if stated is not None and not stated.fits(receipt.opening.leaf):
        raise ProofRefused(
            "日志叶的事项、日期或依据与证书所写不同",
            "the leaf is of another event, date or evidence than the certificate states",
        )
    opened = open_checkpoint(receipt.checkpoint, origin, log_keys, witness_keys)
    head = opened.checkpoint
    leaf = leaf_hash(leaves.encode(receipt.opening.leaf))
    verify_inclusion(leaf, receipt.index, head.size, receipt.hashes, head.root)
    return opened


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
