"""Time stamps of PDFs: had at once where the authority answers, made up for later where it did not, never pretended."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from sqlalchemy import select

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.credential.verdict import Verdict
from certsvc.errors import Refused
from certsvc.services import archive as archive_service
from certsvc.services.archive import archive, count_below
from certsvc.services.certificate_pdf import pdf_of, show_certificate
from certsvc.services.verify import verify_document
from certsvc.signing.keys import Purpose
from certsvc.signing.pdf import Level, level_of
from certsvc.signing.seal_authority import SealAuthority
from certsvc.store import CertificateRecord, PdfFileRecord
from tests.services.installation import START, Installation, made_up
from tests.signing.tsa import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tsa", at=START + timedelta(minutes=1))


@pytest.fixture
def home(tmp_path: Path, authority: Authority) -> Iterator[Installation]:
    installation = Installation(tmp_path / "home")
    configure(installation, authority)
    yield installation
    installation.services.database.close()


def configure(installation: Installation, authority: Authority | None) -> None:
    """As a process opened with, or without, CERTSVC_TSA_URL."""
    stamps = authority.direct() if authority is not None else None
    roots = authority.roots if authority is not None else ()
    installation.services = dataclasses.replace(installation.services, stamps=stamps, stamp_roots=roots)


def pdf_level(installation: Installation, number: str) -> str | None:
    return show_certificate(installation.services, number)[0].pdf_level


def verdicts(installation: Installation, pdf: bytes) -> list[Verdict]:
    """Offline with pinned roots, then online."""
    services = installation.services
    return [
        verify_document(services if online else None, pdf, trust=services.trust, online=online).verdict
        for online in (False, True)
    ]


def test_with_an_authority_a_certificate_is_stamped_as_it_is_issued(home: Installation) -> None:
    (one,) = home.issue(made_up(1))
    pdf = home.pdf(one.number)
    assert level_of(pdf) is Level.STAMPED
    assert pdf_level(home, one.number) == "B-T"
    assert verdicts(home, pdf) == [Verdict.VALID, Verdict.VALID]


def test_without_an_authority_a_certificate_is_b_b_and_says_so(home: Installation) -> None:
    configure(home, None)
    (one,) = home.issue(made_up(1))
    assert level_of(home.pdf(one.number)) is Level.SEALED
    assert pdf_level(home, one.number) == "B-B"
    with pytest.raises(Refused, match="CERTSVC_TSA_URL"):
        archive(home.services, by="档案员")


def test_an_authority_that_is_down_delays_the_stamp_and_not_the_certificate(
    home: Installation, authority: Authority
) -> None:
    authority.fault = "junk"
    (one,) = home.issue(made_up(1))
    before = home.pdf(one.number)
    assert (level_of(before), pdf_level(home, one.number)) == (Level.SEALED, "B-B")
    assert count_below(home.services, Level.STAMPED) == 1

    authority.fault = ""
    configure(home, authority)
    assert archive(home.services, by="档案员").as_json() == {
        "level": "B-T",
        "raised": 1,
        "no_room": 0,
        "no_list": 0,
        "lost": 0,
        "waiting": 0,
        "fault": None,
    }
    after = home.pdf(one.number)
    assert (level_of(after), pdf_level(home, one.number)) == (Level.STAMPED, "B-T")
    assert count_below(home.services, Level.STAMPED) == 0
    assert pdf_of(home.services, one.number) == after
    # Both are genuine; who holds the earlier file holds no forgery.
    assert verdicts(home, before) == verdicts(home, after) == [Verdict.VALID, Verdict.VALID]


def test_an_authority_still_down_leaves_the_rest_waiting_at_the_lower_level(
    home: Installation, authority: Authority
) -> None:
    authority.fault = "refused"
    issued = home.issue(made_up(1), made_up(2))
    for one in issued:
        home.pdf(one.number)
    configure(home, authority)
    report = archive(home.services, by="档案员")
    assert (report.raised, report.waiting) == (0, 2)
    assert report.fault is not None
    assert {pdf_level(home, one.number) for one in issued} == {"B-B"}


def test_archiving_again_changes_nothing(home: Installation) -> None:
    (one,) = home.issue(made_up(1))
    before = home.pdf(one.number)
    report = archive(home.services, by="档案员")
    assert (report.raised, report.waiting) == (0, 0)
    assert home.pdf(one.number) == before


def test_a_file_issued_without_room_for_a_stamp_is_told(home: Installation, authority: Authority) -> None:
    configure(home, None)
    (one,) = home.issue(made_up(1))
    long = home.pdf(one.number)
    configure(home, authority)
    assert home.services.stamps is not None
    home.services = dataclasses.replace(home.services, stamps=_Long(authority))  # type: ignore[arg-type]
    report = archive(home.services, by="档案员")
    assert (report.raised, report.no_room, report.waiting) == (0, 1, 0)
    assert home.pdf(one.number) == long


def test_a_file_that_is_lost_or_changed_is_not_stamped(home: Installation, authority: Authority) -> None:
    authority.fault = "junk"
    issued = home.issue(made_up(1), made_up(2))
    places = [home.services.folders.certificate_pdf(one.number, 1) for one in issued if home.pdf(one.number)]
    places[0].unlink()
    places[1].write_bytes(places[1].read_bytes() + b"\n")
    authority.fault = ""
    configure(home, authority)
    report = archive(home.services, by="档案员")
    assert (report.raised, report.lost, report.waiting) == (0, 2, 0)


@pytest.mark.parametrize("stopped_at", ["before the move", "after the move"])
def test_stopped_anywhere_the_file_in_place_is_known_and_the_next_run_finishes(
    home: Installation, authority: Authority, monkeypatch: pytest.MonkeyPatch, stopped_at: str
) -> None:
    authority.fault = "junk"
    (one,) = home.issue(made_up(1))
    home.pdf(one.number)
    authority.fault = ""
    configure(home, authority)

    class Stopped(BaseException):
        pass

    def stop(*_: object, **__: object) -> None:
        raise Stopped

    with monkeypatch.context() as patched:
        if stopped_at == "before the move":
            patched.setattr(Path, "replace", stop)
        else:
            patched.setattr(archive_service, "sync_folder", stop)
        with pytest.raises(Stopped):
            archive(home.services, by="档案员")
    assert verdicts(home, home.pdf(one.number))[1] is Verdict.VALID
    assert pdf_level(home, one.number) == "B-B"  # never told higher than the register's newest file
    assert archive(home.services, by="档案员").raised == 1
    assert pdf_level(home, one.number) == "B-T"
    row = home.row(one.number)
    assert hashlib.sha256(home.pdf(one.number)).hexdigest() == row.pdf_sha256


def test_every_recorded_file_stays_on_record(home: Installation, authority: Authority) -> None:
    authority.fault = "junk"
    (one,) = home.issue(made_up(1))
    first = hashlib.sha256(home.pdf(one.number)).hexdigest()
    authority.fault = ""
    configure(home, authority)
    archive(home.services, by="档案员")
    with home.services.database.reading() as session:
        row = session.scalars(select(CertificateRecord)).one()
        files = {record.sha256: record.level for record in session.scalars(select(PdfFileRecord))}
    assert files == {first: "B-B", row.pdf_sha256: "B-T"}


class _Long:
    """An authority whose token is longer than any place for it."""

    def __init__(self, authority: Authority) -> None:
        self.roots = authority.roots

    def stamp(self, signature: bytes) -> bytes:
        assert signature
        return b"\x30\x82\x40\x00" + bytes(0x4000)


def test_the_program_takes_the_authority_from_its_settings(tmp_path: Path, authority: Authority) -> None:
    pem = tmp_path / "roots.pem"
    pem.write_bytes(b"".join(root.public_bytes(Encoding.PEM) for root in authority.roots))
    wanted = {"CERTSVC_HOME": str(tmp_path), "CERTSVC_TSA_URL": "https://tsa.example", "CERTSVC_TSA_ROOTS": str(pem)}
    opened = open_services(Settings.from_environment(wanted))
    assert opened.stamps is not None
    assert (opened.stamps.url, opened.stamp_roots) == ("https://tsa.example", authority.roots)
    # The roots stay pinned when the authority is given up: files that it stamped are still checked.
    kept = open_services(Settings.from_environment(wanted | {"CERTSVC_TSA_URL": ""}))
    assert (kept.stamps, kept.stamp_roots) == (None, authority.roots)
    for variable, value in (("CERTSVC_TSA_ROOTS", ""), ("CERTSVC_TSA_ROOTS", str(tmp_path / "none.pem"))):
        with pytest.raises(Refused, match="CERTSVC_TSA_ROOTS"):
            open_services(Settings.from_environment(wanted | {variable: value}))


# B-LTA


@pytest.fixture
def listing(tmp_path: Path) -> Authority:
    """An authority that publishes its revocation lists."""
    return Authority(tmp_path / "listing", at=START + timedelta(minutes=1), lists=True)


@pytest.fixture
def real(tmp_path: Path, home: Installation, listing: Authority) -> SealAuthority:
    """The root above the seal of a home; its list is not imported yet."""
    day_before = START - timedelta(days=1)
    root = SealAuthority.make(tmp_path / "root", "示例鉴定中心", years=20, passphrase=b"offline", now=day_before)
    keystore = home.services.keystore
    kid = keystore.rotate(Purpose.PDF_SEAL).kid
    request = keystore.certificate_request(kid, "示例鉴定中心 印章", "示例鉴定中心")
    keystore.import_chain(kid, root.sign_request(request, base_url="https://certsvc.example", days=365, now=day_before))
    home.reopen()
    configure(home, listing)
    return root


def import_list(home: Installation, root: SealAuthority, *, now: datetime = START) -> None:
    home.services.keystore.import_revocation_list(root.revocation_list(days=30, now=now))


def test_with_lists_and_authority_a_certificate_is_archived(home: Installation, real: SealAuthority) -> None:
    import_list(home, real)
    (one,) = home.issue(made_up(1))
    before = home.pdf(one.number)
    report = archive(home.services, by="档案员", level=Level.ARCHIVED)
    assert (report.level, report.raised, report.waiting, report.fault) == (Level.ARCHIVED, 1, 0, None)
    after = home.pdf(one.number)
    assert after.startswith(before)
    assert (level_of(after), pdf_level(home, one.number)) == (Level.ARCHIVED, "B-LTA")
    assert pdf_of(home.services, one.number) == after
    assert verdicts(home, before) == verdicts(home, after) == [Verdict.VALID, Verdict.VALID]
    with home.services.database.reading() as session:
        files = {record.sha256: record.level for record in session.scalars(select(PdfFileRecord))}
    assert files == {hashlib.sha256(pdf).hexdigest(): level for pdf, level in ((before, "B-T"), (after, "B-LTA"))}
    assert archive(home.services, by="档案员", level=Level.ARCHIVED).raised == 0
    assert archive(home.services, by="档案员", level=Level.STAMPED).raised == 0
    assert home.pdf(one.number) == after


def test_the_configured_level_is_the_one_raised_to_and_passes_by_b_t(
    home: Installation, real: SealAuthority, listing: Authority
) -> None:
    import_list(home, real)
    listing.fault = "junk"
    issued = home.issue(made_up(1), made_up(2))
    for one in issued:
        home.pdf(one.number)
    listing.fault = ""
    configure(home, listing)
    home.services = dataclasses.replace(home.services, pdf_level="B-LTA")
    assert count_below(home.services, Level.ARCHIVED) == 2
    report = archive(home.services, by="档案员")
    assert (report.raised, report.waiting, report.fault) == (2, 0, None)
    assert {pdf_level(home, one.number) for one in issued} == {"B-LTA"}
    # One list is fetched once in a run, however many files need it.
    assert len(listing.fetched) == len(set(listing.fetched)) == 2


@pytest.mark.parametrize("missing", ["the seal's", "the authority's", "the seal's is over"])
def test_without_a_list_the_file_stays_at_b_t_and_waits(
    home: Installation, real: SealAuthority, listing: Authority, missing: str
) -> None:
    if missing == "the authority's":
        import_list(home, real)
        listing.fault = "no list"
    elif missing == "the seal's is over":
        import_list(home, real, now=START - timedelta(days=90))
    (one,) = home.issue(made_up(1))
    before = home.pdf(one.number)
    report = archive(home.services, by="档案员", level=Level.ARCHIVED)
    assert (report.raised, report.no_list, report.waiting) == (0, 1, 1)
    assert report.fault is not None
    assert (home.pdf(one.number), pdf_level(home, one.number)) == (before, "B-T")
    listing.fault = ""
    if missing != "the authority's":
        import_list(home, real)
    assert archive(home.services, by="档案员", level=Level.ARCHIVED).raised == 1
    assert pdf_level(home, one.number) == "B-LTA"


def test_a_development_seal_has_no_list_and_is_never_called_b_lta(home: Installation, listing: Authority) -> None:
    configure(home, listing)
    (one,) = home.issue(made_up(1))
    home.pdf(one.number)
    report = archive(home.services, by="档案员", level=Level.ARCHIVED)
    assert (report.raised, report.no_list, report.waiting, pdf_level(home, one.number)) == (0, 1, 1, "B-T")


def test_a_seal_revoked_before_its_stamp_is_not_archived(home: Installation, real: SealAuthority) -> None:
    leaf = home.services.keystore.seal_chain()[0]
    real.revoke(f"{leaf.serial_number:x}", reason="key-compromise", now=START - timedelta(hours=1))
    import_list(home, real)
    (one,) = home.issue(made_up(1))
    home.pdf(one.number)
    report = archive(home.services, by="档案员", level=Level.ARCHIVED)
    assert (report.raised, report.no_list, pdf_level(home, one.number)) == (0, 1, "B-T")


@pytest.mark.parametrize("sealed_only", [True, False])
def test_an_authority_that_is_down_leaves_every_file_at_its_level(
    home: Installation, real: SealAuthority, listing: Authority, sealed_only: bool
) -> None:
    import_list(home, real)
    listing.fault = "refused" if sealed_only else ""
    (one,) = home.issue(made_up(1))
    home.pdf(one.number)
    listing.fault = "refused"
    configure(home, listing)
    report = archive(home.services, by="档案员", level=Level.ARCHIVED)
    assert (report.raised, report.waiting) == (0, 1)
    assert report.fault is not None
    assert pdf_level(home, one.number) == ("B-B" if sealed_only else "B-T")


def test_a_file_that_cannot_be_archived_is_told(home: Installation, real: SealAuthority) -> None:
    import_list(home, real)
    (one,) = home.issue(made_up(1))
    home.pdf(one.number)
    assert home.services.stamps is not None
    long = _LongWithLists(home.services.stamps.revocation_lists)
    home.services = dataclasses.replace(home.services, stamps=long)  # type: ignore[arg-type]
    report = archive(home.services, by="档案员", level=Level.ARCHIVED)
    assert (report.raised, report.no_room, report.waiting) == (0, 1, 0)
    assert report.fault is not None
    assert pdf_level(home, one.number) == "B-T"


class _LongWithLists:
    """An authority whose token is longer than any place for it, with its lists."""

    def __init__(self, lists: Callable[[Certificate], list[bytes]]) -> None:
        self.revocation_lists = lists

    def stamp(self, signature: bytes) -> bytes:
        assert signature
        return b"\x30\x82\x40\x00" + bytes(0x4000)


@pytest.mark.parametrize("stopped_at", ["before the move", "after the move"])
def test_archiving_stopped_anywhere_is_finished_by_the_next_run(
    home: Installation, real: SealAuthority, monkeypatch: pytest.MonkeyPatch, stopped_at: str
) -> None:
    import_list(home, real)
    (one,) = home.issue(made_up(1))
    home.pdf(one.number)

    class Stopped(BaseException):
        pass

    def stop(*_: object, **__: object) -> None:
        raise Stopped

    with monkeypatch.context() as patched:
        if stopped_at == "before the move":
            patched.setattr(Path, "replace", stop)
        else:
            patched.setattr(archive_service, "sync_folder", stop)
        with pytest.raises(Stopped):
            archive(home.services, by="档案员", level=Level.ARCHIVED)
    assert verdicts(home, home.pdf(one.number))[1] is Verdict.VALID
    assert pdf_level(home, one.number) == "B-T"
    assert archive(home.services, by="档案员", level=Level.ARCHIVED).raised == 1
    assert (pdf_level(home, one.number), level_of(home.pdf(one.number))) == ("B-LTA", Level.ARCHIVED)


def test_the_wanted_level_comes_from_the_settings(tmp_path: Path) -> None:
    wanted = {"CERTSVC_HOME": str(tmp_path)}
    assert open_services(Settings.from_environment(wanted)).pdf_level == "B-T"
    assert open_services(Settings.from_environment(wanted | {"CERTSVC_PDF_LEVEL": "lta"})).pdf_level == "B-LTA"
    with pytest.raises(Refused, match="CERTSVC_PDF_LEVEL"):
        Settings.from_environment(wanted | {"CERTSVC_PDF_LEVEL": "b"})
