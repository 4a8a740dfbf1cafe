"""The home that every insider finds in the morning, made once and copied for each attempt."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from certsvc.services.certificates import change_status
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.operation.backup import back_up
from certsvc.services.publishing.static import publish_static
from certsvc.services.registration.import_roster import import_candidates
from certsvc.signing.keystore import Keystore
from tests.builders.holding import installed
from tests.builders.installation import Installation, Person
from tests.insider.attempts import RESULTS, ROSTER, roster_line
from tests.insider.day import DUE, FAILED, HOLDER, ON_PAPER, PAPER, REVOKED, Day

NewDay = Callable[[], Day]


@dataclass(frozen=True)
class Morning:
    """The home of today, the home of last week, and a backup of it."""

    home: Path
    old: Path
    backup: Path


def register(at: Installation, person: Person, theory: str) -> None:
    """On record, with results; nothing issued."""
    number, folder = person.id_number, at.home / "in"
    roster = folder / f"roster-{number}.csv"
    roster.write_text(f"{ROSTER}\n{roster_line(person, '13800000003')}\n", "utf-8")
    import_candidates(at.services, roster, by="登记员")
    lines = [
        f"{number},{person.name},{subject},2025-03-24,初考,{score}"
        for subject, score in (("理论知识考试", theory), ("技能考核", "91.5"))
    ]
    results = folder / f"results-{number}.csv"
    results.write_text("\n".join((RESULTS, *lines)) + "\n", "utf-8")
    import_results(at.services, results, by="考评员")


@pytest.fixture(scope="session")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Morning:
    folder = tmp_path_factory.mktemp("morning")
    made = Morning(folder / "home", folder / "old", folder / "backup.tar")
    at = Installation(made.home)
    at.clock.move(minutes=5)
    issued = at.issue(HOLDER, REVOKED)
    at.import_paper((PAPER, ON_PAPER))
    publish_static(at.services)
    at.services.database.close()
    shutil.copytree(made.home, made.old)
    at.reopen()
    change_status.revoke(at.services, issued[1].number, reason="查实", by="甲")
    for person, theory in ((DUE, "88"), (FAILED, "40")):
        register(at, person, theory)
    publish_static(at.services)
    back_up(at.services, made.backup)
    at.services.database.close()
    return made


@pytest.fixture
def new_day(morning: Morning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewDay]:
    """A copy of the home for one attempt, with keys that count as real."""
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    begun: list[Installation] = []
    opened: list[Services] = []

    def begin() -> Day:
        folder = tmp_path / str(len(begun))
        folder.mkdir()
        shutil.copytree(morning.home, folder / "home")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Keystore, "development", property(lambda _: True))
            home = installed(folder / "home")
        home.clock.move(minutes=5)
        begun.append(home)
        return Day(home, "someone", folder, morning.old, morning.backup, opened)

    yield begin
    for services in (*opened, *(home.services for home in begun)):
        services.database.close()
