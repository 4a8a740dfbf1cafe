"""Scans a second, cold: a stranger's plain Flask site, a floor without any check, and ours, in one run on one register.

The register is large and each request asks for a certificate drawn at random from all of it, in another order each
time, so that nothing kept from an earlier request is of use. One worker process each, so that the load generator has a
core of its own; turn by turn, medians of the rounds. At the end a certificate is revoked, and the very next answer must
say so. Ratios count, not seconds. Beside each rate stands the processor time of an answer, which says more on a machine
that others use too; how busy it was is said.

Run: python -m benchmarks.serve [HOME] [--certificates 20000] [--seconds 4]. A HOME is filled up once and kept. Needs
wrk (Debian), and gunicorn and granian (the group `bench`).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import text

from benchmarks import stranger_site
from benchmarks.fill_register import fill
from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.services.certificates import change_status
from certsvc.services.context import Services

JSON_AT_LEAST, HTML_AT_LEAST = 3.0, 3.0
ROUNDS = 3
_CONNECTIONS: Final = 32
_KINDS: Final = {"json": "application/json", "html": "text/html"}
_LOAD: Final = """\
local tokens = {}
for line in io.lines(os.getenv("TOKENS")) do tokens[#tokens + 1] = line end
math.randomseed(tonumber(os.getenv("SEED")))
request = function()
  return wrk.format("GET", "/v/" .. tokens[math.random(#tokens)], { Accept = os.getenv("ACCEPT") })
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk needs to ask for random tokens."""

    script: Path
    tokens: Path


@dataclass(frozen=True)
class Measured:
    """Of one run: requests a second, and the server's processor time for each."""

    rate: float
    microseconds: float


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("home", nargs="?", type=Path)
    arguments.add_argument("--certificates", type=int, default=20_000)
    arguments.add_argument("--seconds", type=int, default=4)
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    _require_programs()
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        rates = measure(chosen.home or Path(folder) / "home", Path(folder), chosen.certificates, chosen.seconds)
    found = {name: statistics.median(one.rate for one in measured) for name, measured in rates.items()}
    spent = {name: statistics.median(one.microseconds for one in measured) for name, measured in rates.items()}
    ratios = {kind: found[f"ours {kind}"] / found[f"stranger {kind}"] for kind in _KINDS}
    cheaper = {kind: spent[f"stranger {kind}"] / spent[f"ours {kind}"] for kind in _KINDS}
    if chosen.json:
        said = {"requests_per_second": found, "processor_microseconds": spent, "ratios": ratios, "cheaper": cheaper}
        print(json.dumps(said | {"load_before": busy, "load_after": os.getloadavg()[0]}))
    else:
        for name, rate in found.items():
            rounds = ", ".join(f"{one.rate:.0f}" for one in rates[name])
            print(f"{name:<14} {rate:>8.0f} requests/s  ({rounds}), {spent[name]:.0f} µs of processor time each")
        print(f"JSON × {ratios['json']:.2f} (≥ {JSON_AT_LEAST}), HTML × {ratios['html']:.2f} (≥ {HTML_AT_LEAST})")
        print(f"by processor time: JSON × {cheaper['json']:.2f}, HTML × {cheaper['html']:.2f}")
        print(f"load of the machine before and after: {busy:.1f}, {os.getloadavg()[0]:.1f}")
    return 0 if ratios["json"] >= JSON_AT_LEAST and ratios["html"] >= HTML_AT_LEAST else 1


def measure(home: Path, folder: Path, certificates: int, seconds: int) -> dict[str, list[Measured]]:
    """What each site did and kind, round by round."""
    environment = os.environ | {"CERTSVC_HOME": str(home), "CERTSVC_LIMIT_PAGE": "100000000/minute"}
    services = open_services(Settings.from_environment(environment))
    fill(services, certificates, progress=lambda count: print(f"\r{count}", end="", file=sys.stderr, flush=True))
    register = services.database.sqlite_file
    assert register is not None
    environment["PLAIN"] = str(folder / "plain.sqlite3")
    stranger_site.prepare(register, Path(environment["PLAIN"]))
    load = _load(services, folder)
    rates: dict[str, list[Measured]] = {}
    with ExitStack() as running:
        addresses, processes = {}, {}
        for name, command in _servers().items():
            port = _free_port()
            processes[name] = running.enter_context(_running([*command, *_where(name, port)], environment, port))
            addresses[name] = f"http://127.0.0.1:{port}"
        # Turn by turn, so that whatever else the machine does falls on all; the first round starts them up.
        for turn in range(ROUNDS + 1):
            for kind, accept in _KINDS.items():
                for name, address in addresses.items():
                    if (name, kind) != ("floor", "html"):
                        before = _processor_seconds(processes[name])
                        rate, count = _wrk(load, address, accept, seconds if turn else 1, seed=turn)
                        each = (_processor_seconds(processes[name]) - before) / count * 1e6
                        if turn:
                            rates.setdefault(f"{name} {kind}", []).append(Measured(rate, each))
        _revoked_at_once(services, addresses["ours"])
    services.database.close()
    return rates


def _require_programs() -> None:
    missing = []
    if shutil.which("wrk") is None:
        missing.append("wrk, which makes the load: apt-get install wrk")
    if importlib.util.find_spec("gunicorn") is None or importlib.util.find_spec("granian") is None:
        missing.append(f"gunicorn and granian, which serve the others: {sys.executable} -m pip install --group bench")
    if missing:
        raise SystemExit("benchmarks.serve lacks " + "; and ".join(missing))


def _servers() -> dict[str, list[str]]:
    beside = Path(sys.executable).parent
    return {
        "stranger": [
            *(sys.executable, "-m", "gunicorn", "--workers", "1", "--log-level", "error"),
            "benchmarks.stranger_site:app",
        ],
        "floor": [
            *(sys.executable, "-m", "granian", "--interface", "rsgi", "--workers", "1", "--no-ws"),
            *("--log-level", "error", "benchmarks.floor_site:answer"),
        ],
        "ours": [str(beside / "certsvc"), "serve", "--workers", "1"],
    }


def _where(name: str, port: int) -> list[str]:
    return ["--bind", f"127.0.0.1:{port}"] if name == "stranger" else ["--host", "127.0.0.1", "--port", str(port)]


def _load(services: Services, folder: Path) -> Load:
    load = Load(folder / "load.lua", folder / "tokens")
    load.script.write_text(_LOAD, encoding="utf-8")
    with services.database.reading() as session:
        found = session.scalars(text("select token from certificate where stage = 'issued' and status = 'valid'"))
        load.tokens.write_text("\n".join(found) + "\n", encoding="utf-8")
    return load


def _processor_seconds(leader: int) -> float:
    """What all processes of a server have used by now."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(") ")[2].split()
            if int(fields[2]) == leader:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _wrk(load: Load, address: str, accept: str, seconds: int, *, seed: int) -> tuple[float, int]:
    """Requests a second, and how many there were."""
    out = subprocess.run(
        ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-s", str(load.script), address],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"ACCEPT": accept, "TOKENS": str(load.tokens), "SEED": f"{seed}{os.getpid()}"},
    ).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(out)
    rate, count = re.search(r"Requests/sec:\s+([\d.]+)", out), re.search(r"(\d+) requests in", out)
    assert rate is not None
    assert count is not None
    return float(rate[1]), int(count[1])


def _revoked_at_once(services: Services, address: str) -> None:
    with services.database.reading() as session:
        query = "select token, number from certificate where stage = 'issued' and status = 'valid' limit 1"
        token, number = session.execute(text(query)).one()
    if _state(token, address) != "valid":
        raise SystemExit("the certificate was not valid before")
    change_status.revoke(services, number, reason="benchmark", by="benchmark")
    if _state(token, address) != "revoked":
        raise SystemExit("a revocation did not show on the next request")


def _state(token: str, address: str) -> str:
    ask = urllib.request.Request(f"{address}/v/{token}", headers={"Accept": "application/json"})
    with urllib.request.urlopen(ask, timeout=10) as answer:
        return str(json.load(answer)["state"])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _running(command: list[str], environment: dict[str, str], port: int) -> Iterator[int]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


if __name__ == "__main__":
    raise SystemExit(main())
