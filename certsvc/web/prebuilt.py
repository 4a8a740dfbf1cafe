"""A page drawn once for each shape, and its words put in for each answer: what a template costs is paid once.

A shape is everything a template decides by: language, state, which optional items there are. Its page is rendered with
markers in place of the words, cut at the markers, and kept; an answer then is the pieces joined with escaped words.
Words never meet the template engine, so no name can be code. Not here: what the shape and the words of a page are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
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
class _Shape:
    between: tuple[bytes, ...]  # one more than names
    names: tuple[str, ...]
    packed: tuple[bytes | None, ...] | None = None  # of `between`, once asked for


class Prebuilt:
    """The shapes met so far; at most 2,000, then it starts afresh."""

    def __init__(self) -> None:
        self._shapes: dict[Hashable, _Shape] = {}

    def write(self, shape: Hashable, words: Mapping[str, object], render: Callable[[], str]) -> bytes:
        """The page of `shape` with `words` in it; `render` draws it with markers, when the shape is new."""
        known = self._known(shape, render)
        out = [known.between[0]]
        for name, piece in zip(known.names, known.between[1:], strict=True):
            out += (_escaped(words[name]), piece)
        return b"".join(out)

    def write_packed(self, shape: Hashable, words: Mapping[str, object], render: Callable[[], str]) -> bytes:
        """The same as a gzip file; only what is the same in every page of the shape is compressed."""
        known = self._known(shape, render)
        if known.packed is None:
            known.packed = tuple(pack_piece(piece) for piece in known.between)
        out: list[tuple[bytes, bytes | None]] = [(known.between[0], known.packed[0])]
        for name, piece, packed in zip(known.names, known.between[1:], known.packed[1:], strict=True):
            out += ((_escaped(words[name]), None), (piece, packed))
        return join(out)

    def _known(self, shape: Hashable, render: Callable[[], str]) -> _Shape:
        known = self._shapes.get(shape)
        if known is None:
            cut = _MARKER.split(render())
            if len(self._shapes) >= _MOST:
                self._shapes.clear()
            known = _Shape(tuple(piece.encode() for piece in cut[0::2]), tuple(cut[1::2]))
            self._shapes[shape] = known
        return known


def _escaped(word: object) -> bytes:
    # Markup knows itself to be safe; everything else is escaped here. Most words hold nothing to escape, and a page has
    # two dozen of them: to ask first takes a fifth of the time.
    if type(word) is str and _TO_ESCAPE(word) is None:
        return word.encode("utf-8", "replace")
    return (word if isinstance(word, Markup) else escape(word)).encode("utf-8", "replace")
