"""Publish the status lists: which bits are set, signed by the status list's own key, short-lived (R7.5).

A superseded certificate has its `revocation` bit set, so that any verifier in the world refuses it, and its `refresh`
bit too, by which ours says "replaced by a newer version" and not "revoked" (R8.4). A list is signed again when a bit
changed or half of its life is over, so publishing an unchanged register writes nothing. Not here: whether the rows say
what the log says (`logged_status`), which is asked first.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certsvc.credential.canonical import load_strict
from certsvc.credential.status import Status
from certsvc.credential.status_list import (
    Purpose,
    StatusList,
    StatusListClaims,
    compose_status_list,
    read_status_list,
)
from certsvc.errors import MalformedCredential
from certsvc.files.folder import write_if_changed
from certsvc.services.context import Services
from certsvc.services.publishing.status_places import CAPACITY, list_url
from certsvc.signing.keys import Purpose as KeyPurpose
from certsvc.signing.proofs import sign_document, verify_document
from certsvc.signing.trust import TrustBundle
from certsvc.store import CertificateRecord

LIFE: Final = timedelta(days=7)
_KEPT_FOR: Final = timedelta(minutes=5)
_SETS: Final[Mapping[Status, frozenset[Purpose]]] = MappingProxyType(
    {
        Status.REVOKED: frozenset({Purpose.REVOCATION}),
        Status.SUSPENDED: frozenset({Purpose.SUSPENSION}),
        Status.SUPERSEDED: frozenset({Purpose.REVOCATION, Purpose.REFRESH}),
    }
)

Statuses = dict[tuple[str, int], Status]
"""By the list's name and the index in it; valid ones are left out."""


class Written(NamedTuple):
    """A list as it was published last: its file and its bits by their SHA-256 in hex, and how long it is good."""

    file: str
    bits: str
    until: str

    def holds(self, content: bytes, bits: bytes, now: datetime) -> bool:
        """Whether this is the file, it says these bits, and has more than half of its life before it."""
        until = datetime.fromisoformat(self.until)
        return (_sha256(content), _sha256(bits)) == (self.file, self.bits) and LIFE / 2 < until - now <= LIFE


def publish_status_lists(
    services: Services, names: Sequence[str], statuses: Statuses, folder: Path, before: Mapping[str, Written]
) -> tuple[int, dict[str, Written]]:
    """Bring the lists in `folder` up to `statuses`; how many were written, and what each is now.

    `before` is what this register says of them, by their names: those that it knows are not read apart again.
    """
    now = services.now().replace(microsecond=0)
    indexes = _by_list(statuses)
    written = 0
    found: dict[str, Written] = {}
    for name in names:
        for purpose in Purpose:
            url = list_url(services.base_url, purpose.value, name)
            path = folder / url.rsplit("/", 1)[1]
            entries = StatusList.of(indexes.get((name, purpose), ()), CAPACITY)
            known = before.get(path.name)
            if known is not None and known.holds(_content(path), entries.bits, now):
                found[path.name] = known
                continue
            wanted = StatusListClaims(
                url=url,
                issuer=services.issuer.did,
                purpose=purpose,
                valid_from=now,
                valid_until=now + LIFE,
                ttl=_KEPT_FOR,
                entries=entries,
            )
            until = _holds(path, wanted, services.trust)
            if until is None:
                signer = services.keystore.signer(KeyPurpose.STATUS_LIST)
                method = services.trust.verification_method(signer.kid)
                written += write_if_changed(path, sign_document(compose_status_list(wanted), signer, method, now))
                until = wanted.valid_until
            found[path.name] = Written(_sha256(_content(path)), _sha256(entries.bits), until.isoformat())
    return written, found


def read_published(content: bytes, trust: TrustBundle, *, url: str, purpose: Purpose) -> StatusListClaims:
    """A published list whose signature holds; raises `MalformedCredential`. Whether it is current is asked apart."""
    check = verify_document(content, trust, KeyPurpose.STATUS_LIST)
    if not check.ok:
        raise MalformedCredential("状态列表的签名不符", "the status list's signature does not hold", where=url)
    document = load_strict(content)
    assert isinstance(document, dict)
    return read_status_list(document, url=url, issuer=trust.did, purpose=purpose)


def list_names(session: Session) -> list[str]:
    """The names of the lists in use, each found by one step into the index."""
    names, found = {"1"}, session.scalar(select(func.min(CertificateRecord.status_list)))
    while found is not None:
        names.add(found)
        found = session.scalar(
            select(func.min(CertificateRecord.status_list)).where(CertificateRecord.status_list > found)
        )
    return sorted(names, key=int)


def _by_list(statuses: Statuses) -> Mapping[tuple[str, Purpose], list[int]]:
    bits: defaultdict[tuple[str, Purpose], list[int]] = defaultdict(list)
    for (name, index), status in statuses.items():
        for purpose in _SETS.get(status, ()):
            bits[name, purpose].append(index)
    return bits


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _holds(path: Path, wanted: StatusListClaims, trust: TrustBundle) -> datetime | None:
    """Until when the published list is good, where it says just this and has more than half of its life before it."""
    try:
        published = read_published(path.read_bytes(), trust, url=wanted.url, purpose=wanted.purpose)
    except (OSError, MalformedCredential):
        return None
    now = wanted.valid_from
    holds = published.entries == wanted.entries and published.is_current(now) and published.valid_until - now > LIFE / 2
    return published.valid_until if holds else None
