"""A person of whom something stands in every table that can hold something of a person; and terms that are over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select, text

from certsvc.credential.wording import say
from certsvc.rules.registration_review import FaceCheck
from certsvc.services.certificates import reissue
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.certificates.give_out import pdf_of
from certsvc.services.context import Services
from certsvc.services.holders import contact, share_links
from certsvc.services.holders import sign_in as access
from certsvc.services.operation import scan_counts
from certsvc.services.publishing.static import publish_static
from certsvc.services.registration import review
from certsvc.services.registration.import_roster import import_candidates
from certsvc.services.registration.review_list import list_registrations
from certsvc.services.verification import kept_checks, look_up
from certsvc.store import (
    CertificateRecord,
    EnrolmentRecord,
    NoticeRecord,
    PersonRecord,
    ScoreEntryRecord,
    SeatRecord,
    SittingRecord,
)
from tests.builders.applying import apply_from_home
from tests.builders.holding import identity, number_of, secret_of
from tests.builders.insider import by_sql
from tests.builders.installation import Installation, Person, made_up
from tests.builders.person import Candidate, write_csv

WISHER = made_up(11, "卡纳丽金丝雀")
NOW = made_up(12, "卡纳丽金丝雀鸟")  # the same person, after two corrections
OTHER = made_up(2)
PAPER = "1763010001500088"


def no_duty(home: Installation) -> None:
    """From now on the law has no certificate kept."""
    by_sql(home, "update scheme set toml = replace(toml, 'certificate_years = ', 'certificate_years = 0 # ')")


def roster_row(person: Person, **changes: str) -> dict[str, str]:
    """The person as a roster names them."""
    number = person.id_number
    row = Candidate().cells(
        name=person.name,
        id_number=number,
        sex="男" if int(number[16]) % 2 else "女",
        birth_date=f"{number[6:10]}-{number[10:12]}-{number[12:14]}",
        institution="测试培训机构",
    )
    return {**row, **changes}


def filled(home: Installation, folder: Path) -> str:
    """Bring the wisher into every table; the number of their certificate. OTHER holds one beside them."""
    services = home.services
    (issued, _) = home.issue(WISHER, OTHER, photo=True)
    number = issued.number
    home.import_paper((PAPER, WISHER))
    request = reissue.apply(
        services, number=PAPER, name=WISHER.name, identity=identity(WISHER), reason="lost", by="窗口"
    )
    reissue.approve(services, request.id, by="审核员")
    contact.change(services, identity(WISHER), "13911111111", reason="换号", by="甲", approved_by="乙")
    token = home.row(number).token
    link = share_links.create(services, token, life=timedelta(days=7), by="holder")
    assert link.secret is not None
    share_links.open_link(services, link.secret)
    record = look_up.by_token(services, token)
    assert record is not None
    kept_checks.keep(services, record, say(record.state), kept_checks.Compared.NONE)
    scan_counts.add(services.database, {scan_counts.Place(services.today(), number, "CN"): 3})
    again = roster_row(WISHER, registered_on=f"{services.today()}", phone="")
    import_candidates(services, write_csv(folder / "again.csv", [again]), by="登记员", for_review=True)
    (waiting,) = [one for one in list_registrations(services) if one.state == "submitted"]
    review.confirm(services, waiting.id, by="窗口", face=FaceCheck.PASS, place="西宁")
    correct(services, number, Correction(name=NOW.name), reason="更正", by="甲", approved_by="乙")
    correct(services, number, Correction(id_number=NOW.id_number), reason="更正", by="甲", approved_by="乙")
    _sit(services, number)
    apply_from_home(services, number="1763010001500077", name=NOW.name, identity=identity(NOW))
    secret_of(home, NOW)
    home.clock.move(minutes=61)
    access.request_code(services, NOW.name, identity(NOW))
    for each in (number, PAPER, number_of(home, OTHER)):
        pdf_of(services, each)
    publish_static(services)
    return number


def _sit(services: Services, number: str) -> None:
    """A seat in a sitting, a score that was entered there, and a notice about it."""
    now = services.now()
    with services.database.writing() as session:
        issued = select(CertificateRecord.enrolment_id).where(CertificateRecord.number == number)
        enrolment_id = session.scalars(issued.where(CertificateRecord.enrolment_id.is_not(None))).first()
        sitting = SittingRecord(
            sat_on=now.date(),
            begins="09:00",
            place="一号楼",
            station="西宁",
            subject="theory",
            capacity=30,
            created_at=now,
            created_by="考务",
        )
        session.add(sitting)
        session.flush()
        seat = SeatRecord(
            sitting_id=sitting.id,
            enrolment_id=enrolment_id,
            number=1,
            ticket="T-1",
            kind="first",
            admitted_at=now,
            admitted_by="考务",
        )
        session.add(seat)
        session.flush()
        session.add(
            ScoreEntryRecord(
                seat_id=seat.id,
                kind="first",
                client_id="a",
                sequence=1,
                outcome="scored",
                score="80",
                entered_at=now,
                entered_by="考评员",
            )
        )
        session.add(
            NoticeRecord(
                kind="retake-ends",
                about=f"{enrolment_id} theory 2026-12-01",
                id_lookup=session.get_one(
                    PersonRecord, session.get_one(EnrolmentRecord, enrolment_id).person_id
                ).id_lookup,
                message_id="ab" * 16,
                state="sent",
                channel="sms",
                queued_at=now,
                next_try_at=now,
                expires_at=now,
                tries=1,
                ended_at=now,
            )
        )


def whole(services: Services) -> Iterator[bytes]:
    """Every byte that the register keeps: of its file and journal, or of its tables."""
    file = services.database.sqlite_file
    if file is not None:
        yield from (path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))
        return
    with services.database.reading() as session:
        names = session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()
        for name in names:
            for row in session.execute(text(f"select t::text from {name} t")):
                yield row[0].encode()
