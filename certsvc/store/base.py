"""What every table shares: naming of constraints, and times that are UTC on both engines.

Tables are an index: the signed bytes are the truth (ADR 1). Nothing is ever deleted (R7.5).

Names and numbers that look-ups compare are kept a second time, folded (R9): what is printed stays as it is, and the
database compares without knowing how. A change of how names are folded needs a migration that folds them all again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, MetaData
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from certsvc.credential.number import NO_NUMBER, fold_number
from certsvc.person.name import MAX_CHARACTERS

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


# Folding may make up to three characters of one (Unicode 15, SpecialCasing).
FOLDED_NAME_LENGTH = 3 * MAX_CHARACTERS
FOLDED_NUMBER_LENGTH = 64


def folded_number(number: str) -> str:
    """The number as look-ups compare it; empty for one that no look-up can ask for, so that no malformed input does."""
    folded = fold_number(number)
    return "" if folded == NO_NUMBER else folded


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite keeps no zone, so it is added again on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
