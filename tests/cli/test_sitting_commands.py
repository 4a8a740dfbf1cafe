"""`certsvc sitting …`, `results overdue`, `sending-system …`: a station's day by commands, and what each says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.builders.person import candidates, write_csv

Certsvc = Callable[..., Result]
PEOPLE = candidates(3)
DAY = "2025-03-24"
ONE = "250324-0001-001"


@pytest.fixture
def station(certsvc: Certsvc, tmp_path: Path) -> Certsvc:
    """A home with three candidates and one sitting of the practical."""
    certsvc("init")
    certsvc("candidates", "import", write_csv(tmp_path / "c.csv", [one.cells(batch="甲") for one in PEOPLE]))
    made = certsvc(
        *("sitting", "add", "--on", DAY, "--place", "实训楼", "--station", "示例站"),
        *("--subject", "practical", "--capacity", 30, "--json"),
    )
    assert made.exit_code == 0, made.stderr
    assert len(json.loads(made.stdout)["commitment"]) == 64
    return certsvc


def document(done: Result) -> Any:
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_a_station_day_from_the_roll_to_locked_scores(station: Certsvc, tmp_path: Path) -> None:
    admitted = document(station("sitting", "admit", 1, "--batch", "甲", "--json"))
    assert len(admitted["admitted"]) == 3
    published = tmp_path / "home" / "published" / "draws" / "1.json"
    committed = json.loads(published.read_text("utf-8"))["commitment"]
    assert station("sitting", "draw-check", published).exit_code == 1

    assert station("sitting", "checkin", 1, "-o", tmp_path / "list.pdf").exit_code == 0
    assert station("sitting", "tickets", 1, "-o", tmp_path / "tickets").exit_code == 0
    assert (tmp_path / "list.pdf").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "tickets").stat().st_mode & 0o777 == 0o700
    made = sorted((tmp_path / "tickets").iterdir())
    assert [one.name for one in made] == [f"250324-0001-00{n}.pdf" for n in (1, 2, 3)]
    assert {one.stat().st_mode & 0o777 for one in made} == {0o600}

    drawn = document(station("sitting", "draw", 1, "--json"))
    assert [len(one["items"]) for one in drawn] == [2, 2, 2]
    entries = [
        {"id": one["ticket"], "sequence": 1, "ticket": one["ticket"], "kind": "first", "score": "80"} for one in drawn
    ]
    file = tmp_path / "entries.json"
    file.write_text(json.dumps({"entries": entries}), "utf-8")
    assert document(station("sitting", "score", 1, file, "--by", "考评员", "--json"))[0]["state"] == "taken"
    assert document(station("sitting", "score", 1, file, "--by", "考评员", "--json"))[0]["state"] == "unchanged"
    assert document(station("sitting", "sheet", 1, "--json"))[0]["entries"]["first"]["score"] == "80"
    same = station("sitting", "confirm", 1, "--by", "考评员")
    assert (same.exit_code, "R1.6" in same.stderr) == (1, True)
    assert document(station("sitting", "confirm", 1, "--by", "站长", "--json"))["new"] == 3
    entries[0] |= {"id": "late", "sequence": 2}
    file.write_text(json.dumps({"entries": entries[:1]}), "utf-8")
    late = station("sitting", "score", 1, file, "--by", "考评员")
    assert (late.exit_code, "R2.4" in late.stderr) == (1, True)

    closed = document(station("sitting", "close", 1, "--json"))
    assert (closed["closed"], closed["confirmed"]) == (True, True)
    checked = station("sitting", "draw-check", published, "--committed", committed)
    assert (checked.exit_code, "3 tickets agree" in checked.stdout) == (0, True)
    assert station("sitting", "draw-check", published, "--committed", "0" * 64).exit_code == 1
    overdue = document(station("results", "overdue", "--json"))
    assert [(one["sitting"], one["unpublished"]) for one in overdue["scores"]] == [(1, 3)]
    assert "未公布 unpublished 3" in station("results", "overdue").stdout
    assert station("results", "publish").exit_code == 0
    assert "nothing is overdue" in station("results", "overdue").stdout


def test_the_roll_in_words(station: Certsvc) -> None:
    assert station("sitting", "admit", 1).exit_code == 2
    admitted = station("sitting", "admit", 1, "--id-number", PEOPLE[0].id_number)
    assert "1 admitted, 0 already, 0 not" in admitted.stdout
    assert f"{ONE}  {PEOPLE[0].name}" in station("sitting", "show", 1).stdout
    assert document(station("sitting", "show", 1, "--json"))["roll"][0]["ticket"] == ONE
    assert station("sitting", "remove", 1, ONE).exit_code == 0
    assert "0/30" in station("sitting", "list").stdout
    assert document(station("sitting", "list", "--since", "2025-03-25", "--json")) == []
    assert station("sitting", "show", 9).exit_code == 1


def test_one_who_is_not_entitled_is_named_with_the_rule(station: Certsvc, tmp_path: Path) -> None:
    station("results", "import", write_csv(tmp_path / "r.csv", [PEOPLE[0].result("practical", "80")]))
    done = station("sitting", "admit", 1, "--id-number", PEOPLE[0].id_number)
    assert (done.exit_code, "R3.7" in done.stderr, PEOPLE[0].name in done.stderr) == (1, True, True)


def test_retakes_that_end_are_listed(station: Certsvc) -> None:
    assert document(station("sitting", "retakes", "--within", 30, "--json")) == []
    assert station("sitting", "retakes", "--notify").exit_code == 0


def test_a_sending_system_is_let_in_and_out(station: Certsvc, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate().public_key()
    pem = tmp_path / "key.pub.pem"
    pem.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    call = ("sending-system", "register", "机考", "--public-key", pem, "--subject", "theory")
    made = document(station(*call, "--json"))
    assert (len(made["key_id"]), made["subjects"]) == (32, ["theory"])
    assert station(*call).exit_code == 1
    assert "有效 active" in station("sending-system", "list").stdout
    assert station("sending-system", "revoke", 1).exit_code == 0
    assert document(station("sending-system", "list", "--json"))[0]["revoked"]
