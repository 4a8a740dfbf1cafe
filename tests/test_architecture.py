"""`docs/architecture.md` leads where it says: every file that its tables name is there, with the names it tells of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import certsvc

PACKAGE = Path(certsvc.__file__).parent
TOP = PACKAGE.parent
FILES = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.*") if "__pycache__" not in path.parts]
ROWS = [
    line
    for line in (TOP / "docs/architecture.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and ".py`" in line
]


def files_of(row: str) -> dict[str, list[str]]:
    """Each file that a row names → where there is one whose path ends so, in `certsvc` or from the top."""
    named = re.findall(r"`([\w./]+\.(?:py|js|css|json|html))`", row)
    return {name: [file for file in FILES if f"/{file}".endswith(f"/{name}")] for name in named}


def names_of(row: str) -> set[str]:
    """What a row names that is neither file nor folder: a function, a class, a member."""
    return {name for name in re.findall(r"`((?:\w+\.)?\w+)`", row) if not name.endswith(".py")} - {"certsvc"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_what_a_row_names_is_there(row: str) -> None:
    files = files_of(row)
    lost = [name for name, found in files.items() if not found and not (TOP / name).exists()]
    text = "".join((PACKAGE / file).read_text("utf-8") for found in files.values() for file in found)
    unknown = [name for name in names_of(row) if not re.search(rf"\b{name.split('.')[-1]}\b", text)]
    assert (lost, unknown) == ([], [])


def test_a_name_that_went_elsewhere_is_seen() -> None:
    row = "| Who may see it? | `services/verification/verify.py`, `_of_claims` |"
    (file,) = files_of(row)["services/verification/verify.py"]
    assert names_of(row) == {"_of_claims"}
    assert "_of_claims" not in (PACKAGE / file).read_text("utf-8")
