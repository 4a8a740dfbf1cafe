"""A page drawn once for each shape, and its words put in for each answer: what a template costs is paid once.

A shape is everything a template decides by: language, state, which optional items there are. Its page is rendered with
markers in place of the words, cut at the markers, and kept; an answer then is the pieces joined with escaped words.
Words never meet the template engine, so no name can be code. Not here: what the shape and the words of a page are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup, escape

from certsvc.web.packed import join, pack_piece

# Private-use characters: a template has none, and words are put in after the page is cut.
_OPEN: Final = "\ue000"
_CLOSE: Final = "\ue001"
_MARKER: Final = re.compile(f"{_OPEN}([a-z0-9_]+){_CLOSE}")
_MOST: Final = 2000
_TO_ESCAPE: Final = re.compile("[&<>\"']").search


def marker(name: str) -> str:
    """What stands for the word `name` while a shape is rendered."""
    return f"{_OPEN}{name}{_CLOSE}"


def is_marker(text: object) -> bool:
    return isinstance(text, str) and text.startswith(_OPEN)


def marked(text: str, kind: str) -> str:
    """The marker for another form of the same word, such as a number in groups."""
    return marker(f"{text[1:-1]}_{kind}")


@dataclass(slots=True)
class Slots:
    """A text with gaps: what stands `between` them, and the `names` of the words that go into them (one fewer)."""

    between: tuple[bytes, ...]
    names: tuple[str, ...]
    _parts: list[bytes] = field(init=False)  # of the text, with nothing in the gaps
    _packed: tuple[bytes | None, ...] | None = None  # of `between`, once asked for

    def __post_init__(self) -> None:
        self._parts = [part for piece in self.between for part in (piece, b"")][:-1]

    @classmethod
    def cut(cls, text: str) -> Slots:
        """A text cut at its markers."""
        pieces = _MARKER.split(text)
        return cls(tuple(piece.encode() for piece in pieces[0::2]), tuple(pieces[1::2]))

    def filled(self, words: Mapping[str, bytes]) -> bytes:
        """The text with words in its gaps, as they are: they are escaped already."""
        parts = self._parts.copy()
        parts[1::2] = [words[name] for name in self.names]
        return b"".join(parts)

    def filled_packed(self, words: Mapping[str, bytes]) -> bytes:
        """The same as a gzip file; only what is the same in every text is compressed."""
        if self._packed is None:
            self._packed = tuple(pack_piece(piece) for piece in self.between)
        out: list[tuple[bytes, bytes | None]] = [(self.between[0], self._packed[0])]
        for name, piece, packed in zip(self.names, self.between[1:], self._packed[1:], strict=True):
            out += ((words[name], None), (piece, packed))
        return join(out)

    def settled(self, words: Mapping[str, bytes], gaps: Container[str]) -> Slots:
        """The text with its words for good, but for those that stay `gaps`."""
        between, names = [self.between[0]], []
        for name, piece in zip(self.names, self.between[1:], strict=True):
            if name in gaps:
                names.append(name)
                between.append(piece)
            else:
                between[-1] += words[name] + piece
        return Slots(tuple(between), tuple(names))


class Prebuilt:
    """The shapes met so far; at most 2,000, then it starts afresh."""

    def __init__(self) -> None:
        self._shapes: dict[Hashable, Slots] = {}

    def slots(self, shape: Hashable, make: Callable[[], Slots]) -> Slots:
        """The text of a shape; `make` draws it when the shape is new."""
        known = self._shapes.get(shape)
        if known is None:
            known = make()
            if len(self._shapes) >= _MOST:
                self._shapes.clear()
            self._shapes[shape] = known
        return known


def escaped(word: object) -> bytes:
    """A word as it may stand in a page. Markup knows itself to be safe; everything else is escaped here."""
    # Most words hold nothing to escape, and a page has two dozen of them: to ask first takes a fifth of the time.
    if type(word) is str and _TO_ESCAPE(word) is None:
        return word.encode("utf-8", "replace")
    return (word if isinstance(word, Markup) else escape(word)).encode("utf-8", "replace")
