"""What a certificate says of the leaf that made it: its event, its date, what it rests on (docs/log-format.md, receipt
step 5).

Only then do the public rules bind the issuer: a certificate of somebody who did not pass, logged as a reissue, would
count in no session (L6), but it would have to say on its face which paper it replaces. Not here: comparing
(`transparency.receipt`, `transparency.audit`).
"""

from __future__ import annotations

from certsvc.credential.canonical import load_strict
from certsvc.credential.document import CertificateClaims, read_claims
from certsvc.errors import MalformedCredential
from certsvc.transparency.leaf import Event, Stated


def stated_of(claims: CertificateClaims) -> Stated:
    """From claims: what supersedes a version is a correction, what replaces a paper a reissue, all else an issue."""
    if claims.replaces is not None:
        event = Event.CORRECT
    elif claims.replaces_paper is not None:
        event = Event.REISSUE
    else:
        event = Event.ISSUE
    return Stated(event, claims.reissued_on or claims.issued_on, claims.evidence_commitment)


def stated_by(signed_credential: bytes) -> Stated | None:
    """From the signed bytes, whose proofs are asked elsewhere; None where they are no certificate of this format."""
    try:
        document = load_strict(signed_credential)
        if not isinstance(document, dict):
            return None
        return stated_of(read_claims({name: member for name, member in document.items() if name != "proof"}))
    except MalformedCredential:
        return None
