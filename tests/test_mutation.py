"""The mutation run itself: which changes it makes, that each can be compiled, and that none is named in vain."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from benchmarks.mutation import ROOT, Subject, drawn
from benchmarks.mutation_session import Plan, exchange
from benchmarks.source_mutants import SourceMutant, all_mutants, mutants_of

SUBJECT = Subject.read()


@cache
def ours() -> dict[str, list[SourceMutant]]:
    """Every mutant of ours, by its area's name."""
    return {area.name: list(all_mutants(ROOT, area.sources)) for area in SUBJECT.areas}


def made_of(folder: Path, source: str) -> list[SourceMutant]:
    path = folder / "one.py"
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    return mutants_of(path, folder)


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("def f(a, b):\n    return a and b", ["(b)", "(a)"]),
        ("def f(a, b):\n    return 0 < a <= b", ["0 <= a <= b", "0 < a < b", "1"]),
        ("def f(a):\n    return a is not None", ["a is None"]),
        ("def f(a):\n    raise KeyError(a)", ["pass"]),
        ("def f(a):\n    if a:\n        return a", ["if False"]),
        ("def f(a):\n    a.stop()", ["pass"]),
        ("def f(a):\n    return not a", ["a"]),
        ("def f(a):\n    return 'x' if a else 'y'", ["the other way round"]),
        ("def f(a, b):\n    return a + b", ["(a) - (b)"]),
        ("def f(a):\n    return any(a) or True", ["without any(a)", "without True", "all", "False"]),
        ("A = frozenset({'x', 'y'})", ["without 'x'", "without 'y'"]),
    ],
)
def test_each_kind_of_change_is_made(tmp_path: Path, source: str, changes: list[str]) -> None:
    made = [mutant.after for mutant in made_of(tmp_path, source)]
    for change in changes:
        assert any(one in {change, change.strip("()"), f"without {change.strip('()')}"} for one in made), (change, made)


@pytest.mark.parametrize(
    "source",
    [
        'def f(a: int | None) -> str:\n    """Says 5."""\n    return f"{a + 5} or more"',
        "def f(a):\n    assert a > 5",
        "@dataclass(frozen=True)\nclass A:\n    b: int",
        "__all__ = ['a', 'b']",
        "Pairs = list[tuple[int, str]]",
    ],
)
def test_words_for_people_types_and_assertions_are_left_alone(tmp_path: Path, source: str) -> None:
    assert made_of(tmp_path, source) == []


def test_mutants_of_ours_can_be_compiled_and_keep_their_lines() -> None:
    """So that what notices one is a test, and a line's tests are that line's. Every eighth is compiled."""
    everything = [mutant for mutants in ours().values() for mutant in mutants]
    sources = {path: (ROOT / path).read_bytes() for path in {mutant.path for mutant in everything}}
    for mutant in everything:
        source, changed = sources[mutant.path], mutant.apply(sources[mutant.path])
        assert changed != source, str(mutant)
        assert changed.count(b"\n") == source.count(b"\n") or not mutant.inside, str(mutant)
    for mutant in everything[::8]:
        compile(mutant.apply(sources[mutant.path]), mutant.path, "exec")
    assert len(everything) > 3000


def test_every_area_finds_its_sources_and_its_tests() -> None:
    for area in SUBJECT.areas:
        assert ours()[area.name], area.name
        assert [path for pattern in area.tests for path in ROOT.glob(pattern)], area.name


def test_whoever_says_that_a_mutant_means_the_same_names_one_and_says_why() -> None:
    """After a change of the code an entry may name nothing: then it goes, or is looked at again."""
    made = {(one.function, one.before, one.after, one.nth) for mutants in ours().values() for one in mutants}
    told = Counter(entry.names for entry in SUBJECT.equivalents)
    assert not [one for one, times in told.items() if times > 1 or one not in made]
    assert all(len(entry.reason) > 20 for entry in SUBJECT.equivalents)


def test_the_draw_depends_on_the_seed_and_not_on_the_order_or_the_place() -> None:
    mutants = list(all_mutants(ROOT, ["certsvc/rules/progress.py"]))
    assert drawn(mutants, 1) == drawn(mutants[::-1], 1)
    assert drawn(mutants, 1) != drawn(mutants, 2)
    assert {one.key for one in mutants} == {one.key for one in drawn(mutants, 3)}
    assert len({one.key for one in mutants}) == len(mutants)


def test_a_live_function_takes_another_code(tmp_path: Path) -> None:
    path = tmp_path / "alive.py"
    path.write_text("def f(a):\n    return a > 5\n")
    names: dict[str, object] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    f = names["f"]
    assert callable(f)
    assert not f(5)
    assert exchange(path, b"def f(a):\n    return a >= 5\n")
    assert f(5)
    assert not exchange(path, b"def g(a):\n    return a >= 5\n"), "a function that is not there any more"


def test_a_fault_that_a_test_sees_is_noticed_and_one_that_none_sees_is_told(tmp_path: Path) -> None:
    """The whole way, on a module of two functions of which one is tested; the third no test comes by."""
    (tmp_path / "certain.py").write_text(
        "MOST = 5\n\n\ndef small(a):\n    return a < MOST\n\n\ndef large(a):\n    return a > MOST\n\n\n"
        "def none(a):\n    return a == MOST\n"
    )
    (tmp_path / "test_certain.py").write_text(
        "import certain\n\n\ndef test_small():\n    assert [certain.small(a) for a in (4, 5)] == [True, False]\n\n\n"
        "def test_large():\n    assert certain.large(9)\n"
    )
    mutants = mutants_of(tmp_path / "certain.py", tmp_path)
    Plan(["test_certain.py"], mutants, seconds=60, minutes=5).write(tmp_path / "plan.json")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.mutation_session", "plan.json", "results"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    left_out, *outcomes = map(json.loads, (tmp_path / "results").read_text().splitlines())
    assert left_out == {"left_out": []}
    how = {f"{mutants[one['at']].function or 'MOST'} {mutants[one['at']].after}": one["how"] for one in outcomes}
    assert how == {
        "MOST 6": "failed",
        "small a <= MOST": "failed",
        "large a >= MOST": "survived",
        "none a != MOST": "unreached",
    }
    assert (tmp_path / "certain.py").read_text().startswith("MOST = 5\n"), "the source is as it was"
