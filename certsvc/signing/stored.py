"""The JCS proof of a credential at rest, checked over slices of its stored bytes: for scans, which are many.

What was issued is stored in its canonical form, so what the eddsa-jcs-2022 proof signs stands in it as it is: the
document is the stored bytes without the member `proof`, the options are the first proof without its `proofValue`. Two
digests and one Ed25519 check bind every byte of the document, with nothing parsed and nothing written again; where the
cut is wrong, or anything else is, the signature does not hold. The answer is the document's bytes or None: *why* it is
none is for `proofs.verify_credential` to say, which also asks the second proof and the format.
Source: VC DI EdDSA 3.3; docs/verification.md, "What a scan proves". Not here: what the document says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

from certsvc.credential.canonical import plain_bytes
from certsvc.credential.document import CONTEXT
from certsvc.signing.keys import Algorithm, KeyRecord, KeyState, Purpose, verify
from certsvc.signing.multibase import read_signature
from certsvc.signing.trust import TrustBundle

# The parts of a stored credential around what differs, as RFC 8785 orders the members.
_PROOFS: Final = b'"proof":['
_HEAD: Final = b'{"@context":' + plain_bytes(CONTEXT) + b',"created":"'
_TIME_BYTES: Final = len("2026-01-01T00:00:00Z")
_SUITE: Final = b'","cryptosuite":"eddsa-jcs-2022","proofPurpose":"assertionMethod",'
_VALUE: Final = b'"proofValue":"'
_METHOD: Final = b'"type":"DataIntegrityProof","verificationMethod":"'
_END: Final = b'"}],'


class SignedPart(NamedTuple):
    """The unsigned document of a stored credential, as it was signed, and its SHA-256."""

    document: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class _Key:
    """A pinned key that vouches without asking the log. `tail` is what its options end with."""

    public: bytes
    retired_at: datetime | None
    tail: bytes


class StoredProofs:
    """Checks stored credentials under one trust bundle."""

    def __init__(self, trust: TrustBundle) -> None:
        self._keys: Mapping[bytes, _Key] = {
            method: _Key(record.public, record.retired_at, _SUITE + _METHOD + method + b'"}')
            for record in trust.keys.values()
            if _vouches(record)
            for method in (trust.verification_method(record.kid).encode(),)
        }

    def signed_part(self, credential: bytes) -> SignedPart | None:
        """What the first proof of these stored bytes signs, where its signature holds by a pinned key; else None.

        Nothing but this may be shown: whatever else stands in `credential` is covered by no signature.
        """
        start = credential.find(_PROOFS)
        created = start + len(_PROOFS) + len(_HEAD)
        suite = created + _TIME_BYTES
        value = suite + len(_SUITE) + len(_VALUE)
        end_of_value = credential.find(b'"', value)
        method = end_of_value + len(b'",') + len(_METHOD)
        key = self._keys.get(credential[method : credential.find(b'"', method)])
        end = credential.find(_END, method)
        if start < 0 or key is None or end < 0:
            return None
        signature = read_signature(credential[value:end_of_value])
        made_at = credential[created:suite]
        if signature is None or (key.retired_at is not None and not _is_by(made_at, key.retired_at)):
            return None
        document = credential[:start] + credential[end + len(_END) :]
        digest = sha256(document).digest()
        options = sha256(_HEAD + made_at + key.tail).digest()
        if not verify(Algorithm.ED25519, key.public, signature, options + digest):
            return None
        return SignedPart(document, digest)


def _vouches(record: KeyRecord) -> bool:
    return (
        record.purpose is Purpose.CREDENTIAL
        and record.algorithm is Algorithm.ED25519
        and record.state in {KeyState.ACTIVE, KeyState.RETIRED}
        and record.distrusted_from is None
    )


def _is_by(made_at: bytes, last: datetime) -> bool:
    try:
        return datetime.fromisoformat(made_at.decode()) <= last
    except ValueError:
        return False
