"""A small register with one certificate in every state of R11, made by the same services that make a real one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select, text

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.credential.reasons import StatusReason
from certsvc.person.identity import IdentityDocument, IdType, Sex, resident_check_character
from certsvc.services.certificates import change_status, correct, import_paper, reissue
from certsvc.services.context import Services
from certsvc.services.examination import import_results
from certsvc.services.issuing import issue
from certsvc.services.operation.init import initialise
from certsvc.services.publishing import static
from certsvc.services.registration import import_roster
from certsvc.store import CertificateRecord
from examples.portraits import draw_portrait

ISSUED_AT = datetime(2025, 6, 1, 4, 0, 0, tzinfo=UTC)
SECOND_SCHEME = "emergency-rescuer-5/haiyue-2026"  # its certificates are valid for four years
SECOND_AT = datetime(2026, 10, 20, 4, 0, 0, tzinfo=UTC)
NOW = datetime(2031, 1, 1, 4, 0, 0, tzinfo=UTC)
BORN = date(1990, 3, 7)
# One holder for each thing that happens to a certificate.
NAMES = {
    "valid": "欧阳明月",
    "suspended": "李建国",
    "revoked": "阿依古丽·买买提",
    "superseded": "王芳",
    "forged": "𠮷田海",
    "second": "陈小红",
    "expired": "赵六安",
}
CORRECTED_NAME = "王方"
PAPER_NAME = "孙长江"
PAPER_NUMBER = "2010630500012345"
REPLACED_NAME = "周远山"
REPLACED_NUMBER = "2010630500012346"
REASON = StatusReason.FRAUD
NOTE = "查实由王某代考"  # what staff write; no page may show it


@dataclass(frozen=True)
class Held:
    """What a test knows of one certificate."""

    state: str
    name: str
    id_number: str
    number: str
    token: str


@dataclass(frozen=True)
class Register:
    settings: Settings
    services: Services
    held: dict[str, Held]

    @property
    def valid(self) -> Held:
        return self.held["valid"]


def id_number_of(index: int) -> str:
    """A resident number with a right check digit, of a region that is no place."""
    first = f"990000{BORN:%Y%m%d}{index:02d}1"
    return first + resident_check_character(first)


def settings_for(home: Path, **more: str) -> Settings:
    return Settings.from_environment({"CERTSVC_HOME": str(home)} | more)


def make_register(home: Path, **more: str) -> Register:
    """Import, issue, and let happen to each certificate what its name in NAMES says."""
    settings = settings_for(home, **more)
    settings.home.mkdir(parents=True, exist_ok=True)
    clock = [ISSUED_AT]
    services = open_services(settings, now=lambda: clock[0])
    initialise(services)
    _bring(services, home, [state for state in NAMES if state != "expired"], 2025)
    import_paper.import_paper(services, _paper(home), by="archive")
    issue.issue(services, by="issuer")
    held = _read(services)
    _happen(services, held)
    clock[0] = SECOND_AT
    _bring(services, home, ["expired"], 2026, SECOND_SCHEME)
    issue.issue(services, by="issuer")
    clock[0] = NOW
    static.publish_static(services)
    return Register(settings, services, held | _read(services, ["expired"]))


def _bring(services: Services, home: Path, states: list[str], year: int, scheme: str | None = None) -> None:
    """Candidates and passed results of these states."""
    day = {2025: ("2025-02-10", "2025-03-24"), 2026: ("2026-09-10", "2026-09-24")}[year]
    people = [(NAMES[state], id_number_of(list(NAMES).index(state))) for state in states]
    (home / "portrait.jpg").write_bytes(draw_portrait(1, Sex.MALE))
    rows = ["姓名,性别,证件类型,证件号码,出生日期,手机号码,培训机构,健康承诺,报名日期,照片"]
    rows += [
        f"{name},男,居民身份证,{number},{BORN},12000000001,示例培训学校,是,{day[0]},portrait.jpg"
        for name, number in people
    ]
    import_roster.import_candidates(
        services, _write(home / f"candidates{year}.csv", rows), by="institution", scheme_key=scheme
    )
    rows = ["证件号码,姓名,科目,考试日期,考试性质,结果,成绩"]
    for name, number in people:
        rows += [f"{number},{name},{subject},{day[1]},初考,正常,81.5" for subject in ("理论知识考试", "技能考核")]
    import_results.import_results(services, _write(home / f"results{year}.csv", rows), by="station")


def _paper(home: Path) -> Path:
    rows = ["证书编号,姓名,证件类型,证件号码,职业,等级,发证日期,发证机构"]
    rows += [
        f"{number},{name},居民身份证,{id_number_of(i)},应急救援员,5,2020-05-06,青海省示例鉴定站"
        for i, (number, name) in enumerate(((PAPER_NUMBER, PAPER_NAME), (REPLACED_NUMBER, REPLACED_NAME)), 80)
    ]
    return _write(home / "paper.csv", rows)


def _write(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def _read(services: Services, states: list[str] | None = None) -> dict[str, Held]:
    with services.database.reading() as session:
        rows = session.execute(text("select holder_name, number, token from certificate where stage = 'issued'")).all()
    held = {}
    for i, (state, name) in enumerate(NAMES.items()):
        if state not in (states or [state for state in NAMES if state != "expired"]):
            continue
        number, token = next((number, token) for holder, number, token in rows if holder == name)
        held[state] = Held(state, name, id_number_of(i), number, token)
    return held


def _happen(services: Services, held: dict[str, Held]) -> None:
    change_status.suspend(services, held["suspended"].number, reason=NOTE, by="issuer", code=StatusReason.UNDER_REVIEW)
    change_status.revoke(services, held["revoked"].number, reason=NOTE, by="issuer", code=REASON)
    correction = correct.Correction(name=CORRECTED_NAME)
    correct.correct(services, held["superseded"].number, correction, reason="姓名录入有误", by="issuer")
    lost = IdentityDocument(IdType.RESIDENT_ID, id_number_of(81))
    request = reissue.apply(
        services, number=REPLACED_NUMBER, name=REPLACED_NAME, identity=lost, reason="lost", by="desk"
    )
    reissue.approve(services, request.id, by="reviewer")
    with services.database.writing() as session:
        # A register that somebody changed by hand: the bytes no longer carry their signature.
        row = session.scalar(select(CertificateRecord).where(CertificateRecord.number == held["forged"].number))
        assert row is not None
        assert row.credential is not None
        row.credential = row.credential.replace(b"2025", b"2024")
