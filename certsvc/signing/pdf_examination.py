"""Examining a PDF that claims to be a certificate: which part of it is, byte for byte, what a trusted seal signed, and
what does that part carry?

No PDF parser reads a byte that is not proven. The steps, in order, each with the attack it stops:

1. size: a file of 20 MB at most (exhaustion)
2. form: the signature dictionary is object 1, in the one form our presses write, DocMDP P=1 (other signatures)
3. coverage: /ByteRange is one whole revision but the hexadecimal of /Contents, and that revision is the whole file, or
   all up to archive updates that step 9 must prove (appended bytes, incremental overlays)
4. padding: /Contents is lower-case hexadecimal, the CMS, then zeros (bytes changed inside the signature's own hole)
5. cms: exactly the one DER form that follows from chain, digest and signature (unsigned parts of the CMS changed)
6. digest and signature: the leaf signed this digest of these bytes (any changed byte, a swapped attachment)
7. signer: the chain leads to a trusted root and was valid at the time claimed (a foreign signer)
8. stamp: a time stamp beside the signature is proven by `stamp`, under a pinned root (a level passed off as higher)
9. archive: what stands behind the sealed revision is just the updates of B-LTA, byte for byte (`pdf_archive`; overlays)
10. contents: one signature field, /Perms DocMDP pointing at it, known attachments only (a seal used on something else)

After 6 and 7 the revision is what the issuer sealed, so step 10 parses trusted bytes: the first revision's alone.
Bytes before it, or behind what was proven, fail step 3 or 9 and so the file; they are said last, and do not end the
examination: the part that is whole (`sealed`) still is what was given out (R11, `altered`).
Sound because what lies before and after the hole, taken together, is what was signed, and the ranges themselves lie in
it at a fixed place.
Not here: what the credential says (`proofs`), running this under limits (`pdf_bounded`).
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certsvc.credential.verdict import Check, CheckName
from certsvc.signing.keys import kid_of
from certsvc.signing.pdf import LARGEST_BYTES, PLACE, Level, der_size, moment_of
from certsvc.signing.pdf_archive import Archived, Pinned, Sealed, proven_part
from certsvc.signing.pdf_cms import SealParts, read_seal, verify_signature
from certsvc.signing.pdf_trust import fault_of_chain
from certsvc.signing.pdf_update import first_revision
from certsvc.signing.pdf_within import Within
from certsvc.signing.stamp import Stamp, read_stamp

RECEIPT = "receipt.tlog-proof"
KNOWN_ATTACHMENTS = frozenset({"credential.json", "opening.json", RECEIPT})
_CLOCK_SKEW = timedelta(minutes=10)
_BEGINNING = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Sig"
_MOST_BEFORE = 1024
"""Where readers still find a PDF's beginning behind junk."""


@dataclass(frozen=True, slots=True)
class PdfExamination:
    """What was found. `sealed` is the part of the file, from and to, that is what a trusted seal signed; None where no
    part is. Only with it are attachments and QR text given, which are that part's, and `signer_kid`: the identifier
    (`keys.kid_of`) of the key that sealed it. `archived_at` are the times of the document time stamps, oldest first;
    the newest one's chain ends with `proven_until`. `within` is what a file of another form holds, unproven; only
    `pdf_bounded` looks for it."""

    checks: tuple[Check, ...]
    sealed: tuple[int, int] | None = None
    attachments: Mapping[str, bytes] = field(default_factory=dict)
    qr_text: str | None = None
    signer_kid: str | None = None
    signed_at: datetime | None = None
    stamped_at: datetime | None = None
    archived_at: tuple[datetime, ...] = ()
    proven_until: datetime | None = None
    within: Within | None = None

    @property
    def level(self) -> Level | None:
        """The PAdES level that was proven; None when the examination failed."""
        if not self.ok:
            return None
        if self.archived_at:
            return Level.ARCHIVED
        return Level.SEALED if self.stamped_at is None else Level.STAMPED

    @property
    def ok(self) -> bool:
        """Whether the whole file is what was given out."""
        return self.sealed is not None and all(check.ok for check in self.checks)

    @property
    def credential(self) -> bytes | None:
        return self.attachments.get("credential.json")

    @property
    def opening(self) -> bytes | None:
        return self.attachments.get("opening.json")


class _Stopped(Exception):  # not an error: the way out of the steps
    """A step failed; the checks so far are the answer."""


class _Steps:
    def __init__(self) -> None:
        self.checks: list[Check] = []

    def check(self, name: CheckName, passed: bool, said: tuple[str, str], fault: tuple[str, str]) -> None:
        """Record a step, with the sentence （中文, English） for either outcome; a failed one ends the examination."""
        self.checks.append(Check(name, passed, *(said if passed else fault)))
        if not passed:
            raise _Stopped

    def note(self, name: CheckName, fault: tuple[str, str]) -> None:
        """Record a failed step that does not end the examination."""
        self.checks.append(Check(name, False, *fault))


def examine_pdf(
    data: bytes,
    trust_roots: Sequence[x509.Certificate],
    *,
    now: datetime | None = None,
    stamp_roots: Sequence[x509.Certificate] = (),
) -> PdfExamination:
    """Examine a file; never raises on hostile input. With `now`, a seal dated in the future is refused.

    `stamp_roots` are the pinned roots of time-stamp authorities: a stamp of another is refused with the file.
    """
    steps = _Steps()
    try:
        begins = max(data.find(_BEGINNING, 0, _MOST_BEFORE + len(_BEGINNING)), 0) if len(data) <= LARGEST_BYTES else 0
        whole = data[begins:] if begins else data
        first = _first_sealed(whole)
        updated = first_revision(whole) is not whole
        alone = not begins and (updated or first is whole)
        parts, signed_at = _check_seal(data, first, trust_roots, now, steps, alone=alone)
        stamp = _check_stamp(parts, signed_at, stamp_roots, steps)
        archived, fault = None, ""
        if updated:
            archived, fault = _prove_updates(whole, (first, parts, stamp), Pinned(trust_roots, stamp_roots))
            if archived is not None and not fault:
                steps.check(CheckName.PDF_ARCHIVE, True, _said_of(archived), ("", ""))
        attachments, qr_text = _read_contents(first, steps)
        ends = begins + len(first if archived is None else archived.content)
        _note_rest(begins, len(data) - ends, fault if updated else None, steps)
    except _Stopped:
        return PdfExamination(tuple(steps.checks))
    except Exception as error:  # a stranger's X.509 can make its parser raise anything; it is refused, not propagated
        zh, en = "文件无法检查：证书或签名格式异常", f"the file cannot be examined: {type(error).__name__}"
        return PdfExamination((*steps.checks, Check(CheckName.PDF_READABLE, False, zh, en)))
    point = parts.chain[0].public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return PdfExamination(
        tuple(steps.checks),
        (begins, ends),
        attachments,
        qr_text,
        kid_of(point),
        signed_at,
        None if stamp is None else stamp.at,
        () if archived is None else tuple(one.at for one in archived.stamps),
        None if archived is None else archived.proven_until,
    )


def _first_sealed(whole: bytes) -> bytes:
    """The revision that the seal's ranges speak of; the whole file where it ends before."""
    place = PLACE.match(whole)
    length = 0 if place is None else int(place["second"]) + int(place["rest"])
    return whole[:length] if 0 < length < len(whole) and place is not None and int(place["rest"]) else whole


def _note_rest(before: int, behind: int, fault: str | None, steps: _Steps) -> None:
    """Steps 3 and 9, for what stands around the proven part. `fault` is that of its updates, None where it has none."""
    if fault:
        steps.note(
            CheckName.PDF_ARCHIVE,
            ("签章后追加的内容不是完好的归档更新", f"what was added after sealing is no whole archive update: {fault}"),
        )
    elif before or behind:
        steps.note(
            CheckName.PDF_COVERAGE,
            (
                f"封印部分完好\uff0c但签名未覆盖整个文件：其前有 {before} 字节、其后有 {behind} 字节不是签发时所有",
                "the sealed part is whole, but the signature does not cover the whole file: "
                f"{before} bytes before it and {behind} behind it were added after sealing",
            ),
        )


def _check_seal(
    whole: bytes,
    data: bytes,
    roots: Sequence[x509.Certificate],
    now: datetime | None,
    steps: _Steps,
    *,
    alone: bool,
) -> tuple[SealParts, datetime]:
    """Steps 1 to 7, on the first revision (`data`) of the file; what the seal holds, and the time it claims. `alone`:
    nothing stands around it but what step 9 proves."""
    place, cms = _check_form(whole, data, steps, alone=alone)
    parts = _check_signature(data, place, cms, steps)
    return parts, _check_signer(parts, place, roots, now, steps)


def _check_form(whole: bytes, data: bytes, steps: _Steps, *, alone: bool) -> tuple[re.Match[bytes], bytes]:
    """Steps 1 to 4; the signature's place in `data`, and its CMS without the padding."""
    steps.check(
        CheckName.PDF_SIZE,
        0 < len(whole) <= LARGEST_BYTES,
        ("文件大小正常", "the file's size is reasonable"),
        ("文件为空或超过 20 MB", "the file is empty or larger than 20 MB"),
    )
    place = PLACE.match(data)
    steps.check(
        CheckName.PDF_FORM,
        place is not None,
        ("签名结构符合本服务格式\uff0c不允许任何更改", "the signature has this service's form and allows no changes"),
        ("不是本服务签发的 PDF\uff0c或其开头已被改动", "not a PDF of this service, or its beginning was changed"),
    )
    assert place is not None
    start, end = place.start("contents") - 1, place.end("contents") + 1
    ranges = [int(place[name]) for name in ("first", "second", "rest")]
    missing = ranges[1] + ranges[2] - len(data)
    covers = ranges == [start, end, len(data) - end] and data.endswith(b"\n%%EOF\n")
    if alone or not covers:
        steps.check(
            CheckName.PDF_COVERAGE,
            covers,
            ("签名覆盖整个文件", "the signature covers the whole file")
            if whole is data
            else (
                "签名覆盖归档更新之前的整个文件",
                "the signature covers all that stands before the archive updates",
            ),
            (
                f"文件不完整：缺少末尾 {missing} 字节\uff0c请重新下载",
                f"the file is cut off: its last {missing} bytes are missing; download it again",
            )
            if missing > 0 and ranges[:2] == [start, end]
            else (
                "签名未覆盖整个文件：签名后文件有增删",
                "the signature does not cover the whole file: something was added or cut after sealing",
            ),
        )
    contents = bytes.fromhex(place["contents"].decode()) if len(place["contents"]) % 2 == 0 else b""
    size = der_size(contents)
    steps.check(
        CheckName.PDF_PADDING,
        0 < size <= len(contents) and not contents[size:].strip(b"\0"),
        ("签名区填充完好", "the padding of the signature is intact"),
        ("签名区被改动", "the signature's own place was changed"),
    )
    return place, contents[:size]


def _check_signature(data: bytes, place: re.Match[bytes], cms: bytes, steps: _Steps) -> SealParts:
    """Steps 5 and 6; what the seal holds."""
    try:
        parts = read_seal(cms)
        fault = ""
    except ValueError as error:
        parts, fault = None, str(error)
    steps.check(
        CheckName.PDF_CMS,
        parts is not None,
        ("签名编码唯一且完好", "the signature has its one exact encoding"),
        ("签名编码不符", fault),
    )
    assert parts is not None
    view = memoryview(data)
    hashed = hashlib.sha256(view[: place.start("contents") - 1])
    hashed.update(view[place.end("contents") + 1 :])
    steps.check(
        CheckName.PDF_DIGEST,
        hashed.digest() == parts.digest,
        ("文件内容与签名一致", "the file is what was signed"),
        ("文件内容在签名后被改动", "the file was changed after it was signed"),
    )
    steps.check(
        CheckName.PDF_SIGNATURE,
        verify_signature(parts),
        ("签名有效", "the signature verifies"),
        ("签名无效", "the signature does not verify"),
    )
    return parts


def _check_signer(
    parts: SealParts, place: re.Match[bytes], roots: Sequence[x509.Certificate], now: datetime | None, steps: _Steps
) -> datetime:
    """Step 7; the time the seal claims."""
    try:
        signed_at = moment_of(place)
        trust_fault = fault_of_chain(parts.chain, roots, signed_at)
    except (ValueError, OverflowError) as error:
        signed_at, trust_fault = datetime.min.replace(tzinfo=UTC), f"malformed certificate or time: {error}"
    if trust_fault is None and now is not None and signed_at > now + _CLOCK_SKEW:
        trust_fault = "the seal is dated in the future"
    steps.check(
        CheckName.PDF_SIGNER,
        trust_fault is None,
        ("签章证书来自受信任的发证机构", "the seal belongs to a trusted issuer"),
        ("签章证书不受信任：非本机构签发", f"the seal's certificate is not trusted: {trust_fault}"),
    )
    return signed_at


def _check_stamp(
    parts: SealParts, signed_at: datetime, roots: Sequence[x509.Certificate], steps: _Steps
) -> Stamp | None:
    """Step 8; the stamp proven, or None where the seal has none."""
    if not parts.token:
        return None
    try:
        stamp = read_stamp(parts.token, parts.signature, roots)
        fault = "" if stamp.at + _CLOCK_SKEW >= signed_at else "it is older than the seal says to be"
    except ValueError as error:
        stamp, fault = None, str(error)
    said = f"{stamp.at:%Y-%m-%d %H:%M:%S} UTC" if stamp is not None else ""
    steps.check(
        CheckName.PDF_STAMP,
        not fault,
        (f"时间戳有效：{said}", f"the time stamp holds: {said}"),
        ("时间戳无效或不受信任", f"the time stamp does not hold: {fault}"),
    )
    assert stamp is not None
    return stamp


def _prove_updates(
    whole: bytes, proven: tuple[bytes, SealParts, Stamp | None], pinned: Pinned
) -> tuple[Archived | None, str]:
    """Step 9; how far the updates hold, and the fault where they end to; empty where all of them do."""
    first, parts, stamp = proven
    if stamp is None:
        return None, "the seal has no time stamp"
    return proven_part(whole, first, Sealed(parts, stamp), pinned)


def _said_of(archived: Archived) -> tuple[str, str]:
    said = ", ".join(f"{one.at:%Y-%m-%d %H:%M:%S} UTC" for one in archived.stamps)
    until = f"{archived.proven_until:%Y-%m-%d}"
    return (
        f"PAdES B-LTA 归档完好\uff0c含吊销数据与文档时间戳：{said}；可证明至 {until}",
        f"archived (PAdES B-LTA) with revocation data under document time stamps: {said}; proven until {until}",
    )


def _read_contents(data: bytes, steps: _Steps) -> tuple[dict[str, bytes], str | None]:
    """Step 10, on bytes that a trusted seal signed."""
    attachments: dict[str, bytes] = {}
    qr_text: str | None = None
    fault = ""
    try:
        with pikepdf.open(io.BytesIO(data), attempt_recovery=False) as pdf:
            fields = list(pdf.Root.AcroForm.Fields)
            if len(fields) != 1 or fields[0].V.objgen != (1, 0) or pdf.Root.Perms.DocMDP.objgen != (1, 0):
                fault = "not exactly one certification signature"
            if len(pdf.pages) != 1:
                fault = "not one page"
            for name, spec in pdf.attachments.items():
                attachments[name] = spec.get_file().read_bytes()
            links = [note for note in pdf.pages[0].Annots if note.Subtype == "/Link"]
            qr_text = str(links[0].A.URI) if len(links) == 1 else None
        unknown = sorted(set(attachments) - KNOWN_ATTACHMENTS)
        if unknown:
            fault = f"an attachment of unknown kind: {unknown[0]}"
    except (pikepdf.PdfError, AttributeError, KeyError, ValueError, TypeError, RuntimeError) as error:
        fault = f"the sealed file cannot be read: {error}"
    steps.check(
        CheckName.PDF_CONTENTS,
        not fault,
        ("附件齐全\uff0c且只有已知附件", "one seal, and only known files attached"),
        ("签章正确\uff0c但文件结构或附件不符合本服务格式", fault),
    )
    return attachments, qr_text
