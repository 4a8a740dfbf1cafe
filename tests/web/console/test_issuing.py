"""The desk for batches: asked for by one, approved by another over exactly what was seen, then signed (R1.6, R7.1)."""

from __future__ import annotations

from pathlib import Path

from certsvc.services.certificates.listing import find_certificates
from tests.builders.correcting import record, register
from tests.builders.person import Candidate
from tests.builders.staff import said
from tests.web.console.conftest import Office
from tests.web.console.test_certificates import approve

DUE, LATER = Candidate(serial=501, name="待发甲"), Candidate(serial=502, name="待发乙")


def passes(office: Office, folder: Path, one: Candidate) -> None:
    register(office.services, folder, [one])
    record(office.services, folder, one.result("theory", "80"), one.result("practical", "80"))


def test_a_batch_is_asked_for_by_one_and_approved_by_another_as_it_was_seen(office: Office, tmp_path: Path) -> None:
    maker, approver, auditor = (office.browser(role) for role in ("maker", "approver", "auditor"))
    assert "现在没有应签发的证书" in said(maker.get("/console/issuing"))
    passes(office, tmp_path, DUE)
    assert DUE.name in said(maker.get("/console/issuing"))
    assert "提出签发" not in auditor.get("/console/issuing").text, "who only reads has no form"
    asked = maker.post("/console/issuing/propose")
    assert asked.status_code == 303
    maker.get("/console/issuing")
    assert maker.post("/console/issuing/propose").location == asked.location, "asked for twice, it is one request"
    assert "签发一批证书" in said(approver.get(asked.location))
    passes(office, tmp_path, LATER)
    assert approve(approver, asked.location) == 303
    (issued,) = find_certificates(office.services, number="", name=DUE.name, most=5)
    assert issued.status == "valid"
    assert office.services.folders.certificate_pdf(issued.number, 1).is_file() or list(
        office.services.folders.home.glob(f"pdf/{issued.number}-*.pdf")
    )
    assert find_certificates(office.services, number="", name=LATER.name, most=5) == []
    assert LATER.name in said(maker.get("/console/issuing"))


def test_a_batch_that_changed_since_it_was_asked_for_is_refused(office: Office, tmp_path: Path) -> None:
    maker, approver = office.browser("maker"), office.browser("approver")
    one = Candidate(serial=503, name="待发丙")
    passes(office, tmp_path, one)
    maker.get("/console/issuing")
    asked = maker.post("/console/issuing/propose")
    with office.services.database.writing() as session:
        session.connection().exec_driver_sql("update person set name = '待发丁' where name = '待发丙'")
    assert approve(approver, asked.location) == 422
    assert find_certificates(office.services, number="", name="待发丁", most=5) == []
