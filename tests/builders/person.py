"""Made-up people, rosters and results as files, and a home to import them into. Defaults make a valid candidate."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from PIL import Image

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.person.identity import resident_check_character
from certsvc.services.context import Services

REGISTERED = date(2025, 3, 1)
SAT = date(2025, 3, 24)
NOW = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)

Cells = Mapping[str, str]


@dataclass(frozen=True)
class Candidate:
    """A person who does not exist, as a roster row would name them."""

    serial: int = 1
    name: str = "测试甲"
    born: date = date(1990, 5, 15)
    phone: str = "13800000000"
    institution: str = "测试培训机构"
    health_declared: str = "是"
    registered_on: date = REGISTERED
    photo: str = ""
    batch: str = ""

    @property
    def id_number(self) -> str:
        first17 = f"632801{self.born:%Y%m%d}{self.serial % 1000:03d}"
        return first17 + resident_check_character(first17)

    @property
    def sex(self) -> str:
        return "男" if int(self.id_number[16]) % 2 else "女"

    def cells(self, **changes: str) -> dict[str, str]:
        """The roster row, by English header; `changes` replaces cells, valid or not."""
        return {
            "name": self.name,
            "sex": self.sex,
            "id_type": "居民身份证",
            "id_number": self.id_number,
            "birth_date": self.born.isoformat(),
            "phone": self.phone,
            "institution": self.institution,
            "health_declared": self.health_declared,
            "registered_on": self.registered_on.isoformat(),
            "batch": self.batch,
            "photo": self.photo,
            **changes,
        }

    def result(self, subject: str = "theory", score: str = "80", **changes: str) -> dict[str, str]:
        """A result row of this person."""
        return {
            "id_number": self.id_number,
            "name": self.name,
            "subject": subject,
            "sat_on": SAT.isoformat(),
            "kind": "first",
            "outcome": "scored",
            "score": score,
            **changes,
        }

    def passes(self, **changes: str) -> list[dict[str, str]]:
        """Both subjects passed at the first go."""
        return [self.result("theory", "88", **changes), self.result("practical", "91.5", **changes)]


def candidates(count: int, first: int = 1) -> list[Candidate]:
    """Different people: a thousand to each date of birth."""
    return [
        Candidate(serial=n, name=f"测试{chr(0x4E00 + n % 5000)}", born=date(1980, 1, 1) + timedelta(days=n // 1000))
        for n in range(first, first + count)
    ]


def again(candidate: Candidate, on: date) -> Candidate:
    """The same person, registered on another day."""
    return replace(candidate, registered_on=on)


def write_csv(path: Path, rows: Iterable[Cells]) -> Path:
    """A file with the headers of the first row's keys."""
    listed = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(dict.fromkeys(key for row in listed for key in row)), restval="")
    writer.writeheader()
    writer.writerows(listed)
    path.write_text(text.getvalue(), "utf-8")
    return path


def write_portrait(path: Path, colour: str = "steelblue") -> Path:
    """A one-inch picture; the picture is not the point."""
    Image.new("RGB", (295, 413), colour).save(path)
    return path


def open_home(
    home: Path, *, database_url: str | None = None, keys: Path | None = None, now: datetime = NOW
) -> Services:
    """The services of a home, with a clock that stands still."""
    environment = {"CERTSVC_HOME": str(home)}
    if database_url is not None:
        environment["CERTSVC_DATABASE_URL"] = database_url
    if keys is not None:
        environment["CERTSVC_KEYS"] = str(keys)
    return open_services(Settings.from_environment(environment), now=lambda: now, clock_is_right=True)
