"""How dates and exact decimals stand in sentences for candidates: 2025年3月24日 in Chinese, ISO 8601 in English."""

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
