"""A small register with one certificate in every state of R11, made by the same services that make a real one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select, text

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.person.identity import resident_check_character
from certsvc.services import change_status, import_paper, issue, publish_static, record_results, register
from certsvc.services.context import Services
from certsvc.services.init import initialise
from certsvc.store import CertificateRecord

NOW = datetime(2025, 6, 1, 4, 0, 0, tzinfo=UTC)
BORN = date(1990, 3, 7)
# One holder for each thing that happens to a certificate.
NAMES = {
    "valid": "欧阳明月",
    "suspended": "李建国",
    "revoked": "阿依古丽·买买提",
    "superseded": "王芳",
    "forged": "𠮷田海",
    "expired": "赵六安",
    "second": "陈小红",
}
PAPER_NAME = "孙长江"
PAPER_NUMBER = "2010630500012345"
REPLACED_NAME = "周远山"
REPLACED_NUMBER = "2010630500012346"
REASON = "查实由他人代考"


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
    services = open_services(settings, now=lambda: NOW)
    initialise(services)
    register.import_candidates(services, _candidates(home), by="institution")
    record_results.import_results(services, _results(home), by="station")
    import_paper.import_paper(services, _paper(home), by="archive")
    issue.issue(services, by="issuer")
    held = _read(services)
    _happen(services, held)
    publish_static.publish_static(services)
    return Register(settings, services, _read(services))


def _candidates(home: Path) -> Path:
    rows = ["姓名,性别,证件类型,证件号码,出生日期,手机号码,培训机构,健康承诺,报名日期"]
    rows += [
        f"{name},男,居民身份证,{id_number_of(i)},{BORN},12000000001,示例培训学校,是,2025-02-10"
        for i, name in enumerate(NAMES.values())
    ]
    return _write(home / "candidates.csv", rows)


def _results(home: Path) -> Path:
    rows = ["证件号码,姓名,科目,考试日期,考试性质,结果,成绩"]
    for i, name in enumerate(NAMES.values()):
        rows += [
            f"{id_number_of(i)},{name},理论知识考试,2025-03-24,初考,正常,81.5",
            f"{id_number_of(i)},{name},技能考核,2025-03-25,初考,正常,77",
        ]
    return _write(home / "results.csv", rows)


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


def _read(services: Services) -> dict[str, Held]:
    with services.database.reading() as session:
        rows = session.execute(
            text("select holder_name, number, token from certificate where stage = 'issued' order by version desc")
        ).all()
    held = {}
    for i, (state, name) in enumerate(NAMES.items()):
        number, token = next((number, token) for holder, number, token in rows if holder == name)
        held[state] = Held(state, name, id_number_of(i), number, token)
    return held


def _happen(services: Services, held: dict[str, Held]) -> None:
    change_status.suspend(services, held["suspended"].number, reason="身份信息复核中", by="issuer")
    change_status.revoke(services, held["revoked"].number, reason=REASON, by="issuer")
    with services.database.writing() as session:
        # A register that somebody changed by hand: the bytes no longer carry their signature.
        row = session.scalar(select(CertificateRecord).where(CertificateRecord.number == held["forged"].number))
        assert row is not None
        assert row.credential is not None
        row.credential = row.credential.replace(b"2025", b"2024")
