from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from certsvc.errors import KeyMissing, KeyRefused
from certsvc.signing import key_material, keyfiles
from certsvc.signing import keystore as keystore_module
from certsvc.signing.keys import OPTIONAL_PURPOSES, SIGNING_PURPOSES, Algorithm, KeyState, Purpose, verify
from certsvc.signing.keystore import Keystore
from tests.builders.killing import die, killed

PASSPHRASE = b"a passphrase of the test"
SECRETS = sorted(set(Purpose) - SIGNING_PURPOSES)
NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(autouse=True)
def quick_stretching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyfiles, "_SCRYPT_N", 2)


def development(folder: Path, passphrase: bytes | None = None) -> Keystore:
    made = Keystore.open(folder, passphrase, lambda: NOW)
    made.create_development("certs.example", "示例鉴定中心")
    return made


def test_opening_creates_nothing(tmp_path: Path) -> None:
    opened = Keystore.open(tmp_path / "keys", None)
    assert opened.records() == ()
    assert opened.issuer() is None
    assert not opened.development
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("purpose", Purpose)
def test_a_missing_key_is_never_made_silently(tmp_path: Path, purpose: Purpose) -> None:
    opened = Keystore.open(tmp_path / "keys", None)
    with pytest.raises(KeyMissing):
        opened.signer(purpose) if purpose in SIGNING_PURPOSES else opened.secret(purpose)
    assert not (tmp_path / "keys").exists()


def test_development_keys_are_made_once_for_every_purpose(tmp_path: Path) -> None:
    made = Keystore.open(tmp_path, None)
    assert made.create_development("certs.example", "示例鉴定中心")
    before = made.records()
    assert not made.create_development("other.example", "另一")
    assert made.records() == before == Keystore.open(tmp_path, None).records()
    assert {record.purpose for record in before} == set(Purpose) - OPTIONAL_PURPOSES
    assert all(record.development for record in before)
    assert made.issuer() == ("certs.example", "示例鉴定中心")
    assert made.development


def test_an_interrupted_start_is_completed(tmp_path: Path) -> None:
    made = Keystore.open(tmp_path, None)
    first = made.new(Purpose.CREDENTIAL, development=True)
    assert made.create_development("certs.example", "示例")
    assert made.active(Purpose.CREDENTIAL) == first


def test_beside_a_real_key_no_development_key_is_made(tmp_path: Path) -> None:
    made = Keystore.open(tmp_path, PASSPHRASE)
    made.new(Purpose.CREDENTIAL)
    assert not made.create_development("certs.example", "示例")
    assert len(made.records()) == 1
    assert not made.development


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_keys_work_again_after_reopening(tmp_path: Path, passphrase: bytes | None) -> None:
    made = development(tmp_path, passphrase)
    again = Keystore.open(tmp_path, passphrase)
    for purpose in SIGNING_PURPOSES - OPTIONAL_PURPOSES:
        signer = again.signer(purpose)
        assert signer is again.signer(purpose)
        assert signer.public_bytes == made.signer(purpose).public_bytes
        assert verify(signer.algorithm, signer.public_bytes, signer.sign(b"x"), b"x")
    for purpose in SECRETS:
        assert len(again.secret(purpose)) == 32
        assert again.secret(purpose) == made.secret(purpose)
    assert len({again.secret(purpose) for purpose in SECRETS}) == len(SECRETS)


def test_with_a_passphrase_nothing_secret_rests_in_clear(tmp_path: Path) -> None:
    made = development(tmp_path, PASSPHRASE)
    for record in made.records():
        if record.algorithm is Algorithm.SECRET:
            (file,) = tmp_path.glob(f"{record.purpose.value}-{record.kid}.json")
            assert set(json.loads(file.read_bytes())) == {"kdf", "cipher", "salt", "nonce", "sealed"}
        else:
            file = tmp_path / f"{record.purpose.value}-{record.kid}.pem"
            assert file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
            load_pem_private_key(file.read_bytes(), PASSPHRASE)  # any tool opens it with the passphrase


@pytest.mark.parametrize("passphrase", [None, b"", b"another"])
def test_a_wrong_passphrase_is_refused(tmp_path: Path, passphrase: bytes | None) -> None:
    development(tmp_path, PASSPHRASE)
    opened = Keystore.open(tmp_path, passphrase)
    with pytest.raises(KeyRefused, match="passphrase"):
        opened.signer(Purpose.CREDENTIAL)
    with pytest.raises(KeyRefused, match="passphrase"):
        opened.secret(Purpose.LOOKUP)


def test_a_passphrase_does_not_get_in_the_way_of_keys_without_one(tmp_path: Path) -> None:
    development(tmp_path)
    assert Keystore.open(tmp_path, PASSPHRASE).signer(Purpose.CREDENTIAL)


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    development(tmp_path / "keys")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    for file in (tmp_path / "keys").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    made = development(tmp_path)
    (tmp_path / f"credential-{made.active_kid(Purpose.CREDENTIAL)}.pem").chmod(0o640)
    with pytest.raises(KeyRefused, match="chmod 600"):
        Keystore.open(tmp_path, None).signer(Purpose.CREDENTIAL)


def test_rotation_retires_the_old_key_and_keeps_its_record(tmp_path: Path) -> None:
    made = development(tmp_path)
    old = made.active(Purpose.CREDENTIAL)
    new = made.rotate(Purpose.CREDENTIAL, development=True)
    records = {record.kid: record for record in Keystore.open(tmp_path, None).records()}
    assert records[old.kid].state is KeyState.RETIRED
    assert records[old.kid].retired_at == NOW.replace(microsecond=0)
    assert records[old.kid].public == old.public
    assert made.signer(Purpose.CREDENTIAL).kid == new.kid != old.kid


def test_an_older_generation_of_a_secret_stays_readable_by_its_kid(tmp_path: Path) -> None:
    made = development(tmp_path)
    old = made.active_kid(Purpose.PERSONAL_DATA)
    before = made.secret(Purpose.PERSONAL_DATA)
    made.rotate(Purpose.PERSONAL_DATA, development=True)
    assert made.secret(Purpose.PERSONAL_DATA, old) == before != made.secret(Purpose.PERSONAL_DATA)


def test_a_second_key_of_a_purpose_is_made_by_rotation_only(tmp_path: Path) -> None:
    made = development(tmp_path, PASSPHRASE)
    with pytest.raises(KeyRefused, match="rotate"):
        made.new(Purpose.CREDENTIAL)
    made.retire(made.active_kid(Purpose.CREDENTIAL))
    with pytest.raises(KeyMissing):
        made.rotate(Purpose.CREDENTIAL)
    assert made.new(Purpose.CREDENTIAL).state is KeyState.ACTIVE


def test_a_key_is_retired_once(tmp_path: Path) -> None:
    made = development(tmp_path)
    kid = made.active_kid(Purpose.CREDENTIAL)
    made.retire(kid)
    with pytest.raises(KeyMissing):
        made.signer(Purpose.CREDENTIAL)
    with pytest.raises(KeyRefused):
        made.retire(kid)


def test_a_distrusted_key_signs_no_more_and_its_index_only_moves_earlier(tmp_path: Path) -> None:
    made = development(tmp_path)
    kid = made.signer(Purpose.CREDENTIAL).kid
    record = made.distrust(kid, 100)
    assert (record.state, record.distrusted_from) == (KeyState.DISTRUSTED, 100)
    assert record.retired_at is not None
    with pytest.raises(KeyMissing):
        made.signer(Purpose.CREDENTIAL)
    assert made.distrust(kid, 50).distrusted_from == 50
    with pytest.raises(KeyRefused, match="later"):
        made.distrust(kid, 51)
    with pytest.raises(KeyRefused):
        made.distrust(made.active_kid(Purpose.LOOKUP), 0)
    with pytest.raises(KeyRefused):
        made.distrust(kid, -1)


def test_a_retired_key_can_still_be_distrusted(tmp_path: Path) -> None:
    made = development(tmp_path)
    kid = made.active_kid(Purpose.CREDENTIAL)
    retired = made.retire(kid)
    assert made.distrust(kid, 7).retired_at == retired.retired_at


def test_a_key_serves_its_own_purpose_only(tmp_path: Path) -> None:
    made = development(tmp_path)
    with pytest.raises(KeyRefused):
        made.signer(Purpose.LOOKUP)
    with pytest.raises(KeyRefused):
        made.secret(Purpose.CREDENTIAL)
    with pytest.raises(KeyRefused):
        made.secret(Purpose.SESSION, made.active_kid(Purpose.LOOKUP))
    with pytest.raises(KeyMissing):
        made.record("00000000")


def test_swapped_key_files_are_found(tmp_path: Path) -> None:
    made = development(tmp_path, PASSPHRASE)
    one, other = (
        tmp_path / f"{purpose.value}-{made.active_kid(purpose)}.pem"
        for purpose in (Purpose.CREDENTIAL, Purpose.STATUS_LIST)
    )
    one.write_bytes(other.read_bytes())
    with pytest.raises(KeyRefused, match="on record"):
        Keystore.open(tmp_path, PASSPHRASE).signer(Purpose.CREDENTIAL)
    one, other = (
        tmp_path / f"{purpose.value}-{made.active_kid(purpose)}.json" for purpose in (Purpose.LOOKUP, Purpose.SESSION)
    )
    one.write_bytes(other.read_bytes())
    with pytest.raises(KeyRefused):
        Keystore.open(tmp_path, PASSPHRASE).secret(Purpose.LOOKUP)


def test_a_lost_key_file_is_missing_not_remade(tmp_path: Path) -> None:
    made = development(tmp_path)
    (tmp_path / f"credential-{made.active_kid(Purpose.CREDENTIAL)}.pem").unlink()
    with pytest.raises(KeyMissing):
        Keystore.open(tmp_path, None).signer(Purpose.CREDENTIAL)


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "no JSON": lambda _: b"{",
    "no base64": lambda _: b'{"secret":"?"}',
    "31 bytes": lambda _: b'{"secret":"' + b"A" * 40 + b'="}',
    "a list": lambda _: b"[]",
    "nothing known": lambda _: b"{}",
}


@pytest.mark.parametrize("fault", SPOILED)
def test_a_damaged_secret_is_refused(tmp_path: Path, fault: str) -> None:
    made = development(tmp_path)
    file = tmp_path / f"lookup-{made.active_kid(Purpose.LOOKUP)}.json"
    file.write_bytes(SPOILED[fault](file.read_bytes()))
    with pytest.raises(KeyRefused):
        Keystore.open(tmp_path, None).secret(Purpose.LOOKUP)


def test_a_private_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    made = development(tmp_path)
    pem = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / f"credential-{made.active_kid(Purpose.CREDENTIAL)}.pem").write_bytes(pem)
    with pytest.raises(KeyRefused, match="P-256"):
        Keystore.open(tmp_path, None).signer(Purpose.CREDENTIAL)


@pytest.mark.parametrize("content", [b"x", b"[]", b'{"format":2}', b'{"format":1,"issuer":null,"keys":[{}]}'])
def test_a_damaged_index_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys.json").write_bytes(content)
    with pytest.raises(KeyRefused):
        Keystore.open(tmp_path, None)


def test_an_index_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys.json").mkdir()
    with pytest.raises(KeyRefused):
        Keystore.open(tmp_path, None)


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = development(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def full_disk(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        made.rotate(Purpose.CREDENTIAL, development=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_two_processes_do_not_both_make_the_first_key(tmp_path: Path) -> None:
    one, other = Keystore.open(tmp_path, PASSPHRASE), Keystore.open(tmp_path, PASSPHRASE)
    one.new(Purpose.CREDENTIAL)
    with pytest.raises(KeyRefused):
        other.new(Purpose.CREDENTIAL)


def test_two_keys_never_share_an_identifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = development(tmp_path, PASSPHRASE)
    monkeypatch.setattr(key_material, "kid_of", lambda _: made.active_kid(Purpose.STATUS_LIST))
    with pytest.raises(KeyRefused, match="identifier"):
        made.rotate(Purpose.CREDENTIAL)


def test_a_seal_key_waits_for_its_chain(tmp_path: Path) -> None:
    made = Keystore.open(tmp_path, PASSPHRASE)
    record = made.new(Purpose.PDF_SEAL)
    assert record.state is KeyState.PENDING
    with pytest.raises(KeyMissing):
        made.signer(Purpose.PDF_SEAL)
    with pytest.raises(KeyMissing):
        made.seal_chain(record.kid)


def test_a_waiting_seal_key_leaves_the_old_one_in_use(tmp_path: Path) -> None:
    made = development(tmp_path, PASSPHRASE)
    old = made.active_kid(Purpose.PDF_SEAL)
    waiting = made.rotate(Purpose.PDF_SEAL)
    assert waiting.state is KeyState.PENDING
    assert Keystore.open(tmp_path, PASSPHRASE).active_kid(Purpose.PDF_SEAL) == old


def test_a_development_seal_made_alone_has_a_chain_too(tmp_path: Path) -> None:
    made = Keystore.open(tmp_path, None)
    made.new(Purpose.PDF_SEAL, development=True)
    assert len(made.seal_chain()) == 2


def test_only_seal_keys_have_requests_and_chains(tmp_path: Path) -> None:
    made = development(tmp_path)
    kid = made.active_kid(Purpose.CREDENTIAL)
    with pytest.raises(KeyRefused):
        made.certificate_request(kid, "x", "y")
    with pytest.raises(KeyRefused):
        made.import_chain(kid, b"")


def test_times_are_kept_in_utc_to_the_second(tmp_path: Path) -> None:
    shanghai = NOW.astimezone(timezone(timedelta(hours=8)))
    made = Keystore.open(tmp_path, PASSPHRASE, lambda: shanghai)
    assert made.new(Purpose.CREDENTIAL).created_at == NOW.replace(microsecond=0)


def test_secrets_rest_in_files_only(tmp_path: Path) -> None:
    with pytest.raises(KeyRefused):
        Keystore.open(tmp_path, None).new(Purpose.LOOKUP, at="pkcs11:token=x")


def test_a_real_key_is_not_written_in_clear(tmp_path: Path) -> None:
    for made in (Keystore.open(tmp_path, None), Keystore.open(tmp_path, b"")):
        for purpose in (Purpose.CREDENTIAL, Purpose.LOOKUP, Purpose.PDF_SEAL):
            with pytest.raises(KeyRefused, match="CERTSVC_KEY_PASSPHRASE_FILE"):
                made.new(purpose)
    assert {path.name for path in tmp_path.iterdir()} <= {".lock"}
    with_keys = development(tmp_path)
    with pytest.raises(KeyRefused, match="not written in clear"):
        with_keys.rotate(Purpose.CREDENTIAL)
    assert with_keys.active(Purpose.CREDENTIAL).development


@pytest.mark.parametrize("step", ["half of the key is written", "the key is written, the index is not"])
def test_the_next_deed_sweeps_the_private_key_that_a_killed_one_left(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = development(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}

    def rotate() -> None:
        if step.startswith("half"):
            written = keystore_module.keyfiles.private_pem
            monkeypatch.setattr(
                keystore_module.keyfiles,
                "private_pem",
                lambda *given: (monkeypatch.setattr(Path, "replace", die), written(*given))[1],
            )
        else:
            monkeypatch.setattr(keystore_module.KeyIndex, "write", die)
        made.rotate(Purpose.CREDENTIAL, development=True)

    killed(rotate)
    left = {path.name for path in tmp_path.iterdir()} - before
    assert any("credential-" in name and ".pem" in name for name in left), left
    again = Keystore.open(tmp_path, None, lambda: NOW)
    new = again.rotate(Purpose.CREDENTIAL, development=True)
    assert {path.name for path in tmp_path.iterdir()} - before == {f"credential-{new.kid}.pem"}
    assert again.signer(Purpose.CREDENTIAL).kid == new.kid


def test_what_another_process_is_writing_is_not_swept(tmp_path: Path) -> None:
    development(tmp_path)
    half = tmp_path / ".credential-00000000.pem.abcdefgh"
    with half.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        Keystore.open(tmp_path, None).rotate(Purpose.SESSION, development=True)
        assert half.exists()
    Keystore.open(tmp_path, None).rotate(Purpose.SESSION, development=True)
    assert not half.exists()
