"""The demo, as `make demo SERVE=0` runs it in an empty home: from a made-up roll to a verified certificate."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STEPS = ("准备", "造一份名册", "导入", "判定", "签发", "出具 PDF", "扫描一张打印的证书", "核验")


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
    status, said = demo(tmp_path)
    assert (status, said.count("【valid】")) == (0, 3), said
    after = {path.name: path.read_bytes() for path in (tmp_path / "var" / "demo" / "certificates").glob("*.pdf")}
    assert after == before


@pytest.mark.slow
def test_the_demo_ends_where_a_command_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the home should be")
    status, said = demo(tmp_path)
    assert status not in (0, None)
    assert "2 造一份名册" not in said
