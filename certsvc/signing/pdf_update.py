"""The incremental updates that make a stamped PDF an archived one (PAdES B-LTA) and keep it so, each in one exact form.

An update holds certificates and revocation lists (added to the DSS), an invisible field with a document time stamp over
the whole file before and with it, and the catalog again with both in it: all that DocMDP P=1 permits (ISO 32000-2,
12.8.2.2; ETSI EN 319 142-1, 5.4). The page is not touched. From the file before it, certificates, lists and token
follow the exact bytes, so `read_updates` writes each update again and compares it whole; nothing in one can be chosen
by anyone who appends it.
Not here: which certificates and lists belong in an update and whether they hold (`pdf_archive`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from certsvc.errors import SealRefused
from certsvc.signing.pdf import PLACE, der_size

ROOM = 10 * 1024
"""Bytes kept for the document time stamp."""
MOST_UPDATES = 24
_MOST_STREAMS = 24

_END = re.compile(
    rb"trailer\n<</Size (?P<size>\d{1,7})/Root (?P<root>\d{1,7}) 0 R/ID\[<(?P<id>[0-9a-f]{32})><[0-9a-f]{32}>\]>>\n"
    rb"startxref\n(?P<table>\d{1,10})\n%%EOF\n\Z"
)
_FORM = re.compile(rb"/AcroForm<</Fields\[(?P<widget>\d{1,7} 0 R)\]/SigFlags 3>>/Perms<</DocMDP 1 0 R>>")
_STREAM = re.compile(rb"(\d{1,7}) 0 obj\n<</Length (\d{1,8})>>\nstream\n")
_STREAM_END = b"\nendstream\nendobj\n"
_STORE = re.compile(rb"\d{1,7} 0 obj\n<</Type/DSS/Certs\[([0-9R ]*)\]/CRLs\[([0-9R ]*)\]>>\nendobj\n")
_CONTENTS = re.compile(rb"/Contents<([0-9a-f]{%d})>>>\nendobj\nxref\n" % (2 * ROOM))
_FIELD = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(%b)/V %d 0 R/F 132/Rect[0 0 0 0]>>"
"""Not to be seen: a box without extent, on no page's list. F 132: print, locked."""


@dataclass(frozen=True, slots=True)
class Extendable:
    """A file that an update can be added to, and what the update must name again.

    `size` is the next free object number, `table` the place of the newest cross-reference table, `identity` the file's
    (hexadecimal), `around` the catalog before and behind its `fields`; these, `certificates`, `lists` are references.
    """

    content: bytes
    size: int
    root: int
    table: int
    identity: bytes
    around: tuple[bytes, bytes]
    fields: tuple[bytes, ...]
    certificates: tuple[bytes, ...] = ()
    lists: tuple[bytes, ...] = ()
    updates: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """A file with one more update, the stamp's place empty; `start` and `end` are the hole, its brackets included."""

    after: Extendable
    start: int
    end: int

    @property
    def covered(self) -> bytes:
        """What the document time stamp is of."""
        return self.after.content[: self.start] + self.after.content[self.end :]

    def fill(self, token: bytes) -> Extendable:
        """The whole file; raises `SealRefused` when the token is too long."""
        if len(token) > ROOM:
            raise SealRefused("文档时间戳过长", "the document time stamp is too long for its place")
        empty = self.after.content
        whole = b"%b<%b>%b" % (empty[: self.start], token.ljust(ROOM, b"\0").hex().encode(), empty[self.end :])
        return replace(self.after, content=whole)


@dataclass(frozen=True, slots=True)
class Update:
    """What an update adds, before anything is believed; all DER. `covered` is what its token must be of, `after` the
    file up to its end."""

    certificates: tuple[bytes, ...]
    lists: tuple[bytes, ...]
    token: bytes
    covered: bytes
    after: Extendable


def first_revision(pdf: bytes) -> bytes:
    """The revision that the seal says it covers; the whole file where nothing of our form comes after it."""
    place = PLACE.match(pdf)
    if place is None:
        return pdf
    length = int(place["second"]) + int(place["rest"])
    appended = 0 < length < len(pdf) and _STREAM.match(pdf, length) and pdf.endswith(b"\n%%EOF\n", length - 7, length)
    return pdf[:length] if appended else pdf


def extendable(first: bytes) -> Extendable:
    """A file without updates, to be added to; raises ValueError when it is not of our press's form."""
    end = _END.search(first, max(0, len(first) - 200))
    if end is None:
        raise ValueError("the file's trailer is not of this service's form")
    root, size, table = int(end["root"]), int(end["size"]), int(end["table"])
    entry = table + len(b"xref\n0 %d\n" % size) + 20 * root
    try:
        at = int(first[entry : entry + 10])
    except ValueError as error:
        raise ValueError("the file's table is not of this service's form") from error
    head = b"%d 0 obj\n" % root
    close = first.find(b">>\nendobj\n", at)
    catalog = first[at + len(head) : close]
    forms = list(_FORM.finditer(catalog))
    if not first.startswith(head + b"<</Type/Catalog/", at) or close < 0 or len(forms) != 1 or b"/DSS" in catalog:
        raise ValueError("the file's catalog is not of this service's form")
    start, stop = forms[0].span("widget")
    return Extendable(first, size, root, table, end["id"], (catalog[:start], catalog[stop:]), (forms[0]["widget"],))


def draft_update(before: Extendable, certificates: Sequence[bytes], lists: Sequence[bytes]) -> Draft:
    """The file with one more update, these certificates and lists (DER) added to what it holds."""
    body, at = [], len(before.content)
    offsets: dict[int, int] = {}

    def add(number: int, content: bytes) -> None:
        nonlocal at
        part = b"%d 0 obj\n%b\nendobj\n" % (number, content)
        offsets[number] = at
        body.append(part)
        at += len(part)

    streams = [*certificates, *lists]
    store = before.size + len(streams)
    field, stamp = store + 1, store + 2
    for number, content in enumerate(streams, before.size):
        add(number, b"<</Length %d>>\nstream\n%b\nendstream" % (len(content), content))
    added = [b"%d 0 R" % number for number in range(before.size, store)]
    held = (*before.certificates, *added[: len(certificates)]), (*before.lists, *added[len(certificates) :])
    add(store, b"<</Type/DSS/Certs[%b]/CRLs[%b]>>" % (b" ".join(held[0]), b" ".join(held[1])))
    add(field, _FIELD % (b"archive%d" % (before.updates + 1) if before.updates else b"archive", stamp))
    fields = (*before.fields, b"%d 0 R" % field)
    extensions = b"/Extensions<</ESIC<</BaseVersion/1.7/ExtensionLevel 1>>>>"
    catalog = before.around[0] + b" ".join(fields) + before.around[1]
    add(before.root, b"%b/DSS %d 0 R%b>>" % (catalog, store, extensions))
    # Known before the token is: the ranges, since the hole is of fixed width.
    head = b"%d 0 obj\n<</Type/DocTimeStamp/Filter/Adobe.PPKLite/SubFilter/ETSI.RFC3161/V 0/ByteRange[0 " % stamp
    start = at + len(head) + 10 + 1 + 10 + 1 + 10 + len(b"]/Contents")
    hole_end = start + 2 * ROOM + 2
    offsets[stamp] = at
    table = hole_end + len(b">>\nendobj\n")
    identity = hashlib.sha256(before.content + b"".join(body)).hexdigest()[:32].encode()
    tail = _tail(before, offsets, table, identity)
    ranges = b"%010d %010d %010d]/Contents<" % (start, hole_end, len(tail))
    whole = b"".join([before.content, *body, head, ranges, b"0" * (2 * ROOM), b">", tail])
    after = replace(
        before,
        content=whole,
        size=stamp + 1,
        table=table,
        fields=fields,
        certificates=held[0],
        lists=held[1],
        updates=before.updates + 1,
    )
    return Draft(after, start, hole_end)


def _tail(before: Extendable, offsets: Mapping[int, int], table: int, identity: bytes) -> bytes:
    """What closes an update after the hole of its stamp, its newest object: the table of its objects' `offsets`, which
    begins at `table`, and the trailer."""
    new = sorted(number for number in offsets if number != before.root)
    return (
        b">>\nendobj\nxref\n%d 1\n%010d 00000 n \n%d %d\n%b"
        b"trailer\n<</Size %d/Root %d 0 R/ID[<%b><%b>]/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
        % (
            before.root,
            offsets[before.root],
            new[0],
            len(new),
            b"".join(b"%010d 00000 n \n" % offsets[number] for number in new),
            new[-1] + 1,
            before.root,
            before.identity,
            identity,
            before.table,
            table,
        )
    )


def read_updates(pdf: bytes, first: bytes) -> Iterator[Update]:
    """Take the updates behind the first revision apart, in order; raises ValueError at the first that is not exactly
    what `draft_update` would write, and beyond `MOST_UPDATES`."""
    before = extendable(first)
    while len(before.content) < len(pdf):
        if before.updates == MOST_UPDATES:
            raise ValueError("the file has too many updates")
        update = _read_update(pdf, before)
        yield update
        before = update.after


def _read_update(pdf: bytes, before: Extendable) -> Update:
    at = len(before.content)
    streams: list[bytes] = []
    while (head := _STREAM.match(pdf, at)) is not None:
        close = head.end() + int(head[2])
        if len(streams) == _MOST_STREAMS or not pdf.startswith(_STREAM_END, close):
            raise ValueError("the update's streams are not of its one form")
        streams.append(pdf[head.end() : close])
        at = close + len(_STREAM_END)
    store = _STORE.match(pdf, at)
    contents = _CONTENTS.search(pdf, at, at + 65536)
    if store is None or contents is None:
        raise ValueError("the update is not of its one form")
    count = store[1].count(b"R") - len(before.certificates)
    if not 0 <= count <= len(streams):
        raise ValueError("the update does not keep what the file holds")
    stamp = bytes.fromhex(contents[1].decode())
    token = stamp[: der_size(stamp)]
    draft = draft_update(before, streams[:count], streams[count:])
    after = draft.fill(token)
    if not token or not pdf.startswith(after.content):
        raise ValueError("the update differs from the one form it may have")
    return Update(tuple(streams[:count]), tuple(streams[count:]), token, draft.covered, after)
