"""A page drawn once for each shape, and its words put in for each answer: what a template costs is paid once.

A shape is everything a template decides by: language, state, which optional items there are. Its page is rendered with
markers in place of the words, cut at the markers, and kept; an answer then is the pieces joined with escaped words.
Words never meet the template engine, so no name can be code. Not here: what the shape and the words of a page are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from typing import Final

from markupsafe import Markup, escape

# Private-use characters: a template has none, and words are put in after the page is cut.
_OPEN: Final = "\ue000"
_CLOSE: Final = "\ue001"
_MARKER: Final = re.compile(f"{_OPEN}([a-z0-9_]+){_CLOSE}")
_MOST: Final = 2000


def marker(name: str) -> str:
    """What stands for the word `name` while a shape is rendered."""
    return f"{_OPEN}{name}{_CLOSE}"


def is_marker(text: object) -> bool:
    return isinstance(text, str) and text.startswith(_OPEN)


def marked(text: str, kind: str) -> str:
    """The marker for another form of the same word, such as a number in groups."""
    return marker(f"{text[1:-1]}_{kind}")


class Prebuilt:
    """The shapes met so far; at most 2,000, then it starts afresh."""

    def __init__(self) -> None:
        self._shapes: dict[Hashable, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def write(self, shape: Hashable, words: Mapping[str, object], render: Callable[[], str]) -> str:
        """The page of `shape` with `words` in it; `render` draws it with markers, when the shape is new."""
        pieces = self._shapes.get(shape)
        if pieces is None:
            cut = _MARKER.split(render())
            if len(self._shapes) >= _MOST:
                self._shapes.clear()
            pieces = self._shapes[shape] = (tuple(cut[0::2]), tuple(cut[1::2]))
        between, names = pieces
        out = [between[0]]
        for name, piece in zip(names, between[1:], strict=True):
            word = words[name]
            # Markup knows itself to be safe; everything else is escaped here.
            out.append(word if isinstance(word, Markup) else escape(word))
            out.append(piece)
        return "".join(out)
