"""EU DSS, veraPDF, pdfsig, qpdf and pyHanko on an archived PDF (PAdES B-LTA), with no revocation list given besides."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.rendering.press import ROOM_FOR_STAMP, open_press
from certsvc.signing.pdf import Level, PdfSeal, add_stamp, seal
from certsvc.signing.pdf_archive import add_archive
from certsvc.signing.pdf_examination import examine_pdf
from certsvc.signing.pdf_update import draft_update
from tests.conformance.conftest import Java, ask
from tests.conformance.test_pdf import ATTACHED, judge_pdfs
from tests.conformance.world import World
from tests.rendering.faces import face

pytest.importorskip("certomancer", reason="certomancer is not installed")
pytestmark = pytest.mark.conformance

from tests.signing.tsa import Authority  # noqa: E402


@dataclass
class Archived:
    """The customer's authority above the seal publishes two lists, the time-stamp authority two of its own."""

    stamper: Authority
    stamped: bytes
    pdf: bytes
    bare: bytes


@pytest.fixture(scope="module")
def archived(world: World, tmp_path_factory: pytest.TempPathFactory) -> Archived:
    stamper = Authority(tmp_path_factory.mktemp("tsa"), lists=True)
    stamps = stamper.direct()
    now = datetime.now(UTC).replace(microsecond=0)
    pressed = open_press(room=ROOM_FOR_STAMP).press(face(), ATTACHED)
    ours = PdfSeal.from_keystore(world.services.keystore)
    stamped = add_stamp(seal(pressed, ours, signed_at=now - timedelta(minutes=1)), stamps.stamp)
    given = world.authority.lists()
    authorities = {world.authority.root.subject, world.authority.issuing.subject}
    pdf = add_archive(
        stamped,
        roots=[world.authority.root],
        stamp_roots=stamper.roots,
        lists=lambda entry: given if entry.issuer in authorities else stamps.revocation_lists(entry),
        stamper=stamps.stamp,
        now=now,
    )
    draft = draft_update(stamped, [], [])
    return Archived(stamper, stamped, pdf, draft.fill(stamps.stamp(draft.covered)))


def test_dss_passes_it_as_pades_lta_on_what_it_holds_alone(java: Java, world: World, archived: Archived) -> None:
    files = {
        kind: world.write(f"lta-{at}.pdf", content)
        for at, (kind, content) in enumerate(
            {
                "archived": archived.pdf,
                "stamped": archived.stamped,
                "without lists": archived.bare,
            }.items()
        )
    }
    said = judge_pdfs(java, world, [], files, [world.authority.root, *archived.stamper.roots])
    # PARTIAL, since the seal covers the first revision; the document time stamp covers the whole.
    assert said["archived"].dss == ["1", "TOTAL_PASSED", "null", "PAdES-BASELINE-LTA", "PARTIAL"]
    assert said["archived"].verapdf == ["true"]
    # The lower level cannot be had for the higher one: it is neither passed nor called so.
    assert said["stamped"].dss[1] == "INDETERMINATE"
    assert said["stamped"].dss[3] == "PAdES-BASELINE-T"
    assert said["without lists"].dss[3] == "PAdES-BASELINE-T"


def test_qpdf_and_pdfsig_take_it(archived: Archived, tmp_path: Path) -> None:
    file = tmp_path / "archived.pdf"
    file.write_bytes(archived.pdf)
    checked = ask("qpdf", "--check", file)
    assert checked.returncode == 0, checked.stderr
    assert "No syntax or stream encoding errors found" in checked.stdout
    first, second = ask("pdfsig", "-nocert", file).stdout.split("Signature #2")
    assert "Signature is Valid" in first
    assert "Total document signed" in second


def test_pyhanko_finds_the_long_term_profile_and_no_change_but_that(world: World, archived: Archived) -> None:
    from asn1crypto import x509
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.ades.report import AdESPassed
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.validation import ades
    from pyhanko.sign.validation.policy_decl import PdfSignatureValidationSpec, SignatureValidationSpec
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator.context import CertValidationPolicySpec
    from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
    from pyhanko_certvalidator.registry import SimpleTrustManager

    roots = [
        x509.Certificate.load(root.public_bytes(Encoding.DER))
        for root in (world.authority.root, *archived.stamper.roots)
    ]
    policy = CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(roots), revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO)
    )
    spec = PdfSignatureValidationSpec(SignatureValidationSpec(cert_validation_policy=policy))
    embedded = PdfFileReader(BytesIO(archived.pdf)).embedded_regular_signatures[0]
    # A thread of its own: the browser tests of the same process may leave an event loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(lambda: asyncio.run(ades.ades_lta_validation(embedded, spec))).result()
    assert result.ades_subindic == AdESPassed.OK, result.failure_msg
    embedded.compute_integrity_info()
    assert embedded.coverage == SignatureCoverageLevel.ENTIRE_REVISION
    assert embedded.diff_result.modification_level == ModificationLevel.LTA_UPDATES
    assert embedded.summarise_integrity_info()["docmdp_ok"]


def test_ours_takes_it_and_no_lower_level_for_it(world: World, archived: Archived) -> None:
    roots = world.trust.certificates()
    found = examine_pdf(archived.pdf, roots, stamp_roots=archived.stamper.roots)
    assert found.level is Level.ARCHIVED, found.checks
    # DSS's verdict is of the seal alone, and may stay TOTAL_PASSED when a byte of the update was changed; ours is not.
    changed = bytearray(archived.pdf)
    changed[len(archived.stamped) + 200] ^= 1
    assert not examine_pdf(bytes(changed), roots, stamp_roots=archived.stamper.roots).ok
    assert examine_pdf(archived.bare, roots, stamp_roots=archived.stamper.roots).level is None
