from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.credential.compact import parse_qr_text
from certsvc.credential.verdict import CheckName
from certsvc.errors import KeyRefused
from certsvc.signing.cose import LARGEST_MESSAGE, sign_compact
from certsvc.signing.keys import Algorithm, KeyState, Purpose
from certsvc.signing.proofs import verify_compact
from tests.credential.builders import claims, full_claims
from tests.signing.builders import ISSUING, STATUS, STRANGER, SeedSigner, bundle, signed_compact
from tests.signing.write_vectors import FOLDER

GOOD = signed_compact(full_claims())
PROTECTED, _, PAYLOAD, SIGNATURE = cbor2.loads(GOOD).value


def message(
    protected: Any = PROTECTED, unprotected: Any = None, payload: Any = PAYLOAD, signature: Any = None
) -> bytes:
    """A COSE message with some part replaced; signed again over the parts given, as the key's thief could."""
    if signature is None:
        signature = ISSUING.sign(cbor2.dumps(["Signature1", protected, b"", payload]))
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {} if unprotected is None else unprotected, payload, signature]))


def protected(header: dict[int, object]) -> bytes:
    return cbor2.dumps(header)


def test_the_qr_on_file_verifies_offline() -> None:
    for name in ("plain", "full"):
        cose = parse_qr_text((FOLDER / f"{name}.qr.txt").read_text()).cose
        assert cose is not None
        found = verify_compact(cose, bundle())
        assert found.ok
        assert found.kid == ISSUING.kid
        assert [check.ok for check in found.checks] == [True]


@pytest.mark.parametrize("number", ["2563010001500001", "Y000051000001213000123"])
@pytest.mark.parametrize("name", ["张伟", "阿卜杜拉·买买提江·吐尔逊", "𠮷" * 100])
def test_the_message_has_at_most_130_bytes(number: str, name: str) -> None:
    assert len(signed_compact(claims(number=number, holder_name=name))) <= LARGEST_MESSAGE


def test_the_message_is_the_cbor_the_format_prints() -> None:
    assert GOOD.hex().startswith("d28449a201270444" + ISSUING.kid + "a058")
    assert message() == GOOD


KID = bytes.fromhex(ISSUING.kid)
FORMS: dict[str, bytes] = {
    "nothing": b"",
    "a byte after the end": GOOD + b"\0",
    "a truncated message": GOOD[:-1],
    "no tag": GOOD[1:],
    "another tag": b"\xd1" + GOOD[1:],
    "a tag on a tag": b"\xd2" + GOOD,
    "no array": cbor2.dumps(cbor2.CBORTag(18, {})),
    "an array of three": cbor2.dumps(cbor2.CBORTag(18, [PROTECTED, {}, PAYLOAD])),
    "no CBOR": b"\xff\xff",
    "an indefinite array": b"\xd2\x9f" + GOOD[2:] + b"\xff",
    "more than 130 bytes": message(payload=PAYLOAD + bytes(60)),
    "ES256 by name": message(protected({1: -7, 4: KID})),
    "no algorithm": message(protected({4: KID})),
    "the algorithm as text": message(protected({1: "EdDSA", 4: KID})),
    "no kid": message(protected({1: -8})),
    "a kid of 8 bytes": message(protected({1: -8, 4: KID * 2})),
    "a kid outside the protection": message(protected({1: -8}), {4: KID}),
    "the algorithm outside the protection": message(protected({4: KID}), {1: -8}),
    "an unprotected header": message(unprotected={5: b"x"}),
    "a critical header": message(protected({1: -8, 2: [99], 4: KID, 99: 1})),
    "an embedded key": message(protected({1: -8, 4: KID, -1: bytes(32)})),
    "headers in another order": message(b"\xa2\x04\x44" + KID + b"\x01\x27"),
    "the algorithm in a longer form": message(b"\xa2\x01\x38\x07\x04\x44" + KID),
    "an empty protected header": message(b""),
    "a detached payload": message(payload=None),
    "a payload as text": message(payload="x"),
    "a short signature": message(signature=SIGNATURE[:63]),
    "a long signature": message(signature=SIGNATURE + b"\0"),
    "no signature": message(signature=b""),
    "a signature that is no bytes": message(signature=5),
}


@pytest.mark.parametrize("fault", FORMS)
def test_a_message_in_another_form_is_refused(fault: str) -> None:
    found = verify_compact(FORMS[fault], bundle())
    assert (found.ok, found.claims, found.kid) == (False, None, None)
    assert [check.name for check in found.checks] == [CheckName.QR_MESSAGE]


def refusal(cose: bytes, trust: Any = None) -> str:
    found = verify_compact(cose, trust or bundle())
    assert not found.ok
    return found.checks[0].name


def test_a_changed_payload_fails_by_the_signature() -> None:
    assert refusal(message(payload=PAYLOAD[:-1] + b"\0", signature=SIGNATURE)) == CheckName.QR_SIGNATURE
    assert refusal(message(signature=bytes(64))) == CheckName.QR_SIGNATURE


def test_a_key_nobody_pinned_is_refused() -> None:
    assert refusal(signed_compact(full_claims(), STRANGER)) == CheckName.QR_KEY


def test_a_strangers_signature_under_our_kid_is_refused() -> None:
    forged = STRANGER.sign(cbor2.dumps(["Signature1", PROTECTED, b"", PAYLOAD]))
    assert refusal(message(signature=forged)) == CheckName.QR_SIGNATURE


def test_a_key_of_another_purpose_is_refused() -> None:
    assert refusal(signed_compact(full_claims(), STATUS)) == CheckName.QR_KEY


def test_a_pending_key_is_refused() -> None:
    assert refusal(GOOD, bundle(ISSUING.record(state=KeyState.PENDING))) == CheckName.QR_KEY


def test_a_signed_payload_that_says_nothing_known_is_refused() -> None:
    assert refusal(message(payload=b"\x80")) == CheckName.QR_PAYLOAD


def test_a_signature_of_another_kind_of_message_is_refused() -> None:
    # What was signed as a credential's proof, or in another COSE context, does not pass here.
    other = ISSUING.sign(cbor2.dumps(["Signature", PROTECTED, b"", b"", PAYLOAD]))
    assert refusal(message(signature=other)) == CheckName.QR_SIGNATURE


@pytest.mark.parametrize(("log_index", "ok"), [(None, False), (99, True), (100, False)])
def test_a_distrusted_key_vouches_only_for_what_was_logged_before(log_index: int | None, ok: bool) -> None:
    record = ISSUING.record(state=KeyState.DISTRUSTED, distrusted_from=100, retired_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert verify_compact(GOOD, bundle(record), log_index=log_index).ok is ok


def test_every_flipped_bit_is_found() -> None:
    for bit in range(len(GOOD) * 8):
        changed = bytearray(GOOD)
        changed[bit // 8] ^= 1 << bit % 8
        assert not verify_compact(bytes(changed), bundle()).ok, bit


@given(st.binary(max_size=140))
def test_garbage_is_refused_without_an_exception(cose: bytes) -> None:
    assert not verify_compact(cose, bundle()).ok


def test_the_qr_is_signed_with_ed25519_only() -> None:
    signer = SeedSigner(1)
    signer.algorithm = Algorithm.P256
    found = verify_compact(GOOD, bundle())
    assert found.claims is not None
    with pytest.raises(KeyRefused):
        sign_compact(found.claims, signer)
    assert Purpose.CREDENTIAL
