"""Numbers go on in the next range that the scheme names, what is left is shown, and an end is warned of (R7.3)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import update

from certsvc.errors import InvalidScheme
from certsvc.resources import schemes_folder
from certsvc.rules.scheme import parse_scheme
from certsvc.services.audit.check_register import check_log
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing.issue import IssueReport, issue
from certsvc.services.records import number_ranges, schemes
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import SerialRecord
from tests.builders.person import candidates, write_csv

ON = date(2026, 11, 22)
TEXT = (schemes_folder() / "emergency-rescuer-5" / "qinghai-2025.toml").read_text("utf-8")
ANOTHER_STATION = '\n[[number.next]]\nstation = "002"\n'
A_WIDER_SERIAL = '\n[[number.next]]\nkind = "chars22"\nseries = "S"\nbody = "0001"\nprovince = "63"\nsite = "000001"\n'


def pass_all(services: Services, folder: Path, count: int, first: int = 1) -> None:
    people = candidates(count, first)
    import_candidates(services, write_csv(folder / "c.csv", [one.cells() for one in people]), by="登记员")
    rows = [row for one in people for row in one.passes()]
    import_results(services, write_csv(folder / "r.csv", rows), by="考评员")


def run(services: Services) -> IssueReport:
    return issue(services, by="签发员", on=ON)


def move_serial(services: Services, following: int) -> None:
    with services.database.writing() as session:
        session.execute(update(SerialRecord).values(next=following))


def put(services: Services, extra: str) -> None:
    """A later version of the shipped scheme, with more ranges."""
    toml = TEXT.replace('version = "1"', 'version = "2"').replace("2024-01-01", "2026-01-01") + extra
    with services.database.writing() as session:
        schemes.add(session, toml)


def test_an_exhausted_range_goes_on_at_the_next_station_and_then_with_a_wider_serial(
    services: Services, tmp_path: Path
) -> None:
    pass_all(services, tmp_path, 1)
    run(services)
    move_serial(services, 99_999)
    pass_all(services, tmp_path, 3, first=2)
    full = run(services)
    assert [one.number for one in full.issued] == ["2663010001599999"]
    assert {refused.error.code for refused in full.refusals} == {"number-range-full"}
    # The enrolments are pinned to the version without: a later one of the same first range names what follows.
    put(services, ANOTHER_STATION + A_WIDER_SERIAL)
    assert [one.number for one in run(services).issued] == ["2663010002500001", "2663010002500002"]
    with services.database.writing() as session:
        session.execute(update(SerialRecord).where(SerialRecord.scope.contains("station=002")).values(next=99_999))
    pass_all(services, tmp_path, 2, first=10)
    last, wider = (one.number for one in run(services).issued)
    assert (last, wider) == ("2663010002599999", "S000163000001265000001")
    assert check_log(services).ok


def test_what_is_left_is_told_and_warned_of_from_four_fifths_on(services: Services, tmp_path: Path) -> None:
    pass_all(services, tmp_path, 1)
    assert run(services).warnings == []
    for following, short in ((80_000, False), (80_001, True)):
        move_serial(services, following)
        with services.database.reading() as session:
            used = {one.key: one for one in number_ranges.uses(session, ON.year)}[schemes.DEFAULT_KEY]
            assert (used.left, used.is_short) == (99_999 - following + 1, short)
    (warning,) = run(services).warnings
    assert "[[number.next]]" in warning
    put(services, ANOTHER_STATION)
    assert run(services).warnings == []


@pytest.mark.parametrize(
    ("extra", "where"),
    [
        ('\n[[number.next]]\nstation = "1"\n', "number.next[0].station"),
        ('\n[[number.next]]\nstation = "001"\n', "number.next[0].kind"),
        ('\n[[number.next]]\nkind = "chars22"\n', "number.next[0].series"),
        ('\n[[number.next]]\nplace = "1"\n', "number.next[0].place"),
        ('\n[[number.next]]\nkind = "other"\n', "number.next[0].kind"),
    ],
)
def test_a_next_range_that_is_none_is_refused_by_its_field(extra: str, where: str) -> None:
    with pytest.raises(InvalidScheme) as refused:
        parse_scheme(TEXT + extra)
    assert refused.value.where == where
