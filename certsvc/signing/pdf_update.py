"""The one incremental update that makes a stamped PDF an archived one (PAdES B-LTA), in one exact form.

It holds certificates and revocation lists (DSS), an invisible field with a document time stamp over the whole file,
and the catalog anew with both in it: all that DocMDP P=1 permits (ISO 32000-2, 12.8.2.2; ETSI EN 319 142-1, 5.4). The
page is not touched. From the first revision, certificates, lists and token follow the exact bytes, so `read_update`
writes the update again and compares it whole; nothing in it can be chosen by whoever appends it.
Not here: which certificates and lists belong in it and whether they hold (`pdf_archive`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from certsvc.errors import SealRefused
from certsvc.signing.pdf import PLACE, der_size

ROOM = 10 * 1024
"""Bytes kept for the document time stamp."""
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


@dataclass(frozen=True, slots=True)
class Draft:
    """A file with its update, the stamp's place empty; `start` and `end` are the hole, its brackets included."""

    content: bytes
    start: int
    end: int

    @property
    def covered(self) -> bytes:
        """What the document time stamp is of."""
        return self.content[: self.start] + self.content[self.end :]

    def fill(self, token: bytes) -> bytes:
        """The whole file; raises `SealRefused` when the token is too long."""
        if len(token) > ROOM:
            raise SealRefused("文档时间戳过长", "the document time stamp is too long for its place")
        return b"%b<%b>%b" % (
            self.content[: self.start],
            token.ljust(ROOM, b"\0").hex().encode(),
            self.content[self.end :],
        )


@dataclass(frozen=True, slots=True)
class Update:
    """What an update holds, before anything is believed; all DER. `covered` is what its token must be of."""

    certificates: tuple[bytes, ...]
    lists: tuple[bytes, ...]
    token: bytes
    covered: bytes


def first_revision(pdf: bytes) -> bytes:
    """The revision that the seal says it covers; the whole file where nothing of our form comes after it."""
    place = PLACE.match(pdf)
    if place is None:
        return pdf
    length = int(place["second"]) + int(place["rest"])
    appended = 0 < length < len(pdf) and _STREAM.match(pdf, length) and pdf.endswith(b"\n%%EOF\n", length - 7, length)
    return pdf[:length] if appended else pdf


def draft_update(first: bytes, certificates: Sequence[bytes], lists: Sequence[bytes]) -> Draft:
    """The file with its update; raises ValueError when its first revision is not of our press's form."""
    end = _END.search(first, max(0, len(first) - 200))
    if end is None:
        raise ValueError("the file's trailer is not of this service's form")
    root, size = int(end["root"]), int(end["size"])
    body, at = [], len(first)
    offsets: dict[int, int] = {}

    def add(number: int, content: bytes) -> None:
        nonlocal at
        part = b"%d 0 obj\n%b\nendobj\n" % (number, content)
        offsets[number] = at
        body.append(part)
        at += len(part)

    streams = [*certificates, *lists]
    store = size + len(streams)
    field, stamp = store + 1, store + 2
    for number, content in enumerate(streams, size):
        add(number, b"<</Length %d>>\nstream\n%b\nendstream" % (len(content), content))
    held = [b"%d 0 R" % number for number in range(size, store)]
    add(
        store,
        b"<</Type/DSS/Certs[%b]/CRLs[%b]>>"
        % (b" ".join(held[: len(certificates)]), b" ".join(held[len(certificates) :])),
    )
    # Not to be seen: a box without extent, on no page's list. F 132: print, locked.
    add(field, b"<</Type/Annot/Subtype/Widget/FT/Sig/T(archive)/V %d 0 R/F 132/Rect[0 0 0 0]>>" % stamp)
    add(root, _catalog(first, end, store, field))
    # Known before the token is: the ranges, since the hole is of fixed width.
    head = b"%d 0 obj\n<</Type/DocTimeStamp/Filter/Adobe.PPKLite/SubFilter/ETSI.RFC3161/V 0/ByteRange[0 " % stamp
    start = at + len(head) + 10 + 1 + 10 + 1 + 10 + len(b"]/Contents")
    hole_end = start + 2 * ROOM + 2
    offsets[stamp] = at
    table_at = hole_end + len(b">>\nendobj\n")
    new = sorted(number for number in offsets if number != root)
    identity = hashlib.sha256(first + b"".join(body)).hexdigest()[:32].encode()
    tail = (
        b">>\nendobj\nxref\n%d 1\n%010d 00000 n \n%d %d\n%b"
        b"trailer\n<</Size %d/Root %d 0 R/ID[<%b><%b>]/Prev %d>>\n"
        % (
            root,
            offsets[root],
            new[0],
            len(new),
            b"".join(b"%010d 00000 n \n" % offsets[number] for number in new),
            stamp + 1,
            root,
            end["id"],
            identity,
            int(end["table"]),
        )
        + b"startxref\n%d\n%%%%EOF\n" % table_at
    )
    whole = b"".join(
        [
            first,
            *body,
            head,
            b"%010d %010d %010d]/Contents<" % (start, hole_end, len(tail)),
            b"0" * (2 * ROOM),
            b">",
            tail,
        ]
    )
    return Draft(whole, start, hole_end)


def _catalog(first: bytes, end: re.Match[bytes], store: int, field: int) -> bytes:
    """The first revision's catalog with the store of certificates and the second field in it."""
    root, table = int(end["root"]), int(end["table"])
    entry = table + len(b"xref\n0 %d\n" % int(end["size"])) + 20 * root
    try:
        at = int(first[entry : entry + 10])
    except ValueError as error:
        raise ValueError("the file's table is not of this service's form") from error
    head = b"%d 0 obj\n" % root
    close = first.find(b">>\nendobj\n", at)
    catalog = first[at + len(head) : close]
    found = _FORM.findall(catalog)
    if not first.startswith(head + b"<</Type/Catalog/", at) or close < 0 or len(found) != 1 or b"/DSS" in catalog:
        raise ValueError("the file's catalog is not of this service's form")
    form = _FORM.search(catalog)
    assert form is not None
    fields = b"%b %d 0 R" % (form["widget"], field)
    return b"%b%b%b/DSS %d 0 R/Extensions<</ESIC<</BaseVersion/1.7/ExtensionLevel 1>>>>>>" % (
        catalog[: form.start("widget")],
        fields,
        catalog[form.end("widget") :],
        store,
    )


def read_update(pdf: bytes, first: bytes) -> Update:
    """Take an update apart; raises ValueError unless it is exactly what `draft_update` would write."""
    at = len(first)
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
    count = store[1].count(b"R")
    stamp = bytes.fromhex(contents[1].decode())
    token = stamp[: der_size(stamp)]
    draft = draft_update(first, streams[:count], streams[count:])
    if not token or draft.fill(token) != pdf:
        raise ValueError("the update differs from the one form it may have")
    return Update(tuple(streams[:count]), tuple(streams[count:]), token, draft.covered)
