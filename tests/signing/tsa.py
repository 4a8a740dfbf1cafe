"""A time-stamp authority to test with: certomancer's, over HTTP on loopback, its keys made again.

With `lists`, its certificates name the revocation lists that it publishes beside. It has a second certificate, to go on
under when the first one ends.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from asn1crypto import tsp
from certomancer.registry import ArchLabel, CertLabel, CertomancerConfig, ServiceLabel
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certsvc.signing.pdf_cms import der
from certsvc.signing.stamp_authority import StampAuthority

_BEGIN, _END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)
FIRST, SECOND = "tsa", "second"


class Authority:
    """Answers requests as of `at` (None: now), under the certificate called `under`; `fault` changes what it answers.

    Its certificates are issued by an authority under the root or, `shallow`, by the root itself. The first one ends
    with `until`, the second in 2060. A list is made as it is asked for, at `lists_at` (None: the authority's time), is
    good for `list_days`, and names what stands in `revoked`, by certificate and day.
    """

    def __init__(
        self,
        folder: Path,
        *,
        called: str = "Made-up",
        shallow: bool = False,
        usage: tuple[str, ...] = ("time_stamping",),
        at: datetime | None = None,
        weak: bool = False,
        lists: bool = False,
        until: datetime = _END,
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1] if lists else 0
        folder.mkdir(parents=True, exist_ok=True)
        self._issuer = "root" if shallow else "middle"
        names = ("root", "middle", FIRST, SECOND)
        self._keys: dict[str, Any] = {}
        for name in names:
            key: Any = rsa.generate_private_key(65537, 2048) if name == FIRST and not weak else None
            self._keys[name] = key or ec.generate_private_key(ec.SECP256R1())
            pem = self._keys[name].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (folder / f"{name}.pem").write_bytes(pem)

        def repo(name: str) -> dict[str, Any]:
            return {"crl-repo": name} if lists else {}

        def stamper(name: str, end: datetime) -> dict[str, Any]:
            return {
                "subject": name,
                "issuer": self._issuer,
                "issuer-cert": self._issuer,
                "validity": _validity(end),
                "extensions": [
                    {
                        "id": "key_usage",
                        "critical": True,
                        "smart-value": {"schema": "key-usage", "params": ["digital_signature"]},
                    },
                    {"id": "extended_key_usage", "critical": True, "value": list(usage)},
                ],
            }

        arch: dict[str, Any] = {
            "keyset": "made",
            "entities": {entity: {"common-name": f"{called} {entity}"} for entity in names},
            "certs": {
                "root": {
                    "subject": "root",
                    "issuer": "root",
                    "validity": _validity(_END),
                    "profiles": [{"id": "simple-ca", "params": {"max-path-len": 1} | repo("root")}],
                },
                "middle": {
                    "subject": "middle",
                    "issuer": "root",
                    "validity": _validity(_END),
                    "profiles": [{"id": "simple-ca", "params": {"max-path-len": 0} | repo("middle")}],
                },
                FIRST: stamper(FIRST, until),
                SECOND: stamper(SECOND, _END),
            },
            "services": {
                "time-stamping": {
                    name: {"signing-cert": name, "certs-to-embed": [self._issuer]} for name in (FIRST, SECOND)
                },
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
        self._made = config.get_pki_arch(ArchLabel("made"))
        self.at = at
        self.lists_at: datetime | None = None
        self.list_days = {"root": 30, "middle": 30}
        self.under = FIRST
        self.revoked: dict[str, datetime] = {}
        self.roots = (self.certificate("root"),)
        self.fault = ""
        self.asked = 0
        self.fetched: list[str] = []

    def certificate(self, name: str) -> x509.Certificate:
        return x509.load_der_x509_certificate(self._made.get_cert(CertLabel(name)).dump())

    def knows(self, entry: x509.Certificate) -> bool:
        return any(entry == self.certificate(name) for name in self._keys)

    def key(self, name: str) -> Any:
        return self._keys[name]

    def answer(self, request: bytes) -> bytes:
        self.asked += 1
        wanted = tsp.TimeStampReq.load(request)
        if self.fault == "another question":
            wanted["nonce"] = 7
        if self.fault == "another imprint":
            wanted["message_imprint"]["hashed_message"] = bytes(32)
        if self.fault == "refused":
            # asn1crypto writes no answer without a token.
            told = tsp.PKIStatusInfo({"status": "rejection", "status_string": ["no such\npolicy"]})
            return der(0x30, told.dump())
        if self.fault == "junk":
            return b"<html>no authority here</html>"
        # One per request: it keeps no state.
        stamper = self._made.service_registry.summon_timestamper(ServiceLabel(self.under), self.at)
        content: bytes = stamper.request_tsa_response(tsp.TimeStampReq.load(wanted.dump(force=True))).dump()
        return content

    def list_at(self, address: str) -> bytes:
        """The list that stands at an address of its own."""
        self.fetched.append(address)
        if "list" in self.fault:
            raise OSError("nobody listens")
        name = address.split("/")[-2]
        if name not in ("root", "middle"):
            raise OSError("not found")
        made = (self.lists_at or self.at or datetime.now(UTC)).replace(microsecond=0)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate(name).subject)
            .last_update(made)
            .next_update(made + timedelta(days=self.list_days[name]))
            .add_extension(x509.CRLNumber(int(made.timestamp())), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._keys[name].public_key()), critical=False
            )
        )
        # Serial numbers are each issuer's own.
        for entry, day in self.revoked.items() if name == self._issuer else ():
            serial = self.certificate(entry).serial_number
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(day).build()
            )
        return builder.sign(self._keys[name], SHA256()).public_bytes(Encoding.DER)

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


def _validity(end: datetime) -> dict[str, str]:
    return {"valid-from": _BEGIN.isoformat(), "valid-to": end.isoformat()}
