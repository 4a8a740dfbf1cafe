"""A kept check is found for a year by its reference, beside the state of now (R10, R11)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from certsvc.credential.wording import Wording, say
from certsvc.errors import NotFound
from certsvc.services.certificates import change_status
from certsvc.services.verification import kept_checks, look_up
from certsvc.services.verification.kept_checks import Compared, KeptCheck
from certsvc.services.verification.public_record import PublicRecord
from certsvc.store import KeptCheckRecord
from tests.builders.installation import Installation, made_up

PAPER = "1763010001500077"


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "home")


def _look(home: Installation, number: str, name: str) -> tuple[PublicRecord, Wording]:
    record = look_up.by_number_and_name(home.services, number, name)
    assert record is not None
    return record, say(record.state)


def _keep(home: Installation, number: str, name: str, compared: Compared = Compared.NAME) -> KeptCheck:
    return kept_checks.keep(home.services, *_look(home, number, name), compared)


def _rows(home: Installation) -> int:
    with home.services.database.reading() as session:
        return session.scalar(select(func.count()).select_from(KeptCheckRecord)) or 0


def test_a_kept_check_is_found_however_its_reference_is_written(home: Installation) -> None:
    person = made_up(1)
    (issued,) = home.issue(person)
    kept = _keep(home, issued.number, person.name)
    printed = kept_checks.written(kept.reference)
    assert [len(part) for part in printed.split("-")] == [4, 4, 4]
    for typed in (kept.reference, printed, printed.lower(), f" {printed} ".replace("-", " "), printed + "\n"):
        found = kept_checks.find(home.services, typed)
        assert found is not None
        assert (found.made_at, found.compared, found.record.number) == (kept.made_at, Compared.NAME, issued.number)
        assert found.record.full_name == ""


def test_what_was_said_then_stands_beside_the_state_of_now(home: Installation) -> None:
    person = made_up(1)
    (issued,) = home.issue(person)
    kept = _keep(home, issued.number, person.name)
    change_status.revoke(home.services, issued.number, reason="错发", by="甲")
    found = kept_checks.find(home.services, kept.reference)
    assert found is not None
    assert (found.state, found.says_zh, found.record.state) == ("valid", "真实有效", "revoked")


def test_a_check_is_found_for_a_year_and_is_gone_after_it(home: Installation) -> None:
    person = made_up(1)
    (issued,) = home.issue(person)
    kept = _keep(home, issued.number, person.name)
    home.clock.move(days=365)
    assert kept_checks.find(home.services, kept.reference) is not None
    home.clock.move(days=1)
    assert kept_checks.find(home.services, kept.reference) is None
    assert kept_checks.is_named(home.services, kept.reference, person.name) is False
    home.clock.move(seconds=1)
    _keep(home, issued.number, person.name)
    assert _rows(home) == 1


@pytest.mark.parametrize("typed", ["", "AAAA-AAAA-AAAA", "\x00", "张三", "A" * 5000, "%"])
def test_what_was_never_kept_is_found_nowhere(home: Installation, typed: str) -> None:
    (issued,) = home.issue(made_up(1))
    _keep(home, issued.number, made_up(1).name)
    assert kept_checks.find(home.services, typed) is None


def test_the_same_check_within_a_minute_is_kept_once(home: Installation) -> None:
    person = made_up(1)
    (issued,) = home.issue(person)
    references = {_keep(home, issued.number, person.name).reference for _ in range(3)}
    assert (len(references), _rows(home)) == (1, 1)
    assert _keep(home, issued.number, person.name, Compared.MATCH).reference not in references
    home.clock.move(minutes=1)
    assert _keep(home, issued.number, person.name).reference not in references
    assert _rows(home) == 3


def test_paper_is_kept_by_its_number_and_name(home: Installation) -> None:
    person = made_up(1)
    home.import_paper((PAPER, person))
    kept = _keep(home, PAPER, person.name)
    found = kept_checks.find(home.services, kept.reference)
    assert found is not None
    assert (found.record.carrier, found.record.number) == ("paper", PAPER)


def test_the_name_on_a_record_is_compared_folded(home: Installation) -> None:
    one, two = made_up(1, "阿依古丽·买买提"), made_up(2, "王芳")
    issued, _ = home.issue(one, two)
    home.import_paper((PAPER, two))
    kept, paper = _keep(home, issued.number, one.name), _keep(home, PAPER, two.name)
    for typed, right in (("阿依古丽•买买提 ", True), ("王芳", False), ("", False)):
        assert kept_checks.is_named(home.services, kept.reference, typed) is right
    for typed, right in (("王 芳", True), ("王丽", False)):
        assert kept_checks.is_named(home.services, paper.reference, typed) is right


def test_a_record_that_is_gone_meanwhile_cannot_be_kept(home: Installation) -> None:
    person = made_up(1)
    home.import_paper((PAPER, person))
    record, says = _look(home, PAPER, person.name)
    with pytest.raises(NotFound):
        kept_checks.keep(home.services, replace(record, full_name="张三"), says, Compared.NONE)
