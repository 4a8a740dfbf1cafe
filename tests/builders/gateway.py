"""A gateway for messages on this machine, that checks signatures and may be down, slow, or say no."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from certsvc.delivery.sms import SIGNATURE_HEADER

SECRET = b"a secret of thirty-two characters"


class Gateway:
    """A gateway that checks signatures and answers with `statuses`, one a message, the last one again and again."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.taken: list[dict[str, object]] = []
        self.asked = 0
        self.pause = 0.0
        outer = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                due = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
                outer.asked += 1
                status = outer.statuses.pop(0) if len(outer.statuses) > 1 else outer.statuses[0]
                if not hmac.compare_digest(due, self.headers[SIGNATURE_HEADER]):
                    status = 403
                time.sleep(outer.pause)
                if status == 200:
                    outer.taken.append(json.loads(body))
                self.send_response(status)
                if status in {301, 302, 307, 308}:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}/send?a=b"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def gateway(socket_enabled: None) -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(SECRET + b"\n")
    return path


def tls_for_this_machine(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's context around a certificate of "localhost" that signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    path = folder / "localhost.pem"
    path.write_bytes(certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=certificate.decode())
