"""Witness a log: fetch its head, demand proof that it only grew since the last one seen, cosign it.

Runs anywhere and needs nothing of an installation: pinned keys of the log, a folder of its own that holds the last
head seen and the witness's key, and the log as a folder or a web address. The new head is stored before the cosignature
goes out, so a cosigned head is never forgotten. A refused head that contradicts one seen is kept as evidence.
Not here: what is decided (`transparency.witness`), fetching (`log.fetch`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from certsvc.errors import CertsvcError, KeyRefused, Unavailable
from certsvc.files.folder import only_writer, write_if_changed
from certsvc.services.log.fetch import Fetch, fetch_tile
from certsvc.transparency import tiles
from certsvc.transparency.checkpoint import Checkpoint, open_checkpoint, parse_body
from certsvc.transparency.note import MAX_BYTES, Algorithm, VerifierKey, parse
from certsvc.transparency.proofs import prove_consistency
from certsvc.transparency.witness import Reason, Refusal, cosigned, decide

_KEY_FILE: Final = "witness-key.pem"
_EVIDENCE: Final = frozenset({Reason.TWO_ROOTS, Reason.INCONSISTENT, Reason.OLDER})


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A head that was cosigned: its size before and now, and the note with our cosignature added."""

    old_size: int
    size: int
    note: bytes


class WitnessKey:
    """A cosigner's key in a file of the witness's own folder, made at its first visit."""

    def __init__(self, folder: Path, name: str) -> None:
        path = folder / _KEY_FILE
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(pem)
        try:
            private = load_pem_private_key(path.read_bytes(), None)
        except (ValueError, TypeError) as error:
            raise KeyRefused("见证密钥文件损坏", "the witness's key file is damaged", where=_KEY_FILE) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyRefused("见证密钥须为 Ed25519", "a witness signs with Ed25519", where=_KEY_FILE)
        self.sign: Callable[[bytes], bytes] = private.sign
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.verifier = VerifierKey(name, Algorithm.COSIGNATURE, public)


def visit(
    fetch: Fetch, state: Path, *, origin: str, log_keys: Sequence[VerifierKey], key: WitnessKey, now: datetime
) -> Witnessed | Refusal:
    """Look at the log once: cosign its head, or say why not. Raises `Unavailable` where it cannot be fetched."""
    with only_writer(state):
        seen = _seen(state, origin, log_keys)
        signed = fetch("checkpoint", MAX_BYTES)
        decision = decide(seen, signed, _proof(fetch, seen, signed), origin=origin, log_keys=log_keys)
        if isinstance(decision, Refusal):
            if decision.reason in _EVIDENCE:
                digest = hashlib.sha256(signed).hexdigest()[:16]
                write_if_changed(state / f"evidence-{_file(origin)}-{digest}", signed)
            return decision
        write_if_changed(state / _file(origin), signed)
        note = cosigned(decision, key.verifier, key.sign, int(now.timestamp()))
        return Witnessed(0 if seen is None else seen.size, decision.opened.checkpoint.size, note.encode())


def _proof(fetch: Fetch, seen: Checkpoint | None, signed: bytes) -> tuple[bytes, ...]:
    """The consistency proof, made from the log's own tiles; they are not trusted, only the proof is checked."""
    try:
        size = parse_body(parse(signed).text).size
        if seen is None or seen.size > size:
            return ()
        return prove_consistency(seen.size, size, tiles.hash_reader(size, lambda tile: fetch_tile(fetch, tile)))
    except Unavailable:
        raise
    except CertsvcError:
        return ()  # what is wrong with it is for `decide` to say


def _seen(state: Path, origin: str, log_keys: Sequence[VerifierKey]) -> Checkpoint | None:
    try:
        kept = (state / _file(origin)).read_bytes()
    except FileNotFoundError:
        return None
    return open_checkpoint(kept, origin, log_keys).checkpoint


def _file(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()[:32] + ".checkpoint"
