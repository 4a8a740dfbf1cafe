"""Signing in a process of its own: it alone has the private keys, and signs nothing but approved batches.

A Unix socket, one line of JSON in, one out: `{"batch": 7}` signs that batch, `{"finish": true}` publishes and draws
what was signed. Nothing that is signed comes over it: the batch is read from the register and checked there
(`services.issuing.sign_approved`). One request at a time; a client that says too much, or nothing, is cut off. The
socket is for its owner alone, or for one group.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import socketserver
import stat
import time
from pathlib import Path
from typing import Any, Final

from certsvc.errors import CertsvcError, Refused, Unavailable
from certsvc.jobs.issue_run import one_at_a_time, render_waiting
from certsvc.jobs.pool import OpenServices
from certsvc.services.context import Services
from certsvc.services.issuing.sign_approved import sign_approved
from certsvc.services.publishing.static import publish_static

LONGEST_LINE: Final = 256
PATIENCE_SECONDS: Final = 10


class Signer(socketserver.UnixStreamServer):
    """Listens at `path` (mode 0600, or 0660 for `group`). Use as a context manager; raises `Refused` where one runs."""

    def __init__(self, path: Path, services: Services, open_services: OpenServices, group: str | None = None) -> None:
        self.services = services
        self.open_services = open_services
        _clear_stale(path)
        before = os.umask(0o177)  # from the very first moment no one else may connect
        try:
            super().__init__(str(path), _Conversation)
        finally:
            os.umask(before)
        if group is not None:
            shutil.chown(path, group=group)
            path.chmod(0o660)

    def server_close(self) -> None:
        super().server_close()
        Path(str(self.server_address)).unlink(missing_ok=True)

    def answer(self, line: bytes) -> dict[str, object]:
        """What is said to one line; every refusal is an answer."""
        try:
            wanted = json.loads(line)
        except (ValueError, RecursionError):
            wanted = None
        try:
            match wanted:
                case {"batch": int(batch), **rest} if not rest and not isinstance(batch, bool):
                    return self._sign(batch)
                case {"finish": True, **rest} if not rest:
                    return self._finish()
                case _:
                    raise Refused("不是签名请求", "not a request")
        except CertsvcError as error:
            return {"refused": {"code": error.code, "zh": error.zh, "en": error.en, "where": error.where}}

    def _sign(self, batch: int) -> dict[str, object]:
        with one_at_a_time(self.services.folders.home):
            return {"signed": sign_approved(self.services, batch)}

    def _finish(self) -> dict[str, object]:
        with one_at_a_time(self.services.folders.home):
            size = publish_static(self.services).log_size  # first: a PDF carries its receipt
            drawn = render_waiting(self.services, self.open_services, progress=lambda *_: None)
        return {"drawn": drawn, "log_size": size}


class _Conversation(socketserver.StreamRequestHandler):
    timeout = PATIENCE_SECONDS

    def handle(self) -> None:
        assert isinstance(self.server, Signer)
        try:
            line = self._line()
            if len(line) > LONGEST_LINE or not line.endswith(b"\n"):
                return
            self.wfile.write(json.dumps(self.server.answer(line), ensure_ascii=False).encode() + b"\n")
        except OSError:
            return  # the one who asked has gone; what was committed stands, and asking again finds it done

    def _line(self) -> bytes:
        """What is said within one time for all of it: a byte now and then would keep everybody else waiting."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        line = b""
        while len(line) <= LONGEST_LINE and not line.endswith(b"\n"):
            self.connection.settimeout(max(0.001, ends_at - time.monotonic()))
            piece = self.connection.recv(LONGEST_LINE + 1 - len(line))
            if not piece:
                break
            line += piece
        self.connection.settimeout(PATIENCE_SECONDS)
        return line


def ask(path: Path, request: dict[str, object]) -> dict[str, Any]:
    """The signer's answer; raises `Unavailable` where none is to be had, and `Refused` with its own words."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as file:
                answer = json.loads(file.readline())
    except (OSError, ValueError) as error:
        raise Unavailable("签名进程无应答", "the signer does not answer", where=str(path)) from error
    if "refused" in answer:
        said = answer["refused"]
        raise Refused(said["zh"], said["en"], where=said["where"])
    return dict(answer)


def _clear_stale(path: Path) -> None:
    """Remove the socket a killed signer left; never another kind of file, never one that still answers."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise Refused("该路径不是套接字", "the path is no socket", where=str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise Refused("签名进程已在运行", "a signer is running there", where=str(path))
