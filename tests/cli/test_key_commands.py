"""The commands about keys, as an operator types them: rotation, theft, signing again, the seal's authority, SM2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.builders.person import Candidate

Certsvc = Callable[..., Result]
SCHEME = "emergency-rescuer-5/qinghai-2025"


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def kid_of(certsvc: Certsvc, purpose: str) -> str:
    (active,) = [
        one for one in told(certsvc("key", "list", "--json")) if (one["purpose"], one["state"]) == (purpose, "active")
    ]
    return str(active["kid"])


@pytest.fixture
def issued(certsvc: Certsvc, passed: list[Candidate]) -> list[str]:
    return [one["number"] for one in told(certsvc("issue", "--json"))["certificates"]]


def test_a_session_is_signed_anew_after_a_rotation_and_again_nothing_is(certsvc: Certsvc, issued: list[str]) -> None:
    made = told(certsvc("key", "rotate", "credential", "--json"))
    assert (made["state"], made["development"]) == ("active", True)
    chosen = ("--scheme", SCHEME, "--from", "2025-03-24", "--to", "2025-03-24")
    first = told(certsvc("certificate", "resign", *chosen, "--json"))
    assert (first["resigned"], first["already"], first["refused"]) == (len(issued), 0, 0)
    again = certsvc("certificate", "resign", *chosen)
    assert "0 signed again, 3 by the key in use already, 0 refused" in again.stdout
    versions = told(certsvc("certificate", "show", issued[0], "--json"))
    assert sorted((one["version"], one["status"]) for one in versions) == [(1, "superseded"), (2, "valid")]
    assert certsvc("log", "check").exit_code == 0


def test_a_stolen_key_from_the_operators_view(certsvc: Certsvc, issued: list[str], tmp_path: Path) -> None:
    stolen = kid_of(certsvc, "credential")
    pdf, receipt, credential = tmp_path / "a.pdf", tmp_path / "a.tlog-proof", tmp_path / "a.json"
    assert certsvc("certificate", "pdf", issued[0], "-o", pdf).exit_code == 0
    assert certsvc("log", "prove", issued[0], "-o", receipt).exit_code == 0
    credential.write_text(certsvc("certificate", "credential", issued[0]).stdout.rstrip("\n"), "utf-8")
    certsvc("key", "rotate", "credential")
    # One SESSION leaf, then the three certificates: the theft came before the last of them.
    told_of = told(certsvc("key", "distrust", stolen, "--from-index", "3", "--json"))
    assert (told_of["state"], told_of["distrusted_from"], told_of["to_resign"]) == ("distrusted", 3, 1)
    assert certsvc("key", "distrust", stolen, "--from-index", "1000").exit_code == 1
    assert "from log index 3" in certsvc("key", "list").stdout
    assert "must be signed again" in certsvc("key", "distrust", stolen, "--from-index", "3").stdout
    for arguments in ((pdf,), (pdf, "--offline"), (credential,), (credential, "--offline", "--receipt", receipt)):
        found = certsvc("verify", *arguments)
        assert found.exit_code == 0, found.stdout
    assert certsvc("verify", credential, "--offline").exit_code == 1
    report = told(certsvc("certificate", "resign", "--key", stolen, "--json"))
    assert [one["number"] for one in report["certificates"]] == [issued[2]]


def test_what_cannot_be_signed_anew_is_named_and_ends_in_1(certsvc: Certsvc, issued: list[str]) -> None:
    certsvc("certificate", "suspend", issued[1], "--reason", "核查中")
    certsvc("key", "rotate", "credential")
    result = certsvc("certificate", "resign", "--batch", "1")
    assert result.exit_code == 1
    assert issued[1] in result.stderr
    assert certsvc("certificate", "resign").exit_code == 2


def test_an_offline_root_from_request_to_revocation(certsvc: Certsvc, issued: list[str], tmp_path: Path) -> None:
    root, passphrase, request, chain = (tmp_path / name for name in ("root", "passphrase", "seal.csr", "chain.pem"))
    passphrase.write_text("offline\n")
    with_key = ("--passphrase-file", passphrase)
    waiting = told(certsvc("key", "rotate", "pdf-seal", "--real", "--json"))
    assert (waiting["state"], waiting["development"]) == ("pending", False)
    assert certsvc("key", "root", "new", root, "--name", "示例鉴定中心", *with_key).exit_code == 0
    asked = certsvc("key", "request", waiting["kid"], "--name", "印章", "--organisation", "示例鉴定中心", "-o", request)
    assert asked.exit_code == 0
    base = ("--base-url", "https://certsvc.example")
    assert certsvc("key", "root", "sign", root, "--request", request, *base, *with_key, "-o", chain).exit_code == 0
    taken = told(certsvc("key", "import-chain", waiting["kid"], chain, "--json"))
    assert taken["state"] == "active"
    serial = certsvc("key", "root", "list", root).stdout.split()[0]
    assert certsvc("key", "root", "revoke", root, serial, "--reason", "superseded", *with_key).exit_code == 0
    assert "superseded" in certsvc("key", "root", "list", root).stdout
    assert certsvc("key", "root", "crl", root, *with_key, "-o", tmp_path / "root.crl").exit_code == 0
    where = told(certsvc("key", "crl", tmp_path / "root.crl", "--json"))["published"]
    assert (tmp_path / "home" / "published" / where).read_bytes() == (tmp_path / "root.crl").read_bytes()
    assert where in certsvc("key", "crl", tmp_path / "root.crl").stdout


def test_a_customers_seal_is_taken_over(certsvc: Certsvc, issued: list[str], tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from tests.signing.test_seal_authority import customers_chain

    key, chain = customers_chain()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "chain.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
    files = ("--key", tmp_path / "key.pem", "--chain", tmp_path / "chain.pem")
    record = told(certsvc("key", "import-seal", *files, "--json"))
    assert record["state"] == "active"
    assert (tmp_path / "home" / "published" / "seal" / f"{record['kid']}.pem").exists()


def test_an_sm2_signature_from_key_to_verification(certsvc: Certsvc, issued: list[str], tmp_path: Path) -> None:
    pytest.importorskip("gmalglib", reason="SM2's library is not installed: it needs a C compiler")
    number, credential, signature = issued[0], tmp_path / "c.json", tmp_path / "c.sm2"
    assert certsvc("certificate", "gm-sign", number, "-o", signature).exit_code == 1
    kid = told(certsvc("key", "new", "gm", "--json"))["kid"]
    assert certsvc("certificate", "gm-sign", number, "-o", signature).exit_code == 0
    credential.write_text(certsvc("certificate", "credential", number).stdout.rstrip("\n"), "utf-8")
    assert certsvc("verify", credential, "--gm-signature", signature).exit_code == 0
    assert certsvc("key", "gm-public", "-o", tmp_path / "gm.pem").exit_code == 0
    assert certsvc("key", "gm-public", kid, "-o", tmp_path / "again.pem").exit_code == 0
    assert certsvc("key", "gm-public", kid_of(certsvc, "credential"), "-o", tmp_path / "x.pem").exit_code == 1
    signature.write_bytes(signature.read_bytes()[:-1] + b"\0")
    assert certsvc("verify", credential, "--gm-signature", signature).exit_code == 1


def test_the_webs_copy_of_the_keys(certsvc: Certsvc, tmp_path: Path) -> None:
    certsvc("init")
    copied = told(certsvc("key", "web-copy", tmp_path / "web", "--json"))
    assert "keys.json" in copied["files"]
    assert str(len(copied["files"])) in certsvc("key", "web-copy", tmp_path / "web").stdout


def test_the_look_up_key_is_never_rotated(certsvc: Certsvc) -> None:
    certsvc("init")
    assert certsvc("key", "rotate", "lookup").exit_code == 2
    kid = kid_of(certsvc, "status-list")
    assert told(certsvc("key", "retire", kid, "--json"))["state"] == "retired"
    assert told(certsvc("key", "new", "status-list", "--json"))["state"] == "active"
