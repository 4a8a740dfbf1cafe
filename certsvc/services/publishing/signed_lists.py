"""The status lists as they were published last, kept at hand: what they once said was signed and stays said (R7.5).

Rows of the register can be rewritten by anyone who writes the database; a list's signature cannot. So a look-up holds
the row against the list (`verification.standing` decides what contradicts what). Lists that are not there, not readable
or not by a pinned key say nothing; one whose life is over still says what it said. Not here: making lists
(`status_lists`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

from certsvc.credential.status_list import Purpose
from certsvc.errors import CertsvcError
from certsvc.services.context import SHANGHAI
from certsvc.services.publishing.status_lists import read_published
from certsvc.signing.trust import TrustBundle

_LOOK_SECONDS: Final = 2.0


class ListSays(NamedTuple):
    """What the lists say of one certificate. `revoked` is final: revoked, or replaced by a newer version.
    `suspended_as_of` is the day (Asia/Shanghai) on which the list was signed that calls it suspended."""

    revoked: bool
    suspended_as_of: date | None


class _Kept(NamedTuple):
    """A list as read: its file's stamp, the keys it was held against, its bits and the day it was signed."""

    stamp: tuple[int, int, int]
    trust: TrustBundle
    bits: bytes
    signed_on: date

    def is_set(self, index: int) -> bool:
        place = index >> 3
        return place < len(self.bits) and bool(self.bits[place] & (0x80 >> (index & 7)))


NOTHING: Final = ListSays(False, None)


class SignedLists:
    """The lists in `folder`, looked at again every two seconds, beside the look-ups and not in their way."""

    def __init__(self, folder: Path, base_url: str, trust: Callable[[], TrustBundle]) -> None:
        self._folder = folder
        self._base = f"{base_url}/status/"
        self._trust = trust
        self._kept: Mapping[str, _Kept] = {}  # by the list's address
        # The bits of revocations and suspensions together, by the address of the former: most look-ups find neither.
        self._either: Mapping[str, bytes] = {}
        self._lock = threading.Lock()
        self._due = 0.0
        self.look()

    def says(self, revocations: str | None, index: int) -> ListSays:
        """What stands at an index of the list of revocations with this address, and of its twin of suspensions."""
        if monotonic() >= self._due:
            self._due = monotonic() + _LOOK_SECONDS
            threading.Thread(target=self.look, name="signed-lists", daemon=True).start()
        either = self._either.get(revocations or "")
        if either is None or not 0 <= index < len(either) << 3 or not either[index >> 3] & (0x80 >> (index & 7)):
            return NOTHING
        assert revocations is not None
        revoked, suspended = self._kept.get(revocations), self._kept.get(_twin(revocations))
        return ListSays(
            revoked is not None and revoked.is_set(index),
            suspended.signed_on if suspended is not None and suspended.is_set(index) else None,
        )

    def look(self) -> None:
        """Read what changed since the last look."""
        with self._lock:
            trust, kept = self._trust(), {}
            for path in self._files():
                url = self._base + path.name
                with suppress(CertsvcError, OSError, ValueError):
                    kept[url] = self._read(path, url, trust)
            self._kept = kept
            self._either = {url: _either(kept.get(url), kept.get(_twin(url))) for url in _revocations(kept)}
            self._due = monotonic() + _LOOK_SECONDS

    def _files(self) -> list[Path]:
        try:
            return [*self._folder.glob("revocation-*"), *self._folder.glob("suspension-*")]
        except OSError:
            return []

    def _read(self, path: Path, url: str, trust: TrustBundle) -> _Kept:
        found = path.stat()
        stamp = found.st_mtime_ns, found.st_size, found.st_ino
        known = self._kept.get(url)
        if known is not None and known.stamp == stamp and known.trust is trust:
            return known
        purpose = Purpose(path.name.partition("-")[0])
        claims = read_published(path.read_bytes(), trust, url=url, purpose=purpose)
        return _Kept(stamp, trust, claims.entries.bits, claims.valid_from.astimezone(SHANGHAI).date())


def _revocations(kept: Mapping[str, _Kept]) -> set[str]:
    """The addresses of the lists of revocations, also of those that are not there beside one of suspensions."""
    return {url.replace("/suspension-", "/revocation-") for url in kept}


def _either(revoked: _Kept | None, suspended: _Kept | None) -> bytes:
    one, other = (kept.bits if kept is not None else b"" for kept in (revoked, suspended))
    length = max(len(one), len(other))
    bits = int.from_bytes(one.ljust(length, b"\0"), "big") | int.from_bytes(other.ljust(length, b"\0"), "big")
    return bits.to_bytes(length, "big")


@lru_cache(maxsize=256)
def _twin(revocations: str) -> str:
    head, _, name = revocations.rpartition("/revocation-")
    return f"{head}/suspension-{name}"
