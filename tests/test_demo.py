"""The demo, as `make demo SERVE=0` runs it in an empty home: from a made-up roll to a verified certificate."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pypdfium2
import pytest

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.services.approvals.desk import list_approvals
from certsvc.services.certificates.listing import list_certificates
from certsvc.services.context import Services
from certsvc.services.examination.sittings import list_sittings
from certsvc.services.issuing.issue import preview
from certsvc.services.registration.review_list import list_registrations

ROOT = Path(__file__).parents[1]
STEPS = ("准备", "造一份名册", "导入", "判定", "签发", "出具 PDF", "扫描一张打印的证书", "核验", "每一种状态各一张")
STATES = ["valid", "suspended", "revoked", "superseded", "expired", "valid"]  # the last is left for the visitor
WAITING = {"registrations": 3, "approvals": 1, "due": 1, "seats": 3}
VERDICTS = {
    "1-genuine.pdf": "valid",
    "2-touched-by-mail.pdf": "altered",
    "3-forged.pdf": "forged",
    "4-photo.jpg": "valid",
    "5-scanned.pdf": "altered",
    "6-credential.json": "valid",
    "7-list.csv": "",
    "8-something-else.pdf": "unknown",
}


def demo(home: Path, **more: str) -> tuple[int, str]:
    """Exit status and what was said, with no setting but the home."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "CERTSVC_HOME": str(home / "var"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo"],
        cwd=ROOT,
        env=environment | {"SERVE": "0"} | more,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=900,
    )
    return done.returncode, done.stdout


@pytest.mark.slow
def test_the_demo_leads_from_a_roll_to_a_certificate_that_was_scanned_and_verified(tmp_path: Path) -> None:
    status, said = demo(tmp_path)
    assert status == 0, said
    found = [step.strip() for step in re.findall(r"\033\[1m\d+ (.*?)\033\[0m / .*\(\d+ s\)$", said, re.MULTILINE)]
    assert [step.startswith(name) for step, name in zip(found, STEPS, strict=True)] == [True] * len(STEPS)
    assert said.count("【valid】") == 3  # the code, the file, the file offline
    assert re.search(r"the demo is done, took \d+ s\n$", said)
    drawn = sorted((tmp_path / "var" / "demo" / "certificates").glob("*.pdf"))
    assert len(drawn) > 100

    before = {path.name: path.read_bytes() for path in drawn}
    tour = tmp_path / "var" / "demo" / "tour"
    page = (tour / "index.html").read_text("utf-8")
    assert dict(re.findall(r"download>([^<]*)</a></td>.*<td data-verdict=\"(\w*)\">", page)) == VERDICTS
    assert {path.name for path in (tour / "files").iterdir()} == set(VERDICTS)
    assert states(tmp_path, page) == STATES
    assert waiting(tmp_path) == WAITING
    genuine, forged = (shown_on(tour / "files" / name) for name in ("1-genuine.pdf", "3-forged.pdf"))
    assert "张三" in forged
    assert "张三" not in genuine
    assert sent_files(page)
    assert sent_files(page) == {path.relative_to(tour).as_posix() for path in (tour / "samples").rglob("*.*")}
    assert len(re.findall(r"<code class=\"code\">\w{4}-\w{4}-\w{4}</code>", page)) == 4

    status, said = demo(tmp_path)
    assert (status, said.count("【valid】")) == (0, 3), said
    assert states(tmp_path, (tour / "index.html").read_text("utf-8")) == STATES
    after = {path.name: path.read_bytes() for path in (tmp_path / "var" / "demo" / "certificates").glob("*.pdf")}
    assert {name: after[name] for name in before} == before
    assert waiting(tmp_path) == WAITING
    assert len(after) - len(before) == 4  # what the tour had reissued, and the one who was due


def opened(home: Path) -> Services:
    return open_services(
        Settings.from_environment({"CERTSVC_HOME": str(home / "var"), "CERTSVC_BASE_URL": "http://127.0.0.1:8080"})
    )


def waiting(home: Path) -> dict[str, int]:
    """How much waits on each desk."""
    services = opened(home)
    today = services.today()
    found = {
        "registrations": len(list(list_registrations(services, "submitted"))),
        "approvals": len(list_approvals(services)),
        "due": len(preview(services, by="test").report.issued),
        "seats": sum(one.admitted for one in list_sittings(services, since=today)),
    }
    services.database.close()
    return found


def shown_on(pdf: Path) -> str:
    """The text that a page shows."""
    with pypdfium2.PdfDocument(pdf) as document:
        return str(document[0].get_textpage().get_text_range())


def sent_files(page: str) -> set[str]:
    return set(re.findall(r'href="(samples/[^"]+)" download', page))


def states(home: Path, page: str) -> list[str]:
    """What the register says of the certificates that the tour leads to, in its order."""
    tokens = re.findall(r'href="http://127\.0\.0\.1:8080/v/([a-z2-7]{26})"', page)
    services = opened(home)
    by_token = {entry.token: entry.status for entry in list_certificates(services)}
    services.database.close()
    return [by_token[token] for token in tokens]


@pytest.mark.parametrize("told", [{"PORT": "18080"}, {"HOST": "127.0.0.2"}])
def test_a_home_is_served_at_the_address_its_certificates_lead_to(tmp_path: Path, told: dict[str, str]) -> None:
    (tmp_path / "var" / "demo").mkdir(parents=True)
    (tmp_path / "var" / "demo" / "address.txt").write_text("http://127.0.0.1:8080\n")
    status, said = demo(tmp_path, **told)
    assert status == 1
    assert "give the same HOST and PORT again" in said
    assert sorted(path.name for path in (tmp_path / "var").rglob("*")) == ["address.txt", "demo"]


def test_a_host_is_an_address_of_this_machine(tmp_path: Path) -> None:
    status, said = demo(tmp_path, HOST="my-laptop")
    assert status == 1
    assert "HOST=my-laptop" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_demo_ends_where_a_command_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the home should be")
    status, said = demo(tmp_path)
    assert status not in (0, None)
    assert "2 造一份名册" not in said
