"""Which certificates a thing names that is no original: a rewritten PDF, a merge, a scan, a picture (R11, `altered`).

What stands on its pages is never believed, nor even read. A certificate is named by what speaks for itself: a signed
credential that is attached, a signed code, or an address that the register is then asked about. Each of them is
examined alone (`examine`), and the record shown is the register's, or the credential's own, never the file's words.

It is a forgery only where a signature contradicts it (docs/verification.md, "altered or forged"):
N1 credential   one attached says to be ours, and its proofs do not hold
N2 code         one is signed under our address, and its signature does not hold; or it holds under another's address
N3 parts        credentials and codes are there, and no code is of any of the credentials
N4 seal         somebody else's seal bears the issuer's name
A seal of our own that stands there displaced says nothing: each program that writes a PDF again leaves one.

Not here: the part of a file under a whole seal (`examine`), what the register says (`ask_register`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from certsvc.credential.compact import parse_qr_text
from certsvc.credential.verdict import Alteration, CheckName
from certsvc.errors import MalformedCredential, PictureRefused
from certsvc.pictures.codes import read_codes
from certsvc.services.verification.examine import Examined, Kind, Means, code_is_of, examine
from certsvc.signing.pdf_examination import RECEIPT
from certsvc.signing.pdf_within import names_of_roots
from certsvc.signing.trust import host_of

_SECONDS_FOR_A_PDF: Final = 3.0  # its pages are drawn clean, or were scanned upright
_END: Final = b"%%EOF"
_MOST_RECEIPTS: Final = 3

OF_A_DISTRUSTED_KEY: Final = frozenset(
    {
        CheckName.PROOF_JCS_TRUST,
        CheckName.PROOF_RDFC_TRUST,
        CheckName.QR_TRUST,
        CheckName.PDF_SEAL_TRUST,
        CheckName.GM_TRUST,
    }
)
"""The signature holds, but its key is distrusted from a log index on, and nothing proves an earlier one."""
# A code of no form proves nothing, for or against: a program may have cut it in two.
_CONTRADICTING: Final = frozenset({CheckName.QR_KEY, CheckName.QR_SIGNATURE, CheckName.QR_PAYLOAD})


def name_from_picture(brought: bytes, means: Means, found: Examined) -> None:
    """The certificates whose codes a picture shows."""
    try:
        texts = read_codes(brought)
    except PictureRefused as error:
        found.say(CheckName.FILE, False, error.zh, error.en)
        return
    found.named += [examine(text, means) for text in texts if _is_code(text)]
    if found.named:
        found.say(
            CheckName.PICTURE_CODE,
            True,
            "图片中有证书二维码；它不证明图片上其余的内容，请与下面的记录比对",
            "the picture shows a certificate's code, which proves nothing else in the picture: compare it with the "
            "record below",
        )
    elif texts:
        found.say(
            CheckName.PICTURE_CODE,
            False,
            "图片中的二维码不是证书的二维码；请只拍证书上的那个",
            "the code in the picture is no certificate's: take only the one on the certificate",
        )
    else:
        found.say(
            CheckName.PICTURE_CODE,
            False,
            "图片中没有找到证书二维码；请靠近拍摄或截取二维码部分",
            "no certificate's code was found in the picture: take it closer, or cut out the code",
        )


def name_from_pdf(brought: bytes, means: Means, found: Examined) -> None:
    """The certificates that a PDF without a whole seal names, and what contradicts them."""
    within = found.within
    assert within is not None
    if within.locked:
        found.say(
            CheckName.FILE_PASSWORD,
            None,
            "文件有打开密码，看不到里面；请另存为无密码的文件，或扫描二维码",
            "the file asks for a password, so nothing in it was seen; save it without one, or scan the code",
        )
        return
    found.alteration = _alteration(brought, found)
    found.contained += [(name, content) for name, content in within.attachments if b"%PDF-" in content[:1024]]
    credentials = list(_credentials(within.attachments, means, found))
    codes = list(_codes(within.texts, means, found))
    told = bool(credentials or found.contained or found.claims_to_be_ours)
    if not told and not any(code.compact for code in codes):
        codes += _codes(_drawn(brought), means, found)
    _check_parts(credentials, codes, found)
    _check_signers(within.signers, credentials, means, found)
    seen = {one.token for one in credentials}
    # A code with its signed part first: a bare address, as any text may hold, names the same certificate more weakly.
    for code in sorted(codes, key=lambda one: one.compact is None):
        if code.token not in seen:
            seen.add(code.token)
            credentials.append(code)
    found.named += credentials


def _alteration(brought: bytes, found: Examined) -> Alteration:
    assert found.within is not None
    if found.within.protected:
        found.say(
            CheckName.FILE_PASSWORD,
            None,
            "文件设有密码保护；请另存为无密码的文件，或扫描二维码",
            "the file is protected by a password; save it without one, or scan the code",
        )
        return Alteration.PROTECTED
    cut = CheckName.PDF_COVERAGE in found.faults and not brought.rstrip().endswith(_END)
    return Alteration.CUT_OFF if cut else Alteration.REWRITTEN


def _credentials(attachments: Sequence[tuple[str, bytes]], means: Means, found: Examined) -> Iterator[Examined]:
    """N1: those attached that are ours."""
    receipts = [content for name, content in attachments if name == RECEIPT]
    own = f'"{means.trust.did}'.encode()
    plain = replace(means, gm_signature=None)
    for _, content in attachments:
        if own not in content or b'"proof"' not in content:
            continue
        # A receipt belongs to one credential, and after a merge perhaps to another; none is needed.
        one = next(
            one
            for receipt in (*receipts[:_MOST_RECEIPTS], None)
            if CheckName.LOG_RECEIPT not in (one := examine(content, replace(plain, receipt=receipt))).faults
        )
        if one.kind is not Kind.CREDENTIAL:
            continue
        if one.failed and not one.faults <= OF_A_DISTRUSTED_KEY:
            _contradict(found, one)
        else:
            yield one


def _codes(texts: Iterable[str], means: Means, found: Examined) -> Iterator[Examined]:
    """N2: those that lead to our own address."""
    for text in texts:
        if not _is_code(text):
            continue
        one = examine(text, replace(means, gm_signature=None))
        ours = CheckName.QR_HOST not in one.faults
        if not ours and one.compact is None:
            continue  # another issuer's certificate
        if not ours or one.faults & _CONTRADICTING:
            _contradict(found, one)
        elif one.faults <= OF_A_DISTRUSTED_KEY:
            yield one
        else:
            yield examine(text.partition("#")[0], means)


def _drawn(brought: bytes) -> tuple[str, ...]:
    """The codes that the pages show, where the file's own structure has none left: printed, scanned, flattened."""
    try:
        return read_codes(brought, seconds=_SECONDS_FOR_A_PDF)
    except PictureRefused:
        return ()


def _check_parts(credentials: Sequence[Examined], codes: Sequence[Examined], found: Examined) -> None:
    """N3, and that each code leads to the address of its own credential."""
    signed = [code for code in codes if code.compact is not None]
    pairs = [(one, code) for one in credentials for code in signed if _belong(one, code)]
    swapped = bool(credentials) and bool(signed) and not pairs
    if swapped or any(one.token != code.token for one, code in pairs):
        found.claims_to_be_ours = True
        found.say(
            CheckName.PARTS_AGREE,
            False,
            "文件中的凭证与二维码不属于同一证书",
            "the credential and the code in the file are of two certificates",
        )


def _belong(credential: Examined, code: Examined) -> bool:
    if credential.claims is None or credential.digest8 is None or code.compact is None:
        return False
    return code_is_of(code.compact, credential.claims, credential.digest8)


def _check_signers(signers: Sequence[str], credentials: Sequence[Examined], means: Means, found: Examined) -> None:
    """N4: who signs under the issuer's name without its key."""
    issuers = [one.claims.issuer for one in credentials if one.claims is not None]
    names = names_of_roots(means.trust.certificates()).union(*({issuer.name_zh, issuer.name_en} for issuer in issuers))
    host = host_of(means.trust)
    posing = [name for name in signers if name.strip() in names or host in name.lower()]
    if posing:
        found.claims_to_be_ours = True
        found.say(
            CheckName.PDF_FOREIGN_SEAL,
            False,
            "文件上有以发证机构名义的签章，但不是发证机构的密钥所作",
            "the file bears a seal in the issuer's name that is not made by the issuer's key",
        )


def _contradict(found: Examined, by: Examined) -> None:
    """Take over what speaks against a part: then the file is a forgery, whatever else it holds."""
    found.claims_to_be_ours = True
    known = {check.name for check in found.checks if check.ok is False}
    found.checks += [check for check in by.checks if check.ok is False and check.name not in known]


def _is_code(text: str) -> bool:
    try:
        parse_qr_text(text)
    except MalformedCredential:
        return False
    return True
