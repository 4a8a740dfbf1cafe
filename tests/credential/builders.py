"""Builders of made-up credentials with sane defaults."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from typing import Any

from certsvc.credential.commitment import commit_identity, digest_multibase
from certsvc.credential.document import CertificateClaims, Issuer, StatusEntry, did_web
from certsvc.credential.token import format_token
from certsvc.person.identity import IdType

BASE_URL = "https://certs.example"
SALT = bytes(range(32))
ID_NUMBER = "11010519491231002X"  # the vector of R9
ISSUER = Issuer(did_web(BASE_URL), "示例鉴定中心", "Example Assessment Centre", sample=True)


def token_of(seed: str) -> str:
    return format_token(hashlib.sha256(seed.encode()).digest()[:16])


def claims(**changes: Any) -> CertificateClaims:
    """Claims of a plain certificate, without any of the optional fields."""
    token = changes.pop("token", token_of("plain"))
    plain = CertificateClaims(
        token=token,
        base_url=BASE_URL,
        issuer=ISSUER,
        number="2563010001500001",
        holder_name="张伟",
        id_type=IdType.RESIDENT_ID,
        id_commitment=commit_identity(SALT, IdType.RESIDENT_ID, ID_NUMBER),
        occupation_code="4-07-05-99",
        occupation_zh="应急救援员",
        occupation_en="Emergency rescuer",
        level=5,
        level_zh="五级/初级工",
        level_en="Level 5",
        title_zh="职业资格证书",
        title_en="Certificate of Occupational Qualification",
        statement_zh="张伟经考核合格,准予从事应急救援员职业。",
        statement_en="Zhang Wei has passed the examinations for emergency rescuer, level 5.",
        issued_on=date(2025, 4, 20),
        scheme="emergency-rescuer-5/qinghai-2025",
    )
    return replace(plain, **changes)


def full_claims(**changes: Any) -> CertificateClaims:
    """Claims with every optional field present, and a name from beyond the BMP."""
    from certsvc.person.identity import Sex

    everything: dict[str, Any] = {
        "token": token_of("full"),
        "identifier": "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U",
        "version": 2,
        "holder_name": "𠮷田·阿卜杜拉",
        "portrait_digest": digest_multibase(b"a portrait"),
        "direction": "山地救援",
        "reissued_on": date(2026, 1, 5),
        "valid_until": date(2029, 4, 19),
        "sex": Sex.FEMALE,
        "birth_date": date(1949, 12, 31),
        "scores": {"theory": "72.5", "practical": "60"},
        "replaces": f"{BASE_URL}/v/{token_of('plain')}",
        "replaces_paper": "1463003020500123",
        "status_entries": (
            StatusEntry("revocation", f"{BASE_URL}/status/r1", 94567),
            StatusEntry("suspension", f"{BASE_URL}/status/s1", 94567),
        ),
        "evidence_commitment": "u" + "A" * 43,
        "statement_zh": 'He said "\\\\" 引号与反斜杠',
    }
    return claims(**(everything | changes))
