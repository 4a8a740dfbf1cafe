"""openvc-core (Python) judges both proofs of our credentials, each by itself, and reads their status lists.

Its own keys come from our did.json, its status lists are put through its own verification first.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.world import CONTEXTS, FORGERIES, OPEN_BADGES, World

openvc = pytest.importorskip("openvc.verify", reason="openvc-core is not installed")
pytestmark = pytest.mark.conformance

from openvc.did.base import DidResolverRegistry, parse_did_document  # noqa: E402
from openvc.errors import OpenvcError  # noqa: E402
from openvc.status import CredentialRevoked, CredentialSuspended  # noqa: E402

SUITES = {"eddsa-jcs-2022": 0, "eddsa-rdfc-2022": 1}


class Published:
    """Resolves the issuer's DID from the published did.json."""

    def __init__(self, world: World) -> None:
        self._did = world.trust.did
        self._document = parse_did_document(json.loads((world.published / ".well-known" / "did.json").read_bytes()))

    def supports(self, did: str) -> bool:
        return did == self._did

    def resolve(self, did: str) -> Any:
        assert did == self._did
        return self._document


def judge(world: World, kind: str, suite: str) -> Any:
    """Its result for one proof of a credential; raises as it does."""
    signed = json.loads(world.credentials[kind])
    return verify(world, {**signed, "proof": signed["proof"][SUITES[suite]]}, status=True)


def verify(world: World, signed: dict[str, Any], *, status: bool = False) -> Any:
    def resolve(url: str) -> dict[str, Any]:
        list_ = json.loads((world.published / "status" / url.rsplit("/", 1)[1]).read_bytes())
        verify(world, list_)
        return list_

    return openvc.verify_credential(
        signed,
        resolver=DidResolverRegistry([Published(world)]),
        resolve_status_list=resolve if status else None,
        extra_contexts={OPEN_BADGES: json.loads((CONTEXTS / "open-badges-3.0.3.json").read_bytes())},
    )


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("kind", ["good", "rotated", "successor", "in force", "without status"])
def test_each_proof_of_a_genuine_credential_holds(world: World, kind: str, suite: str) -> None:
    result = judge(world, kind, suite)
    assert result.format == f"data-integrity:{suite}"
    assert result.issuer == world.trust.did


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    ("kind", "refusal"),
    [("revoked", CredentialRevoked), ("suspended", CredentialSuspended), ("superseded", CredentialRevoked)],
)
def test_what_the_status_lists_say_is_read(world: World, kind: str, refusal: type[Exception], suite: str) -> None:
    with pytest.raises(refusal):
        judge(world, kind, suite)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("kind", [*FORGERIES, "expired", "distrusted"])
def test_what_is_not_genuine_or_not_in_force_is_refused(world: World, kind: str, suite: str) -> None:
    with pytest.raises(OpenvcError):
        judge(world, kind, suite)
