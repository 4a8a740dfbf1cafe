"""The token of a certificate's QR: 128 random bits as 26 base32 characters (R10), lower case in the register.

Not here: where the random bits come from (services), and the QR around it (`compact`).
"""

from __future__ import annotations

import base64
import re
from typing import Final

TOKEN_BYTES: Final = 16
# 26 × 5 = 130 bits: the last character carries three bits and two zeros, so only eight of the letters can end a token.
_TOKEN = re.compile(r"[a-z2-7]{25}[aeimquy4]")


def format_token(random: bytes) -> str:
    """The 26 lower-case characters for 16 random bytes."""
    if len(random) != TOKEN_BYTES:
        raise ValueError(f"a token is made of {TOKEN_BYTES} bytes, not {len(random)}")
    return base64.b32encode(random).decode().rstrip("=").lower()


def normalise_token(text: str) -> str | None:
    """The token as the register holds it, from any letter case; None where the text can be no token."""
    if not text.isascii():
        # str.lower maps U+212A KELVIN SIGN to k; such a text is no token.
        return None
    lower = text.lower()
    return lower if _TOKEN.fullmatch(lower) else None
