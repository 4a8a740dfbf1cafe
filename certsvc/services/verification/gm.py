"""The detached SM2 signature brought beside a credential: one more check, which never makes up for another (V4).

Not here: making one (`gm_sign`), the algorithm (`signing.gm`).
"""

from __future__ import annotations

from typing import Final

from certsvc.credential.verdict import Check, CheckName
from certsvc.signing.keys import Purpose, distrust_said, verify, vouches
from certsvc.signing.trust import TrustBundle

LARGEST_SIGNATURE: Final = 80  # DER of two 32-byte integers takes 72 at most


def check_gm(credential: bytes, signature: bytes, trust: TrustBundle, log_index: int | None) -> Check:
    """Whether a pinned SM2 key made this signature over these bytes; raises `KeyRefused` without the extra."""
    keys = [key for key in trust.keys.values() if key.purpose is Purpose.GM]
    for key in keys if len(signature) <= LARGEST_SIGNATURE else ():
        if not verify(key.algorithm, key.public, signature, credential):
            continue
        if not vouches(key, log_index):
            return Check(CheckName.GM_TRUST, False, *distrust_said(key))
        zh, en = f"SM2 签名真实，密钥 {key.kid}", f"genuine SM2 signature, key {key.kid}"
        return Check(CheckName.GM_SIGNATURE, True, zh, en)
    zh, en = "SM2 签名不符：不是对此凭证的签名", "the SM2 signature is not one of a pinned key over this credential"
    return Check(CheckName.GM_SIGNATURE, False, zh, en)
