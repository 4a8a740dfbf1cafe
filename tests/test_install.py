"""A lock is installed as it stands, on any later day; what is not known to be whole is made again (tools/install.py).

The index on loopback has the locked releases and, of every project, a newer one that breaks what it gets into. The
small folder has the real Makefile and installer, with locks of made-up projects; the last tests install the real locks.
"""

from __future__ import annotations

import ast
import ensurepip
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from tests.package_index import Index, normalised, only, served, wheel

ROOT = Path(__file__).parents[1]
PYTHON = str(getattr(sys, "_base_executable", sys.executable))  # of no .venv
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-gm.lock")
pytestmark = pytest.mark.usefixtures("socket_enabled")

# A package that builds itself, since the small folder has no build tool: its wheel is one link to the folder.
BACKEND = """
import pathlib
from tests.package_index import wheel
def build_editable(folder, config_settings=None, metadata_directory=None):
    name, data = wheel("certsvc", "0.1.0", requires=["alpha[more]>=1", "beta"])
    (pathlib.Path(folder) / name).write_bytes(data)
    return name
"""


def locked(name: str, version: str | None = None) -> dict[str, str]:
    """What a lock has for one Python on this machine: version by project."""
    environment = {key: str(value) for key, value in default_environment().items()}
    if version is not None:
        environment |= {"python_version": version, "python_full_version": f"{version}.1"}
    found = {}
    for line in (ROOT / name).read_text("utf-8").splitlines():
        if "==" in line and not line.startswith(" "):
            wanted = Requirement(line.rstrip("\\"))
            if wanted.marker is None or wanted.marker.evaluate(environment):
                found[normalised(wanted.name)] = str(wanted.specifier).removeprefix("==")
    return found


def installed(folder: Path) -> dict[str, str]:
    """What a folder's .venv has, by its own account."""
    (packages,) = (folder / ".venv" / "lib").glob("python3*/site-packages")
    return {normalised(one.metadata["Name"]): one.version for one in distributions(path=[str(packages)])}


def make(folder: Path, environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Exit status and all that was said."""
    command = ["make", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1100,
    )
    return done.returncode, done.stdout


# --- The locks


def test_the_longer_lock_has_the_shorter_one_whole() -> None:
    """So that .venv, in which both are installed, is what each of them says."""
    whole, part = ((ROOT / name).read_text("utf-8") for name in ("requirements-dev.lock", "requirements.lock"))
    entries = set(re.split(r"^(?=\S)", part, flags=re.MULTILINE))
    assert len(entries) > 50
    assert entries - set(re.split(r"^(?=\S)", whole, flags=re.MULTILINE)) == set()


def test_no_lock_names_an_index() -> None:
    for name in LOCKS:
        text = (ROOT / name).read_text("utf-8")
        assert not re.search(r"^\s*-[^-]|--(extra-)?index-url|--find-links|://", text, re.MULTILINE), name


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_a_lock_lacks_nothing_on_any_python(version: str) -> None:
    """What `pip check` asks of one Python, asked of each: by the requirements of what is installed here."""
    environment = {key: str(value) for key, value in default_environment().items()}
    environment |= {"python_version": version, "python_full_version": f"{version}.1", "extra": ""}
    has, here = locked("requirements-dev.lock", version), locked("requirements-dev.lock")
    asked = 0
    for one in distributions():
        if here.get(normalised(one.metadata["Name"])) != one.version:
            continue
        for wanted in map(Requirement, one.requires or ()):
            if wanted.marker is None or wanted.marker.evaluate(environment):
                asked += 1
                assert wanted.specifier.contains(has[normalised(wanted.name)], prereleases=True), (one, str(wanted))
    assert asked > 100


# --- The small folder


@pytest.fixture
def index() -> Iterator[Index]:
    """alpha (with an extra that wants gamma) and beta, locked at 1.0; newer ones of all that cannot be used."""
    with served(Index()) as index:
        yield index


@pytest.fixture
def folder(tmp_path: Path, index: Index) -> Path:
    """The real Makefile and installer over locks of made-up projects."""
    folder = tmp_path / "checkout"
    (folder / "tools").mkdir(parents=True)
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "tools" / "install.py", folder / "tools")
    shutil.copy(ROOT / "tests" / "package_index.py", folder / "tests")
    (folder / "tests" / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "tests.backend"\nbackend-path = ["."]\n'
    )
    lock(folder, index, "requirements.lock", alpha="1.0", gamma="1.0", beta="1.0")
    lock(folder, index, "requirements-dev.lock", alpha="1.0", gamma="1.0", beta="1.0", delta="1.0")
    lock(folder, index, "requirements-gm.lock", epsilon="1.0")
    for name in ("alpha", "beta", "gamma", "delta", "epsilon"):
        index.offer(release(name, "9.0"))
    return folder


def release(name: str, version: str) -> tuple[str, bytes]:
    if name == "alpha":
        return wheel(name, version, extras=["more"], requires=['gamma>=1; extra == "more"'])
    return wheel(name, version, requires=["alpha[more]>=1"] if name == "beta" else [])


def lock(folder: Path, index: Index, name: str, **versions: str) -> None:
    lines = [f"{one}=={at} \\\n    --hash={index.offer(release(one, at))}\n" for one, at in versions.items()]
    (folder / name).write_text("".join(lines))


@pytest.fixture
def environment(index: Index, tmp_path: Path) -> dict[str, str]:
    return only(index, tmp_path / "home", os.environ)


def versions(folder: Path) -> dict[str, str]:
    return {name: at for name, at in installed(folder).items() if name not in ("pip", "setuptools", "certsvc")}


LOCKED = {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}


@pytest.mark.slow
def test_what_is_as_it_must_be_is_left_alone_and_said_nothing_about(folder: Path, environment: dict[str, str]) -> None:
    status, said = make(folder, environment, "run-venv", f"PYTHON={PYTHON}")
    assert (status, versions(folder)) == (0, LOCKED), said
    assert re.search(r"installing requirements\.lock \(packages: 3;.*\n.*\.venv is ready, took \d+ s\n$", said)

    (folder / ".venv" / "kept").touch()
    assert make(folder, environment, "run-venv", f"PYTHON={PYTHON}") == (0, "")
    status, said = make(folder, environment, "dev-venv", f"PYTHON={PYTHON}")  # more of it: what is there stays
    assert (status, versions(folder)) == (0, LOCKED | {"delta": "1.0", "epsilon": "1.0"}), said
    assert "installing requirements.lock" not in said
    assert make(folder, environment, "run-venv", f"PYTHON={PYTHON}") == (0, "")
    assert (folder / ".venv" / "kept").exists()


@pytest.mark.slow
def test_an_install_that_was_killed_is_started_over_when_its_pip_has_ended_too(
    folder: Path, index: Index, environment: dict[str, str]
) -> None:
    held = index.held["beta-1.0-py3-none-any.whl"] = threading.Event()
    command = [PYTHON, "tools/install.py", "run"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    first = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **quiet)
    try:
        until(lambda: any("beta-1.0" in path for path in index.asked))
        first.kill()  # its pip lives on, and would write into what the second one makes
        first.wait(60)
        second = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
        assert second.stderr is not None
        assert "another install is under way" in second.stderr.readline()
        time.sleep(0.5)
        assert second.poll() is None
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        held.set()
    said = second.communicate(timeout=300)[1]
    assert second.returncode == 0, said
    assert ".venv is not whole" in said
    assert versions(folder) == LOCKED


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_what_pip_refuses_is_not_found_ready(folder: Path, index: Index, environment: dict[str, str]) -> None:
    genuine = index.files["beta-1.0-py3-none-any.whl"]
    index.offer(wheel("beta", "1.0", code="# not what was locked"))
    status, said = make(folder, environment, "run-venv")
    assert status != 0
    assert "DO NOT MATCH THE HASHES" in said
    assert "mend that and run it again" in said

    index.files["beta-1.0-py3-none-any.whl"] = genuine
    status, said = make(folder, environment, "run-venv")
    assert (status, versions(folder)) == (0, LOCKED), said


@pytest.mark.slow
def test_a_lock_that_lacks_something_is_not_found_ready(
    folder: Path, index: Index, environment: dict[str, str]
) -> None:
    lock(folder, index, "requirements.lock", beta="1.0", gamma="1.0")
    status, said = make(folder, environment, "run-venv")
    assert status != 0
    assert "beta 1.0 requires alpha, which is not installed" in said
    assert make(folder, environment, "run-venv")[0] != 0


@pytest.mark.slow
def test_a_lock_that_changed_leaves_nothing_of_the_old_one(
    folder: Path, index: Index, environment: dict[str, str]
) -> None:
    assert make(folder, environment, "dev-venv")[0] == 0
    lock(folder, index, "requirements-dev.lock", alpha="1.0", gamma="1.0", beta="1.0", zeta="2.0")
    status, said = make(folder, environment, "dev-venv")
    assert (status, versions(folder)) == (0, LOCKED | {"zeta": "2.0", "epsilon": "1.0"}), said
    assert "requirements-dev.lock has changed: making .venv again" in said


@pytest.mark.slow
def test_a_python_that_is_gone_or_another_and_a_folder_that_was_moved_lead_to_a_new_one(
    folder: Path, environment: dict[str, str]
) -> None:
    def again() -> str:
        status, said = make(folder, environment, "venv")
        works = subprocess.run([folder / ".venv" / "bin" / "pip", "--version"], check=False, stdout=subprocess.DEVNULL)
        assert (status, works.returncode) == (0, 0), said
        return said

    again()
    assert again() == ""
    python = folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/no/such/python3")
    assert "the Python of .venv is gone: making .venv again" in again()
    python.unlink()
    python.write_text("#!/bin/sh\necho 3.99\n")
    python.chmod(0o755)
    assert "the Python of .venv has become 3.99: making .venv again" in again()
    folder = folder.rename(folder.with_name("moved"))
    assert "the folder was moved: making .venv again" in again()


@pytest.mark.slow
def test_without_a_c_compiler_only_sm2_is_left_out(folder: Path, environment: dict[str, str]) -> None:
    status, said = make(folder, environment | {"CC": "/no/such/cc"}, "dev-venv")
    assert (status, versions(folder)) == (0, LOCKED | {"delta": "1.0"}), said
    assert "SM2 is left out" in said
    status, said = make(folder, environment, "dev-venv")
    assert (status, versions(folder)) == (0, LOCKED | {"delta": "1.0", "epsilon": "1.0"}), said


@pytest.mark.slow
def test_a_link_in_the_place_of_the_folder_is_removed_and_not_what_it_leads_to(
    folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "others"
    (other / "bin").mkdir(parents=True)
    (folder / ".venv").symlink_to(other)
    assert make(folder, environment, "venv")[0] == 0
    assert (other / "bin").is_dir()
    assert not (folder / ".venv").is_symlink()


def test_a_python_that_is_too_old_is_told_so_in_words() -> None:
    source = (ROOT / "tools" / "install.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 7))  # it can be read that far
    code = f"import sys; sys.version_info = (3, 10, 9); exec(compile({source!r}, '', 'exec'), {{'__file__': '/a/b'}})"
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, "需要 Python 3.11 或更新版本 / Python 3.11 or newer is needed\n")


# --- The real locks

# The one a new .venv of Debian 12 has, which resolves extras by itself; and the newest when this was written. The first
# cannot run on newer Pythons, which bring a newer one.
PIPS = {
    "26.3": "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
    "23.0.1": "236bcb61156d76c4b8a05821b988c7b8c35bf0da28a4b614e8d6ab5212c25c6f",
}
BROKEN = "raise ImportError('a release newer than the lock')"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The locked releases and the pips, from this machine's own index; the hashes say they are right."""
    folder = tmp_path_factory.mktemp("releases")
    subprocess.run([PYTHON, "-m", "venv", folder / "venv"], check=True, timeout=300)
    wanted = [ROOT / "requirements-dev.lock"]  # which has the shorter one whole
    for version, digest in PIPS.items():
        wanted.append(folder / f"pip-{version}.txt")
        wanted[-1].write_text(f"pip=={version} --hash=sha256:{digest}\n")
    wanted.append(ROOT / "requirements-gm.lock")
    pip = [folder / "venv" / "bin" / "python", "-m", "pip", "-q", "--disable-pip-version-check"]
    for one in wanted:
        how = ["--only-binary", ":all:"]
        if one.name == "requirements-gm.lock":  # pip asks what it needs by building a little of it
            how = ["--no-build-isolation"]
            local = ["--no-index", "--find-links", folder / "files", f"setuptools=={locked(LOCKS[0])['setuptools']}"]
            subprocess.run([*pip, "install", *local], check=True, timeout=300)
        command = [*pip, "download", "--no-deps", "--require-hashes", *how, "-d", folder / "files", "-r", one]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1000)
        if done.returncode and "Could not find a version" in done.stderr:
            pytest.skip("the locked releases cannot be had: no package index")
        assert done.returncode == 0, done.stderr[-2000:]
    return folder / "files"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """This checkout without what was made in it."""
    anywhere = shutil.ignore_patterns(".*", "__pycache__")
    at_root = shutil.ignore_patterns(
        "tests", "var", "artefacts", "certsvc-home", "roll", "certificates", "dist", "build"
    )

    def left_out(folder: str, names: list[str]) -> set[str]:
        # What a checkout makes lies at its root; packages of the same names lie within.
        return anywhere(folder, names) | (at_root(folder, names) if Path(folder) == ROOT else set())

    return Path(shutil.copytree(ROOT, tmp_path / "checkout", ignore=left_out))


@pytest.mark.slow
@pytest.mark.parametrize("pip", PIPS)
def test_both_locks_are_installed_exactly_when_the_index_has_newer_releases_of_everything(
    pip: str, releases: Path, checkout: Path, tmp_path: Path
) -> None:
    if pip == "23.0.1" and sys.version_info >= (3, 12):
        pip = ensurepip.version()
    offer = Index({path.name: path for path in releases.iterdir()})
    for name in {name for lock in LOCKS for name in locked(lock)} | {"pip", "wheel", "certsvc"}:
        extras = ["toml", "binary", "more"]
        offer.offer(wheel(name, "9999.0", extras=extras, requires=['tomli; extra == "toml"'], code=BROKEN))
    with served(offer) as index:
        environment = only(index, tmp_path / "home", os.environ)
        assert make(checkout, environment, "venv", f"PYTHON={PYTHON}")[0] == 0
        inner = [checkout / ".venv" / "bin" / "python", "-m", "pip", "-q"]
        if pip in PIPS:
            subprocess.run([*inner, "install", "--no-index", f"--find-links={releases}", f"pip=={pip}"], check=True)
        if pip == "23.0.1":  # the way that lasted until a newer coverage came: what is shown here can fail
            command = [*inner, "install", "--dry-run", "--require-hashes", "-r", checkout / "requirements-dev.lock"]
            old = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=1000)
            assert old.returncode != 0
            assert re.search(
                r"all requirements must have their versions pinned.*coverage\[toml\]", old.stderr, re.DOTALL
            )

        status, said = make(checkout, environment | {"SERVE": "0"}, "demo", f"PYTHON={PYTHON}")
        assert status == 0, said
        assert "【valid】" in said
        assert installed(checkout) == locked("requirements.lock") | {"pip": pip, "certsvc": "0.1.0"}
        status, said = make(checkout, environment, "dev-venv", f"PYTHON={PYTHON}")
        assert status == 0, said
        whole = locked("requirements-dev.lock") | locked("requirements-gm.lock")
        assert installed(checkout) == whole | {"pip": pip, "certsvc": "0.1.0"}
    assert not any("9999" in path for path in index.asked)
