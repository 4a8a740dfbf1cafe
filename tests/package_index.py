"""A package index on loopback (the simple repository API, PEP 503): files of a folder, and releases made up here."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def normalised(name: str) -> str:
    """A project's name as an index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wheel(
    name: str, version: str, *, requires: Sequence[str] = (), extras: Sequence[str] = (), code: str = ""
) -> tuple[str, bytes]:
    """A release that was made up: its file name and bytes; its one module has the project's name and this code."""
    module = re.sub(r"[-_.]+", "_", name)
    info = f"{module}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Provides-Extra: {extra}" for extra in extras] + [f"Requires-Dist: {one}" for one in requires]
    files = {
        f"{module}.py": code,
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: made-up\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={_digest64(text)},{len(text.encode())}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)  # dated 1980: the same bytes each time
    return f"{module}-{version}-py3-none-any.whl", packed.getvalue()


def _digest64(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Index:
    """What the index offers, by file name; what it was asked for; what it keeps waiting (a minute at most)."""

    files: dict[str, Path | bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    held: dict[str, threading.Event] = field(default_factory=dict)
    address: str = ""

    def offer(self, release: tuple[str, bytes]) -> str:
        """Adds a release; gives the hash a lock has for it."""
        self.files[release[0]] = release[1]
        return f"sha256:{hashlib.sha256(release[1]).hexdigest()}"

    def page(self, project: str) -> bytes | None:
        """The page of one project: a link for each of its files."""
        mine = [name for name in self.files if normalised(_project_of(name)) == project]
        links = "".join(f'<a href="/files/{html.escape(name)}">{html.escape(name)}</a><br>\n' for name in sorted(mine))
        return f"<!DOCTYPE html><html><body>\n{links}</body></html>".encode() if mine else None

    def content(self, name: str) -> bytes | None:
        found = self.files.get(name)
        return found.read_bytes() if isinstance(found, Path) else found


def _project_of(filename: str) -> str:
    if filename.endswith(".tar.gz"):
        return filename.rpartition("-")[0]
    return filename.partition("-")[0]


@contextmanager
def served(index: Index) -> Iterator[Index]:
    """Serves the index on a free port of loopback until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            index.asked.append(self.path)
            kind, _, name = self.path.strip("/").partition("/")
            if name in index.held:
                index.held[name].wait(60)
            body = {"simple": index.page, "files": index.content}.get(kind, lambda name: None)(name)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", "text/html" if kind == "simple" else "application/octet-stream")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing: pip says what it could not get."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    index.address = f"http://127.0.0.1:{server.server_port}/simple/"
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def only(index: Index, home: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which pip knows this index alone: no settings, cache or proxy of the user's."""
    foreign = re.compile(r"(PIP|UV|VIRTUAL_ENV|CONDA|XDG|PYTHON|MAKE|MFLAGS)|.*_proxy$", re.IGNORECASE)
    home.mkdir(exist_ok=True)
    return {name: value for name, value in environment.items() if not foreign.match(name)} | {
        "HOME": str(home),
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": index.address,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "1",
        "NO_PROXY": "*",
    }
