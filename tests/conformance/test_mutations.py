"""Mutants of genuine credentials and PDFs: 100,000 and 10,000 in CI, none accepted by our own verifier.

`benchmarks/soak.py` runs a hundred times as many. What a mutant is, and what "accepted" means: `benchmarks`.
"""

from __future__ import annotations

import pytest

from benchmarks.campaign import Tally, mutate_credentials, mutate_pdfs
from tests.conformance.world import World

pytestmark = pytest.mark.conformance

CREDENTIALS = ("good", "another", "rotated", "in force", "without status")
PDFS = ("good", "another", "rotated")
STEPS = {"json", "bytes", "proof", "format", "proof-eddsa-jcs-2022", "proof-eddsa-rdfc-2022"}


def credentials(world: World, count: int, seed: int) -> Tally:
    return mutate_credentials([world.credentials[kind] for kind in CREDENTIALS], world.trust, count=count, seed=seed)


def pdfs(world: World, count: int, seed: int) -> Tally:
    return mutate_pdfs([world.pdfs[kind] for kind in PDFS], world.trust.certificates(), count=count, seed=seed)


def test_no_mutated_credential_is_accepted_and_mutants_reach_every_step(world: World) -> None:
    tally = credentials(world, 4_000, 0)
    assert tally.accepted == []
    assert set(tally.refused) >= STEPS, "the mutants are too tame"
    assert tally.lenient


def test_no_mutated_pdf_is_accepted_and_mutants_reach_every_step(world: World) -> None:
    tally = pdfs(world, 4_000, 0)
    assert tally.accepted == []
    assert set(tally.refused) >= {"pdf-form", "pdf-coverage", "pdf-padding", "pdf-cms", "pdf-digest"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_no_credential_of_a_hundred_thousand_mutants_is_accepted(world: World, seed: int) -> None:
    tally = credentials(world, 25_000, seed)
    assert tally.tried == 25_000
    assert tally.accepted == []


@pytest.mark.slow
def test_no_pdf_of_ten_thousand_mutants_is_accepted(world: World) -> None:
    tally = pdfs(world, 10_000, 1)
    assert tally.tried == 10_000
    assert tally.accepted == []
