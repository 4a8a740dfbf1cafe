"""The parts every page is made with, joined once in `app`; no page reads the environment."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import current_app

if TYPE_CHECKING:
    from certsvc.directory.oidc import Provider
    from certsvc.jobs.sender import Sender
    from certsvc.services.context import Services
    from certsvc.web.figures import Figures
    from certsvc.web.gate import Gate
    from certsvc.web.limits import Limits
    from certsvc.web.pages import Pages

EXTENSION = "certsvc"
# Each byte as one of 32 characters that are not mistaken for one another on paper.
_LETTERS = bytes(b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789"[byte & 31] for byte in range(256))


@lru_cache(maxsize=4)
def _iso(second: int, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(second, zone).isoformat()


def to_the_second(moment: datetime) -> str:
    """A moment in ISO 8601, to the second: many are answered in each."""
    return _iso(int(moment.timestamp()), moment.tzinfo)


@dataclass(frozen=True, slots=True)
class Site:
    """`host` is the domain readers look for; `key` (SESSION) makes references and digests; `https` sends HSTS.

    `sender` sends codes, `teller` notices.
    """

    services: Services
    pages: Pages
    limits: Limits
    gate: Gate
    figures: Figures
    sender: Sender
    teller: Sender
    host: str
    https: bool
    key: bytes
    max_upload_bytes: int
    directory: Provider | None = None

    def reference(self, state: str, about: str, checked_at: datetime) -> str:
        """The number of a verification record: twelve characters that the issuer can make again."""
        message = f"verification\0{state}\0{about}\0{to_the_second(checked_at)}".encode("utf-8", "replace")
        text = hashlib.blake2b(message, digest_size=12, key=self.key).digest().translate(_LETTERS).decode()
        return f"{text[:4]}-{text[4:8]}-{text[8:12]}"


def site() -> Site:
    """The site of the application at work."""
    found: Site = current_app.extensions[EXTENSION]
    return found
