"""The detached SM2 signature: made over the published bytes, checked by ourselves and by Debian's openssl."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from sqlalchemy import update

from certsvc.credential.verdict import Verdict, Verification
from certsvc.errors import DocumentRefused, KeyMissing, KeyRefused
from certsvc.services.certificates.distrust import distrust
from certsvc.services.certificates.gm_sign import gm_sign
from certsvc.services.publishing.static import publish_static
from certsvc.services.verification.verify import Options, verify_offline, verify_online
from certsvc.signing import gm
from certsvc.signing.keys import Algorithm, Purpose, acceptable_public_key
from certsvc.signing.keystore import Keystore
from certsvc.signing.trust import TrustBundle, did_document, jwks
from certsvc.store import CertificateRecord
from tests.builders.installation import Installation, made_up

pytest.importorskip("gmalglib", reason="SM2's library is not installed: it needs a C compiler")
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None and not os.environ.get("CI"), reason="openssl is not installed"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("gm") / "home")
    installation.services.keystore.new(Purpose.GM, development=True)
    installation.issue(made_up(1), made_up(2))
    publish_static(installation.services)
    yield installation
    installation.services.database.close()


FIRST, SECOND = "2663010001500001", "2663010001500002"


def credential(home: Installation, number: str = FIRST) -> bytes:
    content = home.row(number).credential
    assert content is not None
    return content


def verified(home: Installation, content: bytes, signature: bytes, *, online: bool) -> Verification:
    folder = home.services.folders.published
    options = Options(published=folder, now=home.clock(), bounded=False, gm_signature=signature)
    if online:
        return verify_online(home.services, content, options)
    return verify_offline(content, TrustBundle.load(folder), options)


@pytest.mark.parametrize("online", [True, False])
def test_a_genuine_signature_is_one_more_check(home: Installation, online: bool) -> None:
    found = verified(home, credential(home), gm_sign(home.services, FIRST, by="签发员"), online=online)
    assert found.verdict is Verdict.VALID
    assert [check.ok for check in found.checks if check.name == "gm-signature"] == [True]


def test_a_signature_of_another_certificate_or_changed_by_a_bit_is_refused(home: Installation) -> None:
    signature = gm_sign(home.services, FIRST, by="签发员")
    assert verified(home, credential(home, SECOND), signature, online=True).verdict is Verdict.FORGED
    for at in range(len(signature)):
        changed = bytearray(signature)
        changed[at] ^= 1
        assert verified(home, credential(home), bytes(changed), online=False).verdict is Verdict.FORGED, at


def test_a_second_spelling_of_a_signature_is_refused(home: Installation) -> None:
    content, signature = credential(home), gm_sign(home.services, FIRST, by="签发员")
    public = home.services.keystore.active(Purpose.GM).public
    r, s = decode_dss_signature(signature)
    assert gm.verify(public, signature, content)
    for other in ((r + N, s), (r, s + N), (0, s), (r, 0), (r, N - s)):
        assert not gm.verify(public, encode_dss_signature(*other), content)
    for spelling in (signature + b"\0", b"", b"0" * 200, r.to_bytes(32, "big") + s.to_bytes(32, "big")):
        assert not gm.verify(public, spelling, content)
        assert verified(home, content, spelling, online=True).verdict is Verdict.FORGED


@needs_openssl
@pytest.mark.parametrize("tool", ["pkeyutl", "dgst"])
def test_openssl_accepts_the_signature_and_refuses_a_changed_credential(
    home: Installation, tmp_path: Path, tool: str
) -> None:
    kid = home.services.keystore.active_kid(Purpose.GM)
    published = home.services.folders.published / "gm" / f"{kid}.pem"
    shutil.copy(published, tmp_path / "gm.pem")
    (tmp_path / "credential.json").write_bytes(credential(home))
    (tmp_path / "changed.json").write_bytes(credential(home).replace(b"1", b"2", 1))
    (tmp_path / "credential.sm2").write_bytes(gm_sign(home.services, FIRST, by="签发员"))
    arguments = {
        "pkeyutl": "pkeyutl -verify -pubin -inkey gm.pem -rawin -digest sm3 -pkeyopt distid:1234567812345678"
        " -sigfile credential.sm2 -in",
        "dgst": "dgst -sm3 -verify gm.pem -sigopt distid:1234567812345678 -signature credential.sm2",
    }[tool].split()
    for name, genuine in (("credential.json", True), ("changed.json", False)):
        done = subprocess.run(["openssl", *arguments, name], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is genuine, done.stderr


@needs_openssl
def test_what_openssl_signs_is_verified_here(tmp_path: Path) -> None:
    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "m").write_bytes(b"message")
    run("genpkey", "-algorithm", "SM2", "-out", "key.pem")
    run("pkey", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "public.der")
    run("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
    identified = ("-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678")
    run("pkeyutl", "-sign", "-inkey", "key.pem", *identified, "-in", "m", "-out", "s")
    public = (tmp_path / "public.der").read_bytes()[-65:]
    assert gm.on_curve(public)
    assert gm.verify(public, (tmp_path / "s").read_bytes(), b"message")
    assert gm.public_pem(public) == (tmp_path / "public.pem").read_bytes()


def test_the_example_of_the_standard_holds() -> None:
    # GB/T 32918.5-2017, A.2: message digest, identifier 1234567812345678.
    public = bytes.fromhex(
        "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
        "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
    )
    r = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
    s = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
    assert gm.verify(public, encode_dss_signature(r, s), b"message digest")
    assert not gm.verify(public, encode_dss_signature(r, s), b"message digesu")
    private = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
    assert gm.public_of(private) == public


def test_a_point_off_the_curve_is_no_public_key() -> None:
    _, public = gm.generate()
    assert acceptable_public_key(Algorithm.SM2, public)
    for point in (public[:-1] + bytes([public[-1] ^ 1]), public[:-1], b"\2" + public[1:], b"\4" + b"\xff" * 64):
        assert not acceptable_public_key(Algorithm.SM2, point)


def test_the_key_rests_encrypted_and_opens_with_its_passphrase_alone(tmp_path: Path) -> None:
    made = Keystore.open(tmp_path, b"right")
    kid = made.new(Purpose.GM).kid
    assert b'"secret"' not in (tmp_path / f"gm-{kid}.json").read_bytes()
    signature = Keystore.open(tmp_path, b"right").signer(Purpose.GM).sign(b"m")
    assert gm.verify(made.record(kid).public, signature, b"m")
    with pytest.raises(KeyRefused):
        Keystore.open(tmp_path, b"wrong").signer(Purpose.GM)
    with pytest.raises(KeyRefused):
        made.rotate(Purpose.GM, at="pkcs11:token=x?module-path=y&pin-source=z")
    other = Keystore.open(tmp_path / "other", b"right")
    (tmp_path / "other" / f"gm-{other.new(Purpose.GM).kid}.json").unlink()
    with pytest.raises(KeyMissing):
        other.signer(Purpose.GM)


def test_a_number_that_is_no_private_key_is_refused() -> None:
    for private in (bytes(32), b"\xff" * 32):
        with pytest.raises(KeyRefused):
            gm.public_of(private)


def test_init_makes_no_such_key_and_without_one_nothing_is_signed(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    (one,) = installation.issue(made_up(1))
    with pytest.raises(KeyMissing):
        gm_sign(installation.services, one.number, by="签发员")
    installation.services.database.close()


def test_it_is_pinned_in_the_bundle_and_no_assertion_method_of_the_did(home: Installation) -> None:
    trust = home.services.trust
    kid = home.services.keystore.active_kid(Purpose.GM)
    assert TrustBundle.from_json(trust.to_json()).keys[kid].algorithm is Algorithm.SM2
    assert kid not in str(did_document(trust, "https://certsvc.example"))
    assert kid not in str(jwks(trust))


def test_without_the_extra_signing_is_refused_and_pinning_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    _, public = gm.generate()

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert gm.on_curve(public)
    with pytest.raises(KeyRefused, match=r"certsvc\[gm\]"):
        gm.generate()


def test_what_the_register_contradicts_is_not_signed(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    installation.services.keystore.new(Purpose.GM, development=True)
    (one,) = installation.issue(made_up(1))
    with installation.services.database.writing() as session:
        session.execute(update(CertificateRecord).values(holder_name="测试窃"))
    with pytest.raises(DocumentRefused):
        gm_sign(installation.services, one.number, by="签发员")
    installation.services.database.close()


def test_a_stolen_sm2_key_vouches_only_for_what_was_logged_before(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    services = installation.services
    kid = services.keystore.new(Purpose.GM, development=True).kid
    first, second = (one.number for one in installation.issue(made_up(1), made_up(2)))
    publish_static(services)
    signatures = {number: gm_sign(services, number, by="签发员") for number in (first, second)}
    late = installation.row(second).leaf_index
    assert late is not None
    distrust(services, kid, late, by="安全员")
    for number, verdict in ((first, Verdict.VALID), (second, Verdict.UNKNOWN)):
        content = credential(installation, number)
        assert verified(installation, content, signatures[number], online=True).verdict is verdict
    services.database.close()
