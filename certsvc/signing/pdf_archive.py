"""Raising a stamped PDF (B-T) to PAdES B-LTA and keeping it there, and proving such a file: what it needs is really in
it, and holds.

The first update vouches for the seal and its time stamp, each further one (a renewal) for the document time stamp
before it, and each for its own. So every signer but the newest is proven as of the next one's time, and outlives its
certificates; the newest must be stamped over before its chain ends (`proven_until`). The steps for each update, in
order, each with the attack it stops:

1. form: the update is the one that follows from its own parts (`pdf_update`; overlays, anything else appended, an
   update taken out or moved)
2. stamp: its document time stamp is of the whole file up to it, under a pinned root, no older than the one before (a
   changed list)
3. certificates: just the chains of those it vouches for, up to the pinned roots, in one order, but those that the file
   holds already (anything brought along)
4. lists: for every certificate of these chains but the roots, a list by its issuer, in force at the document stamp's
   time; for seals and earlier stamps made since they signed; nothing besides (a lower level passed off as higher; an
   old list shown in place of a new one)
5. revoked: no certificate was revoked before what it signed was proven to exist: a seal by its stamp, a stamp by the
   document stamp over it (a stolen seal, a stolen stamp that dates back)

Not here: the bytes (`pdf_update`), what a list proves (`pdf_lists`). Source: ETSI EN 319 142-1, 5.4 and 6.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.errors import SealRefused, Unavailable
from certsvc.signing.pdf import LARGEST_BYTES, Stamper, seal_of
from certsvc.signing.pdf_cms import SealParts
from certsvc.signing.pdf_lists import Lister, Question, check_lists, choose_lists
from certsvc.signing.pdf_trust import whole_path
from certsvc.signing.pdf_update import Extendable, Update, draft_update, extendable, first_revision, read_updates
from certsvc.signing.stamp import Stamp, read_stamp

_MOST_TRIES = 4

Roots = Sequence[x509.Certificate]
Chain = tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Pinned:
    """The roots that seals, and those that time stamps must lead to."""

    seals: Roots
    stamps: Roots


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal and its time stamp, both proven."""

    parts: SealParts
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Archived:
    """A file at B-LTA. `stamps` are its document time stamps, oldest first; `proven_until` the end of the newest one's
    chain, before which it is to be renewed."""

    content: bytes
    stamps: tuple[Stamp, ...]
    proven_until: datetime


@dataclass(frozen=True, slots=True)
class Means:
    """What raising a file takes: pinned roots, where lists and stamps come from, the time."""

    pinned: Pinned
    lists: Lister
    stamper: Stamper
    now: datetime


@dataclass(frozen=True, slots=True)
class _Signer:
    """One whom an update vouches for, by its path (root last): not revoked up to `until`, by a list made `since`."""

    path: Sequence[x509.Certificate]
    until: datetime
    since: datetime | None


def add_archive(pdf: bytes, means: Means, *, foreseen: Chain = ()) -> Archived:
    """A stamped file (B-T) with its first update (B-LTA); the first revision stands as it is.

    `foreseen` is the chain that the authority will probably stamp under; a wrong guess costs a question more.
    Raises `ListMissing` without a list for each certificate, `SealRefused` where the file, a certificate or a list does
    not allow it; what the means raise goes through.
    """
    parts = seal_of(pdf)[1]
    if not parts.token or first_revision(pdf) is not pdf:
        raise SealRefused("只有 B-T 级文件可升级归档", "only a file at B-T can be raised to B-LTA")
    return _extend(pdf, parts, means, foreseen)


def renew_archive(pdf: bytes, means: Means, *, foreseen: Chain = ()) -> Archived:
    """A file at B-LTA with one more update, by which its newest document time stamp outlives its authority's chain.

    What stood there stays; raises as `add_archive`.
    """
    parts = seal_of(pdf)[1]
    if not parts.token or first_revision(pdf) is pdf:
        raise SealRefused("只有 B-LTA 级文件可续期", "only a file at B-LTA can be renewed")
    return _extend(pdf, parts, means, foreseen)


def read_archive(pdf: bytes, pinned: Pinned) -> Archived:
    """Prove the updates of a file whose seal is proven already, or is our own; raises ValueError, and `SealRefused`."""
    parts = seal_of(pdf)[1]
    sealed = Sealed(parts, read_stamp(parts.token, parts.signature, pinned.stamps))
    return check_archive(pdf, first_revision(pdf), sealed, pinned)


def check_archive(pdf: bytes, first: bytes, sealed: Sealed, pinned: Pinned) -> Archived:
    """Steps 1 to 5 for every update; raises ValueError at the first fault."""
    archived, fault = proven_part(pdf, first, sealed, pinned)
    _demand(not fault, fault)
    _demand(archived is not None, "the file has no update")
    assert archived is not None
    return archived


def proven_part(pdf: bytes, first: bytes, sealed: Sealed, pinned: Pinned) -> tuple[Archived | None, str]:
    """The file up to the last update for which steps 1 to 5 hold, None where not even one does; and the fault that ends
    it, empty where every update holds."""
    stamps: list[Stamp] = []
    held: list[bytes] = []
    content, fault = first, ""
    try:
        for update in read_updates(pdf, first):
            stamps.append(_check_update(update, held, (sealed, stamps), pinned))
            held += update.certificates
            content = update.after.content
    except Exception as error:  # what stands there may be a stranger's, whose X.509 makes its parser raise anything
        fault = (str(error) if isinstance(error, ValueError) else "") or f"it cannot be read: {type(error).__name__}"
    return Archived(content, tuple(stamps), _end_of(stamps[-1], pinned)) if stamps else None, fault


def _check_update(
    update: Update, held: Sequence[bytes], before: tuple[Sealed, Sequence[Stamp]], pinned: Pinned
) -> Stamp:
    """Steps 2 to 5; the document time stamp proven."""
    own = read_stamp(update.token, update.covered, pinned.stamps)
    sealed, stamps = before
    _demand(own.at >= (stamps[-1] if stamps else sealed.stamp).at, "a document time stamp is older than the one before")
    # The pinned roots that the file holds: one that is pinned later, of the same key, changes nothing.
    named = Pinned(*(_among(roots, {*held, *update.certificates}) for roots in (pinned.seals, pinned.stamps)))
    signers = _signers(before, own.chain, own.at, named, held)
    _demand(list(update.certificates) == _missing(signers, held), "the update holds other certificates than it must")
    check_lists(update.lists, _questions(signers, own.at))
    return own


def _extend(pdf: bytes, parts: SealParts, means: Means, foreseen: Chain) -> Archived:
    try:
        sealed = Sealed(parts, read_stamp(parts.token, parts.signature, means.pinned.stamps))
        first = first_revision(pdf)
        stamps: tuple[Stamp, ...] = ()
        held: list[bytes] = []
        before = extendable(first)
        if first is not pdf:
            # Proven before it is built on: a renewal of what does not hold would prove nothing.
            stamps = check_archive(pdf, first, sealed, means.pinned).stamps
            for update in read_updates(pdf, first):
                held += update.certificates
                before = update.after
        newest = stamps[-1] if stamps else sealed.stamp
        whole = _stamped(before, held, (sealed, stamps), means, foreseen or newest.chain)
    except ValueError as error:
        raise SealRefused(f"无法归档：{error}", f"it cannot be archived: {error}") from error
    try:
        # Proven before it leaves: what our own verifiers would refuse is not put in place of what they accept.
        _demand(len(whole) <= LARGEST_BYTES, "it is larger than verifiers take")
        return check_archive(whole, first, sealed, means.pinned)
    except ValueError as error:
        raise SealRefused(f"归档结果不成立：{error}", f"the archived file does not hold: {error}") from error


def _stamped(
    before: Extendable, held: Sequence[bytes], known: tuple[Sealed, Sequence[Stamp]], means: Means, foreseen: Chain
) -> bytes:
    """The file with one more update, which has the lists of the very chain that it was stamped under.

    The lists are to be in it before it is stamped, so that chain is foreseen; under another one it is asked again.
    """
    own = foreseen
    for _ in range(_MOST_TRIES):
        signers = _signers(known, own, means.now, means.pinned, held)
        chosen = choose_lists(_questions(signers, means.now), means.lists)
        draft = draft_update(before, _missing(signers, held), chosen)
        token = means.stamper(draft.covered)
        filled = draft.fill(token)
        found = read_stamp(token, draft.covered, means.pinned.stamps).chain
        if found == own:
            return filled.content
        own = found
    raise Unavailable(
        "时间戳服务每次使用不同的证书",
        "the authority stamps under another certificate each time",
        where="CERTSVC_TSA_URL",
    )


def _signers(
    known: tuple[Sealed, Sequence[Stamp]], own: Chain, at: datetime, pinned: Pinned, held: Sequence[bytes]
) -> list[_Signer]:
    """Whom the update behind these stamps vouches for; `own` is the chain of its stamp, made at `at`."""
    sealed, stamps = known

    def path(chain: Chain, roots: Roots) -> list[x509.Certificate]:
        try:
            return whole_path(chain, _among(roots, held))
        except ValueError:
            return whole_path(chain, roots)

    stamp = stamps[-1] if stamps else sealed.stamp
    signers = [
        _Signer(path(stamp.chain, pinned.stamps), at, stamp.at),
        _Signer(path(own, pinned.stamps), at, None),
    ]
    if not stamps:
        signers.insert(0, _Signer(path(sealed.parts.chain, pinned.seals), stamp.at, stamp.at))
    return signers


def _questions(signers: Iterable[_Signer], at: datetime) -> list[Question]:
    """What is asked of the lists. That the list be new goes for the signer's own certificate: those of the authorities
    above it make theirs rarely, and are asked for one in force."""
    return [
        Question(entry, issuer, at, signer.until, signer.since if depth == 0 else None)
        for signer in signers
        for depth, (entry, issuer) in enumerate(pairwise(signer.path))
    ]


def _missing(signers: Iterable[_Signer], held: Sequence[bytes]) -> list[bytes]:
    """The certificates that the file does not hold yet, in order, each once."""
    needed = dict.fromkeys(entry.public_bytes(Encoding.DER) for signer in signers for entry in signer.path)
    return [der for der in needed if der not in held]


def _among(roots: Roots, held: Iterable[bytes]) -> list[x509.Certificate]:
    """Those of the roots that are held."""
    there = set(held)
    return [root for root in roots if root.public_bytes(Encoding.DER) in there]


def _end_of(stamp: Stamp, pinned: Pinned) -> datetime:
    """When the first certificate of a stamp's path ends."""
    return min(entry.not_valid_after_utc for entry in whole_path(stamp.chain, pinned.stamps))


def _demand(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)
