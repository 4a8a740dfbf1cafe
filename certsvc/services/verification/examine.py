"""What a brought file or text says by itself, with pinned keys and no register: steps V1 to V6 of docs/verification.md.

V1 form       one of the kinds, within a size                  (exhaustion; one file read two ways)
V2 seal       which part of a PDF is byte for byte what our    (appended, flipped, overlaid, re-signed, swapped parts)
              seal signed
V3 log        the carried receipt proves the leaf's index,     (a stolen key dating back, see V4; a certificate
              and the leaf says what the certificate says      logged as another event than it is)
V4 proofs     both proofs of the credential, by pinned keys    (edited content, foreign issuer, moved proof)
V5 code       the QR's own signature, and its domain           (a code drawn by a forger, a look-alike site)
V6 parts      credential, code and opening are of one and the same certificate  (two genuine parts mixed)

Nothing raises on hostile input. Not here: what a file names whose seal is not whole, and pictures (`named`), wrappings
(`brought.wrappings`), the register (`ask_register`), published status (`ask_published`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from certsvc.brought.wrappings import Wrapping, wrapping_of
from certsvc.credential.canonical import canonical_bytes, load_strict
from certsvc.credential.checked import digest8
from certsvc.credential.commitment import read_opening
from certsvc.credential.compact import CompactClaims, QrText, compact_claims, parse_qr_text
from certsvc.credential.document import CertificateClaims
from certsvc.credential.verdict import Alteration, Check, CheckName
from certsvc.errors import CertsvcError, MalformedCredential
from certsvc.pictures.kinds import is_picture
from certsvc.services.log.stated import stated_by
from certsvc.services.verification.gm import check_gm
from certsvc.signing.keys import Purpose
from certsvc.signing.pdf import LARGEST_BYTES
from certsvc.signing.pdf_bounded import examine_and_look, examine_pdf_bounded
from certsvc.signing.pdf_examination import RECEIPT
from certsvc.signing.pdf_within import Within
from certsvc.signing.proofs import verify_compact, verify_credential
from certsvc.signing.trust import TrustBundle, host_of, log_keys_of
from certsvc.transparency.receipt import Receipt, check_receipt, parse_receipt

_LONGEST_TEXT: Final = 2000
_PDF: Final = b"%PDF-"
_PDF_WITHIN: Final = 1024  # where readers still find a PDF's beginning behind junk
_MARK: Final = b"\xef\xbb\xbf"
_BLANKS: Final = b" \t\r\n"
_CLAIMS_TO_BE_CREDENTIAL: Final = (b'"proof"', b'"credentialSubject"')
# What says nothing about a seal: the file was not examined at all.
_UNEXAMINED: Final = frozenset({CheckName.PDF_SIZE, CheckName.PDF_LIMITS})


class Kind(StrEnum):
    PDF = "pdf"
    CREDENTIAL = "credential"
    QR = "qr"
    PICTURE = "picture"
    WRAPPING = "wrapping"
    OTHER = "other"


@dataclass(slots=True)
class Examined:
    """What was found so far. `claims_to_be_ours` tells a forgery from a file that never pretended to be a certificate.

    `claims` and `credential` (bytes) are there only where their signatures hold, `compact` likewise; `token` also from
    a bare link. `leaf_index` is proven by `receipt`. `sha256` is of the sealed part, where a file has one; `original`
    is that part where more was brought, and `alteration` then says how. A file without one has `within`, from which
    `named` follows: the certificates it names, each found by a signature or an address of its own. `contained` are
    documents inside, with their names.
    """

    kind: Kind
    checks: list[Check] = field(default_factory=list)
    claims_to_be_ours: bool = False
    sha256: str = ""
    claims: CertificateClaims | None = None
    credential: bytes | None = None
    digest8: bytes | None = None
    compact: CompactClaims | None = None
    cose: bytes | None = None
    token: str | None = None
    leaf_index: int | None = None
    receipt: Receipt | None = None
    alteration: Alteration | None = None
    original: bytes | None = None
    within: Within | None = None
    named: list[Examined] = field(default_factory=list)
    contained: list[tuple[str, bytes]] = field(default_factory=list)

    def say(self, name: CheckName, ok: bool | None, zh: str, en: str) -> None:
        self.checks.append(Check(name, ok, zh, en))

    @property
    def failed(self) -> bool:
        """Whether something speaks against what was signed; that something was added to it does not."""
        return bool(self.faults)

    @property
    def faults(self) -> frozenset[CheckName]:
        added = {CheckName.PDF_COVERAGE, CheckName.PDF_ARCHIVE} if self.alteration is Alteration.ADDED else frozenset()
        return frozenset(check.name for check in self.checks if check.ok is False) - added


@dataclass(frozen=True, slots=True)
class Means:
    """What an examination stands on. `bounded` examines a PDF in a process of its own.

    `prove_index` gives the log index that the register proves for a credential's bytes or a token, None where it
    proves none; only the credentials of a key distrusted since depend on it. `receipt` belongs to a bare credential.
    `on_record` says whether the register has the hash of just this PDF: all that helps where its seal was stolen.
    `gm_signature` is a detached SM2 signature brought beside the credential.
    """

    trust: TrustBundle
    now: datetime | None = None
    bounded: bool = True
    prove_index: Callable[[bytes | str], int | None] = lambda _: None
    receipt: bytes | None = None
    on_record: Callable[[str], bool] = lambda _: False
    gm_signature: bytes | None = None


def examine(content: bytes | str, means: Means) -> Examined:
    """Examine what was brought; checks come in the order of the steps."""
    brought = content.strip().encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    # V1: what kind of thing is this? Decided from its beginning only, and never changed later.
    found = Examined(_kind_of(brought), sha256=hashlib.sha256(brought).hexdigest())
    if found.kind is Kind.PDF:
        _examine_pdf(brought, means, found)
    elif found.kind is Kind.CREDENTIAL:
        _examine_json(brought, means, found)
    elif found.kind is Kind.QR:
        _examine_qr(brought, means, found)
    elif found.kind is Kind.PICTURE:
        found.say(CheckName.FILE_FORM, True, "图片", "a picture")
    elif found.kind is Kind.OTHER:
        found.say(
            CheckName.FILE_FORM,
            False,
            "不是 PDF、凭证、图片或证书二维码的内容",
            "neither a PDF, nor a credential, a picture, or the text of a certificate's QR",
        )
    if means.gm_signature is not None and found.credential is not None:
        index = means.prove_index(found.credential) if found.leaf_index is None else found.leaf_index
        found.checks.append(check_gm(found.credential, means.gm_signature, means.trust, index))
    return found


def _kind_of(brought: bytes) -> Kind:
    if len(brought) > LARGEST_BYTES:
        return Kind.PDF if brought.startswith(_PDF) else Kind.OTHER
    if is_picture(brought):
        return Kind.PICTURE
    wrapping = wrapping_of(brought)
    if _PDF in brought[:_PDF_WITHIN] and wrapping is not Wrapping.ZIP:
        return Kind.PDF
    if brought.removeprefix(_MARK).lstrip(_BLANKS)[:1] == b"{":
        return Kind.CREDENTIAL
    if _qr_of(brought) is not None:
        return Kind.QR
    return Kind.OTHER if wrapping is None else Kind.WRAPPING


def _qr_of(brought: bytes) -> QrText | None:
    if len(brought) > _LONGEST_TEXT:
        return None
    try:
        return parse_qr_text(brought.strip().decode("ascii"))
    except (UnicodeDecodeError, MalformedCredential):
        return None


def _examine_pdf(brought: bytes, means: Means, found: Examined) -> None:
    # V2: no parser believes a byte before the seal over it has been proven.
    examine_file = examine_pdf_bounded if means.bounded else examine_and_look
    trust = means.trust
    seal = examine_file(brought, trust.certificates(), now=means.now, stamp_roots=trust.stamp_certificates())
    found.say(CheckName.FILE_FORM, True, "PDF 文件", "a PDF file")
    found.checks += seal.checks
    found.within = seal.within
    if seal.sealed is None:
        # Where a file of our form was not even looked into, its own seal speaks against it.
        found.claims_to_be_ours = seal.within is None and found.faults.isdisjoint(_UNEXAMINED)
        return
    found.claims_to_be_ours = True
    begins, ends = seal.sealed
    if (begins, ends) != (0, len(brought)):
        found.alteration, found.original = Alteration.ADDED, brought[begins:ends]
        found.sha256 = hashlib.sha256(found.original).hexdigest()
    key = means.trust.key(seal.signer_kid or "", Purpose.PDF_SEAL)
    if key is not None and key.distrusted_from is not None and not means.on_record(found.sha256):
        # Who stole the seal can put another face on a genuine credential, receipt and all.
        found.say(
            CheckName.PDF_SEAL_TRUST,
            False,
            f"印章密钥 {key.kid} 已不再可信，且该文件的散列不在登记中",
            f"the seal's key {key.kid} is distrusted, and the register does not have this very file",
        )
        return
    if seal.credential is None or seal.qr_text is None:
        found.say(CheckName.PARTS_AGREE, False, "缺少凭证或二维码", "the credential or the code is missing")
        return
    found.leaf_index = _proven_index(seal.attachments.get(RECEIPT), seal.credential, means.trust, found)
    _examine_credential(seal.credential, means, found.leaf_index, found)
    if found.claims is None:
        return
    _examine_code(seal.qr_text, means, found.leaf_index, found)
    _check_parts(found)
    _check_opening(seal.opening, found)


def _examine_json(brought: bytes, means: Means, found: Examined) -> None:
    found.claims_to_be_ours = any(mark in brought for mark in _CLAIMS_TO_BE_CREDENTIAL)
    found.say(CheckName.FILE_FORM, True, "凭证 JSON 文件", "a credential as JSON")
    content = _as_issued(brought)
    found.leaf_index = _proven_index(means.receipt, content, means.trust, found)
    _examine_credential(content, means, found.leaf_index, found)
    if content != brought and found.credential is not None:
        found.say(
            CheckName.BYTES,
            True,
            "排版与签发时不同，按规范形式读取，内容一致",
            "laid out otherwise than issued: read in its canonical form, which says the same",
        )


def _as_issued(brought: bytes) -> bytes:
    """The canonical form of what the JSON says; the bytes themselves where it cannot be read strictly.

    Blanks, a byte order mark, the order of members and the way letters are written say nothing: mail programs, editors
    and wallets change them. What two parsers could read differently is still refused, by the strict reading itself.
    """
    plain = brought.removeprefix(_MARK).strip(_BLANKS)
    try:
        return canonical_bytes(load_strict(plain))
    except MalformedCredential:
        return plain


def _proven_index(receipt: bytes | None, credential: bytes, trust: TrustBundle, found: Examined) -> int | None:
    # V3: the receipt stands on the log's own signature; it is what lets a credential outlive the theft of its key.
    if receipt is None:
        return None
    try:
        parsed = parse_receipt(receipt)
        check_receipt(parsed, credential, f"{host_of(trust)}/log", log_keys_of(trust), stated=stated_by(credential))
    except CertsvcError as error:
        found.say(
            CheckName.LOG_RECEIPT, False, f"日志凭据不成立：{error.zh}", f"the log receipt does not hold: {error.en}"
        )
        return None
    found.say(
        CheckName.LOG_RECEIPT,
        True,
        f"已证明记入公开日志，第 {parsed.index} 叶",
        f"proven to be in the public log, leaf {parsed.index}",
    )
    found.receipt = parsed
    return parsed.index


def _examine_credential(content: bytes, means: Means, receipt_index: int | None, found: Examined) -> None:
    # V4: nothing in the file chooses a key or an algorithm; both proofs must hold over the very bytes that were issued.
    log_index = means.prove_index(content) if receipt_index is None else receipt_index
    proofs = verify_credential(content, means.trust, log_index=log_index)
    found.checks += proofs.checks
    if proofs.ok and proofs.claims is not None:
        found.claims, found.credential = proofs.claims, content
        found.token = proofs.claims.token
        found.digest8 = digest8(canonical_bytes(proofs.document))


def _examine_qr(brought: bytes, means: Means, found: Examined) -> None:
    found.claims_to_be_ours = True
    found.say(CheckName.FILE_FORM, True, "证书二维码的内容", "the text of a certificate's QR")
    _examine_code(brought.strip().decode("ascii"), means, None, found)


def _examine_code(text: str, means: Means, receipt_index: int | None, found: Examined) -> None:
    # V5: the domain is the issuer's, and the payload is signed by a pinned key.
    try:
        code = parse_qr_text(text)
    except MalformedCredential as error:
        found.say(CheckName.QR_FORM, False, error.zh, error.en)
        return
    expected = host_of(means.trust)
    ours = code.host == expected
    found.say(
        CheckName.QR_HOST,
        ours,
        f"网址属于发证机构：{expected}" if ours else f"网址 {code.host} 不是发证机构的域名 {expected}",
        f"the address is the issuer's: {expected}" if ours else f"{code.host} is not the issuer's domain {expected}",
    )
    if found.token is not None and found.token != code.token:
        found.say(
            CheckName.PARTS_AGREE,
            False,
            "二维码与凭证不属于同一证书",
            "the code and the credential are of two certificates",
        )
    found.token = code.token
    if code.cose is None:
        found.say(
            CheckName.QR_SIGNATURE,
            None,
            "网址中没有可离线查验的内容",
            "the link carries nothing that can be checked offline",
        )
        return
    log_index = means.prove_index(code.token) if receipt_index is None else receipt_index
    signature = verify_compact(code.cose, means.trust, log_index=log_index)
    found.checks += signature.checks
    found.compact, found.cose = signature.claims, code.cose


def _check_parts(found: Examined) -> None:
    # V6: each part names the others, so genuine parts of two certificates do not pass together.
    if found.claims is None or found.compact is None or found.failed:
        return
    agree = found.digest8 is not None and code_is_of(found.compact, found.claims, found.digest8)
    found.say(
        CheckName.PARTS_AGREE,
        agree,
        "凭证与二维码属于同一证书" if agree else "二维码与凭证不属于同一证书",
        "credential and code are of one certificate"
        if agree
        else "the code and the credential are of two certificates",
    )


def code_is_of(compact: CompactClaims, claims: CertificateClaims, credential_digest8: bytes) -> bool:
    """Whether the code's payload is the one made for this credential."""
    return compact == compact_claims(claims, credential_digest8)


def _check_opening(opening: bytes | None, found: Examined) -> None:
    # V6: the identity number on the face is sealed with the file; the opening shows it is the one that was signed.
    if opening is None or found.claims is None:
        found.say(
            CheckName.IDENTITY_OPENING, None, "未附身份承诺的开启", "no opening of the identity commitment is attached"
        )
        return
    try:
        opens = read_opening(opening).opens(found.claims.id_commitment)
    except CertsvcError:
        opens = False
    found.say(
        CheckName.IDENTITY_OPENING,
        opens,
        "证件号码与所签承诺一致" if opens else "证件号码与所签承诺不符",
        "the identity number is the one committed to" if opens else "the identity number is not the one committed to",
    )
