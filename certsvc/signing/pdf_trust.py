"""Whether a seal's chain leads to a root we trust (RFC 5280, the part a seal needs), at the time the seal claims.

Not here: revocation; a stolen seal key is distrusted by the trust bundle and the log (issue order is known there).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtensionOID

_UNDERSTOOD = frozenset({ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE})


def fault_of_chain(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime) -> str | None:
    """Why this chain (leaf first, root left out) is not to be trusted at that moment; None when it is."""
    try:
        path = path_of(chain, roots)
    except ValueError as error:
        return str(error)
    for depth, entry in enumerate(path):
        fault = _fault_of(entry, depth, len(path), at)
        if fault is None and depth + 1 < len(path) and not _issued(entry, path[depth + 1]):
            fault = "not signed by the certificate above it"
        if fault:
            # By its place: its name may be a stranger's words.
            return f"certificate {depth + 1} of the chain: {fault}"
    return None


def chain_of(leaf: x509.Certificate, held: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The leaf, then each issuer among the certificates held; raises ValueError when one is left over.

    By name alone: that each signed the one before is for `fault_of_chain` to say.
    """
    chain, rest = [leaf], [entry for entry in held if entry is not leaf]
    while rest:
        above = next((entry for entry in rest if entry.subject == chain[-1].issuer), None)
        if above is None:
            raise ValueError("there is a certificate that is not of the chain")
        chain.append(above)
        rest.remove(above)
    return chain


def path_of(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The chain (leaf first) up to a trusted root, that root last; raises ValueError where it leads to none."""
    trusted = {root.fingerprint(SHA256()) for root in roots}
    path = list(chain)
    if path[-1].fingerprint(SHA256()) not in trusted:
        above = next((root for root in roots if _issued(path[-1], root)), None)
        if above is None:
            raise ValueError("the chain ends at no trusted root")
        path.append(above)
    return path


def whole_path(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """As `path_of`, but past an intermediate that is itself pinned to the root above it, where that is pinned too."""
    path = path_of(chain, roots)
    if path[-1].issuer != path[-1].subject:
        path += [root for root in roots if _issued(path[-1], root)][:1]
    return path


def _issued(entry: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        entry.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _fault_of(entry: x509.Certificate, depth: int, length: int, at: datetime) -> str | None:
    if not entry.not_valid_before_utc <= at <= entry.not_valid_after_utc:
        return "not valid at the time of sealing"
    found = {extension.oid: extension for extension in entry.extensions}
    if any(extension.critical and oid not in _UNDERSTOOD for oid, extension in found.items()):
        return "a critical extension is not understood"
    basic = found.get(ExtensionOID.BASIC_CONSTRAINTS)
    usage = found.get(ExtensionOID.KEY_USAGE)
    limits = basic.value if basic and isinstance(basic.value, x509.BasicConstraints) else None
    uses = usage.value if usage and isinstance(usage.value, x509.KeyUsage) else None
    if depth == 0:
        return _fault_of_leaf(limits, uses, alone=length == 1)
    if limits is None or not limits.ca or (uses is not None and not uses.key_cert_sign):
        return "not an authority's certificate"
    # RFC 5280, 4.2.1.9: how many authorities may stand between this one and the leaf.
    if limits.path_length is not None and depth - 1 > limits.path_length:
        return "the chain is longer than it allows"
    return None


def _fault_of_leaf(limits: x509.BasicConstraints | None, uses: x509.KeyUsage | None, *, alone: bool) -> str | None:
    if uses and not (uses.digital_signature or uses.content_commitment):
        return "not meant for signing documents"
    return "an authority's certificate, not a seal's" if limits and limits.ca and not alone else None
