"""`/v/TOKEN`: the answer to a scan, as page or JSON, made without Flask so that both ways in give the same bytes.

No login, no script, one request. The status is read again each time and never cached. Not here: the words
(`statement`), the page (`templates/public/record.html`), the ways in (`web.scans`).
"""

from __future__ import annotations

from dataclasses import dataclass

from certsvc.credential.token import normalise_token
from certsvc.errors import Unavailable
from certsvc.services.verification.portrait import is_known
from certsvc.services.verification.scan import Seen, WouldWait, as_record, in_plain_sight, out_of_sight
from certsvc.web import problems
from certsvc.web.answers import HTML, JSON, Answer, encoded, json_answer
from certsvc.web.figures import SCAN
from certsvc.web.languages import COOKIE, COOKIE_SECONDS, LANGUAGES
from certsvc.web.public.page import write_record
from certsvc.web.public.plain import VALID, is_plain, plain_json, plain_page
from certsvc.web.public.statement import Statement, state_of, without_record
from certsvc.web.site import Site

_NEVER_KEPT = (("Cache-Control", "no-store"), ("Vary", "Accept, Accept-Encoding, Accept-Language, Cookie"))
_PACKED = ("Content-Encoding", "gzip")


@dataclass(slots=True)  # not frozen, as `Answer`
class Ask:
    """One request to see a record. `switch` is the language asked for in the address, to be remembered; `packed` says
    that the page may come by gzip, `locked_out` that it found the database locked."""

    token: str
    language: str
    wants_json: bool
    address: str
    origin: str = "-"
    switch: str | None = None
    packed: bool = False
    locked_out: bool = False


def answer_scan(site: Site, ask: Ask) -> Answer:
    """The answer to a scan: 200 for a certificate in any state, 404 unknown, 503 unavailable, 429 too many."""
    return refuse_scan(site, ask) or answer_allowed(site, ask)


def refuse_scan(site: Site, ask: Ask) -> Answer | None:
    """Count one scan from its address; the answer "too many", or None where it is allowed."""
    if site.limits.allow_page(ask.address):
        return None
    return too_many(site, ask.language, wants_json=ask.wants_json)


def answer_allowed(site: Site, ask: Ask, *, wait: bool = True) -> Answer:
    """As `answer_scan` once its address is counted. Without `wait`, raises `WouldWait` rather than wait."""
    try:
        seen = in_plain_sight(site.services, ask.token, wait=wait)
        if seen is not None and is_plain(site, seen):
            return _answer_plainly(site, ask, seen)
        statement = _state_of(site, ask.token, seen, wait=wait)
    except Unavailable:
        statement = without_record(site, "unavailable", about=ask.token[:64])
    return answer_with(site, ask, statement)


def answer_with(site: Site, ask: Ask, statement: Statement) -> Answer:
    """The answer that says this, counted among the scans."""
    if statement.record is not None:
        site.figures.scanned(statement.state, statement.record.number, ask.origin)
    else:
        site.figures.answered(SCAN, statement.state)
    if ask.wants_json:
        return Answer(statement.status, JSON, encoded(statement.as_json()), _NEVER_KEPT)
    return record_page(site, statement, ask.language, token=ask.token, switch=ask.switch, packed=ask.packed)


def look_at(site: Site, token: str, *, wait: bool = True) -> Statement:
    """What there is to say about the certificate with this token now. Without `wait`, raises `WouldWait` rather than
    wait for the database."""
    try:
        return _state_of(site, token, in_plain_sight(site.services, token, wait=wait), wait=wait)
    except Unavailable:
        return without_record(site, "unavailable", about=token[:64])


def _state_of(site: Site, token: str, seen: Seen | None, *, wait: bool) -> Statement:
    record = out_of_sight(site.services, token, wait=wait) if seen is None else as_record(seen)
    if not (wait or record is None or is_known(site.services, record.portrait_digest, record.scheme_id)):
        raise WouldWait
    return state_of(site, record, about=token[:64])


def _answer_plainly(site: Site, ask: Ask, seen: Seen) -> Answer:
    """As `answer_with`, of a certificate in plain sight and in force."""
    site.figures.scanned(VALID, seen.genuine.claims.number, ask.origin)
    if ask.wants_json:
        return Answer(200, JSON, plain_json(site, seen), _NEVER_KEPT)
    page = plain_page(site, seen, ask.language, packed=ask.packed)
    return Answer(200, HTML, page, _headers(site, switch=ask.switch, packed=ask.packed))


def json_of(statement: Statement, **more: object) -> Answer:
    """A statement as JSON; `more` is set beside its members."""
    return json_answer(statement.as_json() | more, statement.status, *_NEVER_KEPT)


def record_page(
    site: Site,
    statement: Statement,
    language: str,
    *,
    token: str | None = None,
    switch: str | None = None,
    matched: bool | None = None,
    limited: bool = False,
    ticket: str | None = None,
    packed: bool = False,
) -> Answer:
    """The page of a statement. `matched` is the answer of match mode; `limited` says that it was asked too often;
    `ticket` lets its reader keep the check with the name on it."""
    shown = normalise_token(token) if token and statement.record is not None else None
    body = write_record(
        site, statement, language, shown, matched=matched, limited=limited, ticket=ticket, packed=packed
    )
    return Answer(429 if limited else statement.status, HTML, body, _headers(site, switch=switch, packed=packed))


def _headers(site: Site, *, switch: str | None, packed: bool) -> tuple[tuple[str, str], ...]:
    headers: tuple[tuple[str, str], ...] = (*_NEVER_KEPT, _PACKED) if packed else _NEVER_KEPT
    if switch in LANGUAGES:
        headers = (*headers, ("Set-Cookie", language_cookie(switch, https=site.https)))
    return headers


def language_cookie(language: str, *, https: bool) -> str:
    """The cookie that remembers the switch: it holds nothing but the language."""
    secure = "; Secure" if https else ""
    return f"{COOKIE}={language}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}"


def too_many(site: Site, language: str, *, wants_json: bool) -> Answer:
    """429: asked too often, as a problem or a page."""
    refusal = problems.TooMany()
    if wants_json:
        return problems.problem_answer(refusal)
    return problems.problem_page(site, refusal, language)
