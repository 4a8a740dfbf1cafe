"""The draw as a function of seed and ticket: the vectors, and that both items of a pair come up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certsvc.rules.draw import commitment_of, drawn_items

VECTORS = Path(__file__).parents[1] / "vectors" / "draw"
PAIRS = (("rescue_rope", "airway_obstruction"), ("sign_recognition", "triage"))


@pytest.mark.parametrize("name", ["revealed", "another"])
def test_commitment_and_draws_are_those_of_the_vectors(name: str) -> None:
    said = json.loads((VECTORS / f"{name}.json").read_bytes())
    seed = bytes.fromhex(said["seed"])
    assert commitment_of(seed, said["sitting"]) == said["commitment"]
    for one in said["draws"]:
        assert list(drawn_items(seed, one["ticket"], one["of"])) == one["drawn"]


def test_each_of_the_four_draws_comes_up_about_as_often() -> None:
    counts = dict.fromkeys(((a, b) for a in PAIRS[0] for b in PAIRS[1]), 0)
    for number in range(4000):
        counts[drawn_items(bytes(32), f"250324-0001-{number:03d}", PAIRS)] += 1
    assert all(900 < count < 1100 for count in counts.values())


def test_another_seed_or_sitting_makes_another_commitment() -> None:
    made = {commitment_of(bytes([byte]) * 32, sitting) for byte in range(8) for sitting in range(8)}
    assert len(made) == 64


def test_nothing_is_drawn_of_no_pairs() -> None:
    assert drawn_items(bytes(32), "250324-0001-001", ()) == ()
