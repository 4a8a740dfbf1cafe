"""Read a published log from outside: its files from a folder or a web address, bounded in size, tiles at any width.

For those without an installation (`witness`, `audit.check_published`). Not here: whether to believe what is read.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

from certsvc.errors import Refused, Unavailable
from certsvc.transparency import tiles
from certsvc.transparency.tiles import Tile
from certsvc.transparency.tree import HASH_BYTES

_TIMEOUT_SECONDS: Final = 20
_LOG: Final = "log"

Fetch = Callable[[str, int], bytes]
"""(path below a folder, most bytes) → content; raises `Unavailable`."""


def fetcher(source: str) -> Fetch:
    """Read a log from a folder, or from an http(s) address; a published folder's own `log` is found in it."""
    if _is_address(source):
        return _fetcher(source)
    folder = Path(source)
    return _fetcher(str(folder / _LOG) if _is_whole(folder) else source)


def status_fetcher(source: str) -> Fetch | None:
    """Read the status lists published beside a log; None where `source` is a log's own files and nothing else."""
    if _is_address(source):
        base, _, last = source.rstrip("/").rpartition("/")
        return _fetcher(f"{base}/status") if last == _LOG else None
    folder = Path(source)
    return _fetcher(str(folder / "status")) if _is_whole(folder) else None


def fetch_tile(fetch: Fetch, tile: Tile) -> bytes:
    """A tile's hashes or a bundle's entries, just its width of them; raises `Unavailable`, `MalformedLog`."""
    entries = tile.level == tiles.ENTRIES
    most = tiles.WIDTH * (2 + tiles.MAX_ENTRY_BYTES if entries else HASH_BYTES)
    try:
        return fetch(tile.path, most)
    except Unavailable:
        if tile.width == tiles.WIDTH:
            raise
        # The full one may have taken the partial one's place meanwhile; its beginning is the same.
        full = fetch(Tile(tile.level, tile.index).path, most)
        if entries:
            return tiles.entry_bundle(tiles.read_entry_bundle(full, tiles.WIDTH)[: tile.width])
        return full[: tile.width * HASH_BYTES]


def _is_address(source: str) -> bool:
    return source.lower().startswith(("https://", "http://"))


def _is_whole(folder: Path) -> bool:
    return (folder / _LOG / "checkpoint").is_file()


def _fetcher(place: str) -> Fetch:
    if _is_address(place):
        base = place.rstrip("/")
        return lambda path, most: _download(f"{base}/{path}", most)
    folder = Path(place)
    return lambda path, most: _read(folder / path, most)


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise Unavailable("读不到日志文件", f"the log's file cannot be read: {path.name}", where=path.name) from error
    return _bounded(content, most)


def _download(address: str, most: int) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - http(s), as checked
            content: bytes = answer.read(most + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise Unavailable("日志网址无法访问", f"the log's address does not answer: {error}", where=address) from error
    return _bounded(content, most)


def _bounded(content: bytes, most: int) -> bytes:
    if len(content) > most:
        raise Refused("日志文件过大", f"the log's file has more than {most} bytes")
    return content
