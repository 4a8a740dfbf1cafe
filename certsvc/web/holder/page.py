"""What the holder's page makes of a view: states in words (R11), scans added up, share links told apart.

Not here: what a holder may see (`services.holders.own_record`), how it is drawn (`templates/holder`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from certsvc.credential.wording import Wording, say
from certsvc.rules.wording import score_text
from certsvc.services.context import SHANGHAI
from certsvc.web.holder.regions import region_name
from certsvc.web.site import Site

if TYPE_CHECKING:
    from certsvc.services.holders.share_links import Share
    from certsvc.services.holders.shown import CertificateView, HolderView, PaperView, ReissueView

SHARE_DAYS: Final = (1, 7, 30, 90)
RECENT_DAYS: Final = 30
_MOST_SCAN_DAYS: Final = 10
_MOST_ENDED_LINKS: Final = 5
_MOST_OPENINGS: Final = 5
_TALLEST_BAR: Final = 20


@dataclass(frozen=True, slots=True)
class ScanDay:
    on: date
    places: str  # "青海 2、不明 1"
    scans: int


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """`recent` is of the last 30 days, `total` of all; `bars` an SVG path, one stroke a day, today at the right."""

    recent: int
    total: int
    days: tuple[ScanDay, ...]
    earlier: int
    bars: str


@dataclass(frozen=True, slots=True)
class Link:
    """A share link as it is listed; times in Beijing, to the minute. `ended` is "" for one that still opens."""

    id: int
    created_at: str
    expires_at: str
    ended: str  # "", "expired" or "withdrawn"
    opened_at: tuple[str, ...]
    openings: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """The newest version under a number, with what belongs to the number, and the versions before it."""

    it: CertificateView
    says: Wording
    scans: ScanSummary
    links: tuple[Link, ...]
    ended_links: tuple[Link, ...]
    older: tuple[tuple[CertificateView, Wording], ...]
    linkedin: str  # where LinkedIn asks its member to add it


@dataclass(frozen=True, slots=True)
class Paper:
    it: PaperView
    says: Wording
    request: ReissueView | None  # the newest one
    applied_on: str


def values_of(site: Site, view: HolderView, language: str) -> dict[str, object]:
    """What `holder/my.html` is rendered with."""
    services = site.services
    now, today = services.now(), services.today()
    certificates = []
    for newest in (each for each in view.certificates if each.newest):
        versions = [each for each in view.certificates if each.number == newest.number]
        links = [_link(each, now) for each in sorted(_shares(versions), key=lambda each: each.id, reverse=True)]
        certificates.append(
            Certificate(
                it=newest,
                says=words_of(newest),
                scans=summed(newest.scans, today, language),
                links=tuple(link for link in links if not link.ended),
                ended_links=tuple(link for link in links if link.ended)[:_MOST_ENDED_LINKS],
                older=tuple((each, words_of(each)) for each in versions if each is not newest),
                linkedin=_linkedin(newest, f"{services.base_url}/v/{newest.token}", language),
            )
        )
    return {
        "view": view,
        "certificates": tuple(certificates),
        "papers": tuple(_paper(each, view.reissues) for each in view.papers),
        "plain": score_text,
        "minute": minute,
        "sample": any(each.it.sample for each in certificates),
    }


def _linkedin(it: CertificateView, address: str, language: str) -> str:
    """LinkedIn's own form, filled in (its "Add to profile" parameters): no name and no identity number go there."""
    occupation, level, issuer = (
        (it.occupation_zh, it.level_name_zh, it.issuer_zh)
        if language == "zh"
        else (it.occupation_en, it.level_name_en, it.issuer_en)
    )
    filled = {
        "startTask": "CERTIFICATION_NAME",
        "name": f"{occupation} {level}",
        "organizationName": issuer,
        "issueYear": it.issued_on.year,
        "issueMonth": it.issued_on.month,
        **({"expirationYear": it.valid_until.year, "expirationMonth": it.valid_until.month} if it.valid_until else {}),
        "certUrl": address,
        "certId": it.number,
    }
    return f"https://www.linkedin.com/profile/add?{urlencode(filled)}"


def words_of(certificate: CertificateView) -> Wording:
    """What a check would say of it (R11)."""
    number, version = certificate.superseded_by or (None, None)
    day = certificate.valid_until if certificate.status == "expired" else certificate.status_on
    return say(certificate.status, date=day, reason=certificate.reason, number=number, version=version)


def summed(scans: Sequence[tuple[date, str, int]], today: date, language: str) -> ScanSummary:
    """Scans (day, origin, count; newest day first) as a person reads them."""
    first = today - timedelta(days=RECENT_DAYS - 1)
    by_day = {on: list(each) for on, each in groupby(scans, key=lambda scan: scan[0])}
    totals = {on: sum(count for _, _, count in each) for on, each in by_day.items()}
    days = [ScanDay(on, _places(each, language), totals[on]) for on, each in by_day.items()]
    return ScanSummary(
        recent=sum(count for on, count in totals.items() if on >= first),
        total=sum(totals.values()),
        days=tuple(days[:_MOST_SCAN_DAYS]),
        earlier=sum(day.scans for day in days[_MOST_SCAN_DAYS:]),
        bars=_bars([totals.get(first + timedelta(days=i), 0) for i in range(RECENT_DAYS)]),
    )


def _places(scans: Iterable[tuple[date, str, int]], language: str) -> str:
    counted: dict[str, int] = {}
    for _, origin, count in scans:
        # Two codes of one province are one place.
        place = region_name(origin, language)
        counted[place] = counted.get(place, 0) + count
    ranked = sorted(counted.items(), key=lambda each: -each[1])
    return ("、" if language == "zh" else ", ").join(f"{place} {count}" for place, count in ranked)


def _bars(counts: Sequence[int]) -> str:
    tallest = max(counts, default=0)
    return "".join(
        f"M{2 * i + 1} {_TALLEST_BAR}v-{max(2, round(_TALLEST_BAR * count / tallest))}"
        for i, count in enumerate(counts)
        if count
    )


def _shares(versions: Iterable[CertificateView]) -> list[Share]:
    return list({share.id: share for each in versions for share in each.shares}.values())


def _link(share: Share, now: datetime) -> Link:
    ended = "" if share.is_open(now) else "expired" if share.withdrawn_at is None else "withdrawn"
    latest = tuple(minute(at) for at in reversed(share.opened_at[-_MOST_OPENINGS:]))
    return Link(share.id, minute(share.created_at), minute(share.expires_at), ended, latest, len(share.opened_at))


def minute(moment: datetime) -> str:
    """Wall-clock time in Beijing."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def _paper(paper: PaperView, requests: Sequence[ReissueView]) -> Paper:
    request = next((each for each in requests if each.number == paper.number), None)
    applied_on = "" if request is None else minute(request.applied_at)[:10]
    return Paper(paper, say(paper.status, date=paper.replaced_on), request, applied_on)
