"""Who the holder is: codes, five tries, sessions that end; and nothing that tells whether a person is known (R10)."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import event, select, text, update

from certsvc.errors import NotFound
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.holders import sign_in as access
from certsvc.services.holders.codes import make_access_code
from certsvc.services.holders.codes_by_message import send_due
from certsvc.signing.keystore import Purpose
from certsvc.store import (
    AuditEventRecord,
    HolderCodeRecord,
    HolderSessionRecord,
    MessageRecord,
)
from tests.builders.erasing import whole
from tests.builders.holding import (
    PAPER,
    code_of,
    identity,
    secret_of,
    sent,
    try_at_once,
)
from tests.builders.installation import Installation, Person, made_up

HOLDER, OTHER, STRANGER = made_up(1), made_up(2), made_up(3)


def signs_in(at: Installation, person: Person, code: str, *, name: str | None = None) -> bool:
    return access.sign_in(at.services, name or person.name, identity(person), code) is not None


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_a_message_code_signs_in_whoever_was_sent_it(at: Installation) -> None:
    code = code_of(at, HOLDER)
    assert re.fullmatch(r"[0-9]{6}", code)
    begun = access.sign_in(at.services, HOLDER.name, identity(HOLDER), f" {code[:3]}-{code[3:]} ")
    assert begun is not None
    who = access.holder_of(at.services, begun.secret)
    assert who is not None
    assert (who.name, who.id_type, len(who.form_key)) == (HOLDER.name, IdType.RESIDENT_ID, 32)
    assert who.person_id is not None
    assert begun.expires_at == at.clock() + timedelta(hours=8)


def test_the_message_names_issuer_and_site_and_goes_to_the_phone_on_record(at: Installation) -> None:
    code = code_of(at, HOLDER)
    (message,) = sent(at)
    assert message["to"] == "13800000000"
    for said in (at.services.issuer.name_zh, "certsvc.example", code, "10 分钟", "10 minutes"):
        assert said in message["text"]
    (path,) = (at.home / "outbox").iterdir()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_code_is_good_once(at: Installation) -> None:
    code = code_of(at, HOLDER)
    assert signs_in(at, HOLDER, code)
    assert not signs_in(at, HOLDER, code)
    made = make_access_code(at.services, identity(HOLDER), by="窗口").code
    assert signs_in(at, HOLDER, made)
    assert not signs_in(at, HOLDER, made)


def test_a_message_code_lives_ten_minutes_and_an_access_code_seven_days(at: Installation) -> None:
    code = code_of(at, HOLDER)
    made = make_access_code(at.services, identity(OTHER), by="窗口")
    assert made.expires_at - at.clock() == timedelta(days=7)
    at.clock.move(minutes=10)
    assert not signs_in(at, HOLDER, code)
    at.clock.move(days=7, minutes=-10)
    assert not signs_in(at, OTHER, made.code)
    again = make_access_code(at.services, identity(OTHER), by="窗口")
    at.clock.move(days=6, hours=23)
    assert signs_in(at, OTHER, again.code)
    code = code_of(at, HOLDER)
    at.clock.move(minutes=9, seconds=59)
    assert signs_in(at, HOLDER, code)


def test_the_sixth_try_at_a_message_code_fails_whatever_is_typed(at: Installation) -> None:
    code = code_of(at, HOLDER)
    for _ in range(5):
        assert not signs_in(at, HOLDER, wrong(code))
    assert not signs_in(at, HOLDER, code)


def test_the_fifth_try_may_still_be_right(at: Installation) -> None:
    code = code_of(at, HOLDER)
    for _ in range(4):
        assert not signs_in(at, HOLDER, wrong(code))
    assert signs_in(at, HOLDER, code)


def test_a_right_code_under_a_wrong_name_is_a_try_too(at: Installation) -> None:
    code = code_of(at, HOLDER)
    for name in ("张三", "", "\ud800", "x" * 500, HOLDER.name + "甲"):
        assert access.sign_in(at.services, name, identity(HOLDER), code) is None
    assert not signs_in(at, HOLDER, code)


def test_a_stranger_cannot_burn_an_access_code(at: Installation) -> None:
    made = make_access_code(at.services, identity(HOLDER), by="窗口").code
    for _ in range(60):
        assert not signs_in(at, HOLDER, "AAAA-AAAA-AAAA")
    assert signs_in(at, HOLDER, made)


def test_tries_at_one_kind_of_code_do_not_count_for_the_other(at: Installation) -> None:
    made = make_access_code(at.services, identity(HOLDER), by="窗口").code
    code = code_of(at, HOLDER)
    for _ in range(5):
        assert not signs_in(at, HOLDER, wrong(code))
    assert signs_in(at, HOLDER, made)


def test_a_code_is_nobody_elses(at: Installation) -> None:
    code = code_of(at, HOLDER)
    made = make_access_code(at.services, identity(HOLDER), by="窗口").code
    for person in (OTHER, STRANGER):
        assert not signs_in(at, person, code)
        assert not signs_in(at, person, made)
        assert not signs_in(at, person, code, name=HOLDER.name)
    passport = IdentityDocument(IdType.PASSPORT, HOLDER.id_number)
    assert access.sign_in(at.services, HOLDER.name, passport, code) is None
    assert signs_in(at, HOLDER, code)


def test_a_code_moved_to_another_persons_row_opens_nothing(at: Installation) -> None:
    code = make_access_code(at.services, identity(HOLDER), by="窗口").code
    with at.services.database.writing() as session:
        session.execute(update(HolderCodeRecord).values(id_lookup=at.services.vault.lookup(identity(OTHER))))
    assert not signs_in(at, OTHER, code)


def test_a_new_code_replaces_the_former_of_its_kind(at: Installation) -> None:
    first, second = code_of(at, HOLDER), code_of(at, HOLDER)
    assert first == second or not signs_in(at, HOLDER, first)
    assert signs_in(at, HOLDER, second)
    old = make_access_code(at.services, identity(HOLDER), by="窗口").code
    new = make_access_code(at.services, identity(HOLDER), by="窗口").code
    assert not signs_in(at, HOLDER, old)
    assert signs_in(at, HOLDER, new)


def test_what_is_no_code_at_all_is_no_answer(at: Installation) -> None:
    code_of(at, HOLDER)
    for typed in ("", "12345", "1" * 10_000, "\ud800" * 6, "１２３４５６７", "\x00"):
        assert not signs_in(at, HOLDER, typed)


def test_full_width_and_lower_case_are_read_as_meant(at: Installation) -> None:
    code = code_of(at, HOLDER)
    assert signs_in(at, HOLDER, code.translate({ord("0") + n: 0xFF10 + n for n in range(10)}))
    made = make_access_code(at.services, identity(HOLDER), by="窗口").code
    assert re.fullmatch(r"([34679ACDEFGHJKMNPQRTUVWXY]{4}-){2}[34679ACDEFGHJKMNPQRTUVWXY]{4}", made)
    assert signs_in(at, HOLDER, made.lower().replace("-", " "))


def test_five_tries_are_five_also_when_they_come_at_once(at: Installation) -> None:
    code = code_of(at, HOLDER)
    assert try_at_once(at.services, HOLDER, [wrong(code)] * 12) == 0
    with at.services.database.reading() as session:
        row = session.scalars(select(HolderCodeRecord).where(HolderCodeRecord.kind == "message")).one()
    assert row.tries == 5
    assert not signs_in(at, HOLDER, code)


def test_a_code_tried_twice_at_once_signs_in_once(at: Installation) -> None:
    code = make_access_code(at.services, identity(HOLDER), by="窗口").code
    assert try_at_once(at.services, HOLDER, [code] * 8) == 1


# Nothing tells whether a person is known


def test_asking_for_a_code_leaves_the_same_trace_whoever_is_named(at: Installation) -> None:
    statements: list[tuple[str, int]] = []
    event.listen(
        at.services.database.engine,
        "before_cursor_execute",
        lambda *args: statements.append((args[2], len(args[3]))),
    )
    asked = []
    for name, person in ((HOLDER.name, HOLDER), ("张三", HOLDER), (STRANGER.name, STRANGER), ("\ud800", STRANGER)):
        statements.clear()
        assert access.request_code(at.services, name, identity(person)) is None  # type: ignore[func-returns-value]
        asked.append(list(statements))
    assert all(one == asked[0] for one in asked)
    assert any(statement.startswith("INSERT") for statement, _ in asked[0])


def tries(at: Installation) -> int:
    with at.services.database.reading() as session:
        return sum(session.scalars(select(HolderCodeRecord.tries)))


def test_a_refused_try_leaves_the_same_trace_whoever_is_named(at: Installation) -> None:
    code = code_of(at, HOLDER)
    signs_in(at, STRANGER, code)  # the decoy is made by the first
    statements: list[str] = []
    event.listen(at.services.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    kinds, counted = [], []
    for person, name in ((HOLDER, HOLDER.name), (HOLDER, "张三"), (OTHER, OTHER.name), (STRANGER, STRANGER.name)):
        statements.clear()
        assert not signs_in(at, person, wrong(code), name=name)
        kinds.append([statement.split("WHERE")[0] for statement in statements])
        counted.append(tries(at))
    assert all(one == kinds[0] for one in kinds)
    assert counted == list(range(counted[0], counted[0] + 4)), "each wrote one count, at a code or at the decoy"


def test_only_the_right_person_is_sent_anything(at: Installation) -> None:
    for name, person in (("张三", HOLDER), (STRANGER.name, STRANGER), (HOLDER.name, STRANGER), ("", HOLDER)):
        access.request_code(at.services, name, identity(person))
    done = send_due(at.services)
    assert (done.sent, done.dropped, done.waiting) == (0, 4, 0)
    assert sent(at) == []


def test_three_codes_an_hour_and_ten_a_day_go_to_one_person(at: Installation) -> None:
    def asked() -> int:
        at.clock.move(seconds=1)
        access.request_code(at.services, HOLDER.name, identity(HOLDER))
        return send_due(at.services).sent

    assert [asked() for _ in range(4)] == [1, 1, 1, 0]
    access.request_code(at.services, OTHER.name, identity(OTHER))
    assert send_due(at.services).sent == 1, "another person's are counted apart"
    at.clock.move(hours=1)
    assert [asked() for _ in range(4)] == [1, 1, 1, 0]
    at.clock.move(hours=1)
    assert [asked() for _ in range(4)] == [1, 1, 1, 0]
    at.clock.move(hours=1)
    assert [asked() for _ in range(2)] == [1, 0], "ten a day"
    at.clock.move(days=1)
    assert asked() == 1


def test_asking_on_does_not_lengthen_the_wait(at: Installation) -> None:
    for _ in range(3):
        code = code_of(at, HOLDER)
    access.request_code(at.services, HOLDER.name, identity(HOLDER))
    assert send_due(at.services).sent == 0
    assert signs_in(at, HOLDER, code), "a request that led to nothing does not end the code before it"


def test_without_a_messenger_nothing_is_recorded_for_anyone(at: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    assert access.codes_are_sent(at.services)
    monkeypatch.setattr(type(at.services.keystore), "development", property(lambda _: False))
    assert not access.codes_are_sent(at.services)
    access.request_code(at.services, HOLDER.name, identity(HOLDER))
    with at.services.database.reading() as session:
        assert session.scalar(select(MessageRecord.id)) is None
    made = make_access_code(at.services, identity(HOLDER), by="窗口").code
    assert signs_in(at, HOLDER, made)


def stored(at: Installation) -> bytes:
    """Every value of the three tables, as one text."""
    rows = []
    with at.services.database.reading() as session:
        for table in ("holder_code", "holder_session", "message", "audit_event"):
            rows += [repr(tuple(row)) for row in session.execute(text(f"select * from {table}"))]
    return "\n".join(rows).encode() + b"".join(whole(at.services))


def test_codes_secrets_numbers_and_phones_rest_nowhere_in_clear(
    at: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    code = code_of(at, HOLDER)
    begun = access.sign_in(at.services, HOLDER.name, identity(HOLDER), code)
    made = make_access_code(at.services, identity(OTHER), by="窗口")
    assert begun is not None
    who = access.holder_of(at.services, begun.secret)
    kept = stored(at)
    with at.services.database.reading() as session:
        queued = repr(session.execute(text("select * from message")).all())
    for personal in (begun.secret, made.code, made.code.replace("-", ""), HOLDER.id_number, "13800000000"):
        assert personal.encode() not in kept
        assert personal not in caplog.text
        for value in (begun, made, who):
            assert personal not in repr(value)
    assert code not in queued
    assert code not in caplog.text
    assert HOLDER.name not in repr(who)


def test_another_session_key_ends_codes_and_sessions(at: Installation) -> None:
    code = code_of(at, HOLDER)
    secret = secret_of(at, OTHER)
    at.services.keystore.rotate(Purpose.SESSION, development=True)
    assert not signs_in(at, HOLDER, code)
    assert access.holder_of(at.services, secret) is None


# Access codes


def test_an_access_code_is_made_for_whoever_is_on_record_alone(at: Installation) -> None:
    with pytest.raises(NotFound) as refused:
        make_access_code(at.services, identity(STRANGER), by="窗口")
    assert STRANGER.id_number not in str(refused.value)
    at.import_paper((PAPER, STRANGER))
    made = make_access_code(at.services, identity(STRANGER), by="窗口")
    begun = access.sign_in(at.services, STRANGER.name, identity(STRANGER), made.code)
    assert begun is not None
    who = access.holder_of(at.services, begun.secret)
    assert who is not None
    assert (who.person_id, who.name, who.id_type) == (None, STRANGER.name, IdType.RESIDENT_ID)


def test_a_holder_of_paper_alone_is_sent_nothing(at: Installation) -> None:
    at.import_paper((PAPER, STRANGER))
    access.request_code(at.services, STRANGER.name, identity(STRANGER))
    assert (send_due(at.services).dropped, sent(at)) == (1, [])


def test_either_name_on_record_signs_in_where_paper_bears_another(at: Installation) -> None:
    at.import_paper((PAPER, Person("曾用名", HOLDER.id_number)))
    for name in (HOLDER.name, "曾用名"):
        made = make_access_code(at.services, identity(HOLDER), by="窗口").code
        begun = access.sign_in(at.services, name, identity(HOLDER), made)
        assert begun is not None
        who = access.holder_of(at.services, begun.secret)
        assert who is not None
        assert who.name == HOLDER.name


def test_an_access_code_ends_the_sessions_before_it(at: Installation) -> None:
    mine, others = secret_of(at, HOLDER), secret_of(at, OTHER)
    make_access_code(at.services, identity(HOLDER), by="窗口")
    assert access.holder_of(at.services, mine) is None
    assert access.holder_of(at.services, others) is not None


def test_what_ended_more_than_a_day_ago_is_swept(at: Installation) -> None:
    code = code_of(at, HOLDER)
    assert signs_in(at, HOLDER, code)
    access.request_code(at.services, "张三", identity(HOLDER))
    send_due(at.services)
    counted = (HolderCodeRecord.id, HolderSessionRecord.id, MessageRecord.id)

    def rows() -> list[int]:
        send_due(at.services)
        with at.services.database.reading() as session:
            return [len(session.scalars(select(column)).all()) for column in counted]

    at.clock.move(hours=23)
    assert rows() == [2, 1, 2], "the decoy is the second code"
    at.clock.move(hours=2)
    assert rows() == [1, 1, 0]
    at.clock.move(hours=8)
    assert rows() == [1, 0, 0]


def test_the_audit_trail_says_what_was_done_and_names_nobody(at: Installation) -> None:
    code = code_of(at, HOLDER)
    begun = access.sign_in(at.services, HOLDER.name, identity(HOLDER), code)
    assert begun is not None
    access.sign_out(at.services, begun.secret)
    make_access_code(at.services, identity(HOLDER), by="窗口")
    with at.services.database.reading() as session:
        events = session.scalars(
            select(AuditEventRecord).where(AuditEventRecord.action.like("holder.%")).order_by(AuditEventRecord.id)
        ).all()
    assert [(one.action, one.by) for one in events] == [
        ("holder.sign-in", "holder"),
        ("holder.sign-out", "holder"),
        ("holder.access-code", "窗口"),
    ]
    assert json.loads(events[0].detail)["code"] == "message"
    for one in events:
        for personal in (HOLDER.name, HOLDER.id_number, code):
            assert personal not in one.detail + one.object_key
