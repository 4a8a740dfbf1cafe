"""Whatever is brought: every state online and offline. Specimens of attacks: `test_verify_tampered`."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from certsvc.credential.compact import payload_text
from certsvc.credential.verdict import CheckName, Verdict
from certsvc.services.certificates import change_status
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.issuing.render import draw
from certsvc.services.publishing.static import publish_static
from certsvc.services.verification import look_up
from certsvc.services.verification.verify import Options, verify_offline, verify_online
from certsvc.signing.keystore import Purpose
from tests.builders.installation import Installation
from tests.builders.verifying import FIRST, SECOND, check, code, credential, numbers, offline, online

# What is genuine


def test_pdf_credential_and_code_are_valid_online_and_offline(shared: Installation) -> None:
    number = numbers(shared)[0]
    for content in (shared.pdf(number), credential(shared, number), code(shared, number), code(shared, number).lower()):
        # A code alone names no place in the lists: offline its status is not seen.
        away = Verdict.UNCHECKED if isinstance(content, str) else Verdict.VALID
        for found, verdict in ((online(shared, content), Verdict.VALID), (offline(shared, content), away)):
            assert found.verdict is verdict, [one for one in found.checks if one.ok is not True]
            assert found.certificate is not None
            assert found.certificate["number"] == number
            assert found.certificate["name"] == FIRST.name


def test_the_checks_say_both_languages_and_are_named_alike_every_time(shared: Installation) -> None:
    number = numbers(shared)[0]
    first, second = online(shared, shared.pdf(number)), online(shared, shared.pdf(number))
    assert [one.name for one in first.checks] == [one.name for one in second.checks]
    assert len({one.name for one in first.checks}) == len(first.checks)
    for one in first.checks:
        assert one.detail_zh
        assert one.detail_en
        assert " " not in one.name
    shown = first.as_json()
    assert json.loads(json.dumps(shown))["verdict"] == "valid"
    assert set(shown) == {"verdict", "checks", "certificate", "alteration", "original", "others", "parts"}
    assert (shown["alteration"], shown["original"], shown["others"], shown["parts"]) == (None, None, [], [])


def test_a_pdf_is_examined_alike_in_a_process_of_its_own(shared: Installation) -> None:
    number = numbers(shared)[0]
    services = shared.services
    found = verify_online(services, shared.pdf(number))
    assert found.as_json() == online(shared, shared.pdf(number)).as_json()


def test_a_bare_link_names_nobody_and_says_nothing_offline(shared: Installation) -> None:
    link = code(shared, numbers(shared)[0]).partition("#")[0]
    found = online(shared, link)
    assert found.verdict is Verdict.VALID
    assert found.certificate is not None
    assert FIRST.name not in str(found.certificate)
    assert offline(shared, link).verdict is Verdict.UNAVAILABLE


def test_offline_without_lists_the_signature_stands_and_the_status_is_unchecked(shared: Installation) -> None:
    found = offline(shared, shared.pdf(numbers(shared)[0]), with_lists=False)
    assert found.verdict is Verdict.UNCHECKED
    assert check(found, CheckName.STATUS) is None
    assert found.certificate is not None
    assert found.certificate["name"] == FIRST.name


def test_a_list_past_its_life_clears_nobody(shared: Installation) -> None:
    services = shared.services
    found = verify_offline(
        credential(shared, numbers(shared)[0]),
        services.trust,
        Options(published=services.folders.published, now=shared.clock() + timedelta(days=30)),
    )
    assert found.verdict is Verdict.UNCHECKED
    assert check(found, CheckName.STATUS) is None
    assert "30 days ago" in next(one.detail_en for one in found.checks if one.name is CheckName.STATUS)


# What is genuine and no longer holds


@pytest.mark.parametrize(
    ("change", "verdict"), [(change_status.suspend, Verdict.SUSPENDED), (change_status.revoke, Verdict.REVOKED)]
)
def test_suspended_and_revoked_are_told_online_and_offline(own: Installation, change: object, verdict: Verdict) -> None:
    (issued,) = own.issue(FIRST)
    assert callable(change)
    change(own.services, issued.number, reason="核查", by="甲")
    publish_static(own.services)
    for content in (own.pdf(issued.number), credential(own, issued.number)):
        assert online(own, content).verdict is verdict
        assert offline(own, content).verdict is verdict
    assert online(own, code(own, issued.number)).verdict is verdict


def test_reinstated_is_valid_again(own: Installation) -> None:
    (issued,) = own.issue(FIRST)
    change_status.suspend(own.services, issued.number, reason="核查", by="甲")
    publish_static(own.services)
    change_status.reinstate(own.services, issued.number, reason="查无问题", by="甲")
    publish_static(own.services)
    assert online(own, credential(own, issued.number)).verdict is Verdict.VALID
    assert offline(own, credential(own, issued.number)).verdict is Verdict.VALID


def test_an_older_version_is_superseded_and_the_newer_one_valid(own: Installation) -> None:
    (issued,) = own.issue(FIRST)
    old_pdf = own.pdf(issued.number)
    correct(own.services, issued.number, Correction(name="测试新"), reason="更正", by="甲")
    publish_static(own.services)
    for found in (online(own, old_pdf), offline(own, old_pdf), online(own, code(own, issued.number))):
        assert found.verdict is Verdict.SUPERSEDED
    assert online(own, own.pdf(issued.number)).verdict is Verdict.VALID
    assert offline(own, own.pdf(issued.number)).verdict is Verdict.VALID
    named = online(own, old_pdf).certificate
    assert named is not None
    assert named["successor"] == f"{issued.number} v2"


# The register


def test_signed_by_our_key_but_not_in_the_register_is_unknown(own: Installation) -> None:
    (issued,) = own.issue(FIRST)
    content = credential(own, issued.number)
    with own.services.database.writing() as session:
        session.execute(text("delete from certificate"))
    assert online(own, content).verdict is Verdict.UNKNOWN
    assert offline(own, content, with_lists=False).verdict is Verdict.UNCHECKED


def test_a_file_sealed_a_second_time_is_not_the_one_on_record(own: Installation) -> None:
    (issued,) = own.issue(FIRST)
    first = own.pdf(issued.number)
    (drawn,) = draw(own.services, [own.row(issued.number).id])
    second = drawn.path.read_bytes()
    assert second != first
    assert online(own, first).verdict is Verdict.VALID
    found = online(own, second)
    assert found.verdict is Verdict.FORGED
    assert check(found, CheckName.FILE_HASH) is False
    # Both languages say what the mark says.
    said = {
        ok: one
        for found in (online(own, first), found)
        for one in found.checks
        if (ok := one.ok) is not None and one.name is CheckName.FILE_HASH
    }
    assert (said[True].detail_en, said[False].detail_en) == (
        "the file is the one on record",
        "the file is not the one on record",
    )


def test_a_certificate_without_its_leaf_is_never_valid(own: Installation) -> None:
    (issued,) = own.issue(FIRST)
    with own.services.database.writing() as session:
        session.execute(text('update log_leaf set content = :other where "index" = 1'), {"other": b"{}"})
    found = online(own, credential(own, issued.number))
    assert found.verdict is Verdict.UNKNOWN
    assert check(found, CheckName.LOG_INCLUSION) is False


def test_a_register_that_contradicts_what_was_signed_is_not_believed(own: Installation) -> None:
    (issued,) = own.issue(FIRST)
    with own.services.database.writing() as session:
        session.execute(text("update certificate set holder_name = '李四'"))
    assert online(own, credential(own, issued.number)).verdict is Verdict.UNAVAILABLE


def test_a_register_whose_credential_is_no_bytes_any_more_is_not_believed(own: Installation) -> None:
    (issued,) = own.issue(FIRST)
    content, link = credential(own, issued.number), code(own, issued.number).partition("#")[0]
    with own.services.database.writing() as session:
        session.execute(text("update certificate set credential = 'x'"))
    for brought in (content, link):
        found = online(own, brought)
        assert found.verdict is Verdict.UNAVAILABLE
        assert check(found, CheckName.REGISTER_ENTRY) is None


def test_an_outage_is_unavailable_for_what_is_genuine_and_forged_for_what_is_not(own: Installation) -> None:
    (issued,) = own.issue(FIRST)
    content = credential(own, issued.number)
    with own.services.database.writing() as session:
        session.execute(text("drop table status_change"))
        session.execute(text("alter table certificate rename to elsewhere"))
    assert online(own, content).verdict is Verdict.UNAVAILABLE
    assert online(own, content.replace("测试".encode(), "张三".encode())).verdict is Verdict.FORGED


# A stolen key


def test_what_a_stolen_key_signs_after_its_distrust_is_not_valid_and_what_was_logged_before_stays(
    own: Installation,
) -> None:
    (before,) = own.issue(FIRST)
    publish_static(own.services)
    keys = own.services.keystore
    stolen = keys.active(Purpose.CREDENTIAL).kid
    keys.rotate(Purpose.CREDENTIAL, development=True)
    keys.distrust(stolen, from_index=2)
    publish_static(own.services)
    (after,) = own.issue(SECOND)
    publish_static(own.services)
    assert online(own, credential(own, before.number)).verdict is Verdict.VALID
    assert online(own, code(own, before.number)).verdict is Verdict.VALID
    assert online(own, credential(own, after.number)).verdict is Verdict.VALID
    # Offline, without its receipt, nothing proves that it was logged before the theft (test_distrust.py has the rest).
    assert offline(own, credential(own, before.number)).verdict is Verdict.UNAVAILABLE
    assert offline(own, credential(own, after.number)).verdict is Verdict.VALID
    own.services.keystore.distrust(stolen, from_index=0)
    assert online(own, credential(own, before.number)).verdict is Verdict.UNKNOWN


# Hostile input


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"%PDF-",
        b"%PDF-1.7\n" + b"\x00" * 5000,
        b"\xff\xfe\x00\x00",
        "",
        "\ud800",
        "hello",
        "https://certsvc.example/V/",
        "https://certsvc.example/V/" + "A" * 5000,
        "HTTPS://CERTSVC.EXAMPLE/V/AAAAAAAAAAAAAAAAAAAAAAAAAA#" + "A" * 200,
        "HTTPS://CERTSVC.EXAMPLE/V/AAAAAAAAAAAAAAAAAAAAAAAAAA#" + payload_text(b"\xd2\x84" + b"\x00" * 90),
        b"PK\x03\x04" + b"\x00" * 100,
    ],
)
def test_hostile_input_never_raises_and_is_never_valid(shared: Installation, content: bytes | str) -> None:
    for found in (online(shared, content), offline(shared, content)):
        assert found.verdict in {Verdict.UNKNOWN, Verdict.FORGED, Verdict.UNAVAILABLE}


def test_an_honest_stranger_is_unknown_and_not_called_forged(shared: Installation) -> None:
    for content in (b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n", b'{"hello": 1}', "hello"):
        assert online(shared, content).verdict is Verdict.UNKNOWN


def test_past_its_validity_a_certificate_is_expired_online_and_offline(own: Installation) -> None:
    (issued,) = own.issue(
        FIRST,
        scheme_key="emergency-rescuer-5/haiyue-2026",
        registered="2026-09-05",
        sat="2026-09-20",
        on=date(2026, 10, 1),
        photo=True,
    )
    content = credential(own, issued.number)
    assert online(own, content).verdict is Verdict.VALID
    last = own.row(issued.number).valid_until
    assert last == date(2030, 10, 1)
    own.clock.at = datetime(2030, 10, 1, 15, 59, tzinfo=UTC)
    assert online(own, content).verdict is Verdict.VALID
    own.clock.move(minutes=1)  # midnight in Shanghai
    publish_static(own.services)
    for found in (online(own, content), offline(own, content), online(own, code(own, issued.number))):
        assert found.verdict is Verdict.EXPIRED
    record = look_up.by_token(own.services, issued.token)
    assert record is not None
    assert (record.state, record.changed_on) == ("expired", last)
