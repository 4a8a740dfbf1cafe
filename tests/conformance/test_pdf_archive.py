"""EU DSS, veraPDF, pdfsig, qpdf and pyHanko on archived PDFs (PAdES B-LTA), with no revocation list given besides.

The seal's certificate and that of the first time-stamp authority have both expired today: what was archived then is
proven only where it was renewed in time, under another one.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.rendering.press import ROOM_FOR_STAMP, open_press
from certsvc.signing.pdf import Level, PdfSeal, add_stamp, seal
from certsvc.signing.pdf_archive import Means, Pinned, add_archive, renew_archive
from certsvc.signing.pdf_examination import examine_pdf
from certsvc.signing.pdf_update import draft_update, extendable
from certsvc.signing.seal_authority import SealAuthority
from tests.conformance.conftest import Java
from tests.conformance.test_pdf import ATTACHED, judge_pdfs
from tests.conformance.world import World
from tests.programs import ask
from tests.rendering.faces import face
from tests.signing.test_pdf_examination import overlay

pytest.importorskip("certomancer", reason="certomancer is not installed")
pytestmark = pytest.mark.conformance

from tests.signing.tsa import Authority  # noqa: E402

TODAY = datetime.now(UTC).replace(microsecond=0)
SEALED_AT, ARCHIVED_AT = TODAY - timedelta(days=300), TODAY - timedelta(days=298)
RENEWED_AT, AGAIN_AT = TODAY - timedelta(days=20), TODAY - timedelta(days=10)
STAMPER_ENDS, SEAL_DAYS = TODAY - timedelta(days=15), 250
PASSED = ["1", "TOTAL_PASSED", "null", "PAdES-BASELINE-LTA", "PARTIAL"]
"""PARTIAL, since the seal covers the first revision; the document time stamps cover the whole up to each."""


@dataclass
class Archived:
    """One file at each step, and the roots it stands under: our own offline one, and those of two authorities."""

    roots: tuple[x509.Certificate, ...]
    pdfs: dict[str, bytes]

    def examine(self, pdf: bytes) -> Level | None:
        return examine_pdf(pdf, self.roots[:1], stamp_roots=self.roots[1:]).level


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Archived:
    folder = tmp_path_factory.mktemp("archived")
    root = SealAuthority.make(folder / "root", "示例鉴定中心", years=20, passphrase=b"offline", now=SEALED_AT)
    first = Authority(folder / "first", called="First", shallow=True, lists=True, at=SEALED_AT, until=STAMPER_ENDS)
    # pyHanko takes a list that is still good after a certificate's end as proof of its state then.
    first.list_days["root"] = 3
    second = Authority(folder / "second", called="Second", lists=True)

    def means(at: datetime, authority: Authority) -> Means:
        first.at = second.at = at
        ours = root.revocation_list(days=30, now=at)

        def lists(entry: x509.Certificate) -> list[bytes]:
            by = next((one for one in (first, second) if one.knows(entry)), None)
            return [ours] if by is None else by.direct().revocation_lists(entry)

        return Means(Pinned([root.certificate], first.roots + second.roots), lists, authority.direct().stamp, at)

    pressed = open_press(room=ROOM_FOR_STAMP).press(face(), ATTACHED)
    pdfs = {"stamped": add_stamp(seal(pressed, _seal_under(root), signed_at=SEALED_AT), first.direct().stamp)}
    pdfs["archived"] = add_archive(pdfs["stamped"], means(ARCHIVED_AT, first)).content
    draft = draft_update(extendable(pdfs["stamped"]), [], [])
    pdfs["without lists"] = draft.fill(first.direct().stamp(draft.covered)).content
    pdfs["renewed"] = renew_archive(pdfs["archived"], means(RENEWED_AT, second)).content
    pdfs["renewed twice"] = renew_archive(pdfs["renewed"], means(AGAIN_AT, second)).content
    return Archived((root.certificate, *first.roots, *second.roots), pdfs)


def _seal_under(root: SealAuthority) -> PdfSeal:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "示例鉴定中心 印章")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
    pem = root.sign_request(
        request.public_bytes(Encoding.PEM), base_url="https://certsvc.example", days=SEAL_DAYS, now=SEALED_AT
    )
    chain = tuple(x509.load_pem_x509_certificates(pem))
    return PdfSeal(lambda message: key.sign(message, ec.ECDSA(SHA256())), chain)


def test_dss_passes_renewed_files_on_what_they_hold_alone(java: Java, world: World, archived: Archived) -> None:
    files = {kind: world.write(f"lta-{at}.pdf", pdf) for at, (kind, pdf) in enumerate(archived.pdfs.items())}
    said = judge_pdfs(java, world, [], files, archived.roots)
    for kind in ("renewed", "renewed twice"):
        assert said[kind].dss == PASSED, kind
    for kind in ("archived", "renewed twice"):
        assert said[kind].verapdf == ["true"]
    # Not renewed in time, it is proven no more: that is what a renewal is for.
    assert said["archived"].dss[1] == "INDETERMINATE"
    # The lower level cannot be had for the higher one: it is neither passed nor called so.
    assert said["stamped"].dss[1] == "INDETERMINATE"
    assert said["stamped"].dss[3] == "PAdES-BASELINE-T"
    assert said["without lists"].dss[3] == "PAdES-BASELINE-T"


@pytest.mark.parametrize(("kind", "signatures"), [("archived", 2), ("renewed", 3), ("renewed twice", 4)])
def test_qpdf_and_pdfsig_take_it(archived: Archived, tmp_path: Path, kind: str, signatures: int) -> None:
    file = tmp_path / "one.pdf"
    file.write_bytes(archived.pdfs[kind])
    checked = ask("qpdf", "--check", file)
    assert checked.returncode == 0, checked.stderr
    assert "No syntax or stream encoding errors found" in checked.stdout
    said = ask("pdfsig", "-nocert", file).stdout.split("Signature #")[1:]
    assert len(said) == signatures
    assert "Signature is Valid" in said[0]
    assert ["Total document signed" in one and "Not total" not in one for one in said] == [
        *[False] * (signatures - 1),
        True,
    ]


@pytest.mark.parametrize(("kind", "passes"), [("archived", False), ("renewed", True), ("renewed twice", True)])
def test_pyhanko_finds_the_long_term_profile_and_no_change_but_that(
    archived: Archived, kind: str, passes: bool
) -> None:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.ades.report import AdESPassed
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.validation.status import SignatureCoverageLevel

    result = _pyhanko(archived.pdfs[kind], archived.roots)
    assert (result.ades_subindic == AdESPassed.OK) is passes, result.failure_msg
    reader = PdfFileReader(BytesIO(archived.pdfs[kind]))
    embedded = reader.embedded_regular_signatures[0]
    embedded.compute_integrity_info()
    assert embedded.coverage == SignatureCoverageLevel.ENTIRE_REVISION
    assert embedded.diff_result.modification_level == ModificationLevel.LTA_UPDATES
    assert embedded.summarise_integrity_info()["docmdp_ok"]
    for stamp in reader.embedded_timestamp_signatures:
        stamp.compute_integrity_info()
    covers = [stamp.coverage for stamp in reader.embedded_timestamp_signatures]
    assert covers[-1] == SignatureCoverageLevel.ENTIRE_FILE
    assert set(covers[:-1]) <= {SignatureCoverageLevel.ENTIRE_REVISION}


def _pyhanko(pdf: bytes, roots: tuple[x509.Certificate, ...]):  # type: ignore[no-untyped-def]  # pyHanko's own report
    from asn1crypto import x509 as asn1_x509
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import ades
    from pyhanko.sign.validation.policy_decl import PdfSignatureValidationSpec, SignatureValidationSpec
    from pyhanko_certvalidator.context import CertValidationPolicySpec
    from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
    from pyhanko_certvalidator.registry import SimpleTrustManager

    policy = CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(
            [asn1_x509.Certificate.load(root.public_bytes(Encoding.DER)) for root in roots]
        ),
        revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO),
    )
    spec = PdfSignatureValidationSpec(SignatureValidationSpec(cert_validation_policy=policy))
    embedded = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures[0]
    # A thread of its own: another test of the same process may leave an event loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(ades.ades_lta_validation(embedded, spec))).result()


def test_ours_takes_it_and_no_lower_level_for_it(archived: Archived) -> None:
    levels = {kind: archived.examine(pdf) for kind, pdf in archived.pdfs.items()}
    # Ours goes by each stamp's own time: a file not renewed stays genuine, and proven until its stamp's chain ended.
    assert levels == {
        "stamped": Level.STAMPED,
        **dict.fromkeys(("archived", "renewed", "renewed twice"), Level.ARCHIVED),
        "without lists": None,
    }


@pytest.mark.parametrize("at", ["the seal", "the first update", "the renewal"])
def test_tampered_renewals_are_refused_by_ours(archived: Archived, at: str) -> None:
    # DSS's verdict is of the seal alone, and may stay TOTAL_PASSED when a byte of an update was changed; ours is not.
    ends = {
        "the seal": 0,
        "the first update": len(archived.pdfs["stamped"]),
        "the renewal": len(archived.pdfs["archived"]),
    }
    renewed = bytearray(archived.pdfs["renewed"])
    renewed[ends[at] + 200] ^= 1
    assert archived.examine(bytes(renewed)) is None
    stamped, first = archived.pdfs["stamped"], archived.pdfs["archived"][len(archived.pdfs["stamped"]) :]
    second = archived.pdfs["renewed"][len(archived.pdfs["archived"]) :]
    for pdf in (
        stamped + second,
        stamped + second + first,
        overlay(archived.pdfs["archived"]) + second,
        overlay(archived.pdfs["renewed"]),
    ):
        assert archived.examine(pdf) is None
