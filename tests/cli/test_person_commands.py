"""`certsvc person …`: handed over, put right, erased, and the schedule; numbers never have to stand in `ps` (R10)."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from certsvc.cli import work
from certsvc.signing.keystore import Keystore
from tests.builders.erasing import no_duty
from tests.builders.person import Candidate

Certsvc = Callable[..., Result]


@pytest.fixture
def number(passed: list[Candidate], certsvc: Certsvc, tmp_path: Path) -> str:
    """The first certificate; its holder's identity number waits in a file."""
    (tmp_path / "number").write_text(passed[0].id_number + "\n", "utf-8")
    issued = json.loads(certsvc("issue", "--json").stdout)["certificates"]
    return str(next(one["number"] for one in issued if one["name"] == passed[0].name))


@pytest.fixture
def who(tmp_path: Path) -> tuple[str, str]:
    return "--id-number", f"@{tmp_path / 'number'}"


def test_all_is_handed_over_in_a_file_for_its_owner(
    certsvc: Certsvc, number: str, who: tuple[str, str], tmp_path: Path
) -> None:
    target = tmp_path / "mine.zip"
    done = certsvc("person", "export", *who, "-o", target, "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert (told["rows"]["certificate"], told["missing"]) == (1, [])
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    again = certsvc("person", "export", *who, "-o", target)
    assert again.exit_code == 1
    assert certsvc("person", "export", "--id-number", "11010519491231002X", "-o", tmp_path / "x.zip").exit_code == 1


def test_a_wish_is_refused_with_the_day_or_followed_as_far_as_the_law_lets_it(
    certsvc: Certsvc, number: str, who: tuple[str, str]
) -> None:
    wish = ("person", "erase", *who, "--reason", "本人申请", "--by", "甲")
    refused = certsvc(*wish)
    assert (refused.exit_code, "R10" in refused.stderr, "--keep-certificate" in refused.stderr) == (1, True, True)
    asked = certsvc(*wish, "--keep-certificate")
    assert (asked.exit_code, "approval approve 1" in asked.stdout) == (0, True)
    assert f"keeps: {number}" in certsvc("approval", "show", 1).stdout
    assert certsvc("approval", "approve", 1, "--by", "甲").exit_code == 1
    done = certsvc("approval", "approve", 1, "--by", "乙", "--json")
    assert json.loads(done.stdout)["kept"][0]["number"] == number
    assert certsvc("certificate", "show", number).exit_code == 0
    no_duty(_Home())  # type: ignore[arg-type]
    swept = certsvc("person", "sweep", "--dry-run", "--json")
    assert json.loads(swept.stdout)["certificates"] == 1
    assert "已抹除" in certsvc("person", "sweep").stdout
    assert json.loads(certsvc("certificate", "show", number, "--json").stdout)[0]["erased_on"]
    checked = certsvc("log", "check")
    assert (checked.exit_code, "1 were erased" in checked.stdout) == (0, True)


def test_both_at_once_with_development_keys_and_the_list_erases_again(
    certsvc: Certsvc, number: str, who: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    no_duty(_Home())  # type: ignore[arg-type]
    wish = ("person", "erase", *who, "--reason", "本人申请", "--by", "甲", "--approved-by", "乙")
    with monkeypatch.context() as real:
        real.setattr(Keystore, "development", property(lambda _: False))
        assert "R1.6" in certsvc(*wish).stderr
    done = certsvc(*wish)
    assert (done.exit_code, number in done.stdout, "留存" in done.stdout) == (0, True, True)
    assert "抹除" in certsvc("certificate", "pdf", number, "-o", tmp_path / "x.pdf").stderr
    again = certsvc("person", "erase", "--again", tmp_path / "home" / "erasures.jsonl", "--json")
    assert json.loads(again.stdout) == {"erased": 0, "already": 1}
    assert certsvc("person", "erase", *who).exit_code == 2
    assert certsvc("person", "export", *who, "-o", tmp_path / "y.zip").exit_code == 1


def test_what_is_on_no_certificate_is_put_right_and_the_rest_says_where(
    certsvc: Certsvc, number: str, who: tuple[str, str], tmp_path: Path
) -> None:
    fix = ("person", "correct", *who, "--reason", "录入有误", "--by", "甲")
    assert f"certificate correct {number}" in certsvc(*fix, "--name", "新名").stderr
    assert "approval approve 1" in certsvc(*fix, "--phone", "13911111111").stdout
    failed = Candidate(serial=500, name="未过者")
    (tmp_path / "number").write_text(failed.id_number, "utf-8")
    done = certsvc(*fix, "--name", "未过的人", "--approved-by", "乙", "--json")
    assert json.loads(done.stdout)["changed"] == ["name"]
    (tmp_path / "new").write_text(Candidate(serial=501).id_number, "utf-8")
    done = certsvc(*fix, "--new-id-number", f"@{tmp_path / 'new'}", "--approved-by", "乙", "--json")
    assert "id_number" in json.loads(done.stdout)["changed"]


class _Home:
    """What `by_sql` asks of an installation."""

    @property
    def services(self) -> object:
        return work.services()
