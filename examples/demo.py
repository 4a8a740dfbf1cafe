"""`make demo`: from a roll of 300 made-up candidates to a scanned, verified certificate, by an authority's commands.

Every line that starts with `$` is the command really run. The roll is made once and kept, so that a second run finds
everything there and changes nothing. SERVE=0 stops before the server. Each step says how long all before it took.
The certificates lead to the address that is served: this machine's own, or that of HOST= for phones in the network.
"""

from __future__ import annotations

import functools
import http.server
import ipaddress
import json
import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pypdfium2
import zxingcpp

from examples import made_up_roll, tour

CERTSVC = Path(sys.executable).with_name("certsvc")
HOME = Path(os.environ.get("CERTSVC_HOME", "var"))
FOLDER = HOME / "demo"
SCAN_DPI = 200
BEGAN = time.monotonic()


def main() -> int:
    """Runs the whole story; the exit status is 0 only when the certificate scanned from paper is verified."""
    base = address()
    say("1 准备", "make ready")
    tour.issue_what_has_expired(FOLDER)
    run("init")

    say("2 造一份名册(虚构人员)", "make a roll of made-up people")
    if not (FOLDER / "results.csv").exists():
        made_up_roll.write(FOLDER, count=300, seed=1)
    print(f"  {FOLDER}/: " + ", ".join(sorted(path.name for path in FOLDER.iterdir())))

    say("3 导入", "import")
    run("candidates", "import", str(FOLDER / "candidates.csv"))
    run("results", "import", str(FOLDER / "results.csv"))
    run("paper", "import", str(FOLDER / "paper_register.csv"))
    run("results", "publish")

    say("4 判定", "decide")
    decisions = ask("decide")
    for state, count in Counter(decision["state"] for decision in decisions).most_common():
        print(f"  {state:<12} {count:>4}")
    for state in ("retake_open", "forfeited", "void"):
        explain(next((decision for decision in decisions if decision["state"] == state), None))

    say("5 签发", "issue")
    run("issue")

    say("6 出具 PDF", "write the PDFs")
    run("certificate", "pdf", "--all", "-o", str(FOLDER / "certificates"))

    say("7 扫描一张打印的证书", "scan a certificate as printed")
    certificate = next(entry for entry in ask("certificate", "list") if entry["status"] == "valid")
    pdf = FOLDER / "certificates" / f"{certificate['number']}.pdf"
    text = scan(pdf)
    print(f"  {pdf.name}, {SCAN_DPI} dpi → {text[:72]}…")

    say("8 核验", "verify")
    run("verify", text)
    run("verify", str(pdf))
    run("verify", str(pdf), "--offline")

    say("9 每一种状态各一张", "a certificate in each state")
    states = tour.seed(run, ask, FOLDER)
    page = tour.write(FOLDER / "tour", states, FOLDER, base=base, ask=ask, verify=verdict)
    seconds = time.monotonic() - BEGAN
    print(f"\n演示完成，用时 {seconds:.0f} 秒 / the demo is done, took {seconds:.0f} s", flush=True)
    if os.environ.get("SERVE", "1") == "0":
        return 0
    return serve(base, page.parent)


def address() -> str:
    """The base of every address in certificates and pages, which is the one that is served; kept with the home."""
    host, port = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT", "8080")
    try:
        given = ipaddress.ip_address(host)
    except ValueError:
        sys.exit(f"HOST={host}：应为本机的 IP 地址 / expected an IP address of this machine")
    if given.is_unspecified:
        host = own_address()
    base = os.environ.setdefault("CERTSVC_BASE_URL", f"http://{f'[{host}]' if ':' in host else host}:{port}")
    kept = FOLDER / "address.txt"
    if not kept.exists() and not HOME.exists():
        FOLDER.mkdir(parents=True)
        kept.write_text(base + "\n")
    if kept.exists() and (before := kept.read_text().strip()) != base:
        sys.exit(
            f"{HOME} 中的证书指向 {before}，与 {base} 不符：请用原来的 HOST 和 PORT，或另设 CERTSVC_HOME\n"
            f"the certificates in {HOME} lead to {before}, not to {base}: give the same HOST and PORT again, "
            "or another CERTSVC_HOME"
        )
    return base


def own_address() -> str:
    """This machine's address in its network; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address (RFC 5737): only the route is looked up
        except OSError:
            sys.exit("HOST=0.0.0.0：本机不在网络中 / this machine is in no network")
        return str(probe.getsockname()[0])


def verdict(file: Path) -> str:
    """What `certsvc verify` says of a file, in a word."""
    print(f"$ certsvc verify {file} --json", flush=True)
    answer = subprocess.run([CERTSVC, "verify", str(file), "--json"], check=False, stdout=subprocess.PIPE)
    told = json.loads(answer.stdout)
    return str(told["verdict"])


def say(chinese: str, english: str) -> None:
    print(f"\n\033[1m{chinese}\033[0m / {english} ({time.monotonic() - BEGAN:.0f} s)", flush=True)


def run(*arguments: str) -> None:
    """Shows one command and runs it; the demo ends where a command is refused."""
    shown = shlex.join(arguments)
    print(f"$ certsvc {shown if len(shown) < 110 else shown[:110] + '…'}", flush=True)
    finished = subprocess.run([CERTSVC, *arguments], check=False)
    if finished.returncode:
        sys.exit(finished.returncode)


def ask(*arguments: str) -> Any:
    """The JSON a command answers with."""
    print(f"$ certsvc {shlex.join(arguments)} --json", flush=True)
    answer = subprocess.run([CERTSVC, *arguments, "--json"], check=True, stdout=subprocess.PIPE)
    return json.loads(answer.stdout)


def explain(decision: dict[str, Any] | None) -> None:
    if decision is not None:
        print(f"  {decision['name']} · {decision['state']}")
        for reason in decision["reasons"]:
            print(f"    {reason['rule']:<5} {reason['zh']}\n          {reason['en']}")


def scan(pdf: Path) -> str:
    """The text of the QR code on the page, rendered as a printer would and read as a phone would."""
    page = pypdfium2.PdfDocument(pdf)[0]
    codes = zxingcpp.read_barcodes(page.render(scale=SCAN_DPI / 72).to_pil())
    if len(codes) != 1:
        sys.exit(f"{pdf.name}: 应有一个二维码 / one QR code expected, {len(codes)} read")
    return codes[0].text


def serve(base: str, folder: Path) -> int:
    """The site, and beside it the tour: one page of links and files on the next port."""
    site, port = base.rpartition(":")[0], int(os.environ.get("PORT", "8080"))
    host = site.removeprefix("http://").strip("[]")
    handler = functools.partial(_Quiet, directory=str(folder))
    try:
        beside = http.server.ThreadingHTTPServer((host, port + 1), handler)
    except OSError as error:
        sys.exit(f"端口 {port + 1} 不可用 / port {port + 1} cannot be had: {error}")
    threading.Thread(target=beside.serve_forever, daemon=True).start()
    say("10 打开网站", "open the site")
    print(f"  {site}:{port + 1}/   导览：每种状态的证书、可拖入的文件、可登录的人 / the tour: start here")
    print(f"  {base}/        首页 / the front page")
    print(f"  {base}/verify  核验 / check any certificate", flush=True)
    try:
        return subprocess.run([CERTSVC, "serve", "--host", host, "--port", str(port)], check=False).returncode
    except KeyboardInterrupt:
        return 0


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


if __name__ == "__main__":
    sys.exit(main())
