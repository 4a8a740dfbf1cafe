"""Whatever a test lacks, in CI its being skipped is a failure; elsewhere it says why and goes on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
SKIPPED = {
    "fixture": """
        import pytest
        @pytest.fixture
        def lacking(): pytest.skip('no verifier')
        def test(lacking): pass""",
    "mark": """
        import pytest
        @pytest.mark.skipif(True, reason='no verifier')
        def test(): pass""",
    "import": """
        import pytest
        pytest.importorskip('no_such', reason='no verifier')
        def test(): pass""",
    "itself": """
        import pytest
        def test(): pytest.skip('no verifier')""",
    "expected": """
        import pytest
        @pytest.mark.xfail(strict=True)
        def test(): assert False""",
}


def outcome(folder: Path, **environment: str) -> str:
    """The lines in which pytest sums up a run of all of them."""
    for way, text in SKIPPED.items():
        (folder / f"test_{way}.py").write_text(textwrap.dedent(text))
    cleared = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "--continue-on-collection-errors", "-p", "tests.conftest", str(folder)],
        cwd=folder,
        env=cleared | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.stdout


def test_a_skipped_test_fails_in_ci_and_says_what_it_lacked(tmp_path: Path) -> None:
    said = outcome(tmp_path, CI="true")
    assert "CI must run this test. " in said
    assert "CI must run these tests. " in said
    assert "no verifier" in said
    assert re.search(r"1 failed, 1 xfailed, 3 errors in", said)  # by its mark, a fixture or its file: an error


def test_elsewhere_it_is_skipped(tmp_path: Path) -> None:
    said = outcome(tmp_path)
    assert re.search(r"4 skipped, 1 xfailed in", said)
    assert said.count("no verifier") == 4
