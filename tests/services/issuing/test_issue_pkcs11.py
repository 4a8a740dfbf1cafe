"""A batch issued with keys that cannot be extracted: credentials, codes, seals, lists and log by SoftHSM alone."""

from __future__ import annotations

import importlib
from datetime import date, datetime
from functools import partial
from pathlib import Path

import pytest

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.credential.verdict import Verdict
from certsvc.jobs.issue_run import POOL_FROM, finish_approved
from certsvc.services.approvals import desk
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates.give_out import pdf_of
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing.batches import propose_batch
from certsvc.services.operation.init import initialise
from certsvc.services.verification.verify import Options, verify_offline, verify_online
from certsvc.signing.keys import OPTIONAL_PURPOSES, SIGNING_PURPOSES, Purpose
from certsvc.signing.keystore import Keystore
from certsvc.signing.pkcs11_keys import Pkcs11Signer
from certsvc.signing.seal_authority import SealAuthority
from certsvc.signing.trust import TrustBundle
from tests.builders.person import NOW, candidates, write_csv
from tests.services.issuing.test_issue import register
from tests.softhsm import needs_softhsm, softhsm_token

ON = date(2026, 11, 22)
PEOPLE = POOL_FROM + 2  # enough that they are drawn by a pool, each of whose workers opens the token for itself


def make_keys(folder: Path, root: Path, base_url: str) -> Keystore:
    """Every signing key in the token, the seal's under an offline root; only shared secrets rest in files."""
    at, _ = softhsm_token()
    keystore = Keystore.open(folder, b"a passphrase", lambda: NOW)
    for purpose in set(Purpose) - OPTIONAL_PURPOSES:
        keystore.new(purpose, at=at if purpose in SIGNING_PURPOSES else "file:")
    (seal,) = [record for record in keystore.records() if record.purpose is Purpose.PDF_SEAL]
    authority = SealAuthority.make(root, "测试机构", years=20, passphrase=b"offline", now=NOW)
    request = keystore.certificate_request(seal.kid, "测试机构 印章", "测试机构")
    keystore.import_chain(seal.kid, authority.sign_request(request, base_url=base_url, days=365, now=NOW))
    return keystore


@needs_softhsm
def test_a_batch_is_issued_with_keys_that_cannot_be_extracted(tmp_path: Path) -> None:
    pkcs11 = importlib.import_module("pkcs11")
    (tmp_path / "passphrase").write_text("a passphrase\n")
    settings = Settings.from_environment(
        {
            "CERTSVC_HOME": str(tmp_path / "home"),
            "CERTSVC_KEYS": str(tmp_path / "keys"),
            "CERTSVC_KEY_PASSPHRASE_FILE": str(tmp_path / "passphrase"),
            "CERTSVC_ISSUER_NAME": "测试机构",
        }
    )
    keystore = make_keys(tmp_path / "keys", tmp_path / "root", settings.base_url)
    fixed = partial(_at, NOW)  # a worker of the pool imports this file later, and would have another NOW
    services = open_services(settings, now=fixed)
    initialise(services)
    assert not services.issuer.sample
    people = candidates(PEOPLE)
    # Real keys: the roster and the batch are approved by a second person (R1.6).
    register(services, tmp_path, people)
    desk.approve(services, 1, by="审核员")
    rows = [row for one in people for row in one.passes()]
    import_results(services, write_csv(tmp_path / "results.csv", rows), by="考评员")
    proposed = propose_batch(services, by="签发员", on=ON)
    assert proposed.approval_id is not None
    desk.approve(services, proposed.approval_id, by="复核员")
    report = finish_approved(services, partial(open_services, settings, now=fixed), by="复核员")
    assert (len(report.issued), report.refusals) == (PEOPLE, [])

    folder = services.folders.published
    for one in report.issued:
        pdf = pdf_of(services, one.number)
        assert verify_online(services, pdf, Options(bounded=False)).verdict is Verdict.VALID
        offline = verify_offline(pdf, TrustBundle.load(folder), Options(published=folder, now=NOW, bounded=False))
        assert offline.verdict is Verdict.VALID
    assert check_log(services, folder / "log").ok
    services.database.close()

    pems = [path.name for path in (tmp_path / "keys").glob("*.pem")]
    assert all(name.endswith(".chain.pem") for name in pems), "a private key rests in a file"
    for purpose in SIGNING_PURPOSES - OPTIONAL_PURPOSES:
        signer = keystore.signer(purpose)
        assert isinstance(signer, Pkcs11Signer)
        key = signer.private_key()
        assert key[pkcs11.Attribute.SENSITIVE] is True
        assert key[pkcs11.Attribute.EXTRACTABLE] is False
        with pytest.raises(pkcs11.PKCS11Error):
            key[pkcs11.Attribute.VALUE]


def _at(moment: datetime) -> datetime:
    return moment
