"""Fifty hostile uploads at once, of each kind and mixed: memory of the whole service, and scans beside idle.

Each upload comes from an address of its own, so that no limit by address helps. Meanwhile one client scans at an even
pace, and another, from elsewhere, brings a genuine PDF again and again: it is answered, or told to come again. Promised
are less than 700 MB for the server and all its children together (resident, each process counted whole), and a 99th
percentile of scans within three times that of the idle server, measured just before in the same run.
Run: `python -m benchmarks.hostile [--kinds mixed,json] [--json]`; loopback alone, every loop ends by itself.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks.import_results import candidate_rows, made_up_person, result_rows, write_rows
from benchmarks.weapons import Upload, filed, hostile_uploads
from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.services.certificates import give_out
from certsvc.services.certificates.listing import list_certificates
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing.issue import issue
from certsvc.services.operation.init import initialise
from certsvc.services.registration.import_roster import import_candidates

MOST_MB, MOST_TIMES_IDLE = 700, 3.0
Told: TypeAlias = "multiprocessing.Queue[tuple[str, str, float]]"  # who, status, seconds
_SECONDS_IDLE, _SECONDS_AT_MOST = 6.0, 90.0
_SCANS_A_SECOND: Final = 50
_KINDS: Final = ("json", "rows", "sheet", "zip", "picture", "pdf", "list", "mixed")


@dataclass
class Found:
    """What one kind of attack did. Milliseconds are 99th percentiles of scans."""

    answers: Counter[str]
    peak_mb: float
    idle_ms: float
    attacked_ms: float
    honest: Counter[str]
    honest_seconds: float

    @property
    def times_idle(self) -> float:
        return self.attacked_ms / self.idle_ms

    @property
    def held(self) -> bool:
        answered = not self.honest.keys() - {"200", "429", "503"}
        return self.peak_mb < MOST_MB and self.times_idle <= MOST_TIMES_IDLE and answered


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--kinds", default=",".join(_KINDS))
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    kinds = [kind for kind in _KINDS if kind in chosen.kinds.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"CERTSVC_HOME": folder, "CERTSVC_LIMIT_PAGE": "100000000/minute"}
        token, pdf = _fill(Path(folder), environment)
        weapons = hostile_uploads()
        found = {}
        for kind in kinds:
            # A server of its own for each, so that the peak is that kind's.
            with serving(environment) as (port, process):
                found[kind] = _measure(port, process, token, pdf, weapons[kind])
                if not chosen.json:
                    print(_line(kind, found[kind]), flush=True)
    if chosen.json:
        print(json.dumps({kind: each.__dict__ | {"times_idle": each.times_idle} for kind, each in found.items()}))
    return 0 if all(each.held for each in found.values()) else 1


def _line(kind: str, found: Found) -> str:
    return (
        f"{kind:<8} {'ok  ' if found.held else 'LOST'} {found.peak_mb:>5.0f} MB (< {MOST_MB}) · scans p99 "
        f"{found.idle_ms:.1f} → {found.attacked_ms:.1f} ms, × {found.times_idle:.1f} (≤ {MOST_TIMES_IDLE:.0f}) · "
        f"hostile {_counted(found.answers)} · honest {_counted(found.honest)}, median {found.honest_seconds:.1f} s"
    )


def _counted(answers: Counter[str]) -> str:
    return " ".join(f"{status}×{count}" for status, count in sorted(answers.items())) or "–"


def _fill(home: Path, environment: Mapping[str, str]) -> tuple[str, bytes]:
    """A home with a few certificates; answers a token and that certificate's PDF."""
    services = open_services(Settings.from_environment(environment))
    initialise(services)
    people = [made_up_person(number) for number in range(4)]
    import_candidates(services, write_rows(home / "c.csv", candidate_rows(people)), by="benchmark")
    rows = [row for person in people for row in result_rows(person)]
    import_results(services, write_rows(home / "r.csv", rows), by="benchmark")
    issue(services, by="benchmark")
    issued = next(iter(list_certificates(services)))
    pdf = give_out.pdf_of(services, issued.number)
    services.database.close()
    assert issued.token is not None
    return issued.token, pdf


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = random.randrange(20_000, 50_000)
    command = [str(Path(sys.executable).with_name("certsvc")), "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(6000):
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/healthz")
                break
            except OSError:
                time.sleep(0.1)
        yield port, process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=120)


def _measure(port: int, process: subprocess.Popen[bytes], token: str, pdf: bytes, uploads: Sequence[Upload]) -> Found:
    _scan_for(port, token, lambda count: count < 100)
    until = time.monotonic() + _SECONDS_IDLE
    idle = _scan_for(port, token, lambda _: time.monotonic() < until)
    told: Told = multiprocessing.Queue()
    over = multiprocessing.Event()
    attack = multiprocessing.Process(target=_attack, args=(port, uploads, told))
    honest = multiprocessing.Process(target=_be_honest, args=(port, pdf, told, over))
    peak = _Peak(process.pid)
    peak.start()
    attack.start()
    honest.start()
    ends_at = time.monotonic() + _SECONDS_AT_MOST
    attacked = _scan_for(port, token, lambda count: time.monotonic() < ends_at and (attack.is_alive() or count < 300))
    over.set()
    answers: dict[str, list[tuple[str, float]]] = {"hostile": [], "honest": []}
    for each in (attack, honest):
        while each.is_alive() or not told.empty():
            try:
                who, status, seconds = told.get(timeout=0.2)
            except Exception:
                continue
            answers[who].append((status, seconds))
        each.join()
    peak.over = True
    peak.join()
    waited = [seconds for status, seconds in answers["honest"] if status == "200"]
    return Found(
        Counter(status for status, _ in answers["hostile"]),
        peak.megabytes,
        _percentile(idle, 99),
        _percentile(attacked, 99),
        Counter(status for status, _ in answers["honest"]),
        statistics.median(waited) if waited else 0.0,
    )


def _percentile(milliseconds: Sequence[float], percent: int) -> float:
    return sorted(milliseconds)[len(milliseconds) * percent // 100]


def _scan_for(port: int, token: str, go_on: Callable[[int], bool]) -> list[float]:
    """Milliseconds of each scan, asked at an even pace: one that comes late does not thin out those that follow."""
    taken: list[float] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    due = time.perf_counter()
    while go_on(len(taken)):
        due += 1 / _SCANS_A_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        connection.request("GET", f"/v/{token}", headers={"Accept": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"a scan was answered {answer.status}")
        # From when it was due, so that a queue of our own making is counted as waiting.
        taken.append((time.perf_counter() - due) * 1000)
    connection.close()
    return taken


class _Peak(threading.Thread):
    """The most memory that a process and all its children hold at once, looked at ten times a second."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root, self.over, self.megabytes = root, False, 0.0

    def run(self) -> None:
        while not self.over:
            self.megabytes = max(self.megabytes, sum(map(_resident_mb, _tree(self._root))))
            time.sleep(0.1)


def _tree(root: int) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                waiting += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def _resident_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, IndexError):
        return 0.0


# The clients. Each is a process of its own, and yields to the server and to the one who measures.


def _attack(port: int, uploads: Sequence[Upload], told: Told) -> None:
    os.nice(19)
    threads = [
        threading.Thread(
            target=lambda place=place, upload=upload: told.put(
                ("hostile", *_send(port, upload, f"127.{1 + place // 200}.{place % 200}.7"))
            )
        )
        for place, upload in enumerate(uploads)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _be_honest(port: int, pdf: bytes, told: Told, over: Event) -> None:
    os.nice(5)
    upload, place = filed("certificate.pdf", pdf), 0
    while not over.is_set() and place < 200:
        place += 1
        status, seconds = _send(port, upload, f"127.250.{place}.1", expect=b'"verdict":"valid"')
        told.put(("honest", status, seconds))
        over.wait(1.0)


def _send(port: int, upload: Upload, source: str, *, expect: bytes = b"") -> tuple[str, float]:
    began = time.perf_counter()
    headers = {"Content-Type": upload.content_type, "Accept": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=150, source_address=(source, 0))
    try:
        connection.request("POST", upload.address, upload.body, headers)
        answer = connection.getresponse()
        content = answer.read()
        status = str(answer.status) if answer.status != 200 or expect in content else "wrong"
    except OSError:
        status = "cut"  # refused before all of it was sent
    except http.client.HTTPException:
        status = "broken"
    finally:
        connection.close()
    return status, time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
