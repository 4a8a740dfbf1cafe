"""`certsvc notices …` and `certsvc user oidc`: what waits is sent, what failed is listed and sent again, unnamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from certsvc.cli import work
from certsvc.services.staff.accounts import do_alone, opening
from tests.builders.person import Candidate, candidates, write_csv

Certsvc = Callable[..., Result]


@pytest.fixture
def told(certsvc: Certsvc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Candidate]:
    """A home with development keys that tells two people, of whom one cannot be reached."""
    monkeypatch.setenv("CERTSVC_NOTICES", "on")
    people = candidates(2)
    certsvc("init")
    rows = [people[0].cells(), people[1].cells(phone="")]
    assert certsvc("candidates", "import", write_csv(tmp_path / "c.csv", rows)).exit_code == 0
    return people


def test_what_waits_is_sent_and_what_failed_is_listed_and_sent_again(certsvc: Certsvc, told: list[Candidate]) -> None:
    assert len(json.loads(certsvc("notices", "list", "--json").stdout)) == 2
    assert certsvc("notices", "send").stdout == "已发 sent 1  失败 failed 1  未发 dropped 0  待发 waiting 0\n"
    failed = certsvc("notices", "list", "--state", "failed")
    assert failed.stdout == "2  registered  2  failed  no-address\n"
    assert "sent 1" in failed.stderr
    assert certsvc("notices", "again", "1").exit_code == 1, "that one was sent"
    assert certsvc("notices", "again", "99").exit_code == 1
    assert json.loads(certsvc("notices", "again", "2", "--json").stdout)["state"] == "queued"
    assert json.loads(certsvc("notices", "send", "--json").stdout)["failed"] == 1
    for command in (("list",), ("list", "--json")):
        said = certsvc("notices", *command)
        for one in told:
            assert one.name not in said.stdout + said.stderr
            assert one.id_number not in said.stdout + said.stderr


def test_that_notices_are_off_is_said(certsvc: Certsvc, told: list[Candidate], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTSVC_NOTICES", "off")
    assert "CERTSVC_NOTICES" in certsvc("notices", "list").stderr
    monkeypatch.setenv("CERTSVC_NOTICES", "perhaps")
    assert certsvc("notices", "list").exit_code == 1


def test_an_account_is_bound_to_a_person_of_the_directory(
    certsvc: Certsvc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certsvc("init")
    do_alone(work.services(), opening("clerk1", "auditor", "given by another"), by="root")
    bare = certsvc("user", "oidc", "clerk1", "--sub", "u-17")
    assert (bare.exit_code, "CERTSVC_OIDC_ISSUER" in bare.stderr) == (1, True)
    monkeypatch.setenv("CERTSVC_OIDC_ISSUER", "https://directory.example")
    bound = json.loads(certsvc("user", "oidc", "clerk1", "--sub", "u-17", "--json").stdout)
    assert bound["oidc_subject"] == "u-17"
    assert "oidc:u-17" in certsvc("user", "list").stdout
    assert json.loads(certsvc("user", "oidc", "clerk1", "--json").stdout)["oidc_subject"] is None
