"""The house holds together: no circle among our modules, and each room of the services says truly what it does."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import shutil
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import certsvc
from certsvc import services

PACKAGE = Path(certsvc.__file__).parent
ROOMS = sorted(room.name for room in pkgutil.iter_modules(services.__path__) if room.ispkg)


def name_of(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.Module, known: frozenset[str]) -> Iterator[str]:
    """Every module of ours that a file names in an import, at its head, in a function, or for type checkers alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            within = [f"{node.module}.{one.name}" for one in node.names]
            yield from (one if one in known else str(node.module) for one in within)


def imports_of(package: Path) -> dict[str, set[str]]:
    """Module → the modules of ours that it imports, wherever in the file it does so."""
    files = {name_of(path, package): path for path in package.rglob("*.py")}
    known = frozenset(files)
    return {name: set(imported(ast.parse(path.read_text("utf-8")), known)) - {name} for name, path in files.items()}


def circle_in(package: Path) -> list[str] | None:
    """One circle of imports, as the modules along it; None where there is none."""
    try:
        TopologicalSorter(imports_of(package)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return None


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circle_in(PACKAGE) is None


@pytest.mark.parametrize(
    "hidden",
    [
        "if TYPE_CHECKING:\n    from certsvc.services.log.receipts import Receipts\n",
        "def late() -> None:\n    from certsvc.services.log import receipts\n",
        "import certsvc.services.log.receipts\n",
    ],
    ids=["for type checkers", "in a function", "at the head"],
)
def test_a_circle_put_back_is_found(tmp_path: Path, hidden: str) -> None:
    copy = tmp_path / "certsvc"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("*.ttf", "static", "_templates", "__pycache__"))
    with (copy / "services" / "context.py").open("a", encoding="utf-8") as file:
        file.write(hidden)
    circle = circle_in(copy)
    assert circle is not None
    assert {"certsvc.services.context", "certsvc.services.log.receipts"} <= set(circle)


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_says_what_it_decides_what_not_and_its_verbs(room: str) -> None:
    said = importlib.import_module(f"certsvc.services.{room}").__doc__ or ""
    assert said.startswith("Decides ")
    assert "Not here: " in said
    _, _, verbs = said.partition("Verbs: ")
    assert verbs
    for module, verb in re.findall(r"`(\w+)\.(\w+)`", verbs):
        assert callable(getattr(importlib.import_module(f"certsvc.services.{room}.{module}"), verb))


def test_no_room_is_a_hall() -> None:
    flat = [path.name for path in (PACKAGE / "services").glob("*.py")]
    assert sorted(flat) == ["__init__.py", "context.py", "imports.py", "trail.py", "vault.py"]
