"""EU DSS and pdfsig on a seal with a time stamp (PAdES B-T), by an authority that certomancer plays."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from certsvc.signing.pdf import add_stamp
from certsvc.signing.pdf_examination import examine_pdf
from tests.conformance.conftest import Java
from tests.conformance.test_pdf import judge_pdfs
from tests.conformance.world import World
from tests.programs import ask

pytest.importorskip("certomancer", reason="certomancer is not installed")
pytestmark = pytest.mark.conformance

from tests.signing.tsa import Authority  # noqa: E402


@pytest.fixture(scope="module")
def stamper(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def stamped(world: World, stamper: Authority) -> bytes:
    return add_stamp(world.pdfs["good"], stamper.direct().stamp)


def test_dss_finds_pades_t_over_the_whole_file(java: Java, world: World, stamper: Authority, stamped: bytes) -> None:
    changed = bytearray(stamped)
    changed[-40] ^= 1
    files = {"stamped": world.write("t.pdf", stamped), "changed": world.write("tc.pdf", bytes(changed))}
    roots = [world.authority.root, *stamper.direct().roots]
    said = judge_pdfs(java, world, world.authority.lists(), files, roots)
    assert said["stamped"].dss == ["1", "TOTAL_PASSED", "null", "PAdES-BASELINE-T", "FULL"]
    assert said["stamped"].verapdf == ["true"]
    assert said["changed"].dss[1:3] == ["TOTAL_FAILED", "HASH_FAILURE"]


def test_pdfsig_and_ours_take_it_too(world: World, stamper: Authority, stamped: bytes, tmp_path: Path) -> None:
    file = tmp_path / "stamped.pdf"
    file.write_bytes(stamped)
    said = ask("pdfsig", "-nocert", file).stdout
    assert "Signature is Valid" in said
    assert "Total document signed" in said
    roots = world.trust.certificates()
    found = examine_pdf(stamped, roots, stamp_roots=stamper.direct().roots)
    assert found.ok, found.checks
    assert found.stamped_at is not None
    # An authority that no one pinned is no authority.
    assert not examine_pdf(stamped, roots).ok


def test_no_mutant_of_a_stamped_pdf_is_accepted(world: World, stamper: Authority, stamped: bytes) -> None:
    # The stamp stands where nothing is signed by the seal: each of its bytes must be proven in its own way.
    mutants = random.Random(1)
    start = stamped.index(b"/Contents<") + len(b"/Contents<")
    used = start + len(stamped[start : stamped.index(b">", start)].rstrip(b"0"))
    accepted = []
    for number in range(1_500):
        at = mutants.randrange(start, used)
        digit = f"{int(stamped[at : at + 1], 16) ^ (1 << mutants.randrange(4)):x}".encode()
        mutant = stamped[:at] + digit + stamped[at + 1 :]
        if examine_pdf(mutant, world.trust.certificates(), stamp_roots=stamper.direct().roots).ok:
            accepted.append((number, at - start))
    assert accepted == []
