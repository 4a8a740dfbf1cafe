"""The page of a record: which of its parts are words, and which decide what the page looks like (`web.prebuilt`)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from operator import attrgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

from certsvc.errors import Unavailable
from certsvc.services.verification.portrait import may_show
from certsvc.web.pages import grouped, why
from certsvc.web.prebuilt import Slots, escaped, marker
from certsvc.web.public.statement import Statement
from certsvc.web.site import Site

if TYPE_CHECKING:
    from certsvc.services.verification.public_record import PublicRecord

_WORDS: Final = (
    "number",
    "masked_name",
    "full_name",
    "occupation_zh",
    "occupation_en",
    "level",
    "level_zh",
    "level_en",
    "issuer_zh",
    "issuer_en",
    "issued_on",
    "valid_until",
    "reissued_on",
    "changed_on",
    "reason",
    "successor_number",
    "erased_on",
)


_words_of: Final = attrgetter(*_WORDS)


def portrait_address(site: Site, record: PublicRecord | None) -> str | None:
    """Where the holder's photo is, for a scheme that makes it public; None for any other."""
    if record is None or record.token is None:
        return None
    with suppress(Unavailable):  # the answer stands without its picture
        return f"/v/{record.token}/portrait" if may_show(site.services, record) else None
    return None


def write_record(
    site: Site,
    statement: Statement,
    language: str,
    token: str | None,
    *,
    matched: bool | None,
    limited: bool,
    ticket: str | None = None,
    packed: bool = False,
) -> bytes:
    """The page of a statement, `packed` by gzip; `matched` and `limited` are what match mode answered, `ticket` what
    lets its reader keep the check with the name on it (`web.public.kept`)."""
    slots, words = page_of(site, statement, language, token, matched=matched, limited=limited, ticket=ticket)
    return slots.filled_packed(words) if packed else slots.filled(words)


def page_of(
    site: Site,
    statement: Statement,
    language: str,
    token: str | None,
    *,
    matched: bool | None = None,
    limited: bool = False,
    ticket: str | None = None,
) -> tuple[Slots, dict[str, bytes]]:
    """The page of a statement with gaps, and the words that go into them; see `write_record`."""
    words: dict[str, object] = statement.as_words() | {"token": token, "ticket": ticket}
    record = statement.record
    portrait = None if token is None else portrait_address(site, record)
    absent = token is None, portrait is None, ticket is None
    shape: tuple[object, ...] = (language, statement.state, absent, matched, limited)
    if record is not None:
        words |= zip(_WORDS, _words_of(record), strict=True)
        words["reason"] = why(language, record.reason) if record.reason else None
        words["number_grouped"] = grouped(record.number)
        words["successor_number_grouped"] = grouped(record.successor_number) if record.successor_number else ""
        present = tuple(map(bool, map(words.__getitem__, _WORDS)))
        successor = record.successor_version, record.successor_state, record.standing
        shape += (present, record.version, record.carrier, record.sample, successor)

    def draw() -> Slots:
        values = statement.as_values() | {name: marker(name) for name in statement.as_words()}
        values["says"] = replace(statement.says, zh=marker("says_zh"), en=marker("says_en"))
        values["token"] = token and marker("token")
        values["ticket"] = ticket and marker("ticket")
        values["portrait"] = portrait and f"/v/{values['token']}/portrait"
        if record is not None:
            marked = {name: marker(name) for name in _WORDS if words[name]}
            values["record"] = SimpleNamespace(**{name: getattr(record, name) for name in record.__slots__} | marked)
        text = site.pages.render("public/record.html", language, matched=matched, limited=limited, **values)
        return Slots.cut(text)

    slots = site.pages.prebuilt.slots(shape, draw)
    return slots, {name: escaped(words[name]) for name in slots.names}
