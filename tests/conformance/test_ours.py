"""Our own verifier, offline with the published files alone, judges the very credentials that the others judge."""

from __future__ import annotations

import pytest

from certsvc.credential.verdict import Verdict
from certsvc.services.verification.verify import Options, verify_offline
from certsvc.signing.proofs import verify_credential
from certsvc.signing.trust import TrustBundle
from tests.conformance.world import FORGERIES, World

pytestmark = pytest.mark.conformance

VERDICTS = {
    "good": Verdict.VALID,
    "rotated": Verdict.VALID,
    "successor": Verdict.VALID,
    "in force": Verdict.VALID,
    "revoked": Verdict.REVOKED,
    "suspended": Verdict.SUSPENDED,
    "superseded": Verdict.SUPERSEDED,
    "expired": Verdict.EXPIRED,
    "distrusted": Verdict.UNAVAILABLE,  # signed before the theft, or by the thief? Only the log can tell
    "status list key": Verdict.FORGED,
    **dict.fromkeys(FORGERIES, Verdict.FORGED),
}


@pytest.fixture(scope="session")
def pinned(world: World) -> TrustBundle:
    """What a stranger reads from the published folder."""
    return TrustBundle.load(world.published)


@pytest.mark.parametrize("kind", VERDICTS)
def test_the_published_files_alone_give_the_verdict(world: World, pinned: TrustBundle, kind: str) -> None:
    found = verify_offline(
        world.credentials[kind], pinned, Options(published=world.published, now=world.services.now())
    )
    assert found.verdict is VERDICTS[kind], found.as_json()


def test_what_was_logged_before_the_theft_holds_with_the_logs_proof_only(world: World, pinned: TrustBundle) -> None:
    stolen, index = world.credentials["distrusted"], world.leaves["distrusted"]
    assert verify_credential(stolen, pinned, log_index=index).ok
    assert not verify_credential(stolen, pinned, log_index=index + 1).ok
    assert not verify_credential(stolen, pinned).ok
