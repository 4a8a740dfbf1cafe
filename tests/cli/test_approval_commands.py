"""`certsvc approval …`, `certificate correct`, `holder contact`: one asks, another approves; and who is who (R1.6)."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable

import pytest
from click.testing import Result

from certsvc.cli import work
from certsvc.errors import Refused
from certsvc.services import context
from certsvc.signing.keystore import Keystore
from tests.builders.person import Candidate

Certsvc = Callable[..., Result]


@pytest.fixture
def number(passed: list[Candidate], certsvc: Certsvc) -> str:
    """The first certificate of three."""
    del passed
    return str(json.loads(certsvc("issue", "--json").stdout)["certificates"][0]["number"])


def correct(certsvc: Certsvc, number: str, *more: str) -> Result:
    return certsvc("certificate", "correct", number, "--name", "测试新名", "--reason", "录入有误", *more)


def test_a_correction_is_asked_for_listed_shown_and_approved(certsvc: Certsvc, number: str) -> None:
    asked = correct(certsvc, number, "--by", "甲")
    assert (asked.exit_code, "certsvc approval approve 1" in asked.stdout) == (0, True)
    assert json.loads(certsvc("certificate", "show", number, "--json").stdout)[0]["version"] == 1
    assert certsvc("approval", "list").stdout.split("  ")[:5] == ["1", "certificate.correct", number, "waiting", "甲"]
    assert "name: 测试新名" in certsvc("approval", "show", 1).stdout
    assert json.loads(certsvc("approval", "show", 1, "--json").stdout)["wants"]["name"] == "测试新名"
    refused = certsvc("approval", "approve", 1, "--by", "甲")
    assert (refused.exit_code, "R8.4a" in refused.stderr) == (1, True)
    approved = certsvc("approval", "approve", 1, "--by", "乙")
    assert (approved.exit_code, "version 2" in approved.stdout) == (0, True)
    assert json.loads(certsvc("approval", "list", "--state", "all", "--json").stdout)[0]["decided_by"] == "乙"
    assert certsvc("log", "check").exit_code == 0


def test_both_at_once_with_development_keys_and_not_with_real_ones(
    certsvc: Certsvc, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in (("--by", "甲", "--approved-by", "甲"), ("--id-number", Candidate(serial=7).id_number, "--by", "甲")):
        assert (correct(certsvc, number, *wrong).exit_code, "R8.4a" in correct(certsvc, number, *wrong).stderr) == (
            1,
            True,
        )
    with monkeypatch.context() as real:
        real.setattr(Keystore, "development", property(lambda _: False))
        refused = correct(certsvc, number, "--approved-by", "乙")
        assert (refused.exit_code, "R1.6" in refused.stderr) == (1, True)
    done = correct(certsvc, number, "--by", "甲", "--approved-by", "乙", "--json")
    assert json.loads(done.stdout)["changed"] == ["name"]


def test_a_request_is_turned_down_and_changes_nothing(certsvc: Certsvc, number: str) -> None:
    waiting = json.loads(correct(certsvc, number, "--by", "甲", "--json").stdout)
    assert (waiting["state"], waiting["changed"]) == ("waiting", ["name"])
    told = certsvc("approval", "reject", waiting["approval"], "--reason", "材料不全", "--by", "乙")
    assert (told.exit_code, "材料不全" in told.stdout) == (0, True)
    assert json.loads(certsvc("approval", "list", "--state", "rejected", "--json").stdout)[0]["note"] == "材料不全"
    assert certsvc("approval", "reject", 9, "--reason", "无", "--json").exit_code == 1
    assert certsvc("approval", "approve", 1, "--by", "丙").exit_code == 1


def test_anybody_reads_the_counts_of_the_log(certsvc: Certsvc, number: str) -> None:
    correct(certsvc, number, "--by", "甲", "--approved-by", "乙")
    folder = work.services().folders.published
    pinned = ("--trust", folder / "trust.json")
    told = certsvc("log", "audit", folder, *pinned).stdout
    assert "corrections: 1 of a name, 0 of an identity, 0 of the key alone, 0 not said" in told
    assert "reissues: 0 with a register entry, 0 without a register entry, 0 not said" in told
    counted = json.loads(certsvc("log", "audit", folder, *pinned, "--json").stdout)
    assert counted["corrections"] == {"name": 1, "identity": 0, "key": 0, "not_said": 0}
    assert counted["reissues"] == {"registered": 0, "none": 0, "not_said": 0}


def test_another_telephone_is_asked_for_and_waits(certsvc: Certsvc, passed: list[Candidate]) -> None:
    wanted = ("--id-number", passed[0].id_number, "--phone", "13911111111", "--reason", "换号")
    assert "approval approve 1" in certsvc("holder", "contact", *wanted, "--by", "甲").stdout
    approved = certsvc("approval", "approve", 1, "--by", "乙")
    assert "the number on record is told" in approved.stdout
    assert json.loads(certsvc("approval", "reject", 1, "--reason", "本人否认", "--json").stdout)["state"] == "rejected"
    at_once = certsvc("holder", "contact", *wanted, "--by", "甲", "--approved-by", "乙", "--json")
    assert json.loads(at_once.stdout)["old_number_told"] is True
    assert passed[0].id_number not in certsvc("approval", "list", "--state", "all").stdout


def test_with_real_keys_a_name_that_is_typed_is_no_person(
    certsvc: Certsvc, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = context.operator()
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    refused = correct(certsvc, number, "--by", "somebody else")
    assert (refused.exit_code, "R1.6" in refused.stderr) == (1, True)
    assert correct(certsvc, number, "--by", account).exit_code == 0
    assert correct(certsvc, number).exit_code == 0
    assert certsvc("approval", "approve", 1).exit_code == 1, "the same account"


def test_no_variable_of_the_environment_makes_another_person(monkeypatch: pytest.MonkeyPatch) -> None:
    before = context.operator()
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(variable, "somebody")
    assert context.operator() == before


def test_the_account_is_the_one_that_signed_in_and_not_the_one_sudo_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    other = next(one for one in pwd.getpwall() if one.pw_uid != os.getuid())
    monkeypatch.setattr(context, "_signed_in", lambda: other.pw_uid)
    assert context.operator() == other.pw_name
    monkeypatch.setattr(context, "_signed_in", lambda: 2**32 - 1)
    assert context.operator() == pwd.getpwuid(os.getuid()).pw_name


def test_an_account_without_a_name_is_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr(context.pwd, "getpwuid", unknown)
    assert context.operator() == str(os.getuid())


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101])
def test_an_approver_is_a_name_on_one_line(name: str) -> None:
    with pytest.raises(Refused):
        work.named(name)
