"""The second factor: a one-time code of an authenticator (RFC 6238), a recovery code, or a passkey (WebAuthn).

A one-time code is good for half a minute, one step early or late, and once. Recovery codes are ten, good once each.
Not here: how often one may try (`sessions`, `web.limits`), what a browser does (`web/static/console.js`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias

import pyotp
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from certsvc.errors import Refused
from certsvc.services.context import Services
from certsvc.store import AccountRecord, PasskeyRecord, RecoveryCodeRecord

RECOVERY_CODES: Final = 10
LONGEST_LABEL: Final = 60
LONGEST_ASSERTION: Final = 16_384
_STEP_SECONDS: Final = 30
_EARLY_OR_LATE: Final = 1
_RECOVERY_BYTES: Final = 10  # 80 bits, 16 letters
_ISSUER: Final = "certsvc"


@dataclass(frozen=True, slots=True)
class Code:
    """What was typed: six digits of an authenticator, or a recovery code."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a passkey signed, as the browser's JSON, and the challenge (32 bytes) that it had to sign."""

    response: str = field(repr=False)
    challenge: bytes


Shown: TypeAlias = Code | Assertion


def new_secret(services: Services, account: AccountRecord) -> str:
    """Give the account a secret to be taken up by an authenticator: the same until a first code shows that it was."""
    if account.totp_sealed is None:
        sealed = services.vault.seal({"secret": pyotp.random_base32()}, _bound(account))
        account.totp_sealed, account.totp_kid = sealed.content, sealed.kid
        account.totp_since = account.totp_step = None
    return _secret(services, account)


def address_of(secret: str, name: str, host: str) -> str:
    """The otpauth address that an authenticator scans."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"{_ISSUER} {host}")


def factor_of(services: Services, session: Session, account: AccountRecord, shown: Shown) -> str | None:
    """Which factor was shown, "totp", "recovery" or "passkey"; None for none. What was shown is good no second time."""
    if isinstance(shown, Assertion):
        return "passkey" if _passkey_signed(services, session, account, shown) else None
    typed = _plain(shown)
    if is_guessable(shown):
        return "totp" if code_is_right(services, account, typed) else None
    return "recovery" if _recovered(services, session, account, typed) else None


def is_guessable(code: Code) -> bool:
    """Whether it is digits; recovery codes have 80 bits."""
    typed = _plain(code)
    return typed.isascii() and typed.isdigit()


def code_is_right(services: Services, account: AccountRecord, typed: str) -> bool:
    """Whether these are the digits of about now; the same are not taken again (RFC 6238, 5.2)."""
    if account.totp_sealed is None:
        return False
    now = int(services.now().timestamp()) // _STEP_SECONDS
    codes = pyotp.TOTP(_secret(services, account))
    found = None
    for step in range(now - _EARLY_OR_LATE, now + _EARLY_OR_LATE + 1):
        if hmac.compare_digest(codes.generate_otp(step).encode(), typed.encode("utf-8", "replace")):
            found = step
    if found is None or (account.totp_step is not None and found <= account.totp_step):
        return False
    account.totp_step = found
    return True


def new_recovery_codes(session: Session, account: AccountRecord) -> list[str]:
    """Ten new codes, told this once; earlier ones are gone."""
    session.execute(delete(RecoveryCodeRecord).where(RecoveryCodeRecord.account_id == account.id))
    codes = [base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    for code in codes:
        session.add(RecoveryCodeRecord(account_id=account.id, digest=_recovery_digest(account, code)))
    return ["-".join(code[i : i + 4] for i in range(0, len(code), 4)) for code in codes]


def forget(session: Session, account: AccountRecord) -> None:
    """Take every second factor away: the next sign-in sets up new ones."""
    account.totp_sealed = account.totp_kid = account.totp_since = account.totp_step = None
    for record in (RecoveryCodeRecord, PasskeyRecord):
        session.execute(delete(record).where(record.account_id == account.id))


def passkeys_of(session: Session, account_id: int) -> Sequence[PasskeyRecord]:
    """The account's passkeys, oldest first."""
    return session.scalars(
        select(PasskeyRecord).where(PasskeyRecord.account_id == account_id).order_by(PasskeyRecord.id)
    ).all()


def registration_options(services: Services, keys: Sequence[PasskeyRecord], name: str, challenge: bytes) -> str:
    """What the browser needs to make a passkey, as JSON."""
    options = generate_registration_options(
        rp_id=relying_party(services),
        rp_name=services.issuer.name_zh,
        user_name=name,
        user_id=hashlib.sha256(b"certsvc account v1\0" + name.encode()).digest(),
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=key.credential_id) for key in keys],
    )
    return options_to_json(options)


def assertion_options(services: Services, keys: Sequence[PasskeyRecord], challenge: bytes) -> str:
    """What the browser needs to have one of these passkeys sign the challenge, as JSON."""
    return options_to_json(
        generate_authentication_options(
            rp_id=relying_party(services),
            challenge=challenge,
            allow_credentials=[PublicKeyCredentialDescriptor(id=key.credential_id) for key in keys],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def add_passkey(
    services: Services, session: Session, account: AccountRecord, response: str, *, challenge: bytes, label: str
) -> None:
    """Keep the passkey that the browser made. Raises `Refused` for what is none, or was made for another challenge."""
    try:
        made = verify_registration_response(
            credential=response[:LONGEST_ASSERTION],
            expected_challenge=challenge,
            expected_rp_id=relying_party(services),
            expected_origin=services.base_url,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as error:
        raise Refused(
            "这把通行密钥未能登记，请重试", "the passkey was not taken; try again", where="passkey"
        ) from error
    taken = select(PasskeyRecord.id).where(PasskeyRecord.credential_id == made.credential_id)
    if session.scalar(taken) is not None:
        raise Refused("这把通行密钥已登记", "this passkey is registered already", where="passkey")
    session.add(
        PasskeyRecord(
            account_id=account.id,
            credential_id=made.credential_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            label=label.strip()[:LONGEST_LABEL] or "passkey",
            added_at=services.now(),
        )
    )


def relying_party(services: Services) -> str:
    """The domain that passkeys are bound to: the site's, without a port."""
    return services.base_url.partition("://")[2].partition(":")[0]


def _passkey_signed(services: Services, session: Session, account: AccountRecord, shown: Assertion) -> bool:
    try:
        given = parse_authentication_credential_json(shown.response[:LONGEST_ASSERTION])
        key = session.scalar(
            select(PasskeyRecord).where(
                PasskeyRecord.credential_id == given.raw_id, PasskeyRecord.account_id == account.id
            )
        )
        if key is None:
            return False
        verified = verify_authentication_response(
            credential=given,
            expected_challenge=shown.challenge,
            expected_rp_id=relying_party(services),
            expected_origin=services.base_url,
            credential_public_key=key.public_key,
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError):
        return False
    key.sign_count, key.used_at = verified.new_sign_count, services.now()
    return True


def _recovered(services: Services, session: Session, account: AccountRecord, typed: str) -> bool:
    digest, now = _recovery_digest(account, typed.lower()), services.now()
    for row in session.scalars(select(RecoveryCodeRecord).where(RecoveryCodeRecord.account_id == account.id)):
        if row.used_at is None and hmac.compare_digest(row.digest, digest):
            row.used_at = now
            return True
    return False


def recovery_codes_left(session: Session, account_id: int) -> int:
    """How many have not been used."""
    query = select(RecoveryCodeRecord.id).where(
        RecoveryCodeRecord.account_id == account_id, RecoveryCodeRecord.used_at.is_(None)
    )
    return len(session.scalars(query).all())


def is_set_up(account: AccountRecord) -> bool:
    """Whether the account has chosen its password and shown a first code."""
    return account.password_is_own and account.totp_since is not None


def taken_up(account: AccountRecord, at: datetime) -> None:
    """A first code has shown that an authenticator has the secret."""
    account.totp_since = at


def text_of(challenge: bytes) -> str:
    """A challenge as it stands in a page."""
    return bytes_to_base64url(challenge)


def challenge_of(text: str) -> bytes:
    """The inverse of `text_of`; raises `ValueError`."""
    return base64url_to_bytes(text)


def _plain(code: Code) -> str:
    return "".join(code.text.split()).replace("-", "")


def _secret(services: Services, account: AccountRecord) -> str:
    assert account.totp_sealed is not None
    assert account.totp_kid is not None
    return str(services.vault.open(account.totp_sealed, account.totp_kid, _bound(account))["secret"])


def _bound(account: AccountRecord) -> bytes:
    return b"certsvc account totp v1\0" + account.name.encode()


def _recovery_digest(account: AccountRecord, code: str) -> bytes:
    # 80 random bits: a plain hash is no weaker than a slow one.
    return hashlib.sha256(f"certsvc recovery code v1\0{account.name}\0{code}".encode("utf-8", "replace")).digest()
