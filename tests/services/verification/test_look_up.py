"""What the public is told of one certificate: every state, one answer for every miss, nothing personal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import event, text

from certsvc.credential.reasons import StatusReason
from certsvc.errors import Unavailable
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.person.name import mask_name
from certsvc.services.certificates import change_status, reissue
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.verification import look_up, scan
from certsvc.services.verification.public_record import PublicRecord
from certsvc.signing import keys, stored
from certsvc.signing.keys import Algorithm
from tests.builders.installation import RARE_NAME, Installation, Person, made_up

HOLDER = made_up(2, RARE_NAME)
PAPER = "1763010001500077"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path / "home")
    yield installation
    installation.services.database.close()


def identity(person: Person) -> IdentityDocument:
    return IdentityDocument(IdType.RESIDENT_ID, person.id_number)


def test_a_valid_certificate_is_found_by_its_token_in_any_letter_case(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    for token in (issued.token, issued.token.upper(), issued.token.title()):
        record = look_up.by_token(home.services, token)
        assert record is not None
        assert (record.state, record.number, record.signature_ok) == ("valid", issued.number, True)


def test_the_public_record_shows_nothing_personal_but_a_masked_name(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    record = look_up.by_token(home.services, issued.token)
    assert record is not None
    shown = {name: str(value) for name, value in asdict(record).items() if name != "digest8"}
    assert record.masked_name == mask_name(HOLDER.name)
    everything = json.dumps(shown, ensure_ascii=False)
    for personal in (HOLDER.name, HOLDER.id_number, HOLDER.last_six, HOLDER.id_number[6:14], "88", "91.5"):
        assert personal not in everything.replace(issued.token, "")


def test_sample_certificates_say_so(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    record = look_up.by_token(home.services, issued.token)
    assert record is not None
    assert record.sample


def test_suspended_and_revoked_show_since_when_and_why(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    change_status.suspend(home.services, issued.number, reason="核查王某", by="甲", code=StatusReason.UNDER_REVIEW)
    record = look_up.by_token(home.services, issued.token)
    assert record is not None
    assert (record.state, record.reason, record.changed_on) == ("suspended", "under_review", home.services.today())
    change_status.revoke(home.services, issued.number, reason="王某代考", by="甲")
    record = look_up.by_token(home.services, issued.token)
    assert record is not None
    assert (record.state, record.reason) == ("revoked", "other")


def test_a_superseded_certificate_names_its_successor(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    corrected = correct(home.services, issued.number, Correction(name="阿依古丽·买买提"), reason="更正姓名", by="甲")
    old = look_up.by_token(home.services, issued.token)
    new = look_up.by_token(home.services, corrected.token)
    assert old is not None
    assert new is not None
    assert (old.state, old.successor_number, old.successor_version) == ("superseded", issued.number, 2)
    assert old.successor_state == new.state == "valid"
    assert old.reason is None


def test_by_number_the_newest_version_with_that_name_is_shown(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    correct(home.services, issued.number, Correction(name="阿依古丽·买买提"), reason="更正姓名", by="甲")
    new = look_up.by_number_and_name(home.services, issued.number, "阿依古丽•买买提")
    old = look_up.by_number_and_name(home.services, issued.number, HOLDER.name)
    assert new is not None
    assert old is not None
    assert (new.state, new.version, old.state, old.version) == ("valid", 2, "superseded", 1)


def test_paper_is_found_by_number_and_name_and_shown_as_replaced_after_its_reissue(home: Installation) -> None:
    home.import_paper((PAPER, HOLDER))
    record = look_up.by_number_and_name(home.services, PAPER, HOLDER.name)
    assert record is not None
    assert (record.state, record.carrier, record.level_zh) == ("paper_valid", "paper", "五级/初级工")
    request = reissue.apply(
        home.services, number=PAPER, name=HOLDER.name, identity=identity(HOLDER), reason="lost", by="甲"
    )
    approved = reissue.approve(home.services, request.id, by="乙")
    record = look_up.by_number_and_name(home.services, PAPER, HOLDER.name)
    assert record is not None
    assert (record.state, record.changed_on) == ("paper_replaced", home.services.today())
    assert (record.successor_number, record.successor_version, record.successor_state) == (PAPER, 2, "valid")
    assert approved.token is not None
    electronic = look_up.by_token(home.services, approved.token)
    assert electronic is not None
    assert (electronic.state, electronic.issued_on, electronic.reissued_on) == (
        "valid",
        date(2023, 6, 1),
        home.services.today(),
    )


def test_unknown_wrong_name_and_malformed_get_one_answer(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    home.import_paper((PAPER, made_up(3)))
    for number, name in (
        ("2563010001599999", HOLDER.name),
        (issued.number, "张三"),
        (PAPER, HOLDER.name),
        ("", ""),
        ("x" * 10_000, "y" * 10_000),
        ("1' or 1=1", "\x00"),
        ("\ud800", "\ud800"),
        ("٣" * 16, "<script>"),
        (issued.number, "阿***"),
    ):
        assert look_up.by_number_and_name(home.services, number, name) is None


def test_a_list_is_answered_as_its_rows_are_one_by_one(home: Installation) -> None:
    issued, other, third = home.issue(HOLDER, made_up(3), made_up(4))
    home.import_paper((PAPER, HOLDER))
    correct(home.services, other.number, Correction(name="陈新名"), reason="姓名录入有误", by="issuer")
    change_status.suspend(home.services, third.number, reason="复核", by="issuer")
    pairs = [
        (issued.number, HOLDER.name),
        (f" {issued.number.lower()} ", HOLDER.name),
        (issued.number, made_up(3).name),
        (other.number, made_up(3).name),
        (other.number, "陈新名"),
        (third.number, made_up(4).name),
        (PAPER, HOLDER.name),
        (PAPER, "张三"),
        ("2563010009999999", HOLDER.name),
        ("\x00", ""),
        ("", HOLDER.name),
    ]
    one_by_one = [look_up.by_number_and_name(home.services, number, name) for number, name in pairs]
    together = look_up.by_numbers_and_names(home.services, pairs)

    def said(record: PublicRecord | None) -> object:
        return record and replace(record, checked_at=issued_at)

    issued_at = home.services.now()
    assert [said(record) for record in together] == [said(record) for record in one_by_one]
    assert [record and record.state for record in together] == [
        "valid", "valid", None, "superseded", "valid", "suspended", "paper_valid", None, None, None, None,
    ]  # fmt: skip
    assert look_up.by_numbers_and_names(home.services, []) == []


def test_a_list_of_wrong_names_asks_as_one_of_unknown_numbers_does(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    statements: list[str] = []
    event.listen(home.services.database.engine, "after_cursor_execute", lambda *seen: statements.append(seen[2]))
    asked = []
    for number in (issued.number, "2563010009999999"):
        statements.clear()
        assert look_up.by_numbers_and_names(home.services, [(number, "张三"), (number, "李四")]) == [None, None]
        asked.append(list(statements))
    assert asked[0] == asked[1]


def test_every_miss_and_every_hit_ask_the_database_the_same_number_of_times(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    home.import_paper((PAPER, made_up(3)))
    statements: list[str] = []
    event.listen(home.services.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    def asked(number: str, name: str) -> list[str]:
        statements.clear()
        look_up.by_number_and_name(home.services, number, name)
        return list(statements)

    unknown = asked("2563010001599999", HOLDER.name)
    for number, name in ((issued.number, "张三"), ("!", "!"), (PAPER, "张三"), (issued.number, HOLDER.name)):
        assert asked(number, name) == unknown


def test_match_asks_for_the_full_name_and_the_last_six(home: Installation) -> None:
    (issued, _) = home.issue(HOLDER, made_up(3))
    home.import_paper((PAPER, made_up(4)))
    assert look_up.match(home.services, issued.token.upper(), HOLDER.name, HOLDER.last_six.lower())
    assert look_up.match_paper(home.services, PAPER, made_up(4).name, made_up(4).last_six)
    for token, name, last_six in (
        (issued.token, "阿***", HOLDER.last_six),
        (issued.token, HOLDER.name, HOLDER.last_six[:-1]),
        (issued.token, HOLDER.name, made_up(3).last_six),
        (issued.token, HOLDER.name, HOLDER.id_number),
        (issued.token, HOLDER.name, ""),
        ("a" * 26, HOLDER.name, HOLDER.last_six),
        ("", "", ""),
    ):
        assert not look_up.match(home.services, token, name, last_six)
    assert not look_up.match_paper(home.services, PAPER, HOLDER.name, HOLDER.last_six)


def test_match_does_the_same_work_for_an_unknown_token_as_for_another_person(home: Installation) -> None:
    (issued, _) = home.issue(HOLDER, made_up(3))
    statements: list[str] = []
    event.listen(home.services.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    asked = []
    for token, name in ((issued.token, HOLDER.name), (issued.token, "张三"), ("a" * 26, HOLDER.name), ("!", "!")):
        statements.clear()
        look_up.match(home.services, token, name, HOLDER.last_six)
        asked.append(list(statements))
    assert all(one == asked[0] for one in asked)


def test_a_sealed_part_that_does_not_open_is_unavailable(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    with home.services.database.writing() as session:
        session.execute(text("update certificate set sealed = zeroblob(90)"))
    with pytest.raises(Unavailable):
        look_up.match(home.services, issued.token, HOLDER.name, HOLDER.last_six)


@pytest.mark.parametrize(
    "change",
    [
        "update certificate set holder_name = '李四'",
        "update certificate set level = 4",
        "update certificate set issued_on = '2001-01-01'",
        "update certificate set valid_until = '2099-01-01'",
        "update certificate set number = '2563010001500099'",
        "update certificate set credential = replace(cast(credential as text), '应急', '应用')",
        "update certificate set credential_sha256 = 'x'",
    ],
)
def test_a_row_changed_by_sql_is_not_shown_as_genuine(home: Installation, change: str) -> None:
    (issued,) = home.issue(HOLDER)
    with home.services.database.writing() as session:
        session.execute(text(change))
    record = look_up.by_token(home.services, issued.token)
    assert record is not None
    assert (record.state, record.signature_ok, record.masked_name) == ("forged", False, "")


def test_a_revocation_shows_on_the_very_next_look_up(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    look_up.by_token(home.services, issued.token)
    change_status.revoke(home.services, issued.number, reason="错发", by="甲")
    record = look_up.by_token(home.services, issued.token)
    assert record is not None
    assert record.state == "revoked"


def test_the_signature_is_checked_on_each_look_up(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    (issued,) = home.issue(HOLDER)
    checked: list[bytes] = []

    def counted(algorithm: Algorithm, public: bytes, signature: bytes, message: bytes) -> bool:
        checked.append(message)
        return keys.verify(algorithm, public, signature, message)

    monkeypatch.setattr(stored, "verify", counted)
    for look in (look_up.by_token, scan.by_token) * 2:
        record = look(home.services, issued.token)
        assert record is not None
        assert record.state == "valid"
    assert len(checked) == 4
    assert len(set(checked)) == 1


@pytest.mark.parametrize("trouble", ["drop table certificate", "drop table paper_certificate"])
def test_database_trouble_is_unavailable_and_never_unknown(home: Installation, trouble: str) -> None:
    with home.services.database.writing() as session:
        session.execute(text("pragma foreign_keys=off"))
        session.execute(text(trouble))
    with pytest.raises(Unavailable):
        look_up.by_number_and_name(home.services, "2563010001500001", "张三")


def test_a_damaged_database_file_is_unavailable(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    home.services.database.close()
    file = home.services.database.sqlite_file
    assert file is not None
    file.write_bytes(b"this is no database " * 500)
    with pytest.raises(Unavailable):
        look_up.by_token(home.services, issued.token)
