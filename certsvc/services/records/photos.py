"""Photos as they rest: re-encoded portraits named by their own hash, so that the same picture is kept once.

While an import runs they wait in a folder of their own, and move in only when everything else was accepted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.credential.commitment import sha256_of
from certsvc.files.folder import sync_folder
from certsvc.files.leftovers import working_folder
from certsvc.files.private import mode_in, write_private
from certsvc.roster.photo import check_photo, former_photo, read_photo
from certsvc.services.context import Folders, Services
from certsvc.services.records.reviews import counts, steps_of
from certsvc.store import EnrolmentRecord, PersonRecord


class IncomingPhotos:
    """The photos of one import: checked, waiting to be kept."""

    def __init__(self, waiting: Path, folders: Folders) -> None:
        self._waiting = waiting
        self._folders = folders

    def take(self, beside: Path, name: str) -> str:
        """Check the photo of that name beside the roster; answers the hash it will be kept under.

        Raises `PhotoRefused`.
        """
        brought = read_photo(beside, name)
        jpeg = check_photo(brought)
        digest = hashlib.sha256(jpeg).hexdigest()
        if self._folders.photo(digest).exists():
            return digest
        former = hashlib.sha256(former_photo(brought)).hexdigest()
        if self._folders.photo(former).exists():
            return former
        write_private(self._waiting / f"{digest}.jpg", jpeg, mode=mode_in(self._folders.photos))
        return digest

    def keep(self) -> None:
        """Move in all that was taken; what is there already is the same picture."""
        for path in sorted(self._waiting.iterdir()):
            path.replace(self._folders.photos / path.name)
        sync_folder(self._folders.photos)


@contextmanager
def incoming(folders: Folders) -> Iterator[IncomingPhotos]:
    """A place for the photos of one import, gone at the end; one that was killed is swept by the next."""
    folders.create()
    with working_folder(folders.photos, ".incoming-") as waiting:
        yield IncomingPhotos(waiting, folders)


def kept_photo(folders: Folders, sha256: str | None) -> bytes | None:
    """The portrait with that hash; None without one."""
    return folders.photo(sha256).read_bytes() if sha256 else None


def signed_photo(portrait_digest: str | None) -> str | None:
    """The hash that the portrait of a signed credential is kept under; None where it has none."""
    return None if portrait_digest is None else sha256_of(portrait_digest)


def photo_on_file(services: Services, session: Session, person: PersonRecord | None) -> str | None:
    """The portrait of a person's newest registration that was reviewed and approved (R1.6), where it is still kept."""
    if person is None:
        return None
    query = select(EnrolmentRecord).where(
        EnrolmentRecord.person_id == person.id, EnrolmentRecord.photo_sha256.is_not(None)
    )
    for enrolment in session.scalars(query.order_by(EnrolmentRecord.registered_on.desc(), EnrolmentRecord.id.desc())):
        sha256 = enrolment.photo_sha256
        if sha256 and counts(enrolment, steps_of(session, [enrolment.id]).get(enrolment.id, ())):
            return sha256 if services.folders.photo(sha256).is_file() else None
    return None
