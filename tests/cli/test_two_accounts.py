"""In a home with real keys one account asks and another carries out, by commands of their own (R1.6)."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from certsvc.services import context
from certsvc.signing.key_material import KeyMaterial
from certsvc.signing.keystore import Keystore
from tests.builders.person import Candidate, candidates, write_csv

Certsvc = Callable[..., Result]


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Sign in as the other account of this machine, or out again."""
    other = next(one for one in pwd.getpwall() if one.pw_uid != os.getuid())

    def sign_in(in_or_out: bool) -> None:
        monkeypatch.setattr(context, "_signed_in", lambda: other.pw_uid if in_or_out else os.getuid())

    sign_in(False)
    return sign_in


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_batch_and_its_end_take_two_accounts(
    certsvc: Certsvc, passed: list[Candidate], second: Callable[[bool], None], real: None
) -> None:
    assert (certsvc("issue", "--approved-by", "乙").exit_code, certsvc("issue", "--by", "somebody").exit_code) == (1, 1)
    assert "R1.6" in certsvc("issue", "--approved-by", "乙").stderr
    asked = told(certsvc("issue", "--json"))
    assert (asked["state"], asked["issued"], told(certsvc("certificate", "list", "--json"))) == ("waiting", 3, [])
    assert f"approval approve {asked['approval']}" in certsvc("issue").stdout
    assert certsvc("approval", "approve", asked["approval"]).exit_code == 1
    second(True)
    done = told(certsvc("approval", "approve", asked["approval"], "--json"))
    assert (done["issued"], done["refused"]) == (3, 0)
    assert len(told(certsvc("certificate", "list", "--json"))) == len(passed)
    assert "had one already" in certsvc("issue").stdout

    number = done["certificates"][0]["number"]
    ends = ("certificate", "revoke", number, "--reason", "冒名", "--code", "fraud")
    waiting = told(certsvc(*ends, "--json"))
    assert "suspend it at once" in certsvc(*ends).stderr
    second(False)
    assert "valid → revoked" in certsvc("approval", "approve", waiting["approval"]).stdout
    other = done["certificates"][1]["number"]
    assert "valid → suspended" in certsvc("certificate", "suspend", other, "--reason", "核查").stdout
    back = told(certsvc("certificate", "reinstate", other, "--reason", "无误", "--json"))
    second(True)
    assert told(certsvc("approval", "approve", back["approval"], "--json"))["to"] == "valid"
    assert certsvc("log", "check").exit_code == 0


def test_files_rules_and_keys_take_two_accounts(
    certsvc: Certsvc,
    passed: list[Candidate],
    second: Callable[[bool], None],
    real: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(KeyMaterial, "require_passphrase", lambda _: None)
    roster = write_csv(tmp_path / "more.csv", [one.cells() for one in candidates(2, first=700)])
    paper = write_csv(
        tmp_path / "paper.csv",
        [
            {
                "number": "2063010001500001",
                "name": passed[0].name,
                "id_type": "居民身份证",
                "id_number": passed[0].id_number,
                "occupation": "应急救援员",
                "level": "5",
                "issued_on": "2023-06-01",
                "issuer": "示例鉴定中心",
            }
        ],
    )
    scheme = tmp_path / "softer.toml"
    shipped = next(Path(context.__file__).parents[1].rglob("qinghai-2025.toml")).read_text("utf-8")
    scheme.write_text(shipped.replace("qinghai-2025", "qinghai-2027").replace("2024-01-01", "2027-01-01"), "utf-8")
    (key,) = [
        one["kid"]
        for one in told(certsvc("key", "list", "--json"))
        if (one["purpose"], one["state"]) == ("status-list", "active")
    ]
    wanted = [
        ("candidates", "import", roster),
        ("paper", "import", paper),
        ("scheme", "add", scheme),
        ("key", "distrust", key, "--from-index", "0"),
        ("key", "rotate", "status-list"),
    ]
    asked = [told(certsvc(*one, "--json")) for one in wanted]
    assert {one["state"] for one in asked if "state" in one} == {"waiting"}
    assert "approval approve" in certsvc("key", "retire", key).stdout
    for one in asked:
        assert certsvc("approval", "approve", one["approval"]).exit_code == 1, "the same account"
    second(True)
    for one in asked[:3]:
        assert certsvc("approval", "approve", one["approval"]).exit_code == 0
    rotated = told(certsvc("approval", "approve", asked[4]["approval"], "--json"))
    assert (rotated["purpose"], rotated["state"]) == ("status-list", "active")
    assert told(certsvc("approval", "approve", asked[3]["approval"], "--json"))["state"] == "distrusted"
    assert certsvc("log", "set-clock-back", "--approved-by", "乙").exit_code == 1
    assert told(certsvc("log", "set-clock-back", "--json"))["state"] == "waiting"


def test_after_a_change_of_key_two_accounts_sign_again(
    certsvc: Certsvc, passed: list[Candidate], second: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert passed
    assert certsvc("issue").exit_code == 0
    assert certsvc("key", "rotate", "credential").exit_code == 0
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    assert certsvc("certificate", "resign", "--batch", "1", "--approved-by", "乙").exit_code == 1
    asked = told(certsvc("certificate", "resign", "--batch", "1", "--json"))
    assert asked["to_resign"] == 3
    second(True)
    assert told(certsvc("approval", "approve", asked["approval"], "--json"))["resigned"] == 3
    assert "0 signed again, 3 by the key in use already" in certsvc("certificate", "resign", "--batch", "1").stdout


@pytest.mark.usefixtures("passed", "real")
def test_the_first_accounts_are_opened_and_mapped_by_command(certsvc: Certsvc, tmp_path: Path) -> None:
    password, me = tmp_path / "given", pwd.getpwuid(os.getuid()).pw_name
    password.write_text("given by another\n")
    for name, role in (("admin1", "administrator"), ("chief", "approver")):
        assert told(certsvc("user", "add", name, "--role", role, "--password-file", password, "--json"))["name"] == name
    assert "user map" in certsvc("issue").stderr  # as soon as there are accounts, other deeds need one
    assert told(certsvc("user", "map", "admin1", "--os", me, "--json"))["os_account"] == me
    assert certsvc("issue").exit_code == 0


DEPLOYED = Path(__file__).parents[2] / "docs" / "deploy"
TIMED = [
    line.split("/bin/certsvc ")[1].split()
    for file in sorted(DEPLOYED.glob("certsvc-*.service"))
    if file.with_suffix(".timer").exists()
    for line in file.read_text("utf-8").splitlines()
    if line.startswith("ExecStart=/srv/") and " export " not in line
]


@pytest.mark.parametrize("command", TIMED, ids=" ".join)
@pytest.mark.usefixtures("passed", "real")
def test_what_timers_run_asks_for_no_person(certsvc: Certsvc, tmp_path: Path, command: list[str]) -> None:
    password = tmp_path / "given"
    password.write_text("given by another\n")
    told(certsvc("user", "add", "admin1", "--role", "administrator", "--password-file", password, "--json"))
    result = certsvc(*command)
    assert "R1.6" not in result.stderr
    assert result.exit_code == 0 or "CERTSVC_TSA" in result.stderr


def test_every_timer_is_tried() -> None:
    tried = {" ".join(one[:2]) for one in TIMED}
    assert tried == {"certificate archive", "notices send", "person sweep", "publish", "sitting retakes"}
