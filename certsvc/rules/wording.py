"""How dates, scores and money are written in sentences for candidates. Chinese dates read 2025年3月24日, English ones ISO."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache


@lru_cache(maxsize=4096)
def zh_date(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


@lru_cache(maxsize=4096)
def en_date(day: date) -> str:
    return day.isoformat()


@lru_cache(maxsize=16384)
def score_text(score: Decimal) -> str:
    """The exact decimal, without an exponent or trailing zeros: 59.99, 60, 0.5."""
    text = f"{score:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
