"""The signatures of a credential: a Data Integrity proof set of eddsa-jcs-2022 and eddsa-rdfc-2022.

Both proofs sign the same document: one its RFC 8785 form, which any language checks with a JSON library, the other its
RDF form, which Open Badges asks for. Verification follows docs/credential-format.md section 9; each step carries its
number there and the attack it stops. Nothing found in the received bytes chooses a key or an algorithm: keys are pinned
(`trust`), the algorithms are the two named here.
Not here: the QR's signature (`cose`), the PDF's (`pdf`), status and the log (services). Source: VC DI EdDSA 3.2, 3.3.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from certsvc.credential.canonical import canonical_bytes, is_canonical, load_strict, plain_bytes
from certsvc.credential.checked import CheckedDocument
from certsvc.credential.document import CertificateClaims, Exact, read_exactly
from certsvc.credential.quads import canonical_proof_quads, canonical_quads
from certsvc.credential.verdict import Check, CheckName
from certsvc.errors import KeyRefused, MalformedCredential, one_line
from certsvc.signing.cose import CompactCheck, sign_compact, verify_compact
from certsvc.signing.keys import (
    Algorithm,
    KeyRecord,
    KeyState,
    Purpose,
    Signer,
    distrust_said,
    verify,
    vouches,
)
from certsvc.signing.multibase import decode_base58, encode_base58
from certsvc.signing.trust import TrustBundle

__all__ = [
    "CompactCheck",
    "CredentialCheck",
    "sign_compact",
    "sign_credential",
    "sign_document",
    "verify_compact",
    "verify_credential",
    "verify_document",
]

_TYPE: Final = b'"type":["VerifiableCredential",'
JCS: Final = "eddsa-jcs-2022"
RDFC: Final = "eddsa-rdfc-2022"
_CREATED: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_KID: Final = re.compile(r"[0-9a-f]{8}")
_NAMES: Final = {
    JCS: (CheckName.PROOF_JCS, CheckName.PROOF_JCS_KEY, CheckName.PROOF_JCS_TRUST),
    RDFC: (CheckName.PROOF_RDFC, CheckName.PROOF_RDFC_KEY, CheckName.PROOF_RDFC_TRUST),
}
"""Of a proof: its own check, its key's, its key's trust."""
_MEMBERS: Final = frozenset({"type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "proofValue"})


def sign_credential(checked: CheckedDocument, signer: Signer, verification_method: str, created: datetime) -> bytes:
    """The signed credential as canonical JSON, with both proofs. Uses the checked document up.

    Raises `AlreadySigned`, and `KeyRefused` for a key that is not Ed25519.
    """
    canonical = checked.take()
    document = checked.document
    time = _time_text(created)
    jcs = _sign_jcs(canonical, document, signer, verification_method, time)
    digest = (
        hashlib.sha256(canonical_proof_quads(time, RDFC, verification_method)).digest()
        + hashlib.sha256(canonical_quads(document)).digest()
    )
    rdfc = _options(RDFC, verification_method, time) | {"proofValue": encode_base58(signer.sign(digest))}
    return _with_member(canonical, b'"proof":' + plain_bytes([jcs, rdfc]))


def _with_member(canonical: bytes, member: bytes) -> bytes:
    """A checked document's canonical form with `proof` where RFC 8785 sorts it: before `type`. What precedes an
    unescaped quote is no text of anyone's, and no other node of a credential has this type."""
    before, found, after = canonical.partition(_TYPE)
    assert found
    return b"".join((before, member, b",", found, after))


def sign_document(document: dict[str, object], signer: Signer, verification_method: str, created: datetime) -> bytes:
    """Signs a document that is no certificate (a status list) with eddsa-jcs-2022 alone; canonical JSON."""
    proof = _sign_jcs(canonical_bytes(document), document, signer, verification_method, _time_text(created))
    return canonical_bytes({**document, "proof": proof})


def _sign_jcs(
    canonical: bytes, document: dict[str, object], signer: Signer, verification_method: str, time: str
) -> dict[str, object]:
    if signer.algorithm is not Algorithm.ED25519:
        raise KeyRefused("凭证只能用 Ed25519 密钥签名", "credentials are signed with Ed25519 keys only")
    # VC DI EdDSA 3.3.1 step 2: the proof repeats @context, so that its meaning cannot be changed behind the signature.
    options = _options(JCS, verification_method, time) | {"@context": document["@context"]}
    digest = hashlib.sha256(plain_bytes(options)).digest() + hashlib.sha256(canonical).digest()
    return options | {"proofValue": encode_base58(signer.sign(digest))}


def _options(cryptosuite: str, verification_method: str, time: str) -> dict[str, object]:
    return {
        "type": "DataIntegrityProof",
        "cryptosuite": cryptosuite,
        "created": time,
        "verificationMethod": verification_method,
        "proofPurpose": "assertionMethod",
    }


def _time_text(created: datetime) -> str:
    return created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class CredentialCheck:
    """What was found. `claims`, `document` and its `canonical` bytes are given only where the signature holds; `kid`
    names the pinned key."""

    ok: bool
    checks: tuple[Check, ...]
    document: dict[str, object] | None = None
    claims: CertificateClaims | None = None
    kid: str | None = None
    canonical: bytes | None = None


def verify_credential(
    content: bytes, trust: TrustBundle, *, log_index: int | None = None, exact: bool = True
) -> CredentialCheck:
    """Verifies a signed credential against pinned keys, offline; never raises on bad input.

    `log_index` is the leaf's proven index in the log: only with it can a credential of a distrusted key still hold.
    `exact` demands the very bytes that were issued; without it, the same JSON in another layout passes too.
    """
    found = _Findings()
    try:
        document, proofs = _read(content, exact, found)
        claims, _, canonical = _read_format(document, found)
        kids = {
            _verify_proof(proof, document, canonical, trust=trust, found=found, log_index=log_index) for proof in proofs
        }
    except _Failed:
        return CredentialCheck(False, tuple(found.checks))
    if claims.issuer.did != trust.did or len(kids) != 1:
        # Step 8: a genuine credential of another issuer, or proofs of two different keys.
        found.checks.append(
            Check(CheckName.ISSUER, False, "发证机构与信任清单不符", "not the pinned issuer, or two keys")
        )
        return CredentialCheck(False, tuple(found.checks))
    found.passed(CheckName.ISSUER, "发证机构与信任清单一致", "the pinned issuer")
    return CredentialCheck(True, tuple(found.checks), document, claims, kids.pop(), canonical)


def verify_document(content: bytes, trust: TrustBundle, purpose: Purpose) -> CredentialCheck:
    """Verifies a document signed by `sign_document` with a pinned key of that purpose; never raises on bad input."""
    found = _Findings()
    try:
        document, proof = _split(content, True, found)
        if not isinstance(proof, dict) or proof.get("cryptosuite") != JCS:
            raise found.failed(CheckName.PROOF, "应有且只有一个 JCS 证明", "not exactly one proof, JCS")
        kid = _verify_proof(proof, document, canonical_bytes(document), trust=trust, found=found, purpose=purpose)
    except _Failed:
        return CredentialCheck(False, tuple(found.checks))
    return CredentialCheck(True, tuple(found.checks), document, None, kid)


class _Failed(Exception):
    """Control flow inside this module: the failing check is in the findings already."""


class _Findings:
    """The checks made so far; the first failure ends the verification."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def passed(self, name: CheckName, zh: str, en: str) -> None:
        self.checks.append(Check(name, True, zh, en))

    def failed(self, name: CheckName, zh: str, en: str) -> _Failed:
        self.checks.append(Check(name, False, zh, en))
        return _Failed()


def _read(content: bytes, exact: bool, found: _Findings) -> tuple[dict[str, object], list[dict[str, object]]]:
    document, proofs = _split(content, exact, found)
    # Step 3: exactly the two proofs, in order. Fewer would let one be stripped, more would let one be slipped in.
    if not (
        isinstance(proofs, list)
        and all(isinstance(proof, dict) for proof in proofs)
        and [proof.get("cryptosuite") for proof in proofs] == [JCS, RDFC]
    ):
        raise found.failed(CheckName.PROOF, "应有两个证明：JCS 与 RDFC", "not exactly the two proofs, JCS and RDFC")
    return document, proofs


def _split(content: bytes, exact: bool, found: _Findings) -> tuple[dict[str, object], object]:
    # Step 1: one reading only (duplicate members, unsafe numbers, depth, size, bytes after the end).
    try:
        signed = load_strict(content)
    except MalformedCredential as error:
        raise found.failed(CheckName.JSON, error.zh, error.en) from error
    if not isinstance(signed, dict) or "proof" not in signed:
        raise found.failed(CheckName.JSON, "不是带证明的 JSON 对象", "not a JSON object with a proof")
    found.passed(CheckName.JSON, "JSON 合格", "strict JSON")
    # Step 2: the very bytes that were issued; a flipped or added byte shows even where JSON would not care.
    if exact and not is_canonical(content, signed):
        raise found.failed(
            CheckName.BYTES, "与签发时的字节不同，请重新下载原件", "not byte for byte as issued; download it again"
        )
    return {name: member for name, member in signed.items() if name != "proof"}, signed["proof"]


def _read_format(document: dict[str, object], found: _Findings) -> Exact:
    # Step 4: nothing but what the format knows, so nothing signed can mean two things, or go unshown.
    try:
        read = read_exactly(document)
    except MalformedCredential as error:
        zh, en = (f"({error.where})", f" ({error.where})") if error.where else ("", "")
        raise found.failed(CheckName.FORMAT, f"{error.zh}{zh}", f"{error.en}{en}") from error
    found.passed(CheckName.FORMAT, "格式合格", "the format of this service, version 1")
    return read


def _verify_proof(
    proof: dict[str, object],
    document: dict[str, object],
    canonical: bytes,
    *,
    trust: TrustBundle,
    found: _Findings,
    log_index: int | None = None,
    purpose: Purpose = Purpose.CREDENTIAL,
) -> str:
    """Steps 5 to 7 for one proof; gives the kid of the pinned key."""
    suite = proof.get("cryptosuite")
    name, key_name, trust_name = _NAMES[str(suite)]
    # Step 5: the options are all known ones. An unknown member, an embedded key, a proof made for another purpose or
    # by another algorithm is refused before any key is looked for.
    expected = _MEMBERS | {"@context"} if suite == JCS else _MEMBERS
    created, method, value = proof.get("created"), proof.get("verificationMethod"), proof.get("proofValue")
    if (
        set(proof) != expected
        or proof["type"] != "DataIntegrityProof"
        or proof["proofPurpose"] != "assertionMethod"
        or not (isinstance(created, str) and isinstance(method, str) and isinstance(value, str))
    ):
        raise found.failed(name, "证明的选项不合规定", "proof options that are not allowed")
    if suite == JCS and canonical_bytes(proof["@context"]) != canonical_bytes(document.get("@context")):
        raise found.failed(name, "证明与文档的 @context 不同", "the proof's @context is not the document's")
    made_at = _parse_time(created)
    if made_at is None:
        raise found.failed(name, "证明时间不合格", "not a time of a proof")
    # Step 6: a pinned key of this purpose, in the state to vouch.
    did, _, kid = method.partition("#")
    key = trust.key(kid, purpose) if did == trust.did and _KID.fullmatch(kid) else None
    if key is None or key.algorithm is not Algorithm.ED25519:
        shown = one_line(method[:200])
        raise found.failed(key_name, f"签名密钥不在信任清单中：{shown}", f"not a pinned key: {shown}")
    _check_state(key, made_at, key_name, found)
    # Step 7: the signature, over the options and the document together.
    try:
        signature = decode_base58(value, 64)
    except MalformedCredential as error:
        raise found.failed(name, error.zh, error.en) from error
    if suite == JCS:
        options = {member: option for member, option in proof.items() if member != "proofValue"}
        forms = canonical_bytes(options), canonical
    else:
        forms = canonical_proof_quads(created, RDFC, method), canonical_quads(document)
    digest = b"".join(hashlib.sha256(form).digest() for form in forms)
    if not verify(key.algorithm, key.public, signature, digest):
        raise found.failed(name, "签名不符：内容被改动", "the signature does not match: the content was changed")
    # Last of all, so that this finding is never one about a signature that would not have held anyway.
    _check_trust(key, log_index, trust_name, found)
    found.passed(name, f"签名真实，密钥 {kid}", f"genuine signature, key {kid}")
    return kid


def _parse_time(text: str) -> datetime | None:
    if not _CREATED.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _check_state(key: KeyRecord, made_at: datetime, name: CheckName, found: _Findings) -> None:
    if key.state is KeyState.PENDING:
        raise found.failed(name, "密钥尚未启用", "a key that is not in use yet")
    if key.retired_at is not None and made_at > key.retired_at:
        raise found.failed(name, "证明时间晚于密钥停用时间", "a proof made after its key was retired")


def _check_trust(key: KeyRecord, log_index: int | None, name: CheckName, found: _Findings) -> None:
    if not vouches(key, log_index):
        # A thief can put any date in `created`; only the log says what was there before the theft.
        raise found.failed(name, *distrust_said(key))
