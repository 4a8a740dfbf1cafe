"""A made-up roll, as a training institution and a station would hand it in: candidates, results, photos, old paper.

`python -m examples.made_up_roll FOLDER --count 300 --seed 1` writes candidates.csv with photos/ beside it, results.csv
and paper_register.csv. The same seed, count and day give the same files; a folder that holds a roll is left as it is,
since a roll made on another day would contradict the one already imported.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from certsvc.roster import candidates, paper, results
from certsvc.roster.export import write_csv
from certsvc.roster.photo import PHOTO_FOLDER
from certsvc.roster.table import Column
from certsvc.rules.terms import Subject
from examples.people import MadeUpPerson, make_person
from examples.portraits import draw_portrait
from examples.stories import STORIES, Step, Story

CANDIDATES, RESULTS, PAPER = "candidates.csv", "results.csv", "paper_register.csv"
OCCUPATION, LEVEL, ISSUER = "应急救援员", "五级/初级工", "样例鉴定中心(虚构)"
INSTITUTIONS = ("样例培训学校(虚构)", "示范应急培训中心(虚构)", "演示职业学院(虚构)")
_PAPER_FROM_INDEX = 10_000_000  # people of the paper register are not those of the roll
_WITHOUT_PHOTO_EVERY = 20
_REQUIRED = (("safety_assessment", 15), ("fire_extinguisher", 20), ("cpr", 25), ("bleeding_control", 15))
_DRAWN = ((("rescue_rope", 15), ("airway_obstruction", 15)), (("sign_recognition", 10), ("triage", 10)))


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One candidate with the story that was made up for them."""

    index: int
    person: MadeUpPerson
    story: Story

    @property
    def photo(self) -> str:
        return "" if self.index % _WITHOUT_PHOTO_EVERY == 7 else f"portrait-{self.index + 1:05d}.jpg"


def enrol(count: int, *, seed: int, on: date) -> Iterator[Enrolled]:
    """`count` candidates as they stand on a day; each story occurs once before any occurs again."""
    random = Random(f"roll {seed}")  # noqa: S311 (made-up data, no secret)
    weights = [story.weight for story in STORIES]
    for index in range(count):
        story = STORIES[index] if index < len(STORIES) else random.choices(STORIES, weights)[0]
        yield Enrolled(index, make_person(index, random, story.registered_on(on)), story)


def candidate_cells(enrolled: Enrolled, on: date) -> dict[str, str]:
    """One row of candidates.csv by column key."""
    person = enrolled.person
    return {
        "name": person.name,
        "sex": person.sex.zh,
        "id_type": person.id_type.zh,
        "id_number": person.id_number,
        "birth_date": person.birth_date.isoformat(),
        "phone": person.phone,
        "institution": INSTITUTIONS[enrolled.index % len(INSTITUTIONS)],
        "health_declared": "是",
        "registered_on": enrolled.story.registered_on(on).isoformat(),
        "occupation": OCCUPATION,
        "level": LEVEL,
        "batch": f"第{enrolled.index // 100 + 1}批",
        "photo": enrolled.photo,
    }


def result_cells(enrolled: Enrolled, on: date) -> Iterator[dict[str, str]]:
    """The rows of results.csv for one candidate, by column key."""
    random = Random(f"scores {enrolled.index}")  # noqa: S311
    first_exam = enrolled.story.first_exam_on(on)
    for step in enrolled.story.steps:
        cells = {
            "id_number": enrolled.person.id_number,
            "name": enrolled.person.name,
            "subject": step.subject.zh,
            "sat_on": step.sat_on(first_exam).isoformat(),
            "kind": step.kind.zh,
            "outcome": step.outcome.zh,
        }
        yield cells | _scores(step, random)


def _scores(step: Step, random: Random) -> dict[str, str]:
    if step.went not in ("pass", "fail"):
        return {"score": step.went} if step.went[0].isdigit() else {}
    passes = step.went == "pass"
    if step.subject is Subject.THEORY:
        whole = random.randrange(60, 99) if passes else random.randrange(25, 60)
        return {"score": f"{whole}{random.choice(('', '', '.5'))}"}
    items = list(_REQUIRED) + [random.choice(pair) for pair in _DRAWN]
    share = (0.65, 1.0) if passes else (0.2, 0.55)
    # Rounded up where the attempt passes and down where it fails, so that the sum stays on its side of sixty.
    scores = {code: int(maximum * random.uniform(*share)) + passes for code, maximum in items}
    total = {"score": str(sum(scores.values()))}
    shown = {code: str(score) for code, score in scores.items()}
    match random.randrange(3):
        case 0:
            return total
        case 1:
            return shown
        case _:
            return total | shown


def paper_cells(count: int, *, seed: int) -> Iterator[dict[str, str]]:
    """Rows of the register of former paper certificates, by column key."""
    random = Random(f"paper {seed}")  # noqa: S311
    for serial in range(1, count + 1):
        issued_on = date(2019, 3, 1) + timedelta(days=random.randrange(4 * 365))
        person = make_person(_PAPER_FROM_INDEX + serial, random, issued_on)
        yield {
            "number": f"{issued_on:%y}630100015{serial:05d}",
            "name": person.name,
            "id_type": person.id_type.zh,
            "id_number": person.id_number,
            "occupation": OCCUPATION,
            "level": LEVEL,
            "issued_on": issued_on.isoformat(),
            "issuer": ISSUER,
        }


def write(folder: Path, *, count: int = 300, seed: int = 1, on: date | None = None, photos: bool = True) -> bool:
    """Write the roll as it stands on a day (default: today in Shanghai); False where the folder holds one already."""
    if (folder / RESULTS).exists():
        return False
    on = on or datetime.now(ZoneInfo("Asia/Shanghai")).date()
    (folder / PHOTO_FOLDER).mkdir(parents=True, exist_ok=True)
    roll = list(enrol(count, seed=seed, on=on))
    rows = (candidate_cells(enrolled, on) for enrolled in roll)
    write_rows(folder / CANDIDATES, candidates.COLUMNS, (row if photos else row | {"photo": ""} for row in rows))
    write_rows(folder / PAPER, paper.COLUMNS, paper_cells(max(count // 10, 1), seed=seed))
    for enrolled in roll if photos else ():
        if enrolled.photo:
            portrait = draw_portrait(enrolled.index, enrolled.person.sex)
            (folder / PHOTO_FOLDER / enrolled.photo).write_bytes(portrait)
    # Last, since its presence says that the roll is whole.
    write_rows(folder / RESULTS, results.COLUMNS, (cells for enrolled in roll for cells in result_cells(enrolled, on)))
    return True


def write_rows(path: Path, columns: Sequence[Column], rows: Iterable[Mapping[str, str]]) -> Path:
    """A file as a clerk would fill it in: Chinese headers, rows by column key, absent cells empty. Its path again."""
    cells = ([row.get(column.key, "") for column in columns] for row in rows)
    with path.open("wb") as file:
        file.writelines(write_csv([column.zh for column in columns], cells))
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.made_up_roll", description="Write a made-up roll.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=300, help="candidates (default 300)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--on", type=date.fromisoformat, help="the day of decision (default: today in Shanghai)")
    parser.add_argument("--no-photos", action="store_true", help="draw no portraits")
    chosen = parser.parse_args(arguments)
    written = write(chosen.folder, count=chosen.count, seed=chosen.seed, on=chosen.on, photos=not chosen.no_photos)
    done = f"{chosen.count} made-up candidates in" if written else "a roll is already in"
    print(f"{done} {chosen.folder}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
