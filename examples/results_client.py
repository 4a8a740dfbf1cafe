"""Send results by a signed call: the reference client of POST /api/v1/results.

Needs nothing but Python and `cryptography`. Make a key once, and give its public half to the authority, which registers
it (`certsvc sending-system register NAME --public-key key.pub.pem --subject theory`) and tells you its keyid:

    python results_client.py new-key key.pem
    python results_client.py send https://certs.example.org key.pem KEYID results.json --key 2026-11-27/hall-1

The file holds {"rows": [{"id_number": …, "name": …, "subject": "theory", "sat_on": …, "kind": "first", "score": …}]},
every value a text.
Send it again with the same --key after a time-out: it has one effect. Source: RFC 9421, RFC 9530, RFC 8032.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import secrets
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PATH = "/api/v1/results"
COVERED = ("@method", "@authority", "@path", "content-digest", "content-type", "idempotency-key")


def new_key(path: Path) -> Path:
    """Make an Ed25519 key pair; the private half for its owner alone, the public half beside it."""
    key = Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = path.with_suffix(".pub.pem")
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return public


def signed_headers(
    base_url: str, body: bytes, key: Ed25519PrivateKey, key_id: str, delivery: str, *, created: int | None = None
) -> dict[str, str]:
    """The headers of one call, signed now unless `created` (Unix time) says when.

    A call that is tried again is signed again: a nonce is good once.
    """
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    headers = {
        "Content-Type": "application/json",
        "Content-Digest": f"sha-256=:{digest}:",
        "Idempotency-Key": f'"{delivery}"',
    }
    values = {
        "@method": "POST",
        "@authority": urlsplit(base_url).netloc.lower(),
        "@path": PATH,
        **{name.lower(): value for name, value in headers.items()},
    }
    names = " ".join(f'"{name}"' for name in COVERED)
    parameters = f'({names});created={created or int(time.time())};nonce="{secrets.token_urlsafe(24)}";keyid="{key_id}"'
    base = "\n".join(f'"{name}": {values[name]}' for name in COVERED) + f'\n"@signature-params": {parameters}'
    signature = base64.b64encode(key.sign(base.encode())).decode()
    return {**headers, "Signature-Input": f"sig={parameters}", "Signature": f"sig=:{signature}:"}


def send(
    base_url: str, body: bytes, key: Ed25519PrivateKey, key_id: str, delivery: str
) -> tuple[int, dict[str, object]]:
    """One call: the HTTP status, and the answer or the problem (RFC 9457)."""
    headers = signed_headers(base_url, body, key, key_id, delivery)
    call = urllib.request.Request(base_url + PATH, body, headers)  # noqa: S310 - the address is the caller's own
    try:
        with urllib.request.urlopen(call, timeout=120) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, json.load(problem)


def read_key(path: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise SystemExit(f"{path}: not an Ed25519 key")
    return key


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Send results to certsvc by a signed call.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    making = verbs.add_parser("new-key")
    making.add_argument("key_file", type=Path)
    sending = verbs.add_parser("send")
    sending.add_argument("base_url")
    sending.add_argument("key_file", type=Path)
    sending.add_argument("key_id")
    sending.add_argument("file", type=Path)
    sending.add_argument("--key", required=True, help="names this delivery: the same again has one effect")
    given = parser.parse_args(arguments)
    if given.verb == "new-key":
        print(new_key(given.key_file))
        return 0
    status, answer = send(
        given.base_url.rstrip("/"), given.file.read_bytes(), read_key(given.key_file), given.key_id, given.key
    )
    print(json.dumps(answer, ensure_ascii=False, indent=2))
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
