"""The draw of the practical's items: what anyone can reckon again from a seed that was committed to before (R2.1).

The commitment is SHA-256 of `certsvc-draw-v1`, a zero byte, the sitting's number in decimal digits, a zero byte and the
seed's 32 bytes. A ticket's draw is HMAC-SHA-256 under the seed of `certsvc-draw-v1`, a zero byte and the ticket's
number: of the pair at place i (from 0, as the scheme lists them) the first item where octet i of the digest is even,
the second where it is odd. So no one can draw twice, and who comes late is drawn by the same rule. Test vectors:
`tests/vectors/draw/`. Not here: who makes and keeps the seed (`services.examination.draw`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

SEED_BYTES: Final = 32
FORMAT: Final = "certsvc-draw-v1"
_DOMAIN: Final = FORMAT.encode() + b"\0"


def commitment_of(seed: bytes, sitting: int) -> str:
    """What is published before the draw, in 64 hexadecimal digits."""
    return hashlib.sha256(_DOMAIN + str(sitting).encode() + b"\0" + seed).hexdigest()


def drawn_items(seed: bytes, ticket: str, pairs: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The item drawn of each pair, at most 32 pairs."""
    digest = hmac.digest(seed, _DOMAIN + ticket.encode(), hashlib.sha256)
    return tuple(pair[octet & 1] for pair, octet in zip(pairs, digest[: len(pairs)], strict=True))
