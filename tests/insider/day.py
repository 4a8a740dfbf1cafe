"""What each single insider tries in a day, and the table of SECURITY.md that says what of it succeeds.

An attempt is a function of a `Day`: a home with real keys, two certificates (the second revoked, all of it published),
someone who passed and has none yet, someone who failed, and one paper certificate. It answers whether it bent an
answer: an exception of ours, or no effect, is a refusal. Two people who do their work (甲 asks, 乙 approves) are there
to be deceived. Not here: which of it must fail, which is the table's to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sqlalchemy import text

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.errors import CertsvcError
from certsvc.services.approvals import desk
from certsvc.services.context import Services
from certsvc.services.issuing import issue as issuing
from certsvc.services.issuing.batches import propose_batch
from tests.builders.installation import Installation, Person, made_up

SECURITY: Final = Path(__file__).parents[2] / "SECURITY.md"
HEADING: Final = "## What one person can do alone"
HOLDER, REVOKED, DUE, FAILED, ON_PAPER = (made_up(serial) for serial in range(1, 6))
PAPER: Final = "2063010001500001"
ACCOUNTS: Final = ("clerk", "reviewer", "counter", "key custodian", "operator")
ROLES: Final = (
    *ACCOUNTS,
    "database administrator",
    "web server's thief",
    "backup's thief",
    "old-copy restorer",
    "clock's owner",
    "stranger",
)


@dataclass(frozen=True)
class Day:
    """The home as it is in the morning. `me` is the insider's account; `old` a copy of the home of last week."""

    home: Installation
    me: str
    folder: Path
    old: Path
    backup: Path
    opened: list[Services]

    def open(self, **environment: str) -> Services:
        """The services of another process, strict about the clock; closed with the day."""
        settings = Settings.from_environment({"CERTSVC_HOME": str(self.home.home), **environment})
        self.opened.append(open_services(settings, now=self.home.clock))
        return self.opened[-1]

    @property
    def number(self) -> str:
        return self._number(1)

    @property
    def revoked(self) -> str:
        return self._number(2)

    def _number(self, certificate: int) -> str:
        with self.home.services.database.reading() as session:
            query = text("select number from certificate where id = :id")
            return str(session.execute(query, {"id": certificate}).scalar_one())

    def approve_alone(self, approval: int | None) -> None:
        """Approve one's own request, by every spelling of one's name."""
        assert approval is not None
        for spelling in (self.me, f" {self.me} ", self.me.upper(), self.me + "\u200b"):
            with suppress(CertsvcError):
                desk.approve(self.home.services, approval, by=spelling)

    def issue_by_two(self) -> list[str]:
        """What two others, who see nothing wrong, issue: the names."""
        approval = propose_batch(self.home.services, by="甲").approval_id
        if approval is None:
            return []
        desk.approve(self.home.services, approval, by="乙")
        return [one.name for one in issuing.finish(self.home.services, by="乙").issued]

    def issued_to(self, person: Person) -> bool:
        with self.home.services.database.reading() as session:
            query = text("select count(*) from certificate where holder_name = :name and stage = 'issued'")
            return bool(session.execute(query, {"name": person.name}).scalar_one())

    def file(self, name: str, header: str, *lines: str) -> Path:
        path = self.folder / name
        path.write_text("\n".join((header, *lines)) + "\n", "utf-8")
        return path

    def tomorrow(self) -> None:
        self.home.clock.move(days=4)


Attempt = Callable[[Day], bool]


@dataclass(frozen=True)
class Attack:
    """One thing that one insider tries. `findings` are those of the security review that it tries again."""

    who: str
    way: str
    findings: tuple[int, ...]
    attempt: Attempt

    def succeeds(self, day: Day) -> bool:
        try:
            return self.attempt(replace(day, me=f"{self.who} one"))
        except CertsvcError:
            return False


ATTACKS: list[Attack] = []


def tries(*who: str, finding: int | tuple[int, ...] = ()) -> Callable[[Attempt], Attempt]:
    """Registers an attempt for each of these insiders, under its name in words."""

    def register(attempt: Attempt) -> Attempt:
        findings = finding if isinstance(finding, tuple) else (finding,)
        way = attempt.__name__.replace("_", " ")
        ATTACKS.extend(Attack(one, way, findings, attempt) for one in who)
        return attempt

    return register


@dataclass(frozen=True)
class Row:
    """A row of the table: who, what succeeds, and the test that shows where it is seen."""

    who: str
    way: str
    seen: str
    test: str


def table() -> list[Row]:
    """The rows under the heading; one for "any account" stands for each of them."""
    section = SECURITY.read_text("utf-8").split(HEADING, 1)[1].split("\n## ", 1)[0]
    rows = []
    for line in section.splitlines():
        if not line.startswith("| ") or line.startswith("| who "):
            continue
        who, way, _, seen, test = (cell.strip() for cell in line.strip("|").split("|"))
        name = re.fullmatch(r"`(test_\w+)`", test)
        assert name is not None, line
        rows += [Row(one, way, seen, name[1]) for one in (ACCOUNTS if who == "any account" else (who,))]
    return rows


def allowed(who: str) -> set[str]:
    return {row.way for row in table() if row.who == who}


def named_tests(folder: Path) -> Mapping[str, Path]:
    """Every test function under a folder, by its name."""
    found = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)
    return {name: path for path in sorted(folder.rglob("test_*.py")) for name in found.findall(path.read_text("utf-8"))}
