"""A whole installation in a folder: real keys, a real register, made-up people. What the tests of services stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from PIL import Image
from sqlalchemy import select

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.person.identity import resident_check_character
from certsvc.services.certificates.give_out import pdf_of
from certsvc.services.certificates.import_paper import import_paper
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing.issue import IssuedOne, issue
from certsvc.services.operation.init import initialise
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import CertificateRecord

# Keys are made by the machine's clock and vouch for nothing earlier; what is issued comes before a later retirement.
START = datetime.now(UTC).replace(microsecond=0)
REGISTERED = "2025-03-01"
SAT = "2025-03-24"
RARE_NAME = "阿依古丽·买买提𠮷"


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass(frozen=True)
class Person:
    name: str
    id_number: str

    @property
    def last_six(self) -> str:
        return self.id_number[-6:]


def made_up(serial: int, name: str | None = None) -> Person:
    """A person who does not exist, with a valid check digit."""
    first17 = f"632801{1980 + serial % 20}{1 + serial % 12:02d}15{serial % 900 + 10:03d}"
    return Person(name or f"测试{'甲乙丙丁戊己庚辛壬癸'[serial % 10]}", first17 + resident_check_character(first17))


def open_again(home: Path, clock: Callable[[], datetime]) -> Services:
    """The services of a home, as a new process would open them; a file `passphrase` in it is the keys' passphrase,
    a file `database-url` names its database."""
    environment = {"CERTSVC_HOME": str(home), "CERTSVC_BASE_URL": "https://certsvc.example"}
    if (home / "database-url").is_file():
        environment["CERTSVC_DATABASE_URL"] = (home / "database-url").read_text("utf-8")
    if (home / "passphrase").is_file():
        environment["CERTSVC_KEY_PASSPHRASE_FILE"] = str(home / "passphrase")
    # The clocks of tests are moved by days on purpose.
    return open_services(Settings.from_environment(environment), now=clock, clock_is_right=True)


@dataclass
class Installation:
    """A home that is initialised. `issue` registers, records and issues for the persons given."""

    home: Path
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.services = open_again(self.home, self.clock)
        initialise(self.services)
        # Keys are there only now, and the issuer's sample mark depends on them.
        self.reopen()

    def reopen(self) -> Services:
        self.services.database.close()
        self.services = open_again(self.home, self.clock)
        return self.services

    def issue(
        self,
        *persons: Person,
        on: date | None = None,
        scheme_key: str | None = None,
        registered: str = REGISTERED,
        sat: str = SAT,
        photo: bool | bytes = False,
    ) -> list[IssuedOne]:
        """`photo` may be a JPEG; a made-up one otherwise."""
        if photo:
            (self.home / "in").mkdir(exist_ok=True)
            one = self.home / "in" / "one.jpg"
            if isinstance(photo, bytes):
                one.write_bytes(photo)
            else:
                Image.effect_mandelbrot((295, 413), (-3, -2.5, 2, 2.5), 9).convert("RGB").save(one)
        roster = self._file(
            "姓名,性别,证件类型,证件号码,出生日期,手机号码,培训机构,健康承诺,报名日期" + (",照片" if photo else ""),
            (
                f"{one.name},{'男' if int(one.id_number[16]) % 2 else '女'},居民身份证,{one.id_number},"
                f"{one.id_number[6:10]}-{one.id_number[10:12]}-{one.id_number[12:14]},13800000000,测试培训机构,是,{registered}"
                + (",one.jpg" if photo else "")
                for one in persons
            ),
        )
        import_candidates(self.services, roster, by="登记员", scheme_key=scheme_key)
        results = self._file(
            "证件号码,姓名,科目,考试日期,考试性质,成绩",
            (
                f"{one.id_number},{one.name},{subject},{sat},初考,{score}"
                for one in persons
                for subject, score in (("理论知识考试", "88"), ("技能考核", "91.5"))
            ),
        )
        import_results(self.services, results, by="考评员")
        return issue(self.services, by="签发员", on=on).issued

    def import_paper(self, *rows: tuple[str, Person]) -> None:
        register = self._file(
            "证书编号,姓名,证件类型,证件号码,职业,等级,发证日期,发证机构",
            (
                f"{number},{one.name},居民身份证,{one.id_number},应急救援员,5,2023-06-01,示例鉴定中心"
                for number, one in rows
            ),
        )
        import_paper(self.services, register, by="登记员")

    def pdf(self, number: str, version: int | None = None) -> bytes:
        return pdf_of(self.services, number, version)

    def row(self, number: str, version: int = 1) -> CertificateRecord:
        with self.services.database.reading() as session:
            query = select(CertificateRecord).where(
                CertificateRecord.number == number, CertificateRecord.version == version
            )
            row = session.scalars(query).one()
            session.expunge(row)
        return row

    def row_of(self, token: str) -> CertificateRecord:
        with self.services.database.reading() as session:
            row = session.scalars(select(CertificateRecord).where(CertificateRecord.token == token)).one()
            session.expunge(row)
        return row

    def _file(self, header: str, lines: object) -> Path:
        path = self.home / "in" / f"{len(list(self.home.glob('in/*')))}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")  # type: ignore[misc]
        return path
