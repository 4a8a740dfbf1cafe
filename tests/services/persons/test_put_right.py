"""A person whose results were corrected or withdrawn: what is handed over of it, and what an erasure leaves (R10)."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.audit.check_register import check_log
from certsvc.services.context import Services
from certsvc.services.persons import erase
from certsvc.services.persons.export import DATA, export_person
from certsvc.transparency.leaf import Act
from tests.builders.correcting import annul, correct, correction, record, register
from tests.builders.person import Candidate

ONE = Candidate()
WHO = IdentityDocument(IdType.RESIDENT_ID, ONE.id_number)


@pytest.fixture
def put_right(services: Services, tmp_path: Path) -> Services:
    register(services, tmp_path, [ONE])
    record(services, tmp_path, ONE.result("theory", "40"), ONE.result("practical", "80"))
    correct(services, tmp_path, correction(ONE.result("theory", "41")))
    annul(services, f"{ONE.result('practical', '80')['sat_on']}/practical", Act.WITHDRAWN)
    return services


def test_both_are_handed_over_and_why(put_right: Services, tmp_path: Path) -> None:
    export_person(put_right, WHO, tmp_path / "mine.zip", by="窗口")
    tables = json.loads(zipfile.ZipFile(tmp_path / "mine.zip").read(DATA))["tables"]
    (corrected,), (withdrawn,) = tables["result_correction"], tables["withdrawn_result"]
    assert (corrected["score_hundredths"], corrected["opened"]["reason"]) == (4100, "录入有误")
    assert (withdrawn["score_hundredths"], withdrawn["opened"]["reason"]) == (8000, "考场断电")
    assert "salt" not in corrected["opened"]


def test_the_registration_stays_and_it_is_said(put_right: Services) -> None:
    asked = erase.propose(put_right, WHO, reason="本人要求", by="甲")
    assert any("put right" in one.en for one in asked.kept)
    erase.approve(put_right, asked.approval_id, by="乙")
    assert check_log(put_right).ok
