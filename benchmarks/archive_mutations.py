"""Mutants of archived PDFs (B-T, B-LTA, renewed): updates taken away, moved, repeated, exchanged, and changed where
only a proof can tell. What "accepted" means: `campaign`. Beside these, an archived PDF gets every mutation of a PDF.
"""

from __future__ import annotations

import random
import re

from benchmarks.mutations import OF_PDFS, Mutate

_END = b"\n%%EOF\n"
_NUMBER = re.compile(rb"\d+")


def _revisions(content: bytes) -> list[bytes]:
    """The first revision and each update."""
    parts = content.split(_END)
    return [part + _END for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _update(chance: random.Random, content: bytes) -> tuple[int, int]:
    """Where one of the updates stands; the whole file where there is none."""
    revisions = _revisions(content)
    at = chance.randrange(1, len(revisions)) if len(revisions) > 1 else 0
    start = sum(map(len, revisions[:at]))
    return start, start + len(revisions[at])


def take_update_out(chance: random.Random, content: bytes, _: bytes) -> bytes:
    revisions = _revisions(content)
    del revisions[chance.randrange(len(revisions))]
    return b"".join(revisions)


def move_update(chance: random.Random, content: bytes, _: bytes) -> bytes:
    revisions = _revisions(content)
    updates = revisions[1:]
    chance.shuffle(updates)
    return b"".join([revisions[0], *updates, *chance.choices(revisions, k=chance.randint(0, 2))])


def exchange_update(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """An update of another genuine file in place of one's own, or behind it."""
    mine, theirs = _revisions(content), _revisions(other)
    at = chance.randrange(1, len(mine) + 1)
    mine[at : at + chance.randint(0, 1)] = [chance.choice(theirs)]
    return b"".join(mine)


def change_in_update(chance: random.Random, content: bytes, _: bytes) -> bytes:
    start, end = _update(chance, content)
    at = chance.randrange(start, end)
    put = chance.choice((bytes([content[at] ^ (1 << chance.randrange(8))]), b"", b"0", b" ", content[at : at + 1] * 2))
    return content[:at] + put + content[at + 1 :]


def change_number_in_update(chance: random.Random, content: bytes, _: bytes) -> bytes:
    """Another object, offset, range or flag, of the same length."""
    start, end = _update(chance, content)
    found = chance.choice(list(_NUMBER.finditer(content, start, end)))
    number = b"%0*d" % (len(found[0]), chance.randrange(10 ** min(len(found[0]), 9)))
    return content[: found.start()] + number + content[found.end() :]


def change_in_token(chance: random.Random, content: bytes, _: bytes) -> bytes:
    """A digit of a document time stamp, or of the seal's."""
    holes = list(re.finditer(rb"/Contents<([0-9a-f]+)>", content))
    start, end = chance.choice(holes).span(1)
    at = chance.choice((chance.randrange(start, end), chance.randrange(start, min(end, start + 4_000))))
    return content[:at] + chance.choice((b"0", b"f", b"F", b"8")) + content[at + 1 :]


def exchange_token(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """Another document time stamp, of this file or of another, in the same place."""
    holes = list(re.finditer(rb"/Contents<([0-9a-f]+)>", content))
    theirs = [found[1] for found in re.finditer(rb"/Contents<([0-9a-f]+)>", chance.choice((content, other)))]
    place, token = chance.choice(holes), chance.choice(theirs)
    room = place.end(1) - place.start(1)
    return content[: place.start(1)] + token[:room].ljust(room, b"0") + content[place.end(1) :]


def hide_in_update(chance: random.Random, content: bytes, _: bytes) -> bytes:
    """An object more within an update, or a page's content put over with a newer one, offsets left as they are."""
    start, end = _update(chance, content)
    ends = [found.end() for found in re.finditer(rb"\nendobj\n", content[start:end])] or [0]
    at = start + chance.choice(ends)
    put = chance.choice((b"<</Type/Page/Rotate 180>>", b"<</Length 4>>\nstream\n0 0 \nendstream", b"<</Names<<>>>>"))
    return content[:at] + b"%d 0 obj\n%b\nendobj\n" % (chance.randint(1, 120), put) + content[at:]


OF_ARCHIVED: dict[str, Mutate] = OF_PDFS | {
    function.__name__: function
    for function in (
        take_update_out,
        move_update,
        exchange_update,
        change_in_update,
        change_number_in_update,
        change_in_token,
        exchange_token,
        hide_in_update,
    )
}
