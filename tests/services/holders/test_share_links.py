"""Links a holder hands out: they end, they can be taken back, and they tell when they were opened (R10)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from certsvc.errors import NotFound, Refused
from certsvc.services.certificates import change_status
from certsvc.services.holders import share_links
from certsvc.services.holders.share_links import Shows
from certsvc.store import CertificateRecord, ShareLinkRecord
from tests.builders.installation import Installation, made_up

WEEK = timedelta(days=7)


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "home")


def test_a_link_shows_the_public_record_and_notes_each_opening(home: Installation) -> None:
    (issued,) = home.issue(made_up(1))
    link = share_links.create(home.services, issued.token, life=WEEK, by="持证人")
    assert link.secret is not None
    first = home.clock()
    record = share_links.open_link(home.services, link.secret.upper())
    home.clock.move(hours=1)
    assert share_links.open_link(home.services, link.secret) is not None
    (shown,) = share_links.list_links(home.services, issued.token)
    assert shown.opened_at == (first, home.clock())
    assert (shown.secret, shown.is_open(home.clock())) == (None, True)
    change_status.revoke(home.services, issued.number, reason="错发", by="甲")
    later = share_links.open_link(home.services, link.secret)
    assert later is not None
    assert record is not None
    assert (record.record.state, later.record.state) == ("valid", "revoked")
    assert (record.record.full_name, record.shows, record.expires_at) == ("", Shows(), first + WEEK)


@pytest.mark.parametrize("shows", [Shows(), Shows(name=True), Shows(portrait=True), Shows(name=True, portrait=True)])
def test_a_link_shows_what_its_holder_chose(home: Installation, shows: Shows) -> None:
    person = made_up(1)
    (issued,) = home.issue(person)
    link = share_links.create(home.services, issued.token, life=WEEK, by="持证人", shows=shows)
    opened = share_links.open_link(home.services, str(link.secret))
    assert opened is not None
    assert (opened.shows, opened.record.full_name) == (shows, person.name if shows.name else "")
    (listed,) = share_links.list_links(home.services, issued.token)
    assert (link.shows, listed.shows) == (shows, shows)


def test_a_changed_register_names_no_one_by_a_link(home: Installation) -> None:
    (issued,) = home.issue(made_up(1))
    link = share_links.create(home.services, issued.token, life=WEEK, by="持证人", shows=Shows(name=True))
    with home.services.database.writing() as session:
        session.execute(update(CertificateRecord).values(holder_name="张三"))
    opened = share_links.open_link(home.services, str(link.secret))
    assert opened is not None
    assert (opened.record.state, opened.record.full_name) == ("forged", "")


def test_a_page_loaded_again_and_again_is_one_opening_a_minute(home: Installation) -> None:
    (issued,) = home.issue(made_up(1))
    link = share_links.create(home.services, issued.token, life=WEEK, by="持证人")
    for _ in range(50):
        share_links.open_link(home.services, str(link.secret))
        home.clock.move(seconds=6)
    (shown,) = share_links.list_links(home.services, issued.token)
    assert len(shown.opened_at) == 5


def test_expired_withdrawn_and_unknown_are_one_answer(home: Installation) -> None:
    (issued,) = home.issue(made_up(1))
    ended = share_links.create(home.services, issued.token, life=WEEK, by="持证人")
    taken_back = share_links.create(home.services, issued.token, life=WEEK * 4, by="持证人")
    share_links.withdraw(home.services, issued.token, taken_back.id, by="持证人")
    again = share_links.withdraw(home.services, issued.token, taken_back.id, by="持证人")
    assert again.withdrawn_at == home.clock()
    home.clock.at += WEEK
    for secret in (str(ended.secret), str(taken_back.secret), "a" * 26, "", "\ud800", issued.token):
        assert share_links.open_link(home.services, secret) is None
    assert [one.opened_at for one in share_links.list_links(home.services, issued.token)] == [(), ()]


def test_the_register_does_not_hold_the_secret(home: Installation) -> None:
    (issued,) = home.issue(made_up(1))
    link = share_links.create(home.services, issued.token, life=WEEK, by="持证人")
    with home.services.database.reading() as session:
        stored = session.scalars(select(ShareLinkRecord.secret_sha256)).one()
    assert str(link.secret).encode() not in stored


def test_a_link_is_withdrawn_only_through_its_own_certificate(home: Installation) -> None:
    one, two = home.issue(made_up(1), made_up(2))
    link = share_links.create(home.services, one.token, life=WEEK, by="持证人")
    for token, share_id in ((two.token, link.id), (one.token, 99), ("nonsense", link.id)):
        with pytest.raises(NotFound):
            share_links.withdraw(home.services, token, share_id, by="持证人")


@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=-1), timedelta(days=366)])
def test_a_link_lives_for_a_year_at_most(home: Installation, life: timedelta) -> None:
    (issued,) = home.issue(made_up(1))
    with pytest.raises(Refused):
        share_links.create(home.services, issued.token, life=life, by="持证人")


def test_links_are_counted(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_links, "MOST_LINKS", 2)
    (issued,) = home.issue(made_up(1))
    for _ in range(2):
        share_links.create(home.services, issued.token, life=WEEK, by="持证人")
    with pytest.raises(Refused):
        share_links.create(home.services, issued.token, life=WEEK, by="持证人")
