"""What every service is handed: one frozen `Services`, joined in `app.open_services` and nowhere else.

Heavy parts (fonts, published keys) are made on first use, so that a command that needs none of them starts at once.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar
from zoneinfo import ZoneInfo

from certsvc.files.private import close_to_others, make_private
from certsvc.services.vault import Vault
from certsvc.store import Database

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from certsvc.credential.document import Issuer
    from certsvc.delivery.mail import Mailer
    from certsvc.delivery.sms import Messenger
    from certsvc.rendering.layout import Layout
    from certsvc.rendering.press import Press
    from certsvc.signing.keystore import Keystore
    from certsvc.signing.pdf import PdfSeal
    from certsvc.signing.stamp_authority import StampAuthority
    from certsvc.signing.stored import StoredProofs
    from certsvc.signing.trust import TrustBundle

SHANGHAI = ZoneInfo("Asia/Shanghai")

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Folders:
    """Where files rest under the home folder; `create` makes what is missing, for the owner alone."""

    home: Path

    @property
    def photos(self) -> Path:
        return self.home / "photos"

    @property
    def pdf(self) -> Path:
        return self.home / "pdf"

    @property
    def published(self) -> Path:
        """What independent verifiers fetch: keys, status lists, log (`publishing.static`)."""
        return self.home / "published"

    @property
    def outbox(self) -> Path:
        """Messages that went to no phone, while keys are for development."""
        return self.home / "outbox"

    @property
    def layout(self) -> Path:
        """An issuer's own certificate layout, used where the folder exists."""
        return self.home / "layout"

    def create(self) -> None:
        make_private(self.home)
        for folder in (self.photos, self.pdf):
            make_private(folder)
            close_to_others(folder)  # one that an earlier program or a copy left open

    def photo(self, sha256: str) -> Path:
        return self.photos / f"{sha256}.jpg"

    def certificate_pdf(self, number: str, version: int) -> Path:
        return self.pdf / f"{number}-v{version}.pdf"


class _UntilKeysChange(Generic[Made]):
    """Something made from the keys, kept until one of them changes."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._kept: tuple[object, Made] | None = None

    def of(self, records: object) -> Made:
        """`records` is the keystore's own list, another one after each change."""
        kept = self._kept
        if kept is None or kept[0] is not records:
            kept = self._kept = records, self._make()
        return kept[1]


@dataclass(frozen=True)
class Services:
    """The parts, joined. `now` gives an aware datetime; `base_url` is "https://HOST"."""

    database: Database
    keystore: Keystore
    issuer: Issuer
    folders: Folders
    base_url: str
    now: Callable[[], datetime]
    pool_size: int = 2
    stamps: StampAuthority | None = None
    stamp_roots: tuple[Certificate, ...] = ()
    pdf_level: str = "B-T"  # the PAdES level that files are raised to, where no one asks for another
    renew_days: int = 90  # so long before their proof ends B-LTA files are stamped again
    clock_is_right: bool = False  # said on purpose: the time since the last signing really has passed
    evidence_days: int = 30  # so long after the decision what an applicant sent from home is kept
    gateway: Messenger | None = None  # what carries codes to phones, where the operator has named one
    mailer: Mailer | None = None  # what carries notices to mailboxes, where the operator has named one
    notices_on: bool = False  # whether deeds are told to those they are about

    @cached_property
    def vault(self) -> Vault:
        return Vault(self.keystore)

    @property
    def trust(self) -> TrustBundle:
        """The published keys as they stand: one that another process distrusts is distrusted here at once.

        The same object until a key changes, so that what was concluded from it may be kept beside it.
        """
        return self._trust.of(self.keystore.records())

    @cached_property
    def _trust(self) -> _UntilKeysChange[TrustBundle]:
        from certsvc.signing.trust import TrustBundle  # noqa: PLC0415 - heavy, and most commands need none

        return _UntilKeysChange(lambda: TrustBundle.from_keystore(self.keystore, self.issuer.did, self.stamp_roots))

    @property
    def stored_proofs(self) -> StoredProofs:
        """The check of a credential at rest, under the keys as they stood a twentieth of a second ago at most."""
        return self._stored_proofs.of(self.keystore.records_lately())

    @cached_property
    def _stored_proofs(self) -> _UntilKeysChange[StoredProofs]:
        from certsvc.signing.stored import StoredProofs  # noqa: PLC0415 - as above

        return _UntilKeysChange(lambda: StoredProofs(self.trust))

    @property
    def pdf_seal(self) -> PdfSeal:
        """The active PDF seal, made ready once and again when a key changes."""
        return self._seal.of(self.keystore.records())

    @cached_property
    def _seal(self) -> _UntilKeysChange[PdfSeal]:
        from certsvc.signing.pdf import PdfSeal  # noqa: PLC0415 - as above

        return _UntilKeysChange(lambda: PdfSeal.from_keystore(self.keystore))

    @cached_property
    def layout(self) -> Layout:
        from certsvc.rendering.layout_file import load_layout  # noqa: PLC0415 - as above

        return load_layout(self.folders.layout if self.folders.layout.is_dir() else None)

    @property
    def press(self) -> Press:
        """The press, which leaves room for the seal of the active key; another once that changes."""
        kept = self._pressing.get("kept")
        if kept is None or kept[0] is not self.pdf_seal:
            from certsvc.rendering.press import open_press  # noqa: PLC0415 - as above

            room = self.pdf_seal.room(stamped=self.stamps is not None)
            kept = self._pressing["kept"] = self.pdf_seal, open_press(self.layout, room=room)
        return kept[1]

    @cached_property
    def _pressing(self) -> dict[str, tuple[PdfSeal, Press]]:
        return {}

    @property
    def messenger(self) -> Messenger | None:
        """What codes are sent by: the operator's gateway; without one, a folder while keys are for development."""
        if self.gateway is not None or not self.keystore.development:
            return self.gateway
        from certsvc.delivery.sms import Outbox  # noqa: PLC0415 - as above

        return Outbox(self.folders.outbox)

    @property
    def reaches(self) -> bool:
        """Whether anything can carry a notice."""
        return self.mailer is not None or self.messenger is not None

    def today(self) -> date:
        """The civil date in Asia/Shanghai."""
        return self.now().astimezone(SHANGHAI).date()


def operator() -> str:
    """The operating system's account behind this process: the one that signed in, also after `sudo`.

    Never a variable of the environment, which anyone may set.
    """
    for account in (_signed_in, os.getuid):
        try:
            return pwd.getpwuid(account()).pw_name
        except (KeyError, OSError, ValueError, OverflowError):
            continue
    return str(os.getuid())


def _signed_in() -> int:
    """Linux keeps who signed in for as long as the session lasts (pam_loginuid); 2^32 - 1 where no one did."""
    return int(Path("/proc/self/loginuid").read_text("ascii"))
