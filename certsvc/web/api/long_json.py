"""A long JSON body → its rows of number and name, taken apart in a process of its own under limits (`bounded`).

One step of a JSON parser cannot be interrupted, and its result may be thirty times as large as the text; a short body
is read where it is. Not here: how long a body may be (`web.gate`), what the rows are answered with (`views`).
"""

from __future__ import annotations

import json
from collections.abc import Set
from typing import Any, Final

from certsvc.bounded import Bounds, OutOfBounds, Say, run_bounded

SHORT: Final = 32 * 1024
LONGEST_TEXT: Final = 400
MOST_ROWS: Final = 5_000
_BOUNDS: Final = Bounds(seconds=5, memory_bytes=160 * 1024 * 1024, answer_bytes=16 * 1024 * 1024)
_ROW: Final = ("number", "name")


class Misshapen(Exception):  # an answer of this module, for which `views` has the words
    """`where` is the member that is at fault; `kind` is "malformed", "rows", "unknown" or "missing"."""

    def __init__(self, kind: str, where: str = "") -> None:
        super().__init__(kind, where)
        self.kind, self.where = kind, where


def read_object(content: bytes) -> dict[str, object]:
    """A body as a JSON object; raises `Misshapen`."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:  # nested beyond what the parser follows: no fault of ours
        raise Misshapen("malformed") from error
    if not isinstance(found, dict):
        raise Misshapen("malformed")
    return found


def rows_of(content: dict[str, object]) -> list[tuple[str, str]]:
    """The rows of a body {"rows": [{"number", "name"}, …]}; raises `Misshapen`."""
    refuse_unknown(content, {"rows"})
    rows = content.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS or not all(isinstance(r, dict) for r in rows):
        raise Misshapen("rows", "rows")
    return [pair_of(row) for row in rows]


def pair_of(row: dict[str, object]) -> tuple[str, str]:
    """Number and name, each as far as any is long; raises `Misshapen`."""
    refuse_unknown(row, frozenset(_ROW))
    texts = []
    for name in _ROW:
        value = row.get(name)
        if not isinstance(value, str):
            raise Misshapen("missing", name)
        texts.append(value[:LONGEST_TEXT])
    return texts[0], texts[1]


def refuse_unknown(content: dict[str, object], known: Set[str]) -> None:
    # Ignored, a member such as `last_six` would look as if it had been compared and had matched.
    for name in content.keys() - known:
        raise Misshapen("unknown", name)


def read_long(content: bytes) -> list[tuple[str, str]]:
    """As `rows_of` for a long body; raises `Misshapen`, also for one beyond its bounds."""
    try:
        said = run_bounded(read_in_child, {}, content, _BOUNDS)
    except OutOfBounds as error:
        raise Misshapen("malformed") from error
    head, *lines = said.splitlines()
    fault = json.loads(head)
    if fault is not None:
        raise Misshapen(*fault)
    pairs = [json.loads(line) for line in lines]
    return [(number, name) for number, name in pairs]


def read_in_child(settings: dict[str, Any], content: bytes, say: Say) -> None:
    """The child's work: null and a line for each row, or what is wrong."""
    del settings
    try:
        rows = rows_of(read_object(content))
    except Misshapen as fault:
        say(json.dumps([fault.kind, fault.where[:100]]).encode())
        return
    say(b"null\n")
    for row in rows:
        say(json.dumps(row).encode() + b"\n")
