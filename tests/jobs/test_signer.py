"""The signer: it alone has the private keys, and signs nothing but batches that were approved and earned."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text, update

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.credential.canonical import canonical_bytes
from certsvc.credential.verdict import Verdict
from certsvc.errors import BatchRefused, KeyMissing, Refused, Unavailable
from certsvc.jobs import signer
from certsvc.jobs.signer import LONGEST_LINE, Signer, ask
from certsvc.jobs.signer_run import run
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates.give_out import pdf_of
from certsvc.services.context import Services
from certsvc.services.issuing.issue import issue, waiting_batches
from certsvc.services.verification.verify import Options, verify_online
from certsvc.signing.key_copy import copy_without_signing_keys
from certsvc.signing.keys import Purpose
from certsvc.store import CertificateRecord, IssueBatchRecord
from tests.builders.installation import Installation
from tests.builders.person import candidates
from tests.services.issuing.test_issue import pass_all


@dataclass
class Desk:
    """A clerk's process without signing keys, a signer with them, and the socket between."""

    home: Installation
    clerk: Services
    socket: Path

    def issue(self, approved_by: str | None = "复核员", by: str = "签发员") -> list[str]:
        return [one.number for one in run(self.clerk, self.socket, by=by, approved_by=approved_by).issued]

    def reserve(self, approved_by: str | None = "复核员", by: str = "签发员") -> int:
        issue(self.clerk, by=by, approved_by=approved_by, reserve_only=True)
        return waiting_batches(self.clerk)[-1]

    def change(self, statement: str) -> None:
        with self.clerk.database.writing() as session:
            session.execute(text(statement))

    def issued(self) -> int:
        with self.clerk.database.reading() as session:
            return session.execute(text("select count(*) from certificate where stage = 'issued'")).scalar_one()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    home = Installation(tmp_path / "home")
    pass_all(home.services, tmp_path, candidates(3))
    copy_without_signing_keys(tmp_path / "home" / "keys", tmp_path / "clerk")
    settings = Settings.from_environment(
        {"CERTSVC_HOME": str(tmp_path / "home"), "CERTSVC_KEYS": str(tmp_path / "clerk")}
    )
    clerk = open_services(settings, now=home.clock)
    path = tmp_path / "signer.sock"
    with Signer(path, home.services, partial(open_services, settings)) as signer:
        thread = threading.Thread(target=signer.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Desk(home, clerk, path)
        signer.shutdown()
        thread.join()
    assert not path.exists()
    clerk.database.close()
    home.services.database.close()


def test_a_process_without_keys_issues_through_the_signer(desk: Desk) -> None:
    with pytest.raises(KeyMissing):
        desk.clerk.keystore.signer(Purpose.CREDENTIAL)
    numbers = desk.issue()
    assert len(numbers) == 3
    for number in numbers:
        pdf = pdf_of(desk.clerk, number)
        found = verify_online(desk.clerk, pdf, Options(bounded=False))
        assert found.verdict is Verdict.VALID, [one for one in found.checks if one.ok is not True]
    assert check_log(desk.clerk, desk.clerk.folders.published / "log").ok
    assert desk.issue() == []  # again, nothing


def test_without_the_keys_nothing_is_signed_without_the_signer(desk: Desk) -> None:
    with pytest.raises(KeyMissing):
        issue(desk.clerk, by="签发员", approved_by="复核员")
    assert desk.issued() == 0


@pytest.mark.parametrize("approved_by", [None, "", " ", "签发员", " 签发员 ", "签\u200b发员"])
def test_a_batch_that_no_second_person_approved_is_not_signed(desk: Desk, approved_by: str | None) -> None:
    batch = desk.reserve(approved_by="复核员")
    with desk.clerk.database.writing() as session:
        session.execute(update(IssueBatchRecord).values(approved_by=approved_by))
    with pytest.raises(Refused, match="second person"):
        ask(desk.socket, {"batch": batch})
    assert desk.issued() == 0


def test_who_names_no_approval_reserves_nothing(desk: Desk) -> None:
    with pytest.raises(BatchRefused):
        desk.issue(approved_by=None)
    assert waiting_batches(desk.clerk) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update attempt set score_hundredths = 100", "not passed"),
        ("update attempt set score_hundredths = score_hundredths + 100", "have changed"),
        ("update issue_batch set approved_by = '别人'", "have changed"),
        ("update issue_batch set \"on\" = '2099-01-01'", "not what the register says"),
        ("update person set name = '测试窃' where id = 2", "not what the register says"),
        ("update enrolment set review_state = 'submitted' where id = 3", "was not approved"),
        (
            "insert into review_step (enrolment_id, move, at, by, changed) "
            "select id, 'submit', recorded_at, recorded_by, false from enrolment where id = 3",
            "was not approved",
        ),
        (
            "update certificate set document = (select document from certificate c where c.id = 1) where id = 2",
            "not what the register says",
        ),
        ("update certificate set enrolment_id = 1 + enrolment_id % 3, version = 2", "not what the register says"),
    ],
)
def test_what_was_changed_after_it_was_reserved_stops_the_whole_batch(desk: Desk, statement: str, said: str) -> None:
    batch = desk.reserve()
    desk.change(statement)
    with pytest.raises(Refused, match=said):
        ask(desk.socket, {"batch": batch})
    assert desk.issued() == 0


@pytest.mark.parametrize(
    ("member", "written"),
    [
        ("五级/初级工", "一级/高级技师"),  # the level's name, beside the level that was earned
        ("应急救援员", "注册消防工程师"),
        ('"urn:certsvc:statement":"', '"urn:certsvc:statement":"特此证明其为一级。'),
        ("status/revocation-1", "status/revocation-9"),  # where no revocation would ever show
        ('"validFrom"', '"validUntil":"2099-01-01T23:59:59+08:00","validFrom"'),
        ('"urn:certsvc:idType"', '"urn:certsvc:sex":"male","urn:certsvc:idType"'),
    ],
)
def test_not_a_word_of_the_document_is_other_than_the_register_gives(desk: Desk, member: str, written: str) -> None:
    batch = desk.reserve()
    with desk.clerk.database.writing() as session:
        row = session.get_one(CertificateRecord, 2)
        changed = canonical_bytes(json.loads(row.document.decode().replace(member, written)))
        assert changed != row.document
        row.document = changed
    with pytest.raises(Refused, match="not what the register says"):
        ask(desk.socket, {"batch": batch})
    assert desk.issued() == 0


def test_a_batch_that_is_not_there_or_done_signs_nothing(desk: Desk) -> None:
    with pytest.raises(Refused):
        ask(desk.socket, {"batch": 77})
    desk.issue()
    assert ask(desk.socket, {"batch": 1}) == {"signed": 0}


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"nonsense\n",
        b"[]\n",
        b'{"batch": "1"}\n',
        b'{"batch": true}\n',
        b'{"batch": 1, "document": "e30="}\n',
        b'{"sign": "e30="}\n',
        b'{"finish": 1.5}\n',
        b"[" * (LONGEST_LINE - 1) + b"\n",
    ],
)
def test_nothing_but_a_batch_s_number_is_understood(desk: Desk, line: bytes) -> None:
    desk.reserve()
    assert b"refused" in spoken(desk, line)
    assert desk.issued() == 0


@pytest.mark.parametrize("line", [b"x" * (LONGEST_LINE + 1) + b"\n", b'{"batch": 1}', b""])
def test_too_long_or_cut_short_it_hears_no_answer(desk: Desk, line: bytes) -> None:
    desk.reserve()
    assert spoken(desk, line) == b""
    assert desk.issued() == 0


def test_a_byte_now_and_then_keeps_nobody_waiting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer, "PATIENCE_SECONDS", 0.5)
    batch = desk.reserve()
    ended = threading.Event()

    def drip() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(desk.socket))
            with suppress(OSError):
                while not ended.wait(0.05):
                    connection.sendall(b" ")

    slow = threading.Thread(target=drip, daemon=True)
    slow.start()
    time.sleep(0.1)
    try:
        answered: list[dict[str, object]] = []
        asking = threading.Thread(target=lambda: answered.append(ask(desk.socket, {"batch": batch})), daemon=True)
        asking.start()
        asking.join(8)  # 256 bytes of the other take thirteen seconds
        assert answered == [{"signed": 3}]
    finally:
        ended.set()
        slow.join(5)


def spoken(desk: Desk, line: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(desk.socket))
        connection.sendall(line)
        connection.shutdown(socket.SHUT_WR)
        try:
            return connection.makefile("rb").readline()
        except ConnectionResetError:
            return b""


def test_what_was_signed_and_not_drawn_is_drawn_by_the_next_run(desk: Desk) -> None:
    assert ask(desk.socket, {"batch": desk.reserve()}) == {"signed": 3}
    assert not list(desk.clerk.folders.pdf.glob("*.pdf"))
    assert desk.issue() == []
    assert len(list(desk.clerk.folders.pdf.glob("*.pdf"))) == 3


def test_without_a_signer_the_numbers_stay_reserved_for_the_next_run(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        run(desk.clerk, tmp_path / "nobody.sock", by="签发员", approved_by="复核员")
    assert desk.issued() == 0
    assert len(desk.issue()) == 3


def test_the_socket_is_for_its_owner_alone_and_for_one_signer(desk: Desk, tmp_path: Path) -> None:
    assert stat.S_IMODE(desk.socket.stat().st_mode) == 0o600
    with pytest.raises(Refused, match="running"):
        Signer(desk.socket, desk.home.services, lambda: desk.home.services)
    plain = tmp_path / "plain"
    plain.write_text("")
    with pytest.raises(Refused, match="no socket"):
        Signer(plain, desk.home.services, lambda: desk.home.services)
    stale = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(stale))
    group = str(os.getgid())
    with Signer(stale, desk.home.services, lambda: desk.home.services, None):
        assert stat.S_IMODE(stale.stat().st_mode) == 0o600
    import grp

    name = grp.getgrgid(int(group)).gr_name
    with Signer(stale, desk.home.services, lambda: desk.home.services, name):
        assert stat.S_IMODE(stale.stat().st_mode) == 0o660


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_the_program_signs_for_a_clerk_in_another_process(tmp_path: Path, told: signal.Signals) -> None:
    home = Installation(tmp_path / "home")
    home.clock.at = home.clock.at.replace(microsecond=0)
    pass_all(home.services, tmp_path, candidates(2))
    home.services.database.close()
    copy_without_signing_keys(tmp_path / "home" / "keys", tmp_path / "clerk")
    environment = os.environ | {"CERTSVC_HOME": str(tmp_path / "home")}
    program = [sys.executable, "-c", "from certsvc.cli import main; main()"]
    path = tmp_path / "s.sock"
    signer = subprocess.Popen([*program, "signer", "serve", "--socket", str(path)], env=environment)
    try:
        for _ in range(200):
            if path.exists():
                break
            time.sleep(0.05)
        as_clerk = environment | {"CERTSVC_KEYS": str(tmp_path / "clerk"), "CERTSVC_SIGNER_SOCKET": str(path)}
        named = ["--by", "签发员", "--approved-by", "复核员"]
        done = subprocess.run([*program, "issue", *named], env=as_clerk, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "2 issued" in done.stdout
        alone = [*program, "issue", "--by", "签发员", "--approved-by", "签发员"]
        assert subprocess.run(alone, env=as_clerk, capture_output=True, check=False).returncode == 1
        refused = subprocess.run(
            [*program, "signer", "serve", "--socket", str(path)], env=as_clerk, capture_output=True, check=False
        )
        assert refused.returncode == 1  # the clerk's folder has no keys to serve with
    finally:
        signer.send_signal(told)
        try:
            assert signer.wait(30) == 0
        finally:
            signer.kill()
            signer.wait()
    assert not path.exists()
    assert not path.exists()
