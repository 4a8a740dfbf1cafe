"""Debian's own PDF and QR tools: absent ones skip a test, but fail it where CI promises them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def run(tool: str, *arguments: str | Path) -> str:
    """The tool's standard output; fails when it exits with an error."""
    if shutil.which(tool) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{tool} is missing, and CI needs it")
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{tool}: {done.stderr}{done.stdout}"
    return done.stdout


def picture(pdf: bytes, folder: Path, dpi: int = 200) -> Path:
    """The first page as a PNG, by poppler."""
    source = folder / "page.pdf"
    source.write_bytes(pdf)
    run("pdftoppm", "-r", str(dpi), "-png", "-singlefile", source, folder / "page")
    return folder / "page.png"
