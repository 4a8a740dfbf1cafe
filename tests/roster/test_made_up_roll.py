"""The made-up roll: every row accepted, every end of an enrolment met, the same files each time."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from certsvc.person.identity import IdType
from certsvc.resources import schemes_folder
from certsvc.roster.candidates import read_candidates
from certsvc.roster.paper import read_paper
from certsvc.roster.photo import check_photo, read_photo
from certsvc.roster.results import ResultRow, read_results
from certsvc.rules.admission import admit_all
from certsvc.rules.decide import decide
from certsvc.rules.enrolment import Attempt, Enrolment, Outcome, Registration
from certsvc.rules.grading import grade
from certsvc.rules.progress import EnrolmentState
from certsvc.rules.registration import check_registration
from certsvc.rules.scheme import parse_scheme
from examples import made_up_roll
from examples.people import RARE
from examples.stories import STORIES

SCHEME = parse_scheme((schemes_folder() / "emergency-rescuer-5" / "qinghai-2025.toml").read_text("utf-8"))
DAYS = [date(2026, 11, 22), date(2027, 2, 28), date(2028, 2, 29), date(2029, 7, 1)]


def attempt_of(row: ResultRow) -> Attempt:
    items = {code: Decimal(score) for code, score in row.items.items()}
    total = Decimal(row.score) if row.score is not None else None
    score = grade(row.subject, total, items, row.outcome, SCHEME)
    return Attempt(row.subject, row.sat_on, row.kind, row.outcome, score, items)


@pytest.mark.parametrize("on", DAYS)
@pytest.mark.parametrize("seed", [1, 7])
def test_everything_is_admitted_and_every_story_ends_as_told(tmp_path: Path, on: date, seed: int) -> None:
    made_up_roll.write(tmp_path, count=300, seed=seed, on=on, photos=False)
    candidates = read_candidates(tmp_path / "candidates.csv").check().rows
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for row in read_results(tmp_path / "results.csv", scheme=SCHEME).check():
        attempts[row.identity_number].append(attempt_of(row))
    enrolled = list(made_up_roll.enrol(300, seed=seed, on=on))
    assert len(candidates) == len(enrolled) == 300
    states = set()
    for candidate, told in zip(candidates, enrolled, strict=True):
        check_registration(
            Registration(
                candidate.name,
                candidate.identity,
                candidate.sex,
                candidate.birth_date,
                candidate.health_declared,
                candidate.registered_on,
                candidate.level or SCHEME.level,
            ),
            SCHEME,
        )
        enrolment, own = Enrolment(candidate.registered_on), attempts[candidate.identity.number]
        assert admit_all(enrolment, [], own, SCHEME) == []
        state = decide(enrolment, own, SCHEME, on).state
        assert state == told.story.state, told.story.title
        states.add(state)
    assert states == set(EnrolmentState)


def test_the_roll_holds_what_rolls_hold(tmp_path: Path) -> None:
    made_up_roll.write(tmp_path, on=DAYS[0], photos=False)
    rows = read_candidates(tmp_path / "candidates.csv").check().rows
    results = read_results(tmp_path / "results.csv").check().rows
    assert {row.outcome for row in results} == set(Outcome)
    assert {row.identity.type for row in rows} == set(IdType)
    assert sum(any(ord(character) > 0xFFFF for character in row.name) for row in rows) >= 10
    assert sum("·" in row.name for row in rows) >= 10
    assert {bool(row.score) + 2 * bool(row.items) for row in results if row.subject == "practical"} == {0, 1, 2, 3}
    assert all(row.identity.number.startswith(("99", "81", "XX")) for row in rows)


def test_paper_is_read_and_belongs_to_other_people(tmp_path: Path) -> None:
    made_up_roll.write(tmp_path, on=DAYS[0], photos=False)
    paper = read_paper(tmp_path / "paper_register.csv").check().rows
    candidates = {row.identity for row in read_candidates(tmp_path / "candidates.csv")}
    assert len(paper) == 30
    assert not candidates & {row.identity for row in paper}


def test_every_photo_passes_the_check(tmp_path: Path) -> None:
    made_up_roll.write(tmp_path, count=40, on=DAYS[0])
    photos = [row.photo for row in read_candidates(tmp_path / "candidates.csv").check()]
    assert photos.count(None) == 2
    kept = {check_photo(read_photo(tmp_path, photo)) for photo in photos if photo}
    assert len(kept) == 38


def test_the_same_seed_and_day_give_the_same_files_and_a_roll_is_kept(tmp_path: Path) -> None:
    def files(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    one, two, three = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    assert made_up_roll.main([str(one), "--count", "45", "--on", "2026-11-22"]) == 0
    assert made_up_roll.write(two, count=45, on=DAYS[0])
    assert made_up_roll.write(three, count=45, seed=2, on=DAYS[0])
    assert files(one) == files(two) != files(three)
    assert not made_up_roll.write(one, count=9, seed=3)
    assert made_up_roll.main([str(one)]) == 0
    assert files(one) == files(two)


def test_today_is_the_default(tmp_path: Path) -> None:
    assert made_up_roll.main([str(tmp_path), "--count", str(len(STORIES)), "--no-photos"]) == 0
    assert len(read_candidates(tmp_path / "candidates.csv").check().rows) == len(STORIES)


def test_rare_characters_are_beyond_the_bmp() -> None:
    assert all(ord(character) > 0xFFFF for character in RARE)
