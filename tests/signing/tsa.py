"""A time-stamp authority to test with: certomancer's, over HTTP on loopback, its keys made anew.

With `lists`, its certificates name the revocation lists that it publishes beside.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from asn1crypto import tsp
from certomancer.registry import ArchLabel, CertomancerConfig, ServiceLabel
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certsvc.signing.stamp_authority import StampAuthority


class Authority:
    """Answers requests; `fault` changes what it answers."""

    def __init__(
        self,
        folder: Path,
        *,
        usage: tuple[str, ...] = ("time_stamping",),
        at: datetime | None = None,
        weak: bool = False,
        lists: bool = False,
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1] if lists else 0
        folder.mkdir(parents=True, exist_ok=True)
        names = ("root", "middle", "tsa", "seal")
        for name in names:
            key: Any = rsa.generate_private_key(65537, 2048) if name == "tsa" and not weak else None
            key = key or ec.generate_private_key(ec.SECP256R1())
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (folder / f"{name}.pem").write_bytes(pem)
        validity = {"valid-from": "2020-01-01T00:00:00+0000", "valid-to": "2060-01-01T00:00:00+0000"}

        def repo(name: str) -> dict[str, Any]:
            return {"crl-repo": name} if lists else {}

        signing: dict[str, Any] = {"id": "key_usage", "critical": True, "smart-value": {"schema": "key-usage"}}
        arch: dict[str, Any] = {
            "keyset": "made",
            "entities": {name: {"common-name": f"Made-up {name}"} for name in names},
            "certs": {
                "root": {
                    "subject": "root",
                    "issuer": "root",
                    "validity": validity,
                    "profiles": [{"id": "simple-ca", "params": {"max-path-len": 1} | repo("root")}],
                },
                "middle": {
                    "subject": "middle",
                    "issuer": "root",
                    "validity": validity,
                    "profiles": [{"id": "simple-ca", "params": {"max-path-len": 0} | repo("middle")}],
                },
                "tsa": {
                    "subject": "tsa",
                    "issuer": "middle",
                    "issuer-cert": "middle",
                    "validity": validity,
                    "extensions": [
                        signing | {"smart-value": {"schema": "key-usage", "params": ["digital_signature"]}},
                        {"id": "extended_key_usage", "critical": True, "value": list(usage)},
                    ],
                },
            },
            "services": {
                "time-stamping": {"tsa": {"signing-cert": "tsa", "certs-to-embed": ["middle"]}},
                "crl-repo": {
                    name: {"for-issuer": name, "signing-key": name, "simulated-update-schedule": "P30D"}
                    for name in ("root", "middle")
                },
            },
        }
        config = CertomancerConfig(
            {
                "external-url-prefix": f"http://127.0.0.1:{self._port}",
                "keysets": {"made": {"path-prefix": ".", "keys": {name: {"path": f"{name}.pem"} for name in names}}},
                "pki-architectures": {"made": arch},
            },
            key_search_dir=str(folder),
        )
        made = config.get_pki_arch(ArchLabel("made"))
        self._stamper = made.service_registry.summon_timestamper  # one per request: it keeps no state
        self._made = made
        self._label = ServiceLabel("tsa")
        self._at = at
        self.roots = (x509.load_der_x509_certificate(made.get_cert("root").dump()),)
        self.fault = ""
        self.asked = 0
        self.fetched: list[str] = []

    def answer(self, request: bytes) -> bytes:
        self.asked += 1
        wanted = tsp.TimeStampReq.load(request)
        if self.fault == "another question":
            wanted["nonce"] = 7
        if self.fault == "another imprint":
            wanted["message_imprint"]["hashed_message"] = bytes(32)
        if self.fault == "refused":
            return bytes(tsp.TimeStampResp({"status": {"status": "rejection"}}).dump())
        if self.fault == "junk":
            return b"<html>no authority here</html>"
        stamper = self._stamper(self._label, self._at)
        content: bytes = stamper.request_tsa_response(tsp.TimeStampReq.load(wanted.dump(force=True))).dump()
        return content

    def list_at(self, address: str) -> bytes:
        """The list that stands at an address of its own."""
        self.fetched.append(address)
        if "list" in self.fault:
            raise OSError("nobody listens")
        repository = ServiceLabel(address.split("/")[-2])
        if repository not in ("root", "middle"):
            raise OSError("not found")
        at = self._at or datetime.now(UTC)
        return bytes(self._made.service_registry.get_crl(repository, at).dump())

    def direct(self) -> StampAuthority:
        """Asked without HTTP."""
        return StampAuthority("http://localhost/tsa", self.roots, self.answer, self.list_at)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its address while it runs."""
        authority = self

        class Requests(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = authority.answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                content = authority.list_at(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "application/pkix-crl")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", self._port), Requests)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsa"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
