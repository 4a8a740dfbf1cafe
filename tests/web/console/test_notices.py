"""The desk of notices: what was not delivered first, with why, and sent again by those who may."""

from __future__ import annotations

from sqlalchemy import select

from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.listing import notices
from certsvc.store import NoticeRecord, PersonRecord
from tests.builders.staff import said
from tests.web.console.conftest import Office


def undelivered(office: Office, kind: NoticeKind, about: str, fault: str) -> str:
    """A notice that failed; whose it is."""
    now = office.services.now()
    with office.services.database.writing() as session:
        person = session.scalars(select(PersonRecord).order_by(PersonRecord.id).limit(1)).one()
        session.add(
            NoticeRecord(
                kind=kind.value,
                about=about,
                id_lookup=person.id_lookup,
                message_id="ab" * 16,
                state="failed",
                channel="mail",
                queued_at=now,
                next_try_at=now,
                expires_at=now,
                tries=1,
                ended_at=now,
                fault=fault,
            )
        )
        return person.name


def test_what_was_not_delivered_is_seen_with_why_and_sent_again_once(office: Office) -> None:
    name = undelivered(office, NoticeKind.REGISTERED, "1", "unsure")
    maker = office.browser("maker")
    assert "没有送达的通知" in said(maker.get("/console"))
    page = maker.get("/console/notices")
    for text in (name, "报名已登记", "邮件服务器没有答复，可能已送达", "再发一次"):
        assert text in said(page)
    (one,) = notices(office.services, state="failed")
    assert maker.post(f"/console/notices/{one.id}/again").status_code == 303
    (queued,) = notices(office.services, state="queued")
    assert (queued.id, queued.tries, queued.fault) == (one.id, 0, None)
    twice = maker.post(f"/console/notices/{one.id}/again")
    assert (twice.status_code, "已发出或正在等待" in said(twice)) == (422, True)
    assert maker.post("/console/notices/99999/again").status_code == 404
    assert "没有这样的通知" in said(maker.get("/console/notices"))


def test_the_filter_stands_in_the_address_and_makes_no_sense_of_nonsense(office: Office) -> None:
    undelivered(office, NoticeKind.REVOKED, "x v1 leaf 1", "http-503")
    auditor = office.browser("auditor")
    page = auditor.get("/console/notices?state=failed&kind=certificate-revoked")
    assert "http-503" in said(page)
    assert "再发一次" not in page.text, "an auditor changes nothing"
    assert "http-503" not in said(auditor.get("/console/notices?kind=registered"))
    for query in ("state=nonsense", "kind=nonsense", "before=nonsense", "before=99999999999"):
        assert auditor.get(f"/console/notices?{query}").status_code == 200
    english = auditor.get("/console/notices?lang=en")
    assert "Not delivered" in said(english)
