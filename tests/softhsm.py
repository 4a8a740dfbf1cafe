"""One SoftHSM token for a test process: the library reads where its tokens are at its first use, and never again."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
# In CI a missing SoftHSM is a failure, not a reason to skip: the tests then run, and fail.
needs_softhsm = pytest.mark.skipif(
    not os.environ.get("CI") and (not MODULE.exists() or shutil.which("softhsm2-util") is None),
    reason="Debian's softhsm2 is not installed",
)


@functools.cache
def softhsm_token() -> tuple[str, Path]:
    """The URI to make keys at, and the token's folder; made once, removed when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="softhsm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    (folder / "pin").write_text("4321\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    arguments = ["--init-token", "--free", "--label", "tests", "--so-pin", "12345678", "--pin", "4321"]
    subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)
    return f"pkcs11:token=tests?module-path={MODULE}&pin-source=file:{folder}/pin", folder
