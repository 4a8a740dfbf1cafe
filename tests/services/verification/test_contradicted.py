"""A register that somebody changed by hand says nothing of a certificate, and nothing it says is signed (V7, R10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from certsvc.credential.canonical import load_strict
from certsvc.credential.document import CertificateClaims, read_claims
from certsvc.credential.verdict import CheckName, Verdict
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.certificates.resign import ResignReport, Selection, resign
from certsvc.services.issuing.render import draw
from certsvc.services.publishing.static import publish_static
from certsvc.services.verification import look_up
from certsvc.services.verification.genuine import check_row, genuine_claims, repeats
from certsvc.signing.keys import Purpose
from tests.builders.insider import by_sql
from tests.builders.installation import Installation, made_up
from tests.builders.verifying import check, code, credential, numbers, offline, online

SCHEME = "emergency-rescuer-5/qinghai-2025"


@pytest.mark.parametrize("change", ["cast(credential as text)", "7", "x''"])
def test_a_credential_of_another_type_is_not_believed(at: Installation, change: str) -> None:
    """SQLite keeps whatever type is written by hand; that is an answer, not a crash."""
    number = numbers(at)[0]
    brought = [credential(at, number), code(at, number), code(at, number).partition("#")[0]]
    by_sql(at, f"update certificate set credential = {change}")
    for content in brought:
        found = online(at, content)
        assert (found.verdict, check(found, "register-entry")) == (Verdict.UNAVAILABLE, None)
        said = [one.detail_en for one in found.checks if one.name == "register-entry"]
        assert said == ["the register contradicts what was signed: not believed"]
    assert genuine_claims(at.services, at.row(number)) is None


COLUMNS = {
    "number": "2563010001500099",
    "version": 2,
    "token": "a" * 26,
    "holder_name": "李四",
    "occupation_code": "3-02-03-09",
    "level": 4,
    "issued_on": date(2001, 1, 1),
    "reissued_on": date(2026, 1, 1),
    "valid_until": date(2099, 1, 1),
    "credential_sha256": "0" * 64,
    "status": "expired",
}


def of_row(at: Installation) -> CertificateClaims:
    claims = check_row(at.services, at.row(numbers(at)[0])).claims
    assert claims is not None
    return claims


def test_every_column_of_a_row_must_repeat_what_was_signed(at: Installation) -> None:
    """Each of them alone: anyone who can write one could let one certificate stand in for another."""
    claims = of_row(at)
    assert repeats(at.row(claims.number), claims)
    for column, value in COLUMNS.items():
        row = at.row(claims.number)
        setattr(row, column, value)
        assert not repeats(row, claims), column
        assert genuine_claims(at.services, row) is None, column
    for status in ("valid", "suspended", "revoked", "superseded"):
        row = at.row(claims.number)
        row.status = status
        assert repeats(row, claims), status
    row = at.row(claims.number)
    row.credential = None
    assert not repeats(row, claims)
    assert not repeats(at.row(claims.number), replace(claims, token="b" * 26))


@pytest.mark.parametrize("column", ["version", "token", "occupation_code", "reissued_on"])
def test_a_column_changed_by_hand_is_not_believed_online(at: Installation, column: str) -> None:
    number = numbers(at)[0]
    content = credential(at, number)
    by_sql(at, f"update certificate set {column} = '{COLUMNS[column]}' where number = '{number}'")
    found = online(at, content)
    assert (found.verdict, check(found, "register-entry")) == (Verdict.UNAVAILABLE, None)


def test_with_swapped_tokens_a_replaced_version_does_not_show_its_valid_successor(at: Installation) -> None:
    """The code on the old paper would lead to "valid" otherwise."""
    number = numbers(at)[0]
    old_code = code(at, number)
    old = at.row(number)
    correct(at.services, number, Correction(name="测试新"), reason="更正", by="甲")
    new = at.row(number, 2)
    assert online(at, old_code).verdict is Verdict.SUPERSEDED
    by_sql(
        at,
        f"update certificate set token = 'swap' where id = {old.id}",
        f"update certificate set token = '{old.token}' where id = {new.id}",
        f"update certificate set token = '{new.token}' where id = {old.id}",
    )
    for content in (old_code, old_code.partition("#")[0]):
        assert online(at, content).verdict in {Verdict.UNAVAILABLE, Verdict.UNKNOWN}
    record = look_up.by_token(at.services, old.token)
    assert record is not None
    assert (record.state, record.masked_name) == ("forged", "")


def test_a_second_file_is_told_from_the_one_on_record_in_both_languages(at: Installation) -> None:
    """V8; and another certificate's file on record is not this one's."""
    number = numbers(at)[0]
    first = at.pdf(number)
    (drawn,) = draw(at.services, [at.row(number).id])
    second = drawn.path.read_bytes()
    said = {}
    for content in (first, second):
        said[content] = next(one for one in online(at, content).checks if one.name == "file-hash")
    assert (said[first].ok, said[first].detail_zh, said[first].detail_en) == (
        True,
        "文件与登记的散列一致",
        "the file is the one on record",
    )
    assert (said[second].ok, said[second].detail_zh, said[second].detail_en) == (
        False,
        "文件与登记的散列不符",
        "the file is not the one on record",
    )


def test_a_file_on_record_for_another_certificate_is_not_this_ones(at: Installation) -> None:
    first, second = numbers(at)
    content = at.pdf(first)
    by_sql(at, f"update pdf_file set certificate_id = {at.row(second).id}")
    found = online(at, content)
    assert (found.verdict, check(found, "file-hash")) == (Verdict.FORGED, False)


def test_before_a_file_is_on_record_its_hash_is_not_asked_for(at: Installation) -> None:
    number = numbers(at)[0]
    content = at.pdf(number)
    by_sql(at, "update certificate set pdf_sha256 = null")
    found = online(at, content)
    assert (found.verdict, check(found, CheckName.FILE_HASH)) == (Verdict.VALID, None)


# What is signed next


@pytest.fixture
def rotated(at: Installation) -> Installation:
    """Two certificates of a key that another has followed."""
    at.clock.move(minutes=1)
    at.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    return at


def signed_anew(at: Installation) -> ResignReport:
    return resign(at.services, Selection(scheme=SCHEME), by="签发员", approved_by="复核员")


def refused(report: ResignReport) -> list[tuple[str, str]]:
    return [(number, error.en) for number, error in report.refusals]


@pytest.mark.parametrize(
    "change",
    [
        "holder_name = '李四'",
        "occupation_code = '3-02-03-09'",
        "issued_on = '2001-01-01'",
        "level = 4",
        "credential = replace(cast(credential as text), '测试', '李四')",
    ],
)
def test_a_row_that_contradicts_its_signature_is_not_signed_anew(rotated: Installation, change: str) -> None:
    number, other = numbers(rotated)
    if change.startswith("credential"):
        change = change.replace("replace(", "cast(replace(") + " as blob)"
    by_sql(rotated, f"update certificate set {change} where number = '{number}'")
    report = signed_anew(rotated)
    assert report.resigned == [(other, 2)]
    assert refused(report) == [(number, "the register is not what was signed")]


def test_a_number_changed_by_hand_is_not_signed_anew(rotated: Installation) -> None:
    number, other = numbers(rotated)
    by_sql(rotated, f"update certificate set number = '2563010001500099' where number = '{number}'")
    report = signed_anew(rotated)
    assert report.resigned == [(other, 2)]
    assert refused(report) == [("2563010001500099", "the register is not what was signed")]


def test_the_next_version_says_what_was_signed_and_not_what_stands_beside_it(rotated: Installation) -> None:
    """The row keeps the document without its proof as well: a name changed there alone goes nowhere."""
    number, _ = numbers(rotated)
    signed = read_claims({k: v for k, v in _document(credential(rotated, number)).items() if k != "proof"})
    by_sql(
        rotated,
        "update certificate set document = cast(replace(cast(document as text), '测试', '李四') as blob) "
        f"where number = '{number}'",
    )
    assert "李四" in rotated.row(number).document.decode()
    assert len(signed_anew(rotated).resigned) == 2
    new = rotated.row(number, 2)
    assert new.credential is not None
    assert new.holder_name == signed.holder_name == made_up(1).name
    publish_static(rotated.services)
    for found in (online(rotated, new.credential), offline(rotated, new.credential)):
        assert found.verdict is Verdict.VALID
        assert found.certificate is not None
        assert found.certificate["name"] == made_up(1).name


def _document(content: bytes) -> dict[str, object]:
    read = load_strict(content)
    assert isinstance(read, dict)
    return read


def test_a_row_whose_log_does_not_bear_it_out_is_not_signed_anew(rotated: Installation, tmp_path: Path) -> None:
    number, other = numbers(rotated)
    publish_static(rotated.services)
    by_sql(rotated, f"update certificate set leaf_index = null where number = '{number}'")
    report = signed_anew(rotated)
    assert report.resigned == [(other, 2)]
    assert refused(report) == [(number, "the log has no leaf that made it")]
