"""Writes the specimens of docs/credential-format.md again: `python -m tests.signing.write_vectors`.

Only for a new version of the format: those on file are what earlier verifiers were tested with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from certsvc.credential.commitment import Opening
from certsvc.credential.compact import qr_text
from certsvc.credential.document import compose
from certsvc.credential.quads import canonical_quads
from certsvc.person.identity import IdType
from certsvc.signing.trust import did_document, jwks
from tests.credential.builders import BASE_URL, ID_NUMBER, SALT, claims, full_claims
from tests.signing.builders import bundle, signed, signed_compact

FOLDER = Path(__file__).parent / "vectors"


def vectors() -> Mapping[str, bytes]:
    """Every specimen by its file name."""
    files = {
        "trust.json": bundle().to_json(),
        "did.json": json.dumps(did_document(bundle(), BASE_URL), indent=1).encode() + b"\n",
        "jwks.json": json.dumps(jwks(bundle()), indent=1).encode() + b"\n",
        "opening.json": Opening(SALT, IdType.RESIDENT_ID, ID_NUMBER).as_json(),
    }
    for name, one in (("plain", claims()), ("full", full_claims())):
        files[f"{name}.credential.json"] = signed(one)
        files[f"{name}.document.nq"] = canonical_quads(compose(one))
        files[f"{name}.qr.txt"] = qr_text(BASE_URL, one.token, signed_compact(one)).encode()
    return files


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in vectors().items():
        (FOLDER / name).write_bytes(content)
