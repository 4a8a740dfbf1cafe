"""Homes with a time-stamp authority, to test the raising and renewing of PDFs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509 import Certificate

from certsvc.credential.verdict import Verdict
from certsvc.services.certificates import archive as archive_service
from certsvc.services.certificates.archive import ArchiveReport, archive
from certsvc.services.certificates.listing import show_certificate
from certsvc.services.verification.verify import verify_offline, verify_online
from certsvc.signing.keys import Purpose
from certsvc.signing.pdf import Level
from certsvc.signing.seal_authority import SealAuthority
from tests.builders.installation import START, Installation
from tests.signing.tsa import Authority


def configure(installation: Installation, authority: Authority | None) -> None:
    """As a process opened with, or without, CERTSVC_TSA_URL; an authority that failed a moment ago is asked again."""
    stamps = authority.direct() if authority is not None else None
    roots = authority.roots if authority is not None else ()
    installation.services = dataclasses.replace(installation.services, stamps=stamps, stamp_roots=roots)


def pdf_level(installation: Installation, number: str) -> str | None:
    return show_certificate(installation.services, number)[0].pdf_level


def verdicts(installation: Installation, pdf: bytes) -> list[Verdict]:
    """Offline with pinned roots alone, which leave a genuine file `unchecked`, then online."""
    services = installation.services
    return [verify_offline(pdf, services.trust).verdict, verify_online(services, pdf).verdict]


def move(installation: Installation, authority: Authority, at: datetime) -> None:
    """The machine and the authority at another time, as a new process finds them."""
    installation.clock.at = authority.at = at
    configure(installation, authority)


@dataclasses.dataclass
class Real:
    """A home whose seal is certified by an offline root of its own, and an authority that publishes lists."""

    home: Installation
    authority: Authority
    root: SealAuthority

    def import_list(self, *, now: datetime | None = None) -> None:
        made = self.root.revocation_list(days=30, now=now or self.home.clock.at)
        self.home.services.keystore.import_revocation_list(made)

    def archive(self, level: Level = Level.ARCHIVED, *, renew_all: bool = False) -> ArchiveReport:
        return archive(self.home.services, by="档案员", level=level, renew_all=renew_all)

    def at(self, moment: datetime) -> None:
        """Moves both, with a new list of the root."""
        move(self.home, self.authority, moment)
        self.import_list()


def make_real(folder: Path, *, until: datetime | None = None) -> Real:
    """The home is at START; `until` ends the authority's first certificate."""
    day_before = START - timedelta(days=1)
    ends = {} if until is None else {"until": until}
    authority = Authority(folder / "listing", at=START + timedelta(minutes=1), lists=True, **ends)
    home = Installation(folder / "home")
    root = SealAuthority.make(folder / "root", "示例鉴定中心", years=20, passphrase=b"offline", now=day_before)
    keystore = home.services.keystore
    kid = keystore.rotate(Purpose.PDF_SEAL).kid
    request = keystore.certificate_request(kid, "示例鉴定中心 印章", "示例鉴定中心")
    keystore.import_chain(
        kid, root.sign_request(request, base_url="https://certsvc.example", days=3650, now=day_before)
    )
    home.reopen()
    configure(home, authority)
    return Real(home, authority, root)


class LongToken:
    """An authority whose token is longer than any place for it."""

    def __init__(self, lists: Callable[[Certificate], list[bytes]] | None = None) -> None:
        self.revocation_lists = lists

    def stamp(self, signature: bytes) -> bytes:
        assert signature
        return b"\x30\x82\x40\x00" + bytes(0x4000)


STOPS = ("before the move", "after the move")


@contextmanager
def stopped(monkeypatch: pytest.MonkeyPatch, where: str) -> Iterator[None]:
    """Whatever is archived within stops before, or just after, a raised file is moved into its place."""

    class Stopped(BaseException):
        pass

    def stop(*_: object, **__: object) -> None:
        raise Stopped

    with monkeypatch.context() as patched:
        if where == "before the move":
            patched.setattr(Path, "replace", stop)
        else:
            patched.setattr(archive_service, "sync_folder", stop)
        with pytest.raises(Stopped):
            yield
