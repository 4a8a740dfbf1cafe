"""The log as files: C2SP tlog-tiles of height 8, servable by any web server (c2sp.org/tlog-tiles).

Decides which files a log of n leaves consists of, what stands in them, and which are new when it grows. Not here:
writing or fetching them (a `ReadHash`, a reader of leaves and a reader of tiles come in as callables).

A tile of level L holds up to 256 hashes of complete subtrees of 256**L leaves each; an entry bundle holds the content
of the same leaves as the level-0 tile of its number. A partial file's name tells its width; it never changes either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from certsvc.errors import MalformedLog
from certsvc.transparency.proofs import ReadHash
from certsvc.transparency.tree import HASH_BYTES, MAX_SIZE, node_hash

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
ENTRIES: Final = -1
"""The level of an entry bundle, which holds contents and not hashes."""

MAX_ENTRY_BYTES: Final = 2**16 - 1
_MAX_LEVEL = 63
_PATH = re.compile(r"tile/(0|[1-9][0-9]?|entries)((?:/x[0-9]{3})*/[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z")


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One file of the log. `level` is ENTRIES for a bundle of contents; a `width` below 256 makes it partial."""

    level: int
    index: int
    width: int = WIDTH

    def __post_init__(self) -> None:
        if not (ENTRIES <= self.level <= _MAX_LEVEL and 0 <= self.index <= MAX_SIZE and 1 <= self.width <= WIDTH):
            raise MalformedLog("没有这样的日志文件", f"no such tile: {self.level}, {self.index}, {self.width}")

    @property
    def path(self) -> str:
        """The path below the log's prefix: tile/0/x001/x234/067, tile/entries/000.p/5."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        number = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{number}{partial}"

    @property
    def start(self) -> int:
        """The index of its first hash within its level (of its first leaf, for level 0 and entries)."""
        return self.index * WIDTH


def parse_path(path: str) -> Tile:
    """Read a tile's path; raises MalformedLog for a second spelling of one path as for junk."""
    match = _PATH.match(path)
    if match is None:
        raise MalformedLog("没有这样的日志文件", "no such tile")
    level, number, width = match.groups()
    tile = Tile(
        ENTRIES if level == "entries" else int(level),
        int(number.replace("/", "").replace("x", "")),
        WIDTH if width is None else int(width),
    )
    if tile.path != path:
        raise MalformedLog("日志文件的路径写法不规范", "not the one spelling of this tile's path")
    return tile


def tiles_of_growth(old_size: int, size: int) -> Iterator[Tile]:
    """Every file that a log of `size` leaves has and one of `old_size` had not, entry bundles first, then by level.

    Files that the log of `old_size` had stay right; its partial ones may be deleted once the full ones are out.
    """
    if not 0 <= old_size <= size <= MAX_SIZE:
        raise MalformedLog("日志只能增长", f"a log of {old_size} leaves does not grow to {size}")
    yield from _level_growth(ENTRIES, old_size, size)
    level = 0
    while size:
        yield from _level_growth(level, old_size, size)
        level, old_size, size = level + 1, old_size >> HEIGHT, size >> HEIGHT


def tile_of(level: int, index: int, size: int) -> Tile:
    """The file in which a log of `size` leaves keeps hash `index` of tile level `level` (or a leaf's content)."""
    count = size >> (HEIGHT * max(level, 0))
    if not 0 <= index < count:
        raise MalformedLog("超出日志范围", f"no hash {index} at tile level {level} in a log of {size} leaves")
    number = index >> HEIGHT
    return Tile(level, number, min(WIDTH, count - number * WIDTH))


def hash_tile(tile: Tile, read_hash: ReadHash) -> bytes:
    """The content of a hash tile: its `width` hashes one after another."""
    if tile.level == ENTRIES:
        raise MalformedLog("此文件存放的是内容", "an entry bundle holds contents, not hashes")
    level = tile.level * HEIGHT
    return b"".join(read_hash(level, index) for index in range(tile.start, tile.start + tile.width))


def entry_bundle(contents: Sequence[bytes]) -> bytes:
    """The content of an entry bundle: each leaf's content led by its length as 2 bytes, big-endian."""
    if any(len(content) > MAX_ENTRY_BYTES for content in contents):
        raise MalformedLog("日志叶过长", f"an entry has at most {MAX_ENTRY_BYTES} bytes")
    return b"".join(len(content).to_bytes(2, "big") + content for content in contents)


def read_hash_tile(content: bytes, width: int) -> tuple[bytes, ...]:
    """The hashes of a tile of this width; raises MalformedLog where the length disagrees."""
    if len(content) != width * HASH_BYTES:
        raise MalformedLog("日志文件长度不对", f"a tile of {width} hashes has {width * HASH_BYTES} bytes")
    return tuple(content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES))


def read_entry_bundle(bundle: bytes, width: int) -> tuple[bytes, ...]:
    """The leaf contents of a bundle of this width; raises MalformedLog for more, fewer or cut ones."""
    contents: list[bytes] = []
    at = 0
    while at < len(bundle) and len(contents) < width:
        length = int.from_bytes(bundle[at : at + 2], "big")
        end = at + 2 + length
        if end > len(bundle):
            raise MalformedLog("日志条目被截断", "an entry bundle ends within an entry")
        contents.append(bundle[at + 2 : end])
        at = end
    if at != len(bundle) or len(contents) != width:
        raise MalformedLog("日志条目数不对", f"an entry bundle of {width} entries has more or fewer")
    return tuple(contents)


def hash_reader(size: int, read_tile: Callable[[Tile], bytes]) -> ReadHash:
    """A `ReadHash` over the published tiles of a log of `size` leaves, for provers that have only the files.

    The tiles are not trusted: a proof made from them must still lead to a signed root. Tiles read are kept.
    """
    kept: dict[Tile, tuple[bytes, ...]] = {}

    def read_hash(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, HEIGHT)
        first, last = index << height, ((index + 1) << height) - 1
        tile = tile_of(tile_level, last, size)  # a subtree never crosses a tile, as both are aligned
        if tile not in kept:
            kept[tile] = read_hash_tile(read_tile(tile), tile.width)
        hashes = list(kept[tile][first - tile.start : last - tile.start + 1])
        while len(hashes) > 1:
            hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
        return hashes[0]

    return read_hash


def _level_growth(level: int, old_count: int, count: int) -> Iterator[Tile]:
    """Tiles of one level that change when its hashes grow from old_count to count."""
    if old_count == count:
        return
    for index in range(old_count >> HEIGHT, -(-count >> HEIGHT)):
        yield Tile(level, index, min(WIDTH, count - index * WIDTH))
