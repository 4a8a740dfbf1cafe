"""The holder's photo for anyone who checks a certificate: where its scheme says so, or by a link whose holder chose so,
and only the one signed (R10).

The scheme is the one the certificate was issued under. The picture is found by the digest in the signed credential and
compared with it before it is shown, so that no one swaps it on the disk. Not here: who is asking, and limits (web).
"""

from __future__ import annotations

import hmac
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.exc import NoResultFound, SQLAlchemyError

from certsvc.credential.commitment import digest_multibase, sha256_of
from certsvc.errors import Unavailable
from certsvc.services.context import Services
from certsvc.services.records.schemes import scheme_of
from certsvc.services.verification.public_record import PublicRecord

# What says "was issued and never taken back"; a revoked certificate is no reason to show a face.
SHOWN: Final = frozenset({"valid", "suspended", "expired"})

# A stored scheme never changes, so its answer is kept; scans are many.
_public: WeakKeyDictionary[Engine, dict[int, bool]] = WeakKeyDictionary()


def may_show(services: Services, record: PublicRecord) -> bool:
    """Whether this record's photo is public; False for paper, and for a state in which no face is shown.

    Raises `Unavailable`.
    """
    return record.state in SHOWN and shows(services, record.portrait_digest, record.scheme_id)


def shows(services: Services, portrait_digest: str | None, scheme_id: int | None) -> bool:
    """Whether a scheme makes this signed photo public; False where there is none. Raises `Unavailable`."""
    if portrait_digest is None or scheme_id is None:
        return False
    known = _public.setdefault(services.database.engine, {})
    if scheme_id not in known:
        try:
            with services.database.reading() as session:
                known[scheme_id] = scheme_of(session, scheme_id).certificate.show_photo_publicly
        except NoResultFound:
            return False
        except SQLAlchemyError as error:
            raise Unavailable("暂时无法查询", "cannot be looked up just now") from error
    return known[scheme_id]


def is_known(services: Services, portrait_digest: str | None, scheme_id: int | None) -> bool:
    """Whether `shows` answers without asking the database."""
    return portrait_digest is None or scheme_id is None or scheme_id in _public.get(services.database.engine, ())


def portrait_of(services: Services, record: PublicRecord) -> bytes | None:
    """The JPEG as signed, where it may be shown; None otherwise. Raises `Unavailable` where the file is not the one."""
    return signed_portrait(services, record) if may_show(services, record) else None


def signed_portrait(services: Services, record: PublicRecord) -> bytes | None:
    """The JPEG as signed, whatever the scheme says of the public: for whom the holder shows it to. None where there is
    none, or the state is one in which no face is shown. Raises `Unavailable` where the file is not the one."""
    if record.state not in SHOWN or record.portrait_digest is None:
        return None
    sha256 = sha256_of(record.portrait_digest)
    try:
        jpeg = services.folders.photo(sha256).read_bytes()
    except OSError as error:
        raise Unavailable("照片暂时无法显示", "the photo cannot be shown just now") from error
    if not hmac.compare_digest(digest_multibase(jpeg).encode(), record.portrait_digest.encode()):
        # Says nothing of the certificate: the file on the disk is not what was signed.
        raise Unavailable("照片暂时无法显示", "the photo cannot be shown just now")
    return jpeg
