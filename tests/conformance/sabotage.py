"""Ways to break one proof before it is made, each by a name: the suite must then go red (`test_sabotage.py`)."""

from __future__ import annotations


def apply(name: str | None) -> None:
    """Breaks what the name says; nothing for None."""
