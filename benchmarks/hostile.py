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
import io
import json
import multiprocessing
import os
import random
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final, TypeAlias

from openpyxl import Workbook

from benchmarks.import_results import candidate_rows, made_up_person, result_rows, write_rows
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
AT_ONCE: Final = 50
_SECONDS_IDLE, _SECONDS_AT_MOST = 6.0, 90.0
_SCANS_A_SECOND: Final = 50
_KINDS: Final = ("json", "rows", "sheet", "zip", "picture", "pdf", "list", "mixed")


@dataclass(frozen=True)
class Upload:
    """One request as it is sent, body and all."""

    address: str
    content_type: str
    body: bytes


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
            with _serving(environment) as (port, process):
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
def _serving(environment: Mapping[str, str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = random.randrange(20_000, 50_000)
    command = [str(Path(sys.executable).with_name("certsvc")), "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(600):
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
    upload, place = Upload("/verify/file", *_form("file", "certificate.pdf", pdf)), 0
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


# The weapons.


def hostile_uploads() -> dict[str, list[Upload]]:
    """Fifty uploads of each kind, and fifty of all kinds."""
    made = {
        "json": [_of_json(b'{"rows":[' + b'{"number":"1","name":"2"},' * (23 * 2**20 // 25) + b"{}]}")],
        "rows": [_of_json(b'{"rows":[' + b"{}," * 349_000 + b"{}]}"), _of_json(b"[" * 1_000_000)],
        "sheet": [_listed("list.xlsx", spreadsheet_that_expands())],
        "zip": [_filed("a.zip", zip_of_many_entries(420_000)), _filed("b.zip", zip_of_zeros())],
        "picture": [_filed("a.png", png_bomb(30_000)), _filed("a.tif", tiff_bomb(20_000))],
        "pdf": [
            _filed("deep.pdf", deep_pdf(9 * 2**20)),
            _filed("links.pdf", b"%PDF-1.7 " + b"/v/aaaaaaaaaaaaaaaaaaaaaaaaa!" * 300_000),
        ],
        "list": [_listed("list.csv", long_list())],
    }
    fifty = {kind: [each[i % len(each)] for i in range(AT_ONCE)] for kind, each in made.items()}
    mixed = [upload for place in range(AT_ONCE) for upload in [fifty[list(made)[place % len(made)]][place]]]
    random.Random(1).shuffle(mixed)
    return fifty | {"mixed": mixed}


def _of_json(body: bytes) -> Upload:
    return Upload("/api/v1/verifications", "application/json", body)


def _filed(name: str, content: bytes) -> Upload:
    return Upload("/verify/file", *_form("file", name, content))


def _listed(name: str, content: bytes) -> Upload:
    return Upload("/verify/list", *_form("list", name, content))


def _form(field: str, name: str, content: bytes) -> tuple[str, bytes]:
    head = f'--x7x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return "multipart/form-data; boundary=x7x", head.encode() + content + b"\r\n--x7x--\r\n"


def spreadsheet_that_expands() -> bytes:
    """Some 200 KB: one string of 200 KB that a hundred thousand cells repeat."""
    out = io.BytesIO()
    book = Workbook()
    assert book.active is not None
    book.active.append(["证书编号", "姓名"])
    book.save(out)
    cells = "".join(f'<c r="{column}%d" t="s"><v>2</v></c>' for column in "ABCDEFGHIJKLMNOPQRST")
    rows = "".join(f'<row r="{row}">{cells.replace("%d", str(row))}</row>' for row in range(2, 5002))
    noise = random.Random(1).randbytes(60_000).hex()
    strings = "".join(f"<si><t>{text}</t></si>" for text in ("证书编号", "姓名", noise))
    namespace = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    head = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
    parts = {
        "xl/worksheets/sheet1.xml": f"<worksheet {namespace}><sheetData>{head}{rows}</sheetData></worksheet>",
        "xl/sharedStrings.xml": f"<sst {namespace}>{strings}</sst>",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(out) as plain, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
        for entry in plain.infolist():
            if entry.filename not in parts:
                written.writestr(entry.filename, plain.read(entry))
        for name, text in parts.items():
            written.writestr(name, text)
    return packed.getvalue()


def zip_of_many_entries(count: int) -> bytes:
    """A ZIP whose directory names one file so many times."""
    file = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0)
    directory = b"".join(entry + b"%05x" % (place % 0xFFFFF) for place in range(count))
    # Beyond 65,535 entries the number is one of ZIP64; readers go by the directory's length.
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count & 0xFFFF, count & 0xFFFF, len(directory), len(file), 0)
    return file + directory + end


def zip_of_zeros() -> bytes:
    """A ZIP of forty files of ten megabytes each, nothing in any."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for place in range(40):
            archive.writestr(f"{place}.pdf", b"%PDF-1.7" + bytes(10 * 2**20 - 100))
    return out.getvalue()


def png_bomb(side: int) -> bytes:
    """A picture of side × side points, all black, in some hundred kilobytes."""
    packer, packed = zlib.compressobj(9), b""
    for _ in range(side):
        packed += packer.compress(bytes(side // 8 + 1))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">2I5B", side, side, 1, 0, 0, 0, 0))
        + _chunk(b"IDAT", packed + packer.flush())
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def tiff_bomb(side: int) -> bytes:
    """The same as a TIFF of eight bits a point, one strip."""
    packer, strip = zlib.compressobj(1), b""
    for _ in range(side):
        strip += packer.compress(bytes(side))
    strip += packer.flush()
    # Width, length, bits, compression (deflate), photometric (grey), where the strip is, samples, its rows and bytes.
    tags = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 8), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    tags += [(278, 4, side), (279, 4, len(strip))]
    entries = b"".join(struct.pack("<2H2I", tag, kind, 1, value) for tag, kind, value in tags)
    listed = struct.pack("<H", len(tags)) + entries + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8 + len(strip)) + strip + listed


def deep_pdf(size: int) -> bytes:
    """Arrays in arrays, and the marks of a certificate of ours."""
    head = b"%PDF-1.7\n1 0 obj\n<</Type/Sig/ByteRange[0 9 99 9]>>\nendobj\n2 0 obj\n"
    return head + b"[" * size + b"\nendobj\n% credential.json\ntrailer<</Root 2 0 R>>\nstartxref\n60\n%%EOF"


def long_list() -> bytes:
    rows = [f"26630100015{place:05d},张{chr(0x4E00 + place)}" for place in range(5000)]
    return "\n".join(["证书编号,姓名", *rows]).encode()


if __name__ == "__main__":
    raise SystemExit(main())
