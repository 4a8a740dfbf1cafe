"""One TrueType file: which characters it draws, how wide, and a subset of it for embedding.

The file is mapped, not read: workers share its pages, and only the outlines a certificate uses are touched. A subset
numbers its glyphs by first use and gives each *character* a glyph of its own, even where two share an outline, so that
ToUnicode (PDF 32000-1, 9.10.3) maps back exactly. Characters beyond the BMP are written there as UTF-16BE surrogates.
Not here: which file draws which character (`fonts`).
"""

from __future__ import annotations

import hashlib
import mmap
import struct
import zlib
from collections.abc import KeysView
from itertools import groupby
from pathlib import Path

from certsvc.rendering.fonts.glyf import on_grid

_LONGEST_SHORT = 2 * 0xFFFF  # of `glyf`, where `loca` counts in pairs of bytes
_ARGS_ARE_WORDS, _HAS_SCALE, _MORE, _HAS_XY_SCALE, _HAS_2X2 = 0x0001, 0x0008, 0x0020, 0x0040, 0x0080


class FontFile:
    """A TrueType file with `glyf` outlines, open for the life of the process."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._tables = {}
        for index in range(struct.unpack_from(">H", self._bytes, 4)[0]):
            tag, _, offset, length = struct.unpack_from(">4sIII", self._bytes, 12 + 16 * index)
            self._tables[tag] = (offset, length)
        head, hhea = self._table(b"head"), self._table(b"hhea")
        self.units: int = struct.unpack_from(">H", head, 18)[0]
        self.box: tuple[int, int, int, int] = struct.unpack_from(">4h", head, 36)
        self.ascent, self.descent = struct.unpack_from(">hh", hhea, 4)
        # Before its version 2 the table says nothing of capitals; the ascent serves a viewer that replaces the font.
        metrics = self._table(b"OS/2")
        self.cap_height: int = struct.unpack_from(">h", metrics, 88)[0] if len(metrics) >= 90 else self.ascent
        self.family = _postscript_name(self._table(b"name"))
        self._gids = _glyph_numbers(self._table(b"cmap"))
        self._advances: dict[str, float] = {}
        self._coarse: dict[tuple[int, int], bytes] = {}
        self._long_loca = struct.unpack_from(">h", head, 50)[0] == 1
        self._metrics = struct.unpack_from(">H", hhea, 34)[0]
        self._glyf, self._loca, self._hmtx = (self._tables[tag][0] for tag in (b"glyf", b"loca", b"hmtx"))

    def _table(self, tag: bytes) -> bytes:
        offset, length = self._tables[tag]
        return self._bytes[offset : offset + length]

    def draws(self, char: str) -> bool:
        """Whether the file has a glyph for this one code point."""
        return ord(char) in self._gids

    def gid(self, char: str) -> int:
        """The glyph number of a character that the file draws."""
        return self._gids[ord(char)]

    def metric(self, gid: int) -> tuple[int, int]:
        """(advance, left side bearing) in font units."""
        last = self._metrics - 1
        advance, bearing = struct.unpack_from(">Hh", self._bytes, self._hmtx + 4 * min(gid, last))
        if gid > last:
            bearing = struct.unpack_from(">h", self._bytes, self._hmtx + 4 * self._metrics + 2 * (gid - last - 1))[0]
        return advance, bearing

    def advance(self, char: str) -> float:
        """The width of a character, in thousandths of an em."""
        known = self._advances.get(char)
        if known is None:
            known = self._advances[char] = self.metric(self._gids[ord(char)])[0] * 1000 / self.units
        return known

    def outline(self, gid: int) -> bytes:
        """The `glyf` record of a glyph; empty for a blank."""
        if self._long_loca:
            start, end = struct.unpack_from(">II", self._bytes, self._loca + 4 * gid)
        else:
            start, end = (2 * half for half in struct.unpack_from(">HH", self._bytes, self._loca + 2 * gid))
        return self._bytes[self._glyf + start : self._glyf + end]

    def _on_grid(self, gid: int, grid: int) -> bytes:
        """A glyph's record on a coarser grid, kept: names share their characters."""
        known = self._coarse.get((gid, grid))
        if known is None:
            known = self._coarse[gid, grid] = on_grid(self.outline(gid), grid)
        return known

    def cut(self, gids: list[int], grid: int = 1) -> bytes:
        """A TrueType program of these glyphs in this order (the first must be .notdef); parts of composites follow.

        Points are rounded to a `grid` of so many units, advances stay as they are.
        """
        order = list(gids)
        place = {gid: index for index, gid in enumerate(order)}
        outlines: list[bytes] = []
        for gid in order:  # grows while it runs: components are appended
            outlines.append(_renumber(self._on_grid(gid, grid), place, order))
        loca, at, body = [0], 0, []
        for outline in outlines:
            padded = outline + bytes(len(outline) % 2)
            body.append(padded)
            at += len(padded)
            loca.append(at)
        long = at > _LONGEST_SHORT
        head = bytearray(self._table(b"head"))
        struct.pack_into(">I", head, 8, 0)
        struct.pack_into(">h", head, 50, int(long))
        hhea = bytearray(self._table(b"hhea"))
        struct.pack_into(">H", hhea, 34, len(order))
        maxp = bytearray(self._table(b"maxp"))
        struct.pack_into(">H", maxp, 4, len(order))
        tables = {
            b"glyf": b"".join(body),
            b"head": bytes(head),
            b"hhea": bytes(hhea),
            b"hmtx": b"".join(self._metric_of(gid, outline) for gid, outline in zip(order, outlines, strict=True)),
            b"loca": struct.pack(f">{len(loca)}I", *loca)
            if long
            else struct.pack(f">{len(loca)}H", *(offset // 2 for offset in loca)),
            b"maxp": bytes(maxp),
        }
        for tag in (b"cvt ", b"fpgm", b"prep"):
            if tag in self._tables:
                tables[tag] = self._table(tag)
        return _assemble(tables)

    def _metric_of(self, gid: int, outline: bytes) -> bytes:
        """Advance and left side bearing; the latter moves with the outline's edge, or rasterisers shift the glyph."""
        advance, bearing = self.metric(gid)
        if len(outline) >= 10:
            bearing += struct.unpack_from(">h", outline, 2)[0] - struct.unpack_from(">h", self.outline(gid), 2)[0]
        return struct.pack(">Hh", advance, bearing)


def _postscript_name(table: bytes) -> str:
    """Name 6, which a PDF calls the font by (OpenType, `name`)."""
    count, storage = struct.unpack_from(">HH", table, 2)
    for index in range(count):
        platform, _, _, meaning, length, offset = struct.unpack_from(">6H", table, 6 + 12 * index)
        if meaning == 6:
            text = table[storage + offset : storage + offset + length]
            return text.decode("latin-1" if platform == 1 else "utf-16-be")
    raise ValueError("the font has no PostScript name")


def _glyph_numbers(table: bytes) -> dict[int, int]:
    """Code point to glyph number, from the widest Unicode subtable (OpenType, `cmap` formats 12 and 4)."""
    places = {}
    for index in range(struct.unpack_from(">H", table, 2)[0]):
        platform, encoding, offset = struct.unpack_from(">HHI", table, 4 + 8 * index)
        places[platform, encoding] = offset
    best = next(key for key in ((3, 10), (0, 6), (0, 4), (3, 1), (0, 3)) if key in places)
    start = places[best]
    kind = struct.unpack_from(">H", table, start)[0]
    if kind == 12:
        return _segmented(table, start)
    if kind == 4:
        return _segmented_by_delta(table, start)
    raise ValueError(f"a cmap of format {kind} is not read")


def _segmented(table: bytes, start: int) -> dict[int, int]:
    """Format 12: groups of (first, last, glyph of the first)."""
    gids: dict[int, int] = {}
    count = struct.unpack_from(">I", table, start + 12)[0]
    for first, last, gid in struct.iter_unpack(">III", table[start + 16 : start + 16 + 12 * count]):
        gids.update(zip(range(first, last + 1), range(gid, gid + last + 1 - first), strict=True))
    return gids


def _segmented_by_delta(table: bytes, start: int) -> dict[int, int]:
    """Format 4: per segment last, first, delta, and where in the glyph array it begins (0: the delta alone)."""
    count = struct.unpack_from(">H", table, start + 6)[0] // 2
    lasts = struct.unpack_from(f">{count}H", table, start + 14)
    firsts, deltas, ranges = (
        struct.unpack_from(f">{count}H", table, start + 16 + 2 * count * column) for column in (1, 2, 3)
    )
    gids: dict[int, int] = {}
    for segment, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            gid = code
            if ranges[segment]:
                at = start + 16 + 6 * count + 2 * segment + ranges[segment] + 2 * (code - first)
                gid = struct.unpack_from(">H", table, at)[0]
                if not gid:
                    continue
            gid = (gid + deltas[segment]) & 0xFFFF
            if gid:
                gids[code] = gid
    return gids


def _renumber(outline: bytes, place: dict[int, int], order: list[int]) -> bytes:
    """A composite with its components' numbers replaced; a simple glyph as it is."""
    if len(outline) < 10 or struct.unpack_from(">h", outline)[0] >= 0:
        return outline
    changed = bytearray(outline)
    at = 10
    while True:
        flags, gid = struct.unpack_from(">HH", changed, at)
        if gid not in place:
            place[gid] = len(order)
            order.append(gid)
        struct.pack_into(">H", changed, at + 2, place[gid])
        at += 8 if flags & _ARGS_ARE_WORDS else 6
        at += 2 if flags & _HAS_SCALE else 4 if flags & _HAS_XY_SCALE else 8 if flags & _HAS_2X2 else 0
        if not flags & _MORE:
            return bytes(changed)


def _checksum(table: bytes) -> int:
    padded = table + bytes(-len(table) % 4)
    total: int = sum(struct.unpack(f">{len(padded) // 4}I", padded))
    return total & 0xFFFFFFFF


def _assemble(tables: dict[bytes, bytes]) -> bytes:
    count = len(tables)
    power = count.bit_length() - 1
    header = struct.pack(">IHHHH", 0x00010000, count, 16 << power, power, 16 * count - (16 << power))
    directory, body, at = [], [], 12 + 16 * count
    for tag in sorted(tables):
        table = tables[tag]
        directory.append(struct.pack(">4sIII", tag, _checksum(table), at, len(table)))
        padded = table + bytes(-len(table) % 4)
        body.append(padded)
        at += len(padded)
    program = bytearray(header + b"".join(directory) + b"".join(body))
    adjustment = (0xB1B0AFBA - _checksum(bytes(program))) & 0xFFFFFFFF
    offset = struct.unpack_from(">I", program, 12 + 16 * sorted(tables).index(b"head") + 8)[0]
    struct.pack_into(">I", program, offset + 8, adjustment)
    return bytes(program)


def _widths(widths: list[float]) -> str:
    """The /W array's content (9.7.4.3): runs of widths that are not the default of 1,000, each from its first CID."""
    runs, at = [], 0
    for usual, run in groupby(widths, key=lambda width: width == 1000):
        listed = list(run)
        if not usual:
            runs.append(f"{at}[{' '.join(f'{width:g}' for width in listed)}]")
        at += len(listed)
    return "".join(runs)


class Subset:
    """The characters one document draws from one file; `cid` gives each its number in the embedded font."""

    def __init__(self, font: FontFile) -> None:
        self.font = font
        self._cids: dict[str, int] = {}
        self._codes: dict[str, str] = {}

    @property
    def chars(self) -> KeysView[str]:
        """What it has so far."""
        return self._cids.keys()

    def __contains__(self, char: str) -> bool:
        return char in self._cids

    def cid(self, char: str) -> int:
        """The number of a character, given on first use; 0 is .notdef, which nothing ever asks for."""
        return self._cids.setdefault(char, len(self._cids) + 1)

    def encode(self, text: str) -> str:
        """The numbers of a text's characters in hexadecimal, as a content stream shows them."""
        codes = self._codes
        for char in text:
            if char not in codes:
                codes[char] = f"{self.cid(char):04X}"
        return "".join([codes[char] for char in text])

    def objects(self, first: int, level: int, grid: int = 1) -> list[bytes]:
        """Five PDF objects numbered from `first`: the Type0 font, CIDFont, descriptor, program, ToUnicode.

        `grid` is `FontFile.cut`'s.
        """
        gids = [0, *(self.font.gid(char) for char in self._cids)]
        program = self.font.cut(gids, grid)
        tag = "".join(chr(65 + byte % 26) for byte in hashlib.sha256("".join(self._cids).encode()).digest()[:6])
        name = f"{tag}+{self.font.family}"
        scale = 1000 / self.font.units
        widths = _widths([self.font.metric(gid)[0] * scale for gid in gids])
        box = " ".join(f"{edge * scale:g}" for edge in self.font.box)
        squeezed = zlib.compress(program, level)
        cmap = zlib.compress(self._to_unicode(), level)
        return [
            f"<</Type/Font/Subtype/Type0/BaseFont/{name}/Encoding/Identity-H/DescendantFonts[{first + 1} 0 R]"
            f"/ToUnicode {first + 4} 0 R>>".encode(),
            f"<</Type/Font/Subtype/CIDFontType2/BaseFont/{name}/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
            f"/Supplement 0>>/FontDescriptor {first + 2} 0 R/DW 1000/W[{widths}]/CIDToGIDMap/Identity>>".encode(),
            f"<</Type/FontDescriptor/FontName/{name}/Flags 4/FontBBox[{box}]/ItalicAngle 0"
            f"/Ascent {self.font.ascent * scale:g}/Descent {self.font.descent * scale:g}"
            f"/CapHeight {self.font.cap_height * scale:g}/StemV 80/FontFile2 {first + 3} 0 R>>".encode(),
            b"<</Length1 %d/Length %d/Filter/FlateDecode>>\nstream\n%b\nendstream"
            % (len(program), len(squeezed), squeezed),
            b"<</Length %d/Filter/FlateDecode>>\nstream\n%b\nendstream" % (len(cmap), cmap),
        ]

    def _to_unicode(self) -> bytes:
        lines = [f"<{cid:04X}> <{char.encode('utf-16-be').hex().upper()}>" for char, cid in self._cids.items()]
        blocks = [
            f"{len(lines[at : at + 100])} beginbfchar\n" + "\n".join(lines[at : at + 100]) + "\nendbfchar"
            for at in range(0, len(lines), 100)
        ]
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
            + "\n".join(blocks)
            + "\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"
        ).encode()
