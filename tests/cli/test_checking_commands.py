"""verify, certificate revoke … correct, reissue, log, publish, export, rebuild: through the real program."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from certsvc.cli import run
from certsvc.credential.compact import qr_text
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.publishing.static import publish_static
from tests.builders import damage
from tests.builders.applying import apply_from_home
from tests.builders.installation import Clock, Installation, made_up

ONE, TWO = made_up(1), made_up(2)
PAPER = "1763010001500077"


class Said:
    """What a command answered."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Certsvc = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    # The program reads the machine's clock; so does this home.
    installation = Installation(tmp_path / "home", clock=Clock(datetime.now(UTC)))
    installation.issue(ONE, TWO)
    publish_static(installation.services)
    return installation


@pytest.fixture
def certsvc(home: Installation, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Certsvc:
    monkeypatch.setenv("CERTSVC_HOME", str(home.home))
    for name in ("CERTSVC_DATABASE_URL", "CERTSVC_BASE_URL", "CERTSVC_KEYS"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> Said:
        capfd.readouterr()
        status = run([str(one) for one in arguments])
        out, err = capfd.readouterr()
        return Said(status, out, err)

    return call


@pytest.fixture
def number(certsvc: Certsvc) -> str:
    listed = certsvc("certificate", "list", "--json").document
    return str(listed[0]["number"])


@pytest.fixture
def held(home: Installation, number: str, tmp_path: Path) -> dict[str, str]:
    """What a holder has: the PDF and credential as files, the QR's text."""
    row = home.row(number)
    assert row.credential is not None
    assert row.cose is not None
    (tmp_path / "one.pdf").write_bytes(home.pdf(number))
    (tmp_path / "one.json").write_bytes(row.credential)
    return {
        "pdf": str(tmp_path / "one.pdf"),
        "credential": str(tmp_path / "one.json"),
        "code": qr_text("https://certsvc.example", row.token, row.cose),
    }


def test_verify_answers_in_json_and_by_its_exit_status(certsvc: Certsvc, number: str, held: dict[str, str]) -> None:
    for kind, brought in held.items():
        for options in ((), ("--offline",)):
            said = certsvc("verify", brought, "--json", *options)
            # A code alone names no place in the lists: offline its status is not seen.
            answer = (3, "unchecked") if options and kind == "code" else (0, "valid")
            assert (said.status, said.document["verdict"]) == answer, said.out
            assert said.document["certificate"]["number"] == number
            assert {"name", "ok", "detail"} == set(said.document["checks"][0])
    certsvc("certificate", "revoke", number, "--reason", "错发")
    for brought in held.values():
        said = certsvc("verify", brought, "--json")
        assert (said.status, said.document["verdict"]) == (1, "revoked")


def test_verify_speaks_chinese_first_and_never_by_colour_alone(
    certsvc: Certsvc, number: str, held: dict[str, str]
) -> None:
    said = certsvc("verify", held["pdf"])
    assert said.out.startswith("【valid】真实有效\nGenuine and in force\n")
    assert f"证书编号 number: {number}" in said.out
    assert "样例 SAMPLE" in said.out
    assert "✓ pdf-coverage" in said.out
    offline = certsvc("verify", held["pdf"], "--offline")
    assert offline.out.startswith("【valid】签名真实；状态截至")
    certsvc("certificate", "suspend", number, "--reason", "核查王某", "--code", "under_review")
    suspended = certsvc("verify", held["pdf"])
    assert suspended.status == 1
    assert "暂停使用" in suspended.out
    assert "正在核查" in suspended.out
    assert "王某" not in suspended.out
    assert "核查王某" in certsvc("certificate", "show", number).out
    assert "✗ status" in suspended.out


def test_verify_offline_stands_on_the_bundle_it_is_given(
    certsvc: Certsvc, home: Installation, held: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    shutil.copytree(home.services.folders.published, folder)
    shutil.rmtree(home.home)
    for trust in (folder, folder / "trust.json"):
        assert certsvc("verify", held["pdf"], "--offline", "--trust", trust).status == 0
    other = Installation(tmp_path / "other")
    publish_static(other.services)
    foreign = certsvc("verify", held["pdf"], "--trust", other.services.folders.published, "--json")
    assert (foreign.status, foreign.document["verdict"]) == (1, "forged")


def test_verify_offline_before_anything_was_published_uses_the_keys_of_the_home(
    certsvc: Certsvc, home: Installation, held: dict[str, str]
) -> None:
    shutil.rmtree(home.services.folders.published)
    said = certsvc("verify", held["credential"], "--offline", "--json")
    assert (said.status, said.document["verdict"]) == (3, "unchecked")
    assert said.document["trust"]["source"] == "keystore"
    assert next(check["ok"] for check in said.document["checks"] if check["name"] == "status") is None


def test_verify_says_which_trust_it_used_and_how_old_that_is(
    certsvc: Certsvc, home: Installation, held: dict[str, str]
) -> None:
    bundle = home.services.folders.published / "trust.json"
    fingerprint = hashlib.sha256(bundle.read_bytes()).hexdigest()
    month_ago = time.time() - 30 * 86400 - 60
    os.utime(bundle, (month_ago, month_ago))
    told = certsvc("verify", held["pdf"], "--offline", "--json").document["trust"]
    assert (told["source"], told["sha256"], told["days_old"]) == (str(bundle), fingerprint, 30)
    said = certsvc("verify", held["pdf"], "--offline").out
    assert f"{bundle} (SHA-256 {fingerprint[:16]}…" in said
    assert "a copy 30 days old" in said
    assert certsvc("verify", held["pdf"], "--json").document["trust"] == {"source": "register"}


def test_an_altered_file_is_told_and_its_original_written(
    certsvc: Certsvc, number: str, held: dict[str, str], tmp_path: Path
) -> None:
    genuine = Path(held["pdf"]).read_bytes()
    (tmp_path / "from-mail.pdf").write_bytes(genuine + b"\r\n")
    original = tmp_path / "original.pdf"
    said = certsvc("verify", tmp_path / "from-mail.pdf", "--original", original)
    assert said.status == 1
    assert said.out.startswith("【altered】不是原始文件")
    assert f"证书编号 number: {number}" in said.out
    assert "报警" not in said.out
    assert original.read_bytes() == genuine
    assert certsvc("verify", original).status == 0
    # What is there is not written over; and what is whole has no part to be written.
    assert certsvc("verify", tmp_path / "from-mail.pdf", "--original", original).status == 1
    assert original.read_bytes() == genuine
    assert "nothing was written" in certsvc("verify", held["pdf"], "--original", tmp_path / "none.pdf").err
    assert not (tmp_path / "none.pdf").exists()
    certsvc("certificate", "revoke", number, "--reason", "错发")
    said = certsvc("verify", tmp_path / "from-mail.pdf")
    assert "【revoked】" in said.out


def test_a_certificate_in_a_mail_and_one_in_a_picture_are_read(
    certsvc: Certsvc, number: str, held: dict[str, str], tmp_path: Path
) -> None:
    genuine = Path(held["pdf"]).read_bytes()
    (tmp_path / "one.eml").write_bytes(damage.mailed(genuine))
    said = certsvc("verify", tmp_path / "one.eml")
    assert said.status == 1
    assert "· 证书.pdf: valid" in said.out
    (tmp_path / "one.jpg").write_bytes(damage.photographed(genuine))
    told = certsvc("verify", tmp_path / "one.jpg", "--json")
    assert (told.status, told.document["certificate"]["number"]) == (0, number)
    missing = certsvc("verify", tmp_path / "missing.jpg")
    assert (missing.status, "no such file" in missing.err) == (1, True)


def test_several_things_are_answered_one_by_one_and_the_worst_is_the_exit_status(
    certsvc: Certsvc, held: dict[str, str], tmp_path: Path
) -> None:
    flipped = bytearray(Path(held["pdf"]).read_bytes())
    flipped[len(flipped) // 3] ^= 1
    (tmp_path / "flipped.pdf").write_bytes(flipped)
    (tmp_path / "a.rar").write_bytes(b"Rar!\x1a\x07\x01\0" + bytes(50))
    assert certsvc("verify", held["pdf"], held["pdf"]).status == 0
    said = certsvc("verify", held["pdf"], tmp_path / "flipped.pdf", tmp_path / "a.rar", "--json")
    assert said.status == 1
    found = json.loads(said.out)["files"]
    assert [each["verdict"] for each in found] == ["valid", "forged", "unknown"]
    assert "unpack it" in found[2]["checks"][0]["detail"]
    refused = certsvc("verify", held["pdf"], held["pdf"], "--original", tmp_path / "x.pdf")
    assert "one file at a time" in refused.err


def test_a_list_is_answered_row_by_row_and_a_bad_row_hides_no_other(
    certsvc: Certsvc, held: dict[str, str], number: str, tmp_path: Path
) -> None:
    name = json.loads(certsvc("verify", held["pdf"], "--json").out)["certificate"]["name"]
    rows = tmp_path / "名单.csv"
    rows.write_text(f"证书编号,姓名\n{number},{name}\n", encoding="utf-8")
    assert certsvc("verify", rows).status == 0
    rows.write_text(f"证书编号,姓名\n{number},{name}\n2.66301E+15,王芳\n{number},别人甲\n", encoding="utf-8")
    said = certsvc("verify", rows, "--json")
    assert said.status == 1
    assert [row["state"] for row in json.loads(said.out)["rows"]] == ["valid", "damaged", "unknown"]
    shown = certsvc("verify", rows).out
    assert "设为文本格式" in shown
    assert "3 rows, 1 genuine" in shown
    assert "cannot be checked offline" in certsvc("verify", rows, "--offline").err


@pytest.mark.parametrize("brought", ["hello", "", "\x00", "x" * 5000, "https://certsvc.example/V/NOTATOKEN", "{}"])
def test_verify_of_anything_else_is_unknown(certsvc: Certsvc, brought: str) -> None:
    said = certsvc("verify", brought, "--json")
    assert (said.status, said.document["verdict"]) == (1, "unknown")


def test_verify_says_that_a_file_is_not_there(certsvc: Certsvc) -> None:
    said = certsvc("verify", "nowhere.pdf")
    assert said.status == 1
    assert "nowhere.pdf" in said.err


def test_verify_reads_standard_input(certsvc: Certsvc, held: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(held["credential"]).open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert certsvc("verify", "-", "--json").status == 0


def test_an_unreadable_trust_is_refused(certsvc: Certsvc, held: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_text("{}")
    said = certsvc("verify", held["pdf"], "--trust", tmp_path / "trust.json")
    assert said.status == 1
    assert "信任清单" in said.err


def test_status_changes_are_told_recorded_and_published(certsvc: Certsvc, number: str, held: dict[str, str]) -> None:
    said = certsvc("certificate", "suspend", number, "--reason", "核查中", "--by", "甲", "--json")
    assert (said.status, said.document["from"], said.document["to"]) == (0, "valid", "suspended")
    assert certsvc("verify", held["pdf"], "--offline", "--json").document["verdict"] == "suspended"
    assert certsvc("certificate", "reinstate", number, "--reason", "查无问题").status == 0
    assert certsvc("verify", held["pdf"], "--offline", "--json").document["verdict"] == "valid"
    refused = certsvc("certificate", "reinstate", number, "--reason", "再来")
    assert refused.status == 1
    assert "R7.5" in refused.err
    assert certsvc("certificate", "revoke", number).status == 2


def test_a_correction_issues_a_new_pdf_and_the_old_says_superseded(
    certsvc: Certsvc, number: str, held: dict[str, str], tmp_path: Path
) -> None:
    two = ("--by", "甲", "--approved-by", "乙")
    said = certsvc("certificate", "correct", number, "--name", "测试新", "--reason", "更正姓名", *two, "--json")
    assert (said.document["version"], said.document["changed"]) == (2, ["name"])
    assert certsvc("certificate", "pdf", number, "-o", tmp_path / "new.pdf").status == 0
    assert certsvc("verify", tmp_path / "new.pdf").status == 0
    old = certsvc("verify", held["pdf"], "--json").document
    assert (old["verdict"], old["certificate"]["successor"]) == ("superseded", f"{number} v2")
    shown = certsvc("certificate", "correct", number, "--id-number", made_up(5).id_number, "--reason", "证号有误", *two)
    assert shown.status == 0
    assert made_up(5).id_number not in shown.out + shown.err


def test_a_reissue_takes_two_persons(certsvc: Certsvc, home: Installation, tmp_path: Path) -> None:
    holder = made_up(9)
    home.import_paper((PAPER, holder))
    words = ("reissue", "apply", "--number", PAPER, "--name", holder.name, "--id-number", holder.id_number)
    applied = certsvc(*words, "--reason", "lost", "--by", "甲", "--json").document
    assert (applied["state"], applied["existing"]) == ("applied", False)
    alone = certsvc("reissue", "approve", applied["id"], "--by", "甲")
    assert alone.status == 1
    assert "R8.2" in alone.err
    approved = certsvc("reissue", "approve", applied["id"], "--by", "乙", "--note", "核对无误", "--json").document
    assert (approved["state"], approved["version"]) == ("approved", 2)
    assert certsvc(*words, "--reason", "lost", "--by", "甲", "--json").document["token"] == approved["token"]
    assert "已有申请" in certsvc(*words, "--reason", "lost", "--by", "甲").out
    assert certsvc("certificate", "pdf", PAPER, "-o", tmp_path / "reissued.pdf").status == 0
    assert certsvc("verify", tmp_path / "reissued.pdf").status == 0
    assert [one["state"] for one in certsvc("reissue", "list", "--json").document] == ["approved"]
    assert "核对无误" in certsvc("reissue", "list").out


def test_an_application_from_home_is_looked_at_returned_and_decided(
    certsvc: Certsvc, home: Installation, tmp_path: Path
) -> None:
    holder = made_up(9)
    home.import_paper((PAPER, holder))
    document = IdentityDocument(IdType.RESIDENT_ID, holder.id_number)
    for number in (PAPER, "1763010001500091"):
        apply_from_home(home.services, number=number, name=holder.name, identity=document)
    known, unknown = certsvc("reissue", "list", "--state", "applied", "--json").document
    assert (known["home"]["phase"], known["home"]["pictures"]) == ("received", 1)
    assert "1 张照片" in certsvc("reissue", "list").out
    written = certsvc("reissue", "evidence", known["id"], "-o", tmp_path / "look", "--json").document
    assert [Path(file).name for file in written["files"]] == ["1-document.jpg", "application.json"]
    assert written["register"] == "agrees"
    assert "登记册中没有" in certsvc("reissue", "evidence", unknown["id"], "-o", tmp_path / "other").out
    assert certsvc("reissue", "return", known["id"], "--missing", "身份证背面").status == 0
    assert certsvc("reissue", "list", "--json").document[0]["home"]["missing"] == "身份证背面"
    assert certsvc("reissue", "approve", known["id"], "--by", "乙", "--json").document["state"] == "approved"
    assert certsvc("reissue", "contact", known["id"], "--reason", "补发后登录", "--by", "甲").status == 0
    (asked,) = certsvc("approval", "list", "--json").document
    assert asked["kind"] == "paper.contact"
    seen = ("--evidence", "照片与身份证相符", "--issued-on", "2020-05-06", "--by", "甲")
    assert certsvc("reissue", "confirm", unknown["id"], *seen).status == 0
    assert certsvc("reissue", "approve", unknown["id"], "--by", "甲").status == 1
    assert certsvc("reissue", "reject", unknown["id"], "--by", "乙", "--note", "照片不清").status == 0
    assert "1 张" in certsvc("reissue", "drop-pictures", unknown["id"]).out
    assert certsvc("publish").status == 0


def test_the_list_of_reissues_names_the_certificate_as_it_stands_now(
    certsvc: Certsvc, home: Installation, tmp_path: Path
) -> None:
    holder = made_up(4)
    home.import_paper((PAPER, holder))
    words = ("reissue", "apply", "--number", PAPER, "--name", holder.name, "--id-number", holder.id_number)
    applied = certsvc(*words, "--reason", "lost", "--by", "甲", "--json").document
    assert applied["now"] is None
    approved = certsvc("reissue", "approve", applied["id"], "--by", "乙", "--json").document
    assert (approved["now"]["version"], approved["now"]["status"]) == (2, "valid")
    assert f"{holder.name}  lost  approved  v2\n" in certsvc("reissue", "list").out
    words = ("certificate", "correct", PAPER, "--name", "改过", "--reason", "更正")
    corrected = certsvc(*words, "--by", "甲", "--approved-by", "乙", "--json").document
    (listed,) = certsvc("reissue", "list", "--json").document
    assert (listed["version"], listed["token"]) == (2, approved["token"])
    assert listed["now"] == {
        "number": PAPER,
        "version": 3,
        "name": "改过",
        "token": corrected["token"],
        "status": "valid",
    }
    assert f"{PAPER}  {holder.name} → 改过  lost  approved  v2 → v3\n" in certsvc("reissue", "list").out
    certsvc("certificate", "revoke", PAPER, "--reason", "错发")
    assert "v2 → v3 revoked" in certsvc("reissue", "list").out


def test_a_reissue_on_evidence_needs_the_papers_date(certsvc: Certsvc) -> None:
    holder = made_up(9)
    words = ("reissue", "apply", "--number", PAPER, "--name", holder.name, "--id-number", holder.id_number)
    assert certsvc(*words, "--reason", "damaged").status == 1
    assert certsvc(*words, "--reason", "damaged", "--evidence", "原件").status == 2
    shown = ("--evidence", "原件", "--issued-on", "2019-05-01")
    applied = certsvc(*words, "--reason", "damaged", *shown, "--by", "甲", "--json").document
    rejected = certsvc("reissue", "reject", applied["id"], "--note", "材料不全", "--by", "乙", "--json").document
    assert rejected["state"] == "rejected"


def test_the_log_is_checked_exported_proved_and_witnessed(
    certsvc: Certsvc, home: Installation, number: str, tmp_path: Path
) -> None:
    checked = certsvc("log", "check", "--json")
    assert (checked.status, checked.document["ok"], checked.document["certificates"]) == (0, True, 2)
    exported = certsvc("log", "export", tmp_path / "log", "--json").document
    assert exported["size"] == checked.document["size"]
    assert (tmp_path / "log" / "checkpoint").is_file()
    assert certsvc("log", "export", tmp_path / "log", "--json").document["files_written"] == 0
    assert certsvc("log", "prove", number).out.startswith("c2sp.org/tlog-proof@v1\n")
    assert certsvc("log", "prove", number, "-o", tmp_path / "one.tlog-proof").status == 0
    trust = home.services.folders.published / "trust.json"
    watch = ("log", "witness", tmp_path / "log", "--state", tmp_path / "witness", "--trust", trust)
    seen = certsvc(*watch)
    assert seen.status == 0
    assert seen.out.count("\n— ") == 2
    assert certsvc(*watch, "-o", tmp_path / "cosigned").status == 0
    (tmp_path / "log" / "checkpoint").write_bytes(b"nonsense")
    refused = certsvc(*watch)
    assert refused.status == 1
    assert "malformed" in refused.err


def test_a_change_by_sql_fails_the_log_check(certsvc: Certsvc, home: Installation) -> None:
    with home.services.database.writing() as session:
        session.connection().exec_driver_sql("update certificate set holder_name = '李四'")
    said = certsvc("log", "check")
    assert said.status == 1
    assert "G2" in said.err
    assert certsvc("log", "check", "--json").document["problems"][0]["rule"] == "G2"


def test_a_deed_stands_even_where_publishing_it_is_hindered(certsvc: Certsvc, home: Installation, number: str) -> None:
    (home.services.folders.home / "log-signed-at.json").write_text("nonsense")
    said = certsvc("certificate", "revoke", number, "--reason", "错发")
    assert said.status == 0
    assert "静态文件未能更新" in said.err
    assert home.row(number).status == "revoked"


def test_publish_writes_only_what_changed(certsvc: Certsvc, tmp_path: Path) -> None:
    assert certsvc("publish", tmp_path / "www", "--json").document["files_written"] > 0
    assert certsvc("publish", tmp_path / "www", "--json").document["files_written"] == 0
    assert "写入" in certsvc("publish").out


def test_a_kit_is_exported_and_the_register_rebuilt_from_it(
    certsvc: Certsvc, home: Installation, held: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = certsvc("export", tmp_path / "kit", "--json").document
    assert (exported["certificates"], exported["pdfs"]) == (2, 1)
    said = certsvc("export", tmp_path / "kit")
    assert "没有 PDF" in said.err
    keys = tmp_path / "keys"
    shutil.copytree(home.home / "keys", keys)
    home.services.database.close()
    shutil.rmtree(home.home)
    for brought in held.values():
        assert certsvc("verify", brought, "--offline", "--trust", tmp_path / "kit").status == 0
    monkeypatch.setenv("CERTSVC_HOME", str(tmp_path / "new"))
    monkeypatch.setenv("CERTSVC_KEYS", str(keys))
    assert certsvc("init").status == 0
    rebuilt = certsvc("rebuild", tmp_path / "kit", "--json")
    assert (rebuilt.status, rebuilt.document["pdfs"], rebuilt.document["log"]["ok"]) == (0, 1, True)
    assert certsvc("verify", held["pdf"]).status == 0
    assert certsvc("rebuild", tmp_path / "kit").status == 1
