"""What a holder sees and does: their own record whole, what is published; of anybody else's, nothing (R6, R10)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.credential.compact import parse_qr_text
from certsvc.errors import NotFound, Refused, ReissueRefused, Unavailable
from certsvc.person.identity import mask_id_number
from certsvc.services.certificates import change_status, reissue
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.holders import own_record as mine
from certsvc.services.holders import share_links
from certsvc.services.holders import sign_in as access
from certsvc.services.holders.codes import make_access_code
from certsvc.services.holders.codes_by_message import send_due
from certsvc.services.holders.shown import CertificateView, HolderView
from certsvc.services.holders.sign_in import Holder
from certsvc.services.operation import scan_counts
from certsvc.signing.key_copy import copy_without_signing_keys
from certsvc.signing.keys import Purpose
from certsvc.store import AuditEventRecord, CertificateRecord
from tests.builders.holding import PAPER, holder, identity, installed, sent
from tests.builders.installation import Installation, Person, made_up

HOLDER, OTHER, PAPER_HOLDER = made_up(1), made_up(2), made_up(3)
SAT = date(2025, 3, 24)


@pytest.fixture
def at(home: Path) -> Iterator[Installation]:
    installation = installed(home)
    yield installation
    installation.services.database.close()


def seen(at: Installation, person: Person) -> HolderView:
    return mine.view(at.services, holder(at, person))


# Certificates (R7, R8.4, R8.5)


def test_a_holder_sees_name_and_certificate_whole_and_the_identity_number_masked(at: Installation) -> None:
    (issued, _) = at.issue(HOLDER, OTHER)
    shown = seen(at, HOLDER)
    assert (shown.name, shown.id_type_zh) == (HOLDER.name, "居民身份证")
    assert shown.id_number_masked == mask_id_number(HOLDER.id_number)
    assert HOLDER.id_number not in repr(shown)
    (certificate,) = shown.certificates
    assert (certificate.number, certificate.version, certificate.status) == (issued.number, 1, "valid")
    assert (certificate.token, certificate.name, certificate.sample) == (issued.token, HOLDER.name, True)
    assert (certificate.newest, certificate.superseded_by, certificate.pdf_ready) == (True, None, False)
    (enrolment,) = shown.enrolments
    assert enrolment.certificate_expected is None, "it is there already"


def test_status_is_as_of_today(at: Installation) -> None:
    (issued,) = at.issue(HOLDER)
    change_status.suspend(at.services, issued.number, reason="核查中", by="甲")
    (certificate,) = seen(at, HOLDER).certificates
    assert (certificate.status, certificate.status_on, certificate.reason) == (
        "suspended",
        at.services.today(),
        "other",
    )


def test_every_version_is_shown_newest_first_and_tells_its_successor(at: Installation) -> None:
    (issued,) = at.issue(HOLDER)
    correct(at.services, issued.number, Correction(name="测试新"), reason="更正姓名", by="甲")
    new, old = seen(at, Person("测试新", HOLDER.id_number)).certificates
    assert (new.version, new.status, new.name, new.newest) == (2, "valid", "测试新", True)
    assert (old.version, old.status, old.name, old.newest) == (1, "superseded", HOLDER.name, False)
    assert old.superseded_by == (issued.number, 2)


def test_a_corrected_identity_number_leads_to_the_whole_chain(at: Installation) -> None:
    (issued,) = at.issue(HOLDER)
    corrected = Person(HOLDER.name, made_up(21).id_number)
    correct(at.services, issued.number, Correction(id_number=corrected.id_number), reason="更正", by="甲")
    assert [one.version for one in seen(at, corrected).certificates] == [2, 1]
    with pytest.raises(NotFound):
        make_access_code(at.services, identity(HOLDER), by="窗口")


def test_a_certificate_corrected_to_another_known_person_moves_whole(at: Installation) -> None:
    (issued, others) = at.issue(HOLDER, OTHER)
    right = Person(OTHER.name, OTHER.id_number)
    correct(
        at.services,
        issued.number,
        Correction(name=right.name, id_number=right.id_number),
        reason="登记在他人名下",
        by="甲",
    )
    assert {(one.number, one.version) for one in seen(at, OTHER).certificates} == {
        (issued.number, 2),
        (issued.number, 1),
        (others.number, 1),
    }
    assert seen(at, HOLDER).certificates == ()
    with pytest.raises(NotFound):
        mine.pdf_of(at.services, holder(at, HOLDER), issued.number, 1)


def test_a_tampered_row_is_shown_as_forged(at: Installation) -> None:
    (issued,) = at.issue(HOLDER)
    with at.services.database.writing() as session:
        session.execute(update(CertificateRecord).values(level=4))
    (certificate,) = seen(at, HOLDER).certificates
    assert (certificate.number, certificate.status) == (issued.number, "forged")


def test_scans_stand_with_the_newest_version_by_day_and_origin(at: Installation) -> None:
    (issued, other) = at.issue(HOLDER, OTHER)
    correct(at.services, issued.number, Correction(name="测试新"), reason="更正姓名", by="甲")
    place = scan_counts.Place
    first, second = date(2026, 1, 1), date(2026, 1, 2)
    counts = {
        place(first, issued.number, "CN-63"): 2,
        place(second, issued.number, "-"): 1,
        place(second, issued.number, "CN-63"): 5,
        place(second, other.number, "CN-11"): 9,
    }
    scan_counts.add(at.services.database, counts)
    new, old = seen(at, Person("测试新", HOLDER.id_number)).certificates
    assert new.scans == ((second, "-", 1), (second, "CN-63", 5), (first, "CN-63", 2))
    assert old.scans == ()
    assert scan_counts.of_certificate(at.services.database, other.number) == [(second, "CN-11", 9)]
    assert scan_counts.of_certificate(at.services.database, "0") == []


# The PDF (R8.5)


def test_the_holder_downloads_the_same_bytes_as_ever_and_it_is_on_record(at: Installation) -> None:
    (issued,) = at.issue(HOLDER)
    who = holder(at, HOLDER)
    with pytest.raises(Unavailable):
        mine.pdf_of(at.services, who, issued.number, 1)
    content = at.pdf(issued.number)
    assert mine.pdf_of(at.services, who, issued.number, 1).content == content
    assert mine.view(at.services, who).certificates[0].pdf_ready
    with at.services.database.reading() as session:
        (event,) = session.scalars(select(AuditEventRecord).where(AuditEventRecord.action == "holder.download")).all()
    assert (event.by, event.object_key) == ("holder", f"{issued.number}-v1")
    assert json.loads(event.detail) == {"by_session": who.session_id}
    at.services.folders.certificate_pdf(issued.number, 1).unlink()
    assert not mine.view(at.services, who).certificates[0].pdf_ready
    with pytest.raises(Unavailable):
        mine.pdf_of(at.services, who, issued.number, 1)


def test_the_code_to_hold_out_is_the_one_on_the_face(at: Installation) -> None:
    (issued,) = at.issue(HOLDER)
    text = mine.qr_text_of(at.services, holder(at, HOLDER), issued.number, 1)
    code = parse_qr_text(text)
    assert (code.token, code.cose) == (issued.token, at.row(issued.number).cose)


def test_anybody_elses_is_not_found_in_the_same_words_as_nothing_at_all(at: Installation) -> None:
    (issued, others) = at.issue(HOLDER, OTHER)
    at.pdf(others.number)
    at.import_paper((PAPER, PAPER_HOLDER))
    theirs = mine.create_share(at.services, holder(at, OTHER), others.number, 7)
    who = holder(at, HOLDER)
    told = set()
    for number, version in ((others.number, 1), ("0000", 1), (issued.number, 2), (issued.number, 0)):
        for ask in (mine.pdf_of, mine.qr_text_of):
            with pytest.raises(NotFound) as refused:
                ask(at.services, who, number, version)
            told.add((refused.value.zh, refused.value.rule))
    for number in (others.number, "0000", PAPER):
        with pytest.raises(NotFound) as refused:
            mine.create_share(at.services, who, number, 7)
        told.add((refused.value.zh, refused.value.rule))
    assert len(told) == 1
    told = set()
    for share_id in (theirs.id, 99):
        with pytest.raises(NotFound) as refused:
            mine.withdraw_share(at.services, who, share_id)
        told.add((refused.value.zh, refused.value.rule))
    for number in (PAPER, "0000", issued.number, "\ud800"):
        with pytest.raises(NotFound) as refused:
            mine.apply_for_reissue(at.services, who, number, "lost")
        told.add((refused.value.zh, refused.value.rule))
    assert len(told) == 2
    assert share_links.list_links(at.services, others.token)[0].withdrawn_at is None
    assert reissue.list_requests(at.services) == []


# Share links (R10)


def test_links_are_made_seen_and_withdrawn_by_their_holder(at: Installation) -> None:
    (issued,) = at.issue(HOLDER)
    who = holder(at, HOLDER)
    made = mine.create_share(at.services, who, issued.number, 7)
    assert made.secret is not None
    assert made.expires_at - at.clock() == timedelta(days=7)
    assert share_links.open_link(at.services, made.secret) is not None
    (link,) = mine.view(at.services, who).certificates[0].shares
    assert (link.id, link.secret, link.opened_at) == (made.id, None, (at.clock(),))
    ended = mine.withdraw_share(at.services, who, made.id)
    assert ended.withdrawn_at == at.clock()
    assert share_links.open_link(at.services, made.secret) is None
    for days in (0, 366, -1):
        with pytest.raises(Refused):
            mine.create_share(at.services, who, issued.number, days)


# Paper and its reissue (R8)


def certificate_of(view: HolderView) -> CertificateView:
    (certificate,) = view.certificates
    return certificate


def test_a_holder_of_paper_applies_and_follows_the_reissue(at: Installation) -> None:
    at.import_paper((PAPER, PAPER_HOLDER))
    who = holder(at, PAPER_HOLDER)
    before = mine.view(at.services, who)
    (paper,) = before.papers
    assert (paper.number, paper.status, paper.may_apply, before.enrolments) == (PAPER, "paper_valid", True, ())
    assert before.id_number_masked == mask_id_number(PAPER_HOLDER.id_number)
    with pytest.raises(ReissueRefused):
        mine.apply_for_reissue(at.services, who, PAPER, "tired of it")
    request = mine.apply_for_reissue(at.services, who, f" {PAPER} ", "lost")
    assert (request.state, request.applied_by, request.existing) == ("applied", "holder", False)
    assert mine.apply_for_reissue(at.services, who, PAPER, "damaged").existing
    shown = mine.view(at.services, who)
    assert not shown.papers[0].may_apply
    assert [(one.number, one.reason, one.state, one.decided_at) for one in shown.reissues] == [
        (PAPER, "lost", "applied", None)
    ]
    with pytest.raises(ReissueRefused):
        reissue.approve(at.services, request.id, by="holder")
    reissue.approve(at.services, request.id, by="乙", decision_note="已核对登记")
    shown = mine.view(at.services, who)
    assert (shown.papers[0].status, shown.papers[0].replaced_by) == ("paper_replaced", (PAPER, 2))
    assert (shown.reissues[0].state, shown.reissues[0].version, shown.reissues[0].note) == ("approved", 2, "已核对登记")
    assert (certificate_of(shown).number, certificate_of(shown).version) == (PAPER, 2)


def test_a_request_turned_down_says_why_and_may_be_made_again(at: Installation) -> None:
    at.import_paper((PAPER, PAPER_HOLDER))
    who = holder(at, PAPER_HOLDER)
    first = mine.apply_for_reissue(at.services, who, PAPER, "lost")
    reissue.reject(at.services, first.id, by="乙", decision_note="照片不符")
    shown = mine.view(at.services, who)
    assert (shown.papers[0].may_apply, shown.reissues[0].note) == (True, "照片不符")
    assert mine.apply_for_reissue(at.services, who, PAPER, "damaged").id != first.id
    assert [one.state for one in mine.view(at.services, who).reissues] == ["applied", "rejected"]


def test_a_person_with_paper_sees_both(at: Installation) -> None:
    (issued,) = at.issue(HOLDER)
    at.import_paper((PAPER, HOLDER), (PAPER[:-1] + "8", HOLDER), (PAPER[:-1] + "9", OTHER))
    shown = seen(at, HOLDER)
    assert [one.number for one in shown.papers] == [PAPER, PAPER[:-1] + "8"]
    assert certificate_of(shown).number == issued.number
    request = mine.apply_for_reissue(at.services, holder(at, HOLDER), PAPER, "lost")
    reissue.approve(at.services, request.id, by="乙")
    assert {one.number for one in seen(at, HOLDER).certificates} == {issued.number, PAPER}


def test_paper_alone_is_found_under_the_number_of_the_paper_register_also_after_a_correction(at: Installation) -> None:
    at.import_paper((PAPER, PAPER_HOLDER))
    request = mine.apply_for_reissue(at.services, holder(at, PAPER_HOLDER), PAPER, "lost")
    reissue.approve(at.services, request.id, by="乙")
    correct(at.services, PAPER, Correction(id_number=made_up(21).id_number), reason="更正", by="甲")
    assert [(one.version, one.status) for one in seen(at, PAPER_HOLDER).certificates] == [
        (3, "valid"),
        (2, "superseded"),
    ]


def test_paper_alone_is_found_under_the_old_name_and_the_corrected_one(at: Installation) -> None:
    """The paper bears the old name, the reissue and the holder's document the new one (R8.4)."""
    at.import_paper((PAPER, PAPER_HOLDER))
    request = mine.apply_for_reissue(at.services, holder(at, PAPER_HOLDER), PAPER, "lost")
    reissue.approve(at.services, request.id, by="乙")
    for name in ("测试新", "测试又新"):
        correct(at.services, PAPER, Correction(name=name), reason="更正", by="甲")
    for name in (PAPER_HOLDER.name, "测试又新"):
        shown = seen(at, Person(name, PAPER_HOLDER.id_number))
        assert (shown.name, shown.certificates[0].name) == ("测试又新", "测试又新")
    code = make_access_code(at.services, identity(PAPER_HOLDER), by="窗口").code
    for name in ("测试新", OTHER.name):
        assert access.sign_in(at.services, name, identity(PAPER_HOLDER), code) is None


def test_who_is_on_record_no_more_is_not_found(at: Installation) -> None:
    (issued,) = at.issue(HOLDER)
    who = holder(at, HOLDER)
    correct(at.services, issued.number, Correction(id_number=made_up(21).id_number), reason="更正", by="甲")
    with pytest.raises(NotFound):
        mine.view(at.services, who)


# The web's process


def test_all_of_it_works_without_private_signing_keys(at: Installation, tmp_path: Path) -> None:
    (issued,) = at.issue(HOLDER)
    at.import_paper((PAPER, HOLDER))
    pdf = at.pdf(issued.number)
    make_access_code(at.services, identity(HOLDER), by="窗口")
    copy_without_signing_keys(at.home / "keys", tmp_path / "web-keys")
    settings = Settings.from_environment(
        {
            "CERTSVC_HOME": str(at.home),
            "CERTSVC_KEYS": str(tmp_path / "web-keys"),
            "CERTSVC_BASE_URL": "https://certsvc.example",
        }
    )
    web = open_services(settings, now=at.clock)
    with pytest.raises(Exception, match="key"):
        web.keystore.signer(Purpose.CREDENTIAL)
    access.request_code(web, HOLDER.name, identity(HOLDER))
    assert send_due(web).sent == 1
    begun = access.sign_in(web, HOLDER.name, identity(HOLDER), sent(at)[-1]["code"])
    assert begun is not None
    who = access.holder_of(web, begun.secret)
    assert isinstance(who, Holder)
    assert certificate_of(mine.view(web, who)).status == "valid"
    assert mine.pdf_of(web, who, issued.number, 1).content == pdf
    assert mine.qr_text_of(web, who, issued.number, 1)
    made = mine.create_share(web, who, issued.number, 7)
    mine.withdraw_share(web, who, made.id)
    assert mine.apply_for_reissue(web, who, PAPER, "lost").state == "applied"
    access.sign_out(web, begun.secret)
    web.database.close()
