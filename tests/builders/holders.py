"""Holders and candidates beside the register's own: each has something to see on `/my`, and signs in as people do."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from certsvc.person.identity import IdentityDocument, IdType
from certsvc.rules.registration_review import FaceCheck
from certsvc.services.context import Services
from certsvc.services.examination import import_results, publish_results
from certsvc.services.holders.codes import make_access_code
from certsvc.services.holders.codes_by_message import send_due
from certsvc.services.issuing.render import render, waiting
from certsvc.services.operation import scan_counts
from certsvc.services.registration import import_roster, review
from certsvc.services.registration.review_list import list_registrations
from certsvc.store import CertificateRecord, ShareLinkRecord
from tests.builders.site import BORN, CORRECTED_NAME, NAMES, PAPER_NAME, REPLACED_NAME, Register, id_number_of

HOST = "certsvc.example"
RETAKE_NAME = "林小溪"
PENDING_NAME = "何平"
FAILED_NAME = "古丽娜尔·艾合买提"
SUBMITTED_NAME = "沈一"
RETURNED_NAME = "沈二"
REJECTED_NAME = "沈三"
MISSING = "近期一寸照片 <b>白底</b>"
REASON = "健康承诺由他人代签"
SCANS = (  # days ago, origin, how often
    (0, "CN-63", 3),
    (0, "-", 1),
    (1, "CN-QH", 2),
    (4, "CN-SC", 1),
    (9, "CN-GD", 5),
    (26, "US", 1),
    (70, "-", 4),
)
_RESULTS = (
    # name, subject, day, kind, outcome, score
    (RETAKE_NAME, "理论知识考试", "2030-12-05", "初考", "正常", "55.5"),
    (RETAKE_NAME, "技能考核", "2030-12-05", "初考", "正常", "72"),
    (FAILED_NAME, "理论知识考试", "2030-03-05", "初考", "缺考", ""),
    (FAILED_NAME, "技能考核", "2030-03-05", "初考", "正常", "88"),
    (FAILED_NAME, "理论知识考试", "2030-09-05", "补考", "正常", "41"),
)
_PENDING_RESULTS = ((PENDING_NAME, "理论知识考试", "2030-12-28", "初考", "正常", "91"),)
_NUMBERS = {
    **{name: id_number_of(i) for i, name in enumerate(NAMES.values())},
    CORRECTED_NAME: id_number_of(list(NAMES).index("superseded")),
    PAPER_NAME: id_number_of(80),
    REPLACED_NAME: id_number_of(81),
    RETAKE_NAME: id_number_of(30),
    PENDING_NAME: id_number_of(31),
    FAILED_NAME: id_number_of(32),
    SUBMITTED_NAME: id_number_of(33),
    RETURNED_NAME: id_number_of(34),
    REJECTED_NAME: id_number_of(35),
}


@dataclass(frozen=True)
class Someone:
    name: str

    @property
    def id_number(self) -> str:
        return _NUMBERS[self.name]

    @property
    def identity(self) -> IdentityDocument:
        return IdentityDocument(IdType.RESIDENT_ID, self.id_number)

    @property
    def typed(self) -> dict[str, str]:
        """The fields of the first step."""
        return {"name": self.name, "id_type": "resident_id", "id_number": self.id_number}


def bring_holders(made: Register) -> None:
    """Candidates with published and with pending results or under review, every PDF drawn, and scans to be seen."""
    services, home = made.services, made.settings.home
    people = (RETAKE_NAME, "2030-11-01"), (PENDING_NAME, "2030-11-01"), (FAILED_NAME, "2030-02-01")
    import_roster.import_candidates(services, _roster(home / "holders.csv", *people), by="institution")
    bring_reviewed(services, home)
    _results(services, home, _RESULTS)
    publish_results.publish_results(services, by="office")
    _results(services, home, _PENDING_RESULTS)
    with services.database.reading() as session:
        forged = session.scalar(
            select(CertificateRecord.id).where(CertificateRecord.token == made.held["forged"].token)
        )
        undrawn = [each for each in waiting(session) if each != forged]  # its leaf is about other bytes
    render(services, undrawn)
    today = services.today()
    counts = {
        scan_counts.Place(today - timedelta(days=back), made.valid.number, origin): count
        for back, origin, count in SCANS
    }
    scan_counts.add(services.database, counts)


def bring_reviewed(services: Services, home: Path) -> None:
    """A registration that waits, one that was returned, and one that was rejected."""
    people = [(name, "2030-12-20") for name in (SUBMITTED_NAME, RETURNED_NAME, REJECTED_NAME)]
    import_roster.import_candidates(
        services, _roster(home / "reviewed.csv", *people), by="institution", for_review=True
    )
    submitted, returned, rejected = (each.id for each in list_registrations(services))
    review.confirm(services, submitted, by="desk", face=FaceCheck.MANUAL, place="西宁市第一报名点")
    review.return_(services, [returned], by="reviewer", missing=MISSING)
    review.reject(services, [rejected], by="reviewer", reason=REASON)


def _roster(path: Path, *people: tuple[str, str]) -> Path:
    rows = ["姓名,性别,证件类型,证件号码,出生日期,手机号码,培训机构,健康承诺,报名日期"]
    rows += [f"{name},男,居民身份证,{_NUMBERS[name]},{BORN},12000000001,示例培训学校,是,{day}" for name, day in people]
    return _file(path, rows)


def _results(services: Services, home: Path, results: tuple[tuple[str, ...], ...]) -> None:
    rows = ["证件号码,姓名,科目,考试日期,考试性质,结果,成绩"]
    rows += [",".join((_NUMBERS[name], name, *rest)) for name, *rest in results]
    import_results.import_results(services, _file(home / "holders_results.csv", rows), by="station")


def _file(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(f'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


def message_code(services: Services) -> str:
    """The code of the newest message, sent now."""
    send_due(services)
    newest = max(services.folders.outbox.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    code: str = json.loads(newest.read_text("utf-8"))["code"]
    return code


def access_code(services: Services, someone: Someone) -> str:
    return make_access_code(services, someone.identity, by="窗口").code


def visit(app: Flask) -> FlaskClient:
    """A browser of its own, over https."""
    client = app.test_client()
    client.environ_base |= {"wsgi.url_scheme": "https", "HTTP_HOST": HOST}
    return client


@dataclass(frozen=True)
class Place:
    """A register with holders, and its site."""

    register: Register
    app: Flask

    @property
    def services(self) -> Services:
        return self.register.services

    def visitor(self) -> FlaskClient:
        return visit(self.app)


def enter(client: FlaskClient, services: Services, someone: Someone) -> TestResponse:
    """Sign in with a code from the counter; the page that then opens."""
    step = client.post("/my/code", data=someone.typed)
    fields = {"carried": hidden(step.text, "carried"), "code": access_code(services, someone)}
    assert client.post("/my/sign-in", data=fields).location == "/my"
    page = client.get("/my")
    assert page.status_code == 200
    return page


def session_of(client: FlaskClient) -> str:
    """The secret in the browser's cookie."""
    cookie = client.get_cookie("__Host-certsvc_holder")
    assert cookie is not None
    return cookie.value


def give_session(client: FlaskClient, secret: str) -> None:
    client.set_cookie("__Host-certsvc_holder", secret, secure=True)


def share_link(client: FlaskClient, number: str, days: int = 7, shows: Sequence[str] = ()) -> str:
    """The address of a new link, without the host; `shows` is "name" or "portrait", beyond the public record."""
    form = hidden(client.get("/my").text, "form")
    sent = {"form": form, "days": str(days)} | dict.fromkeys(shows, "1")
    made = client.post(f"/my/certificates/{number}/shares", data=sent)
    found = re.search(r"/s/[a-z2-7]{26}", made.text)
    assert found, made.status
    return found[0]


def newest_share(services: Services) -> int:
    with services.database.reading() as session:
        return session.scalars(select(ShareLinkRecord.id).order_by(ShareLinkRecord.id.desc())).first() or 0
