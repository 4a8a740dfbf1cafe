"""What waits on the desks of the demo, so that none is empty: registrations, a sitting, one due, samples to send.

Made-up people of their own, none of the roll. What is there already stays; of one who is due there is a new one in
each run, since the run before issued the last. Not here: the certificates in each state (`examples.tour`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw, ImageFont

from certsvc.resources import fonts_folder
from certsvc.roster import candidates, results
from certsvc.roster.photo import PHOTO_FOLDER
from examples import made_up_roll
from examples.made_up_roll import INSTITUTIONS, Enrolled
from examples.people import make_person
from examples.portraits import draw_portrait
from examples.stories import STORIES, Story

STATION: Final = "示例鉴定站"
MAKER: Final = "王秀兰（演示）"
BATCH: Final = "演示批"
# The first of each sixty have identity cards and no rare name to type; no other person of the demo has their numbers.
_REVIEWED, _SITTING, _UPLOADED, _DUE = 31_234_020, 31_234_080, 31_234_140, 31_234_200
_NOT_SAT: Final = next(story for story in STORIES if not story.steps)
_JUST_PASSED: Final = next(story for story in STORIES if story.title == "both passed a few days ago")


def seed(run: Callable[..., None], ask: Callable[..., Any], folder: Path) -> None:
    """Put three to review, three on a scoring sheet of today, and see that someone is due for a certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    if not ask("candidates", "review", "list"):
        run("candidates", "import", str(roster(folder / "review.csv", _REVIEWED, 3)), "--for-review", "--by", MAKER)
    if not ask("sitting", "list"):
        run("candidates", "import", str(roster(folder / "sitting.csv", _SITTING, 3)), "--by", MAKER)
        place = ("--on", _today().isoformat(), "--place", "演示路 1 号", "--station", STATION)
        made = ask("sitting", "add", *place, "--subject", "practical", "--capacity", "10", "--by", MAKER)
        run("sitting", "admit", str(made["id"]), "--batch", BATCH, "--by", MAKER)
    if not ask("issue", "--dry-run")["issued"]:
        _let_one_pass(run, folder)


def _let_one_pass(run: Callable[..., None], folder: Path) -> None:
    earlier = len(list(folder.glob("due-*.csv")))
    rows = [_enrolled(_DUE + 60 * earlier, _JUST_PASSED)]
    passed = (cells for one in rows for cells in made_up_roll.result_cells(one, _today()))
    sat = made_up_roll.write_rows(folder / f"results-{earlier + 1}.csv", results.COLUMNS, passed)
    run("candidates", "import", str(_written(folder / f"due-{earlier + 1}.csv", rows)), "--by", MAKER)
    run("results", "import", str(sat), "--by", MAKER)
    run("results", "publish")


def roster(path: Path, first: int, count: int) -> Path:
    """People who registered and sat nothing yet, with their photos; a file that is there stays."""
    return path if path.exists() else _written(path, [_enrolled(first + at, _NOT_SAT) for at in range(count)])


def _written(path: Path, people: list[Enrolled]) -> Path:
    (path.parent / PHOTO_FOLDER).mkdir(exist_ok=True)
    for one in people:
        if one.photo:
            (path.parent / PHOTO_FOLDER / one.photo).write_bytes(draw_portrait(one.index, one.person.sex))
    return made_up_roll.write_rows(path, candidates.COLUMNS, [_cells(one) for one in people])


def _cells(enrolled: Enrolled) -> dict[str, str]:
    cells = made_up_roll.candidate_cells(enrolled, _today())
    return cells | {"institution": INSTITUTIONS[0], "batch": BATCH}


def _enrolled(index: int, story: Story) -> Enrolled:
    random = Random(f"desk {index}")  # noqa: S311 (made-up data, no secret)
    return Enrolled(index, make_person(index, random, story.registered_on(_today())), story)


def _today() -> date:
    return datetime.now(ZoneInfo("Asia/Shanghai")).date()


def write_samples(folder: Path, paper: Mapping[str, str]) -> None:
    """Files for the visitor to send: a roster, one with faults, and pictures for an application from home."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = roster(folder / "roster.csv", _UPLOADED, 2).read_text("utf-8-sig")
    first, second = whole.splitlines(keepends=True)[1:]
    wrong = whole.replace(second, second.replace('"99', '"98', 1)).replace(first, first.replace('"是"', '"不详"', 1))
    (folder / "roster-with-faults.csv").write_text(wrong, "utf-8-sig", newline="")
    (folder / "identity-card.jpg").write_bytes(_picture("样张 身份证件", paper["姓名"], paper["证件号码"]))
    (folder / "damaged-paper.jpg").write_bytes(_picture("样张 损毁的纸质证书", paper["姓名"], paper["证书编号"]))


def _picture(*lines: str) -> bytes:
    """A card with some lines of text, as JPEG."""
    image = Image.new("RGB", (1000, 630), (236, 241, 246))
    pen, font = ImageDraw.Draw(image), ImageFont.truetype(fonts_folder() / "LXGWWenKai-Regular.ttf", 64)
    pen.rectangle((20, 20, 980, 610), outline=(90, 110, 140), width=4)
    for at, line in enumerate(lines):
        pen.text((70, 90 + 150 * at), line, fill=(40, 50, 70), font=font)
    target = io.BytesIO()
    image.save(target, "JPEG", quality=85)
    return target.getvalue()
