"""`make demo`: from a roll of 300 made-up candidates to a scanned, verified certificate, by an authority's commands.

Every line that starts with `$` is the command really run. The roll is made once and kept, so that a second run finds
everything there and changes nothing. SERVE=0 stops before the server. Each step says how long all before it took.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pypdfium2
import zxingcpp

from examples import made_up_roll

CERTSVC = Path(sys.executable).with_name("certsvc")
HOME = Path(os.environ.get("CERTSVC_HOME", "var"))
FOLDER = HOME / "demo"
SCAN_DPI = 200
BEGAN = time.monotonic()


def main() -> int:
    """Runs the whole story; the exit status is 0 only when the certificate scanned from paper is verified."""
    say("1 准备", "make ready")
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
    certificate = next(entry for entry in ask("certificate", "list") if entry["carrier"] == "electronic")
    pdf = FOLDER / "certificates" / f"{certificate['number']}.pdf"
    text = scan(pdf)
    print(f"  {pdf.name}, {SCAN_DPI} dpi → {text[:72]}…")

    say("8 核验", "verify")
    run("verify", text)
    run("verify", str(pdf))
    run("verify", str(pdf), "--offline")
    seconds = time.monotonic() - BEGAN
    print(f"\n演示完成，用时 {seconds:.0f} 秒 / the demo is done, took {seconds:.0f} s", flush=True)
    if os.environ.get("SERVE", "1") == "0":
        return 0
    return serve(certificate["token"])


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


def serve(token: str) -> int:
    host = f"http://127.0.0.1:{os.environ.get('PORT', '8080')}"
    say("9 打开网站", "open the site")
    print(f"  {host}/v/{token}   这张证书 / this certificate")
    print(f"  {host}/verify      核验 / check any certificate", flush=True)
    try:
        return subprocess.run([CERTSVC, "serve", "--port", os.environ.get("PORT", "8080")], check=False).returncode
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
