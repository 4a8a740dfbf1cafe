"""Asking a time-stamp authority (RFC 3161 over HTTP) for a token, and believing only what it can prove.

An authority that is down, slow or wrong costs nothing but the stamp: `stamp` says so at once and for a minute asks no
more, so that a batch goes on at the lower level. The revocation lists of its own chain come from where its certificates
say they are. Not here: proving a token (`stamp`) or a list (`pdf_lists`), where a token goes (`pdf`).
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from asn1crypto import core, tsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.errors import ListMissing, Refused, Unavailable
from certsvc.signing.pdf_lists import LARGEST_LIST
from certsvc.signing.stamp import read_stamp

_LARGEST_ANSWER = 64 * 1024
_SECONDS = 10
_REST_SECONDS = 60.0
_MOST_ADDRESSES = 4
_MOST_WORDS = 200

Ask = Callable[[bytes], bytes]
"""Sends a TimeStampReq, gives the TimeStampResp; raises OSError."""
Fetch = Callable[[str], bytes]
"""Gives what stands at an address; raises OSError, and ValueError where it is too large."""


@dataclass
class StampAuthority:
    """An authority and its pinned roots. Safe to keep for the life of a process."""

    url: str
    roots: tuple[x509.Certificate, ...]
    ask: Ask | None = None
    fetch: Fetch | None = None
    _resting_until: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in {"http", "https"}:
            raise Refused("应为 http 或 https 地址", "expected an http or https address", where="CERTSVC_TSA_URL")
        if not self.roots:
            raise Refused(
                "使用时间戳服务须固定其根证书",
                "a time-stamp authority needs its root certificates pinned",
                where="CERTSVC_TSA_ROOTS",
            )

    def stamp(self, signature: bytes) -> bytes:
        """A proven token over a signature's octets, in DER; raises `Unavailable` when there is none to be had."""
        if time.monotonic() < self._resting_until:
            raise _unavailable("it failed a moment ago")
        nonce = secrets.randbits(63) | 1
        request = tsp.TimeStampReq(
            {
                "version": 1,
                "message_imprint": {
                    "hash_algorithm": {"algorithm": "sha256"},
                    "hashed_message": hashlib.sha256(signature).digest(),
                },
                "nonce": nonce,
                "cert_req": True,
            }
        )
        try:
            answered = (self.ask or self._post)(request.dump())
            token = _token_of(answered)
            same = read_stamp(token, signature, self.roots).nonce == nonce
        except (OSError, ValueError) as error:
            self._resting_until = time.monotonic() + _REST_SECONDS
            raise _unavailable(str(error)) from error
        if not same:
            raise _unavailable("the answer is to another question")
        return token

    def revocation_lists(self, certificate: x509.Certificate) -> list[bytes]:
        """The lists (DER) at the addresses that a certificate names; raises `ListMissing` for none."""
        found: list[bytes] = []
        fault = "its certificate names no list"
        for address in _list_addresses(certificate):
            try:
                content = (self.fetch or _get)(address)
                pem = content.lstrip().startswith(b"-----BEGIN")
                loaded = x509.load_pem_x509_crl(content) if pem else x509.load_der_x509_crl(content)
                found.append(loaded.public_bytes(Encoding.DER))
            except (OSError, ValueError) as error:
                fault = f"{address}: {error}"
        if not found:
            raise ListMissing(
                f"取不到吊销列表：{fault}",
                f"no revocation list to be had: {fault}",
                where=certificate.subject.rfc4514_string(),
            )
        return found

    def _post(self, request: bytes) -> bytes:
        wanted = Request(  # noqa: S310 - the scheme was checked
            self.url, request, {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        )
        try:
            with urlopen(wanted, timeout=_SECONDS) as answer:  # noqa: S310 - as above
                content: bytes = answer.read(_LARGEST_ANSWER + 1)
        except URLError as error:
            raise OSError(str(error.reason)) from error
        if len(content) > _LARGEST_ANSWER:
            raise ValueError("the answer is too large")
        return content


def _list_addresses(certificate: x509.Certificate) -> list[str]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    names = [name.value for point in points for name in point.full_name or ()]
    return [str(name) for name in names if urlsplit(str(name)).scheme in {"http", "https"}][:_MOST_ADDRESSES]


def _get(address: str) -> bytes:
    try:
        with urlopen(address, timeout=_SECONDS) as answer:  # noqa: S310 - the scheme was checked
            content: bytes = answer.read(LARGEST_LIST + 1)
    except (URLError, HTTPException) as error:
        raise OSError(str(error)) from error
    if len(content) > LARGEST_LIST:
        raise ValueError("the list is too large")
    return content


def load_roots(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The pinned roots of a PEM file; raises `Refused`."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise Refused("不是 PEM 证书", "not certificates in PEM", where="CERTSVC_TSA_ROOTS") from error


def _token_of(answered: bytes) -> bytes:
    # Not as a TimeStampResp: asn1crypto takes none without a token, and so no refusal.
    response = core.Sequence.load(answered, strict=True)
    told = tsp.PKIStatusInfo.load(response[0].dump(), strict=True)
    status = told["status"].native
    if status not in {"granted", "granted_with_mods"}:
        words = "; ".join(told["status_string"].native or ())
        shown = "".join(letter for letter in words if letter.isprintable())[:_MOST_WORDS]
        raise ValueError(f"the authority said {status}" + (f": {shown}" if shown else ""))
    token: bytes = tsp.TimeStampResp.load(answered, strict=True)["time_stamp_token"].dump()
    return token


def _unavailable(fault: str) -> Unavailable:
    return Unavailable(f"时间戳服务不可用：{fault}", f"no time stamp to be had: {fault}", where="CERTSVC_TSA_URL")
