"""The answer about a certificate in plain sight and in force: what nearly every scan is answered, in a few words.

All certificates of one kind (scheme, level, issuer, version) are answered alike but for a dozen words. So the answer is
drawn once for each kind, the ordinary way (`statement`, `page`), and kept as a text with gaps (`web.prebuilt`); an
answer then is its words put in. What is kept names no certificate: each word is of the bytes whose signature was just
checked. Not here: that check (`services.verification.scan`).
"""

from __future__ import annotations

from typing import Final

import orjson

from certsvc.credential.public_claims import SHARED
from certsvc.person.name import mask_name
from certsvc.services.verification.portrait import is_known, shows
from certsvc.services.verification.scan import Seen, as_record
from certsvc.web.answers import encoded
from certsvc.web.pages import beijing, grouped
from certsvc.web.prebuilt import Slots, escaped, marker
from certsvc.web.public.page import page_of
from certsvc.web.public.statement import Statement, state_of
from certsvc.web.site import Site, to_the_second

VALID: Final = "valid"
_DAYS: Final = ("issued_on", "reissued_on", "valid_until")
_OF_JSON: Final = ("number", "name", *_DAYS, "credential_digest8")
_OF_PAGE: Final = frozenset(
    {*("number", "number_grouped", "masked_name", "token"), *_DAYS}
    | {"checked_at", "checked_iso", "reference", "digest"}
)


def is_plain(site: Site, seen: Seen) -> bool:
    """Whether the answer is one of this file, which asks the database nothing more."""
    return seen.is_in_force and is_known(site.services, seen.genuine.claims.portrait_digest, seen.scheme_id)


def plain_json(site: Site, seen: Seen) -> bytes:
    """As `statement.as_json`, encoded."""
    claims = seen.genuine.claims
    shape = "plain json", claims[SHARED], claims.reissued_on is None, claims.valid_until is None
    slots = site.pages.prebuilt.slots(shape, lambda: _json_slots(state_of(site, as_record(seen))))
    return slots.filled(
        {
            "number": _quoted(claims.number),
            "name": _quoted(mask_name(claims.holder_name)),
            "issued_on": claims.issued_on.encode(),
            "reissued_on": (claims.reissued_on or "").encode(),
            "valid_until": (claims.valid_until or "").encode(),
            "credential_digest8": seen.genuine.digest8.hex().encode(),
            "checked_at": to_the_second(seen.checked_at).encode(),
            "reference": site.reference(VALID, claims.number, seen.checked_at).encode(),
        }
    )


def plain_page(site: Site, seen: Seen, language: str, *, packed: bool) -> bytes:
    """As `page.write_record`."""
    claims = seen.genuine.claims
    shown = (
        claims.reissued_on is None,
        claims.valid_until is None,
        shows(site.services, claims.portrait_digest, seen.scheme_id),
    )
    shape = "plain page", language, claims[SHARED], shown
    slots = site.pages.prebuilt.slots(shape, lambda: _page_slots(site, seen, language))
    words = {
        "number": escaped(claims.number),
        "number_grouped": escaped(grouped(claims.number)),
        "masked_name": escaped(mask_name(claims.holder_name)),
        "issued_on": claims.issued_on.encode(),
        "reissued_on": (claims.reissued_on or "").encode(),
        "valid_until": (claims.valid_until or "").encode(),
        "token": claims.token.encode(),
        "checked_at": beijing(seen.checked_at).encode(),
        "checked_iso": to_the_second(seen.checked_at).encode(),
        "reference": site.reference(VALID, claims.number, seen.checked_at).encode(),
        "digest": seen.genuine.digest8.hex().encode(),
    }
    return slots.filled_packed(words) if packed else slots.filled(words)


def _json_slots(statement: Statement) -> Slots:
    content = statement.as_json()
    said = content["certificate"]
    assert isinstance(said, dict)
    said |= {name: marker(name) for name in _OF_JSON if said[name] is not None}
    content |= {name: marker(name) for name in ("checked_at", "reference")}
    return Slots.cut(encoded(content).decode())


def _page_slots(site: Site, seen: Seen, language: str) -> Slots:
    statement = state_of(site, as_record(seen))
    slots, words = page_of(site, statement, language, seen.genuine.claims.token)
    return slots.settled(words, _OF_PAGE)


def _quoted(text: str) -> bytes:
    """A text as it stands within the quotes of a JSON string."""
    return orjson.dumps(text)[1:-1]
