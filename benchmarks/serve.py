"""Scans a second: plain Flask on gunicorn's sync worker, and ours, in one run on the same register.

One worker process each, so that the load generator has a core of its own; `wrk` asks for random tokens, turn by turn.
At the end a certificate is revoked, and the very next answer must say so. Ratios count, not seconds: run by
`python -m benchmarks.serve [--certificates 2000] [--seconds 3]`. Needs wrk (Debian) and gunicorn (the group `bench`).
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
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

from sqlalchemy import text

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.person.identity import resident_check_character
from certsvc.services.certificates import change_status
from certsvc.services.context import Services
from certsvc.services.examination import import_results as record_results
from certsvc.services.issuing import issue
from certsvc.services.operation.init import initialise
from certsvc.services.registration import import_roster as register

JSON_AT_LEAST, HTML_AT_LEAST = 4.0, 3.0
ROUNDS = 3
_BORN = date(1990, 3, 7)


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--certificates", type=int, default=2000)
    arguments.add_argument("--seconds", type=int, default=3)
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    _require_programs()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = os.environ | {"CERTSVC_HOME": str(home), "CERTSVC_LIMIT_PAGE": "100000000/minute"}
        services = open_services(Settings.from_environment(environment))
        tokens = _fill(services, home, chosen.certificates)
        load = _load_script(home, [token for token, _ in tokens])
        rates: dict[str, list[float]] = {}
        with ExitStack() as running:
            addresses = {}
            for name, command in _servers().items():
                port = _free_port()
                running.enter_context(_running([*command, *_where(name, port)], environment, port))
                addresses[name] = f"http://127.0.0.1:{port}"
            # Turn by turn, so that whatever else the machine does falls on both; the first round warms up.
            for turn in range(ROUNDS + 1):
                for kind, accept in (("json", "application/json"), ("html", "text/html")):
                    for name, address in addresses.items():
                        rate = _wrk(load, address, accept, chosen.seconds if turn else 1)
                        if turn:
                            rates.setdefault(f"{name} {kind}", []).append(rate)
            for address in addresses.values():
                _revoked_at_once(services, tokens.pop(), address)
        found = {name: statistics.median(measured) for name, measured in rates.items()}
        services.database.close()
    ratios = {kind: found[f"ours {kind}"] / found[f"plain {kind}"] for kind in ("json", "html")}
    if chosen.json:
        print(json.dumps({"requests_per_second": found, "ratios": ratios}))
    else:
        for name, rate in found.items():
            print(f"{name:<12} {rate:>8.0f} requests/s")
        print(f"JSON × {ratios['json']:.1f} (≥ {JSON_AT_LEAST}), HTML × {ratios['html']:.1f} (≥ {HTML_AT_LEAST})")
    return 0 if ratios["json"] >= JSON_AT_LEAST and ratios["html"] >= HTML_AT_LEAST else 1


def _require_programs() -> None:
    missing = []
    if shutil.which("wrk") is None:
        missing.append("wrk, which makes the load: apt-get install wrk")
    if importlib.util.find_spec("gunicorn") is None:
        missing.append(f"gunicorn, which serves the plain site: {sys.executable} -m pip install --group bench")
    if missing:
        raise SystemExit("benchmarks.serve lacks " + "; and ".join(missing))


def _servers() -> dict[str, list[str]]:
    python = [sys.executable, "-m"]
    return {
        "plain": [*python, "gunicorn", "--workers", "1", "--log-level", "error", "benchmarks.plain_site:make()"],
        "ours": [str(Path(sys.executable).with_name("certsvc")), "serve", "--workers", "1"],
    }


def _where(name: str, port: int) -> list[str]:
    if name == "plain":
        return ["--bind", f"127.0.0.1:{port}"]
    return ["--host", "127.0.0.1", "--port", str(port)]


def _fill(services: Services, home: Path, count: int) -> list[tuple[str, str]]:
    """Issue `count` certificates; answers their tokens and numbers."""
    initialise(services)
    people = [(f"张{chr(0x4E00 + i % 20000)}{chr(0x5000 + i // 20000)}", _identity(i)) for i in range(count)]
    rows = ["姓名,性别,证件类型,证件号码,出生日期,手机号码,培训机构,健康承诺,报名日期"]
    rows += [f"{name},男,居民身份证,{number},{_BORN},,,是,2025-02-10" for name, number in people]
    (home / "candidates.csv").write_text("\n".join(rows), encoding="utf-8")
    rows = ["证件号码,姓名,科目,考试日期,考试性质,结果,成绩"]
    for name, number in people:
        rows += [f"{number},{name},{subject},2025-03-24,初考,正常,80" for subject in ("理论知识考试", "技能考核")]
    (home / "results.csv").write_text("\n".join(rows), encoding="utf-8")
    register.import_candidates(services, home / "candidates.csv", by="benchmark")
    record_results.import_results(services, home / "results.csv", by="benchmark")
    issue.issue(services, by="benchmark")
    with services.database.reading() as session:
        found = session.execute(text("select token, number from certificate where stage = 'issued'")).all()
    return [(token, number) for token, number in found]


def _identity(index: int) -> str:
    first = f"99{index // 500:04d}{_BORN:%Y%m%d}{2 * (index % 500) + 1:03d}"
    return first + resident_check_character(first)


def _load_script(home: Path, tokens: list[str]) -> Path:
    script = home / "load.lua"
    listed = ",".join(f'"{token}"' for token in tokens)
    script.write_text(
        f"local t = {{{listed}}}\nlocal accept = os.getenv('ACCEPT')\n"
        "function request() return wrk.format('GET', '/v/' .. t[math.random(#t)], {Accept = accept}) end\n",
        encoding="utf-8",
    )
    return script


def _wrk(script: Path, address: str, accept: str, seconds: int) -> float:
    out = subprocess.run(
        ["wrk", "-t1", "-c8", f"-d{seconds}s", "-s", str(script), address],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"ACCEPT": accept},
    ).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert rate is not None
    return float(rate[1])


def _revoked_at_once(services: Services, certificate: tuple[str, str], address: str) -> None:
    token, number = certificate
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
def _running(command: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)


if __name__ == "__main__":
    raise SystemExit(main())
