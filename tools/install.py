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

# The one library without a wheel for Linux: built by the locked setuptools, and only the tests of SM2 go without it.
COMPILED = "requirements-gm.lock"
PACKAGE = "pyproject.toml"
# What a stage needs, in this order; each is known by its digest.
RUN = ["requirements.lock", PACKAGE]
STAGES = {"venv": [], "run": RUN, "dev": [*RUN, "requirements-dev.lock", COMPILED]}
# A lock that changed may have left out what is installed. These two have nothing to leave behind.
IN_PLACE = {PACKAGE, COMPILED}
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
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--this-python", action="store_true", help="make .venv again if its Python is another")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    try:
        with one_at_a_time() as held:
            changed = set_up(options.stage, options.this_python, held)
    except subprocess.CalledProcessError as error:
        say(
            f"安装未完成（退出码 {error.returncode}），原因见上；排除后再运行一次，会重新开始",
            f"not installed (exit status {error.returncode}), see above; mend that and run it again: it starts over",
        )
        return 1
    except KeyboardInterrupt:
        say("安装已中断；再运行一次，会重新开始", "the install was interrupted; run it again: it starts over")
        return 130
    if changed:
        seconds = time.monotonic() - start
        say(f".venv 已就绪，用时 {seconds:.0f} 秒", f".venv is ready, took {seconds:.0f} s")
    return 0


def set_up(stage: str, this_python: bool, held: int) -> bool:
    """Whether anything had to be done."""
    have = record()
    why = reason_to_start_over(have, stage, this_python)
    again = have is None or why is not None
    if have is None or why is not None:
        if why and os.path.lexists(VENV):
            say(f"{why[0]}，重新建立 .venv", f"{why[1]}: making .venv again")
        have = make_venv(held)
    missing = [name for name in STAGES[stage] if have.get(name) != digest(name)]
    if COMPILED in missing and not can_compile():
        missing.remove(COMPILED)
    if missing:
        RECORD.unlink()
        for name in missing:
            install(name, held)
        check()
        write(have | {name: digest(name) for name in missing})
    return again or bool(missing)


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
        return ".venv 不完整（安装曾中断，或不是由 make 建立）", ".venv is not whole (interrupted, or not made by make)"
    if have.get("folder") != str(VENV):
        return "目录已移动", "the folder was moved"
    version = version_of_venv()
    if not version:
        return "建立 .venv 的 Python 已不在", "the Python of .venv is gone"
    if version != have.get("python"):
        return f".venv 的 Python 已变为 {version}", f"the Python of .venv has become {version}"
    if this_python and version != this_version():
        return f"要用 Python {this_version()}", f"Python {this_version()} is asked for"
    changed = [name for name in STAGES[stage] if name not in IN_PLACE and have.get(name, digest(name)) != digest(name)]
    return (f"{changed[0]} 已更改", f"{changed[0]} has changed") if changed else None


def version_of_venv() -> str:
    """What .venv's Python says it is; a link that leads nowhere says nothing."""
    try:
        done = subprocess.run([PYTHON, "-I", "-c", ASK_VERSION], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""
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
        say("缺少 venv 模块：apt install python3-venv", "the venv module is missing: apt install python3-venv")
        raise subprocess.CalledProcessError(made.returncode, "venv")
    return write({"folder": str(VENV), "python": this_version()})


def install(name: str, held: int) -> None:
    """One lock, exactly, or certsvc itself as it stands in this folder, built by the locked hatchling."""
    if name == PACKAGE:
        pip(held, "--no-build-isolation", "-e", ".")
        return
    count = sum("==" in line for line in (ROOT / name).read_text("utf-8").splitlines())
    say(
        f"正在安装 {name}({count} 个包，首次需下载，可能需要几分钟)…",
        f"installing {name} (packages: {count}; downloaded the first time; may take a few minutes) …",
    )
    how = ["--no-build-isolation"] if name == COMPILED else ["--only-binary", ":all:"]
    pip(held, "--require-hashes", *how, "-r", name)


def can_compile() -> bool:
    """Whether SM2's library can be built; without it the rest works, and the next run asks again."""
    found = subprocess.run([PYTHON, "-I", "-c", ASK_COMPILER], check=False).returncode == 0
    if not found:
        say(
            "SM2 未安装：需要 C 编译器（apt install gcc python3-dev）；其测试将跳过",
            "SM2 is left out: it needs a C compiler (apt install gcc python3-dev); its tests will be skipped",
        )
    return found


def pip(held: int, *arguments: str) -> None:
    """`pip install` in .venv, with the user's index and cache but without what else may be on Python's path.

    Compiled when imported: half of what pip does here would be to compile what is never used.
    """
    command = [str(PYTHON), "-I", "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run(
        [*command, "--no-deps", "--no-compile", *arguments],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        pass_fds=(held,),  # the next one waits for a pip that outlives us, too
        check=True,
    )


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
            say("另一个安装正在进行，等待中…", "another install is under way: waiting …")
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
