"""A roster comes in whole or not at all, again without effect, and never against what is on record (R1, formats.md)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from random import Random

import pytest
from PIL import Image, ImageFilter
from sqlalchemy import func, select

from certsvc.errors import FileRefused, ImportRefused, NotFound
from certsvc.roster.photo import KEPT_BYTES, former_photo
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.imports import ImportReport
from certsvc.services.records import photos
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import AuditEventRecord, EnrolmentRecord, PersonRecord, SchemeRecord
from tests.builders.erasing import whole
from tests.builders.person import SAT, Candidate, again, candidates, write_csv, write_portrait

CANDIDATE = Candidate()


def take(services: Services, path: Path, *rows: dict[str, str], **options: object) -> ImportReport:
    return import_candidates(services, write_csv(path / "roster.csv", rows), by="登记员", **options)  # type: ignore[arg-type]


def refused(services: Services, path: Path, *rows: dict[str, str]) -> list[tuple[int, str, str]]:
    with pytest.raises(ImportRefused) as caught:
        take(services, path, *rows)
    return [(error.row, error.column, error.rule) for error in caught.value.errors]


def count(services: Services, kind: type) -> int:
    with services.database.reading() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


def test_a_roster_is_stored_and_pinned_to_the_scheme_of_its_day(services: Services, tmp_path: Path) -> None:
    report = take(services, tmp_path, *(one.cells() for one in candidates(1200)))
    assert (report.new, report.unchanged) == (1200, 0)
    assert count(services, PersonRecord) == count(services, EnrolmentRecord) == 1200
    with services.database.reading() as session:
        keys = session.scalars(select(SchemeRecord.key).join(EnrolmentRecord)).unique().all()
    assert set(keys) == {"emergency-rescuer-5/qinghai-2025"}


def test_the_same_roster_again_changes_nothing(services: Services, tmp_path: Path) -> None:
    rows = [one.cells() for one in candidates(3)]
    take(services, tmp_path, *rows)
    events = count(services, AuditEventRecord)
    report = take(services, tmp_path, *reversed(rows))
    assert (report.new, report.unchanged) == (0, 3)
    assert count(services, AuditEventRecord) == events


def test_a_dry_run_stores_nothing_not_even_a_photo(services: Services, tmp_path: Path) -> None:
    write_portrait(tmp_path / "a.png")
    report = take(services, tmp_path, CANDIDATE.cells(photo="a.png"), dry_run=True)
    assert (report.new, report.dry_run) == (1, True)
    assert count(services, PersonRecord) == 0
    assert list(services.folders.photos.iterdir()) == []


def test_one_bad_row_keeps_all_out_and_every_fault_is_told(services: Services, tmp_path: Path) -> None:
    good, young, unwell = candidates(3)
    told = refused(
        services,
        tmp_path,
        good.cells(),
        young.cells(registered_on="1997-12-31"),
        unwell.cells(health_declared="否", id_number="123"),
    )
    assert told == [(3, "registered_on", "R0"), (4, "id_number", "R9")]
    assert count(services, PersonRecord) == count(services, EnrolmentRecord) == 0


@pytest.mark.parametrize(
    ("changes", "column", "rule"),
    [
        ({"health_declared": "否"}, "health_declared", "R1.2"),
        ({"level": "4"}, "level", "R1.3"),
        ({"occupation": "电工"}, "occupation", "R1.3"),
        ({"photo": "missing.jpg"}, "photo", "file.photo"),
        ({"name": "=SUM(A1)"}, "name", "R9"),
    ],
)
def test_a_registration_against_the_rules_is_refused(
    services: Services, tmp_path: Path, changes: dict[str, str], column: str, rule: str
) -> None:
    assert refused(services, tmp_path, CANDIDATE.cells(**changes)) == [(2, column, rule)]


def test_the_eighteenth_birthday_itself_counts(services: Services, tmp_path: Path) -> None:
    child = Candidate(born=date(2007, 3, 2))
    assert refused(services, tmp_path, child.cells(registered_on="2025-03-01")) == [(2, "birth_date", "R1.1")]
    assert take(services, tmp_path, child.cells(registered_on="2025-03-02")).new == 1


@pytest.mark.parametrize("column", ["name", "phone", "institution", "batch"])
def test_the_same_registration_with_other_content_is_a_conflict(
    services: Services, tmp_path: Path, column: str
) -> None:
    take(services, tmp_path, CANDIDATE.cells())
    other = {"name": "别名", "phone": "13911111111", "institution": "别的机构", "batch": "二"}[column]
    assert refused(services, tmp_path, CANDIDATE.cells(**{column: other})) == [(2, column, "R1.5")]


def test_a_person_has_one_open_enrolment(services: Services, tmp_path: Path) -> None:
    take(services, tmp_path, CANDIDATE.cells())
    later = again(CANDIDATE, date(2025, 6, 1))
    assert refused(services, tmp_path, later.cells()) == [(2, "registered_on", "R1.5")]
    earlier = again(CANDIDATE, date(2024, 6, 1))
    assert refused(services, tmp_path, earlier.cells()) == [(2, "registered_on", "R1.5")]


def test_a_new_registration_follows_a_closed_one_and_changes_no_telephone(services: Services, tmp_path: Path) -> None:
    """R10: the telephone opens a record, so it changes by a request of its own."""
    take(services, tmp_path, CANDIDATE.cells())
    absent = {"outcome": "absent", "score": ""}
    rows = [CANDIDATE.result("theory", **absent), CANDIDATE.result("practical", **absent)]
    import_results(services, write_csv(tmp_path / "results.csv", rows), by="考评员")
    later = take(services, tmp_path, again(CANDIDATE, SAT).cells(phone="13911111111"))
    assert (later.new, [(one.column, one.rule) for one in later.warnings]) == (1, [("phone", "R10")])
    with services.database.reading() as session:
        person = session.scalars(select(PersonRecord)).one()
    personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    assert personal["phone"] == CANDIDATE.phone


def test_a_photo_is_kept_once_under_its_hash(services: Services, tmp_path: Path) -> None:
    write_portrait(tmp_path / "a.png")
    one, other = candidates(2)
    take(services, tmp_path, one.cells(photo="a.png"), other.cells(photo="a.png"))
    (kept,) = services.folders.photos.iterdir()
    with services.database.reading() as session:
        assert {f"{digest}.jpg" for digest in session.scalars(select(EnrolmentRecord.photo_sha256))} == {kept.name}
    assert take(services, tmp_path, one.cells(photo="a.png"), other.cells(photo="a.png")).unchanged == 2
    write_portrait(tmp_path / "a.png", "darkred")
    assert refused(services, tmp_path, one.cells(photo="a.png")) == [(2, "photo", "R1.5")]
    assert [path.name for path in services.folders.photos.iterdir()] == [kept.name]


def test_a_photo_that_an_earlier_program_kept_larger_is_the_same_photo(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grainy = Image.frombytes("RGB", (413, 579), Random(3).randbytes(413 * 579 * 3)).filter(ImageFilter.GaussianBlur(2))
    grainy.save(tmp_path / "a.png")
    (one,) = candidates(1)
    with monkeypatch.context() as earlier:
        earlier.setattr(photos, "check_photo", former_photo)
        take(services, tmp_path, one.cells(photo="a.png"))
    (kept,) = services.folders.photos.iterdir()
    assert kept.stat().st_size > KEPT_BYTES
    assert take(services, tmp_path, one.cells(photo="a.png")).unchanged == 1
    assert [path.name for path in services.folders.photos.iterdir()] == [kept.name]


def test_an_identity_number_rests_sealed_and_stands_in_no_error(services: Services, tmp_path: Path) -> None:
    take(services, tmp_path, CANDIDATE.cells())
    kept = b"".join(whole(services))
    assert CANDIDATE.name.encode() in kept
    assert CANDIDATE.id_number.encode() not in kept
    with pytest.raises(ImportRefused) as caught:
        take(services, tmp_path, CANDIDATE.cells(institution="别的"))
    assert CANDIDATE.id_number not in "".join(map(str, caught.value.errors))


def test_unknown_columns_are_refused_unless_they_are_ignored(services: Services, tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="shoe_size"):
        take(services, tmp_path, CANDIDATE.cells(shoe_size="42"))
    assert take(services, tmp_path, CANDIDATE.cells(shoe_size="42"), ignore_unknown=True).new == 1


def test_another_scheme_is_used_only_where_it_is_named(services: Services, tmp_path: Path) -> None:
    later = again(CANDIDATE, date(2026, 10, 1))
    assert take(services, tmp_path, later.cells(), scheme_key="emergency-rescuer-5/haiyue-2026").new == 1
    with services.database.reading() as session:
        assert session.scalar(select(SchemeRecord.key).join(EnrolmentRecord)) == "emergency-rescuer-5/haiyue-2026"
    with pytest.raises(NotFound):
        take(services, tmp_path, later.cells(), scheme_key="nowhere/none")


@pytest.mark.parametrize("occupation", ["3-02-03-08", "应急救援员", "Emergency Rescuer"])
def test_an_occupation_is_given_by_its_code_or_either_name(services: Services, tmp_path: Path, occupation: str) -> None:
    """R1.3: the scheme's own, in any of the three forms that its file gives it."""
    assert take(services, tmp_path, CANDIDATE.cells(occupation=occupation)).new == 1


@pytest.mark.parametrize("occupation", ["3-02-03-0", "应急救援", "emergency rescuer", "630000"])
def test_another_occupation_is_refused_however_like_it_is(services: Services, tmp_path: Path, occupation: str) -> None:
    assert refused(services, tmp_path, CANDIDATE.cells(occupation=occupation)) == [(2, "occupation", "R1.3")]


UNDRAWN = "\U00031350"  # of Unicode 15; in no font of ours, nor in HanaMin


def test_a_name_that_no_font_draws_is_said_at_the_import_with_its_character(services: Services, tmp_path: Path) -> None:
    report = take(services, tmp_path, Candidate(name=f"王{UNDRAWN}").cells(), Candidate(serial=2).cells())
    assert report.new == 2
    (said,) = report.warnings
    assert (said.row, said.column, said.rule) == (2, "name", "R9")
    assert f"“{UNDRAWN}”（U+31350）" in said.zh
    assert f"{UNDRAWN} (U+31350)" in said.en
