from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certsvc.signing.keys import ALGORITHM_OF, Algorithm, Purpose, acceptable_public_key, kid_of, verify
from tests.signing.builders import ISSUING

ORDER = 2**252 + 27742317777372353535851937790883648493
# The eight small-order points and their second spellings, y coordinates in little-endian (RFC 8032 5.1).
SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
MESSAGE = b"message"
SIGNATURE = ISSUING.sign(MESSAGE)
P256 = ec.derive_private_key(7, ec.SECP256R1())
POINT = P256.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def test_the_first_vector_of_rfc_8032_verifies() -> None:
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    assert verify(Algorithm.ED25519, public, signature, b"")
    assert acceptable_public_key(Algorithm.ED25519, public)


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_small_order_key_is_neither_pinned_nor_verified_with(point: str) -> None:
    key = bytes.fromhex(point)
    assert not acceptable_public_key(Algorithm.ED25519, key)
    # R the neutral element, S nought: holds for every message under a small-order key in a lenient verifier.
    forged = bytes.fromhex(SMALL_ORDER[1]) + bytes(32)
    assert not verify(Algorithm.ED25519, key, forged, MESSAGE)


def test_a_signature_with_s_above_the_order_is_refused() -> None:
    malleable = SIGNATURE[:32] + (int.from_bytes(SIGNATURE[32:], "little") + ORDER).to_bytes(32, "little")
    assert verify(Algorithm.ED25519, ISSUING.public_bytes, SIGNATURE, MESSAGE)
    assert not verify(Algorithm.ED25519, ISSUING.public_bytes, malleable, MESSAGE)


@pytest.mark.parametrize("length", [0, 31, 63, 65])
def test_lengths_are_exact(length: int) -> None:
    assert not verify(Algorithm.ED25519, ISSUING.public_bytes, bytes(length), MESSAGE)
    assert not verify(Algorithm.ED25519, bytes(length), SIGNATURE, MESSAGE)
    assert not acceptable_public_key(Algorithm.ED25519, bytes(length))


def test_a_p256_signature_is_der_over_sha_256() -> None:
    signature = P256.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))
    assert verify(Algorithm.P256, POINT, signature, MESSAGE)
    assert not verify(Algorithm.P256, POINT, signature, MESSAGE + b"x")
    assert not verify(Algorithm.P256, POINT, signature + b"\0", MESSAGE)
    r, s = decode_dss_signature(signature)
    assert not verify(Algorithm.P256, POINT, r.to_bytes(32, "big") + s.to_bytes(32, "big"), MESSAGE)
    assert not verify(Algorithm.P256, POINT, encode_dss_signature(0, 0), MESSAGE)
    assert not verify(Algorithm.P256, POINT[:-1], signature, MESSAGE)


def test_a_p256_point_is_uncompressed_and_on_the_curve() -> None:
    assert acceptable_public_key(Algorithm.P256, POINT)
    assert not acceptable_public_key(
        Algorithm.P256, P256.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    )
    assert not acceptable_public_key(Algorithm.P256, POINT[:-1] + bytes([POINT[-1] ^ 1]))


def test_one_algorithm_does_not_verify_for_another() -> None:
    assert not verify(Algorithm.P256, ISSUING.public_bytes, SIGNATURE, MESSAGE)
    assert not verify(Algorithm.SECRET, ISSUING.public_bytes, SIGNATURE, MESSAGE)
    assert not acceptable_public_key(Algorithm.SECRET, ISSUING.public_bytes)


def test_a_kid_has_four_bytes_and_every_purpose_an_algorithm() -> None:
    assert len(bytes.fromhex(kid_of(ISSUING.public_bytes))) == 4
    assert set(ALGORITHM_OF) == set(Purpose)
