"""Publish the status lists: which bits are set, signed by the status list's own key, short-lived (R7.5).

A superseded certificate has its `revocation` bit set, so that any verifier in the world refuses it, and its `refresh`
bit too, by which ours says "replaced by a newer version" and not "revoked" (R8.4). A list is signed again when a bit
changed or half of its life is over, so publishing an unchanged register writes nothing. Not here: whether the rows say
what the log says (`logged_status`), which is asked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sqlalchemy import select
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


def publish_status_lists(services: Services, session: Session, folder: Path) -> int:
    """Bring the lists in `folder` up to the register; how many were written."""
    now = services.now().replace(microsecond=0)
    written = 0
    for name in list_names(session):
        set_bits = _set_bits(session, name)
        for purpose in Purpose:
            url = list_url(services.base_url, purpose.value, name)
            path = folder / url.rsplit("/", 1)[1]
            wanted = StatusListClaims(
                url=url,
                issuer=services.issuer.did,
                purpose=purpose,
                valid_from=now,
                valid_until=now + LIFE,
                ttl=_KEPT_FOR,
                entries=StatusList.of(set_bits[purpose], CAPACITY),
            )
            if _holds(path, wanted, services.trust):
                continue
            signer = services.keystore.signer(KeyPurpose.STATUS_LIST)
            method = services.trust.verification_method(signer.kid)
            written += write_if_changed(path, sign_document(compose_status_list(wanted), signer, method, now))
    return written


def read_published(content: bytes, trust: TrustBundle, *, url: str, purpose: Purpose) -> StatusListClaims:
    """A published list whose signature holds; raises `MalformedCredential`. Whether it is current is asked apart."""
    check = verify_document(content, trust, KeyPurpose.STATUS_LIST)
    if not check.ok:
        raise MalformedCredential("状态列表的签名不符", "the status list's signature does not hold", where=url)
    document = load_strict(content)
    assert isinstance(document, dict)
    return read_status_list(document, url=url, issuer=trust.did, purpose=purpose)


def list_names(session: Session) -> list[str]:
    """The names of the lists in use."""
    names = session.scalars(select(CertificateRecord.status_list).distinct())
    return sorted({*names, "1"}, key=int)


def _set_bits(session: Session, name: str) -> dict[Purpose, list[int]]:
    bits: dict[Purpose, list[int]] = {purpose: [] for purpose in Purpose}
    query = select(CertificateRecord.status, CertificateRecord.status_index).where(
        CertificateRecord.status_list == name, CertificateRecord.status != Status.VALID.value
    )
    for status, index in session.execute(query):
        for purpose in _SETS.get(Status(status), ()):
            bits[purpose].append(index)
    return bits


def _holds(path: Path, wanted: StatusListClaims, trust: TrustBundle) -> bool:
    """Whether the published list says just this and has more than half of its life before it."""
    try:
        published = read_published(path.read_bytes(), trust, url=wanted.url, purpose=wanted.purpose)
    except (OSError, MalformedCredential):
        return False
    now = wanted.valid_from
    return published.entries == wanted.entries and published.is_current(now) and published.valid_until - now > LIFE / 2
