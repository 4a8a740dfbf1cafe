"""Mutants of time-stamped, archived and renewed PDFs: none is accepted, and each update is reached."""

from __future__ import annotations

import random

import pytest

from benchmarks.archive_mutations import OF_ARCHIVED
from benchmarks.campaign import mutate_archived
from tests.signing.archives import ROOT, World, make_world, sealed, world_of


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, World]:
    one = make_world(tmp_path_factory.mktemp("tsa"))
    return one, world_of(one.authority, sealed(b'{"another":1}'))


def genuine(worlds: tuple[World, World]) -> list[bytes]:
    return [pdf for world in worlds for pdf in (world.stamped, world.archived, world.renewed)]


def test_every_mutation_changes_an_archived_file(worlds: tuple[World, World]) -> None:
    one, another = worlds
    for name, mutate in OF_ARCHIVED.items():
        mutants = {mutate(random.Random(f"{name}{at}"), one.renewed, another.renewed) for at in range(12)}
        assert mutants - {one.renewed}, name


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_no_mutant_of_an_archived_pdf_is_accepted(worlds: tuple[World, World], seed: int) -> None:
    pdfs = genuine(worlds)
    assert all(worlds[0].examine(pdf).ok for pdf in pdfs)
    authority = worlds[0].authority
    tally = mutate_archived(pdfs, [ROOT], authority.roots, count=1_000, seed=seed)
    assert tally.accepted == []
    assert tally.tried == 1_000
    assert set(tally.refused) >= {"pdf-form", "pdf-coverage", "pdf-digest", "pdf-stamp", "pdf-archive"}
    assert tally.refused["pdf-archive"] > 200
