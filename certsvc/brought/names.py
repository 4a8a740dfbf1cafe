"""The name of a brought file as it is shown: a stranger chose it."""

from __future__ import annotations

from typing import Final

_LONGEST: Final = 120


def plain_name(name: str | None) -> str:
    """The file's own name without its folders, fit to be shown; of a long one its end, which says what it is."""
    last = (name or "").replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return "".join(c if c.isprintable() else "\ufffd" for c in last[-_LONGEST:]) or "?"
