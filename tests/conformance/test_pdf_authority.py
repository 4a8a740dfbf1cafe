"""EU DSS on seals under our own offline root, as an issuer without a commercial authority has one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509 import Certificate

from certsvc.rendering.press import open_press
from certsvc.signing.keys import Purpose
from certsvc.signing.keystore import Keystore
from certsvc.signing.pdf import PdfSeal, seal
from certsvc.signing.seal_authority import SealAuthority
from tests.conformance.conftest import Java
from tests.conformance.test_pdf import ACCEPTED, ATTACHED, judge_pdfs
from tests.conformance.world import World
from tests.rendering.faces import face

pytestmark = pytest.mark.conformance


@dataclass
class Own:
    """An offline root, a keystore whose seal it certified, and a PDF sealed by it."""

    root: SealAuthority
    chain: tuple[Certificate, ...]
    pdf: Path
    now: datetime


@pytest.fixture
def own(tmp_path: Path) -> Own:
    # DSS goes by its own clock, and a certificate is in force a moment after it was made.
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    root = SealAuthority.make(tmp_path / "root", "示例鉴定中心", years=20, passphrase=b"offline", now=now)
    keystore = Keystore.open(tmp_path / "keys", b"online")
    kid = keystore.new(Purpose.PDF_SEAL).kid
    request = keystore.certificate_request(kid, "示例鉴定中心 印章", "示例鉴定中心")
    keystore.import_chain(kid, root.sign_request(request, base_url="https://certsvc.example", days=365, now=now))
    pdf = tmp_path / "sealed.pdf"
    sealed = seal(open_press().press(face(), ATTACHED), PdfSeal.from_keystore(keystore), signed_at=now)
    pdf.write_bytes(sealed)
    return Own(root, keystore.seal_chain(kid), pdf, now)


def test_dss_passes_a_seal_of_our_own_root_while_its_list_does_not_name_it(java: Java, world: World, own: Own) -> None:
    lists = [own.root.revocation_list(days=30, now=own.now)]
    answers = judge_pdfs(java, world, lists, {"own": own.pdf}, [own.root.certificate])
    assert answers["own"].dss == ACCEPTED


def test_dss_hears_of_a_seal_that_our_own_root_revoked(java: Java, world: World, own: Own) -> None:
    own.root.revoke(f"{own.chain[0].serial_number:x}", reason="key-compromise", now=own.now)
    lists = [own.root.revocation_list(days=30, now=own.now)]
    answers = judge_pdfs(java, world, lists, {"own": own.pdf}, [own.root.certificate])
    assert answers["own"].dss[1:3] == ["INDETERMINATE", "REVOKED_NO_POE"]
