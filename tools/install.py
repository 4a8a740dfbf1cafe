"""Sets up .venv exactly as a lock says, for every command of the Makefile: `python tools/install.py venv|run|dev`.

Decides whether .venv is as it must be, and says what it does and how long it took. Three rules (CONTRIBUTING.md):

- A lock is installed as it stands. pip resolves nothing (--no-deps) and takes wheels only, so no build tool is chosen
  by pip either; what the package index has got since the lock was made changes nothing. `pip check` comes last.
- What is not known to be whole is made again. The record of what was installed (.venv/installed.json) is taken away
  before pip starts and written when all is done. An install that was killed, a lock that changed, a Python that is
  gone and a folder that was moved all lead to a new .venv; pip's own cache still has what was downloaded.
- One at a time: a second one waits, also for the pip of a first one that was killed.

Not here: which versions (the locks, made by `make lock`), and servers (docs/operations.md, 1). Standard library only.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
RECORD = VENV / "installed.json"
PYTHON = VENV / "bin" / "python"
if sys.version_info < (3, 11):  # noqa: UP036 - said in words; nothing above or below needs more to be read
    sys.exit("需要 Python 3.11 或更新版本 / Python 3.11 or newer is needed")

LOCKS = {"venv": [], "run": ["requirements.lock"], "dev": ["requirements.lock", "requirements-dev.lock"]}
# The one library without a wheel for Linux: built by the locked setuptools, and only the tests of SM2 go without it.
COMPILED = "requirements-gm.lock"
PACKAGE = "pyproject.toml"
# Asked of .venv's own Python: what it would compile with, and whether its headers are there.
ASK_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
ASK_COMPILER = """
import os, shlex, shutil, sys, sysconfig
compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
header = os.path.join(sysconfig.get_path("include"), "Python.h")
sys.exit(not (shutil.which(compiler) and os.path.exists(header)))
"""
Record = dict[str, str]


def main(arguments: list[str]) -> int:
    """Exit status 0 when .venv is as the stage's locks say."""
    parser = argparse.ArgumentParser(prog="tools/install.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("stage", choices=LOCKS)
    parser.add_argument("--this-python", action="store_true", help="make .venv again if its Python is another")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    try:
        with one_at_a_time() as held:
            changed = set_up(options.stage, options.this_python, held)
    except subprocess.CalledProcessError as error:
        say(
            f"安装未完成(退出码 {error.returncode}),原因见上;排除后再运行一次,会重新开始",
            f"not installed (exit status {error.returncode}), see above; mend that and run it again: it starts over",
        )
        return 1
    except KeyboardInterrupt:
        say("安装已中断;再运行一次,会重新开始", "the install was interrupted; run it again: it starts over")
        return 130
    if changed:
        seconds = time.monotonic() - start
        say(f".venv 已就绪,用时 {seconds:.0f} 秒", f".venv is ready, took {seconds:.0f} s")
    return 0


def set_up(stage: str, this_python: bool, held: int) -> bool:
    """Whether anything had to be done."""
    found = record()
    why = reason_to_start_over(found, stage, this_python)
    if found is None or why is not None:
        if why and os.path.lexists(VENV):
            say(f"{why[0]},重新建立 .venv", f"{why[1]}: making .venv again")
        have = make_venv(held)
    else:
        have = found
    for lock in LOCKS[stage]:
        if lock not in have:
            have = install(have, lock, held)
    if LOCKS[stage] and have.get(PACKAGE) != digest(PACKAGE):
        have = install_package(have, held)
    if stage == "dev" and have.get(COMPILED) != digest(COMPILED):
        have = build_sm2(have, held)
    return have != found


def record() -> Record | None:
    """What is installed, by the digest of each lock; None where an install began and did not end."""
    try:
        read: Record = json.loads(RECORD.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return read


def reason_to_start_over(have: Record | None, stage: str, this_python: bool) -> tuple[str, str] | None:
    """Why .venv cannot be used as it is, in both languages."""
    if have is None:
        return ".venv 不完整(安装曾中断,或不是由 make 建立)", ".venv is not whole (interrupted, or not made by make)"
    if have.get("folder") != str(VENV):
        return "目录已移动", "the folder was moved"
    version = version_of_venv()
    if version != have.get("python"):
        return f".venv 的 Python 已变为 {version}", f"the Python of .venv has become {version}"
    if this_python and version != this_version():
        return f"要用 Python {this_version()}", f"Python {this_version()} is asked for"
    for lock in LOCKS[stage]:
        if lock in have and have[lock] != digest(lock):
            return f"{lock} 已更改", f"{lock} has changed"
    return None


def version_of_venv() -> str:
    """What .venv's Python says it is; a link that leads nowhere says nothing."""
    try:
        done = subprocess.run([PYTHON, "-I", "-c", ASK_VERSION], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return "无 (none)"
    return done.stdout.strip()


def make_venv(held: int) -> Record:
    """An empty .venv, of the Python that runs this; a link that stood there is removed, not what it points at."""
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        RECORD.unlink(missing_ok=True)
        shutil.rmtree(VENV)
    # In an activated shell this runs by the .venv that was just removed: its own base makes the next.
    base = getattr(sys, "_base_executable", sys.executable)
    made = subprocess.run([base, "-m", "venv", VENV], pass_fds=(held,), check=False)
    if made.returncode:  # Debian has venv in a package of its own, and leaves half a folder without it
        shutil.rmtree(VENV, ignore_errors=True)
        say("缺少 venv 模块:apt install python3-venv", "the venv module is missing: apt install python3-venv")
        raise subprocess.CalledProcessError(made.returncode, "venv")
    return write({"folder": str(VENV), "python": this_version()})


def install(have: Record, lock: str, held: int) -> Record:
    """One lock, exactly: no version is chosen here, and nothing is built."""
    count = sum("==" in line for line in (ROOT / lock).read_text("utf-8").splitlines())
    say(
        f"正在安装 {lock}({count} 个包,首次需下载,约一至三分钟)…",
        f"installing {lock} ({count} packages; downloaded the first time; one to three minutes) …",
    )
    RECORD.unlink()
    pip(held, "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", lock)
    check()
    return write(have | {lock: digest(lock)})


def install_package(have: Record, held: int) -> Record:
    """certsvc itself, as it stands in this folder, built by the locked hatchling."""
    RECORD.unlink()
    pip(held, "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", ".")
    check()
    return write(have | {PACKAGE: digest(PACKAGE)})


def build_sm2(have: Record, held: int) -> Record:
    """SM2's library, where there is a C compiler; without one the rest works, and the next run asks again."""
    if subprocess.run([PYTHON, "-I", "-c", ASK_COMPILER], check=False).returncode:
        say(
            "SM2 未安装:需要 C 编译器(apt install gcc python3-dev);其测试将跳过",
            "SM2 is left out: it needs a C compiler (apt install gcc python3-dev); its tests will be skipped",
        )
        return have
    RECORD.unlink()
    pip(held, "install", "--quiet", "--no-deps", "--require-hashes", "--no-build-isolation", "-r", COMPILED)
    check()
    return write(have | {COMPILED: digest(COMPILED)})


def pip(held: int, *arguments: str) -> None:
    """pip of .venv, with the user's index and cache but without what else may be on Python's path."""
    command = [str(PYTHON), "-I", "-m", "pip", "--disable-pip-version-check", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, pass_fds=(held,), check=True)


def check() -> None:
    """Whether something that is installed lacks another; pip says what, and with --quiet it would not."""
    command = [str(PYTHON), "-I", "-m", "pip", "--disable-pip-version-check", "check"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout)
        done.check_returncode()


def environment() -> dict[str, str]:
    outside = {"PYTHONPATH", "PYTHONHOME", "PIP_REQUIRE_HASHES"}  # our own package has no hash
    return {name: value for name, value in os.environ.items() if name not in outside} | {"PIP_USER": "0"}


@contextmanager
def one_at_a_time() -> Iterator[int]:
    """Holds the right to change .venv: a lock on this file, let go when its last holder has ended."""
    with Path(__file__).open("rb") as this:
        try:
            fcntl.flock(this, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("另一个安装正在进行,等待中…", "another install is under way: waiting …")
            fcntl.flock(this, fcntl.LOCK_EX)
        yield this.fileno()


def write(have: Record) -> Record:
    whole = RECORD.with_suffix(".tmp")
    whole.write_text(json.dumps(have, indent=1) + "\n", "utf-8")
    whole.replace(RECORD)
    return have


def digest(name: str) -> str:
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


def this_version() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def say(chinese: str, english: str) -> None:
    sys.stderr.write(f"{chinese} / {english}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
