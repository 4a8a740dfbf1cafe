"""EU DSS, pdfsig, veraPDF and qpdf judge our PDFs as they come out of issuing.

Two of them have traps that a reader must know: DSS calls a file TOTAL_PASSED though something was added behind the
signature, saying so only in its scope (PARTIAL), and pdfsig calls it valid, adding "Not total document signed". So
acceptance means here, as in our own check: one signature, of the whole file, of a trusted signer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, CertificateSigningRequestBuilder, load_pem_x509_certificates

from certsvc.rendering.press import Attachment, open_press
from certsvc.services.verification.examine import Means, examine
from certsvc.signing.keys import Purpose
from certsvc.signing.keystore import Keystore
from certsvc.signing.pdf import PdfSeal, seal
from certsvc.signing.pdf_examination import examine_pdf
from tests.conformance.authority import Authority
from tests.conformance.conftest import Java
from tests.conformance.world import World
from tests.programs import ask
from tests.rendering.faces import EVERYTHING, NAMES, RARE_NAMES, face
from tests.signing.test_pdf_examination import overlay

pytestmark = pytest.mark.conformance

GENUINE = ("good", "another", "rotated", "revoked", "suspended", "superseded", "successor", "distrusted")
TAMPERED = ("flipped", "overlaid", "appended", "seal of another", "attachment of another", "cut")
FOREIGN = ("foreign signer", "foreign signer under the same names")
ACCEPTED = ["1", "TOTAL_PASSED", "null", "PAdES-BASELINE-B", "FULL"]
ATTACHED = [Attachment("credential.json", "application/vc", b'{"credential":1}', "Source")]
FACES: Mapping[str, Mapping[str, object]] = {
    **{f"a name: {kind}": {"name": name} for kind, name in NAMES.items()},
    **{f"a rare name: {at}": {"name": name} for at, name in enumerate(RARE_NAMES)},
    "every field": {"more": EVERYTHING},
    "no portrait": {"photo": None},
    "no sample": {"sample": False},
}


@dataclass(frozen=True)
class Said:
    """What DSS says (signatures, indication, sub-indication, format, scope), and veraPDF (compliant, failed rules)."""

    dss: list[str]
    verapdf: list[str]


def _contents(pdf: bytes) -> tuple[int, int]:
    start = pdf.index(b"/Contents<") + len(b"/Contents<")
    return start, pdf.index(b">", start)


def _graft_seal(pdf: bytes, other: bytes) -> bytes:
    start, end = _contents(pdf)
    return pdf[:start] + other[start:end] + pdf[end:]


def _graft_rest(pdf: bytes, other: bytes) -> bytes:
    """The head and seal of one, the content of another, with the ranges fitted to its length."""
    _, end = _contents(pdf)
    grafted = pdf[:end] + other[end:]
    ranges = re.search(rb"/ByteRange\[0 \d{10} (\d{10}) (\d{10})\]", grafted)
    assert ranges is not None
    return grafted[: ranges.start(2)] + b"%010d" % (len(grafted) - end - 1) + grafted[ranges.end(2) :]


def _sealed(authority: Authority, signed_at: datetime, days: int = 800) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    request = CertificateSigningRequestBuilder().subject_name(authority.issuing.subject).sign(key, SHA256())
    chain = load_pem_x509_certificates(authority.answer(request.public_bytes(Encoding.PEM), days=days))
    ours = PdfSeal(lambda message: key.sign(message, ec.ECDSA(SHA256())), tuple(chain))
    return seal(open_press().press(face(), ATTACHED), ours, signed_at=signed_at)


@pytest.fixture(scope="session")
def development(tmp_path_factory: pytest.TempPathFactory) -> Keystore:
    """Keys as `certsvc init` makes them, of somebody else."""
    keystore = Keystore.open(tmp_path_factory.mktemp("development"), None)
    keystore.create_development("certsvc.example", "冒名机构")
    return keystore


@pytest.fixture(scope="session")
def pdfs(world: World, development: Keystore) -> dict[str, bytes]:
    good, another = world.pdfs["good"], world.pdfs["another"]
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    now = datetime.now(UTC).replace(microsecond=0)
    return {
        **{kind: world.pdfs[kind] for kind in GENUINE},
        "flipped": bytes(flipped),
        "overlaid": overlay(good),
        "appended": good + b"\n% more\n",
        "seal of another": _graft_seal(good, another),
        "attachment of another": _graft_rest(good, another),
        "cut": good[:-200],
        "foreign signer": seal(open_press().press(face(), ATTACHED), PdfSeal.from_keystore(development), signed_at=now),
        "foreign signer under the same names": _sealed(Authority(), now),
        "certificate expired since": _sealed(world.authority, now - timedelta(days=350), days=100),
    }


@pytest.fixture(scope="session")
def files(world: World, pdfs: dict[str, bytes]) -> dict[str, Path]:
    return {kind: world.write(f"{at}.pdf", content) for at, (kind, content) in enumerate(pdfs.items())}


def judge_pdfs(
    java: Java,
    world: World,
    lists: Sequence[bytes],
    files: Mapping[str, Path],
    roots: Sequence[Certificate] | None = None,
) -> dict[str, Said]:
    """By default with the customer's authority as the one root trusted."""
    trusted = [world.authority.root] if roots is None else roots
    pems = [world.write(f"root-{at}.pem", root.public_bytes(Encoding.PEM)) for at, root in enumerate(trusted)]
    paths = [world.write(f"{len(content)}-{at}.crl", content) for at, content in enumerate(lists)]
    said: dict[str, dict[str, list[str]]] = {}
    for line in java([",".join(map(str, pems)), ",".join(map(str, paths)) or "-", *files.values()]).splitlines():
        program, file, *answer = line.split("\t")
        said.setdefault(file, {})[program] = answer
    return {kind: Said(**said[str(path)]) for kind, path in files.items()}


@pytest.fixture(scope="session")
def said(java: Java, world: World, files: dict[str, Path]) -> dict[str, Said]:
    return judge_pdfs(java, world, world.authority.lists(), files)


@pytest.mark.parametrize("kind", GENUINE)
def test_dss_passes_a_genuine_certificate_as_pades_b_of_the_whole_file(said: dict[str, Said], kind: str) -> None:
    # "rotated" and older are sealed by a key that is retired since: they stay good.
    assert said[kind].dss == ACCEPTED


@pytest.mark.parametrize("kind", [*TAMPERED, *FOREIGN])
def test_dss_does_not_accept_a_forgery(said: dict[str, Said], kind: str) -> None:
    assert said[kind].dss != ACCEPTED
    assert said[kind].dss[1] != "TOTAL_PASSED" or said[kind].dss[4] == "PARTIAL"


def test_dss_knows_no_foreign_signer(said: dict[str, Said]) -> None:
    for kind in FOREIGN:
        assert said[kind].dss[1:3] == ["INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND"]


def test_dss_cannot_tell_once_the_seals_certificate_has_expired(said: dict[str, Said]) -> None:
    # PAdES B-B carries no proof of time, and revocation lists speak of certificates in force only. Ours goes by the
    # time claimed, and by the log.
    assert said["certificate expired since"].dss[1:3] == ["INDETERMINATE", "CERTIFICATE_CHAIN_GENERAL_FAILURE"]


def test_dss_says_so_when_the_seals_certificate_was_revoked(java: Java, world: World, files: dict[str, Path]) -> None:
    keystore = world.services.keystore
    old = next(record for record in keystore.records() if record.purpose is Purpose.PDF_SEAL and not record.development)
    lists = world.authority.lists([keystore.seal_chain(old.kid)[0]])
    answers = judge_pdfs(java, world, lists, {kind: files[kind] for kind in ("rotated", "good")})
    assert answers["rotated"].dss[1:3] == ["INDETERMINATE", "REVOKED_NO_POE"]
    assert answers["good"].dss == ACCEPTED


def test_dss_passes_nothing_of_which_no_revocation_list_can_be_had(
    java: Java, world: World, files: dict[str, Path], development: Keystore
) -> None:
    # So it is with every development seal: its root publishes no list, and its key is thrown away.
    ours = {"good": files["good"], "sample": files["foreign signer"]}
    roots = [world.authority.root, development.seal_chain()[-1]]
    for answer in judge_pdfs(java, world, [], ours, roots).values():
        assert answer.dss[1] == "INDETERMINATE"
        assert answer.dss[2] in {"CERTIFICATE_CHAIN_GENERAL_FAILURE", "TRY_LATER"}
        assert answer.dss[3:] == ["PAdES-BASELINE-B", "FULL"]


@pytest.mark.parametrize("kind", GENUINE)
def test_verapdf_finds_pdfa_3u(said: dict[str, Said], kind: str) -> None:
    assert said[kind].verapdf == ["true"]


def test_verapdf_finds_pdfa_3u_whatever_is_drawn(java: Java, world: World) -> None:
    press, ours = open_press(), PdfSeal.from_keystore(world.services.keystore)
    now = world.services.now()
    drawn = {
        kind: world.write(
            f"face-{at}.pdf",
            seal(press.press(face(**changes), ATTACHED), ours, signed_at=now),  # type: ignore[arg-type]
        )
        for at, (kind, changes) in enumerate(FACES.items())
    }
    answers = judge_pdfs(java, world, [], drawn)
    assert {kind: answer.verapdf for kind, answer in answers.items() if answer.verapdf != ["true"]} == {}


def _pdfsig(path: Path) -> str:
    return ask("pdfsig", "-nocert", path).stdout


@pytest.mark.parametrize("kind", GENUINE)
def test_pdfsig_finds_one_valid_signature_of_the_whole_document(files: dict[str, Path], kind: str) -> None:
    said = _pdfsig(files[kind])
    assert "Signature is Valid" in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said
    assert "Signature #2" not in said


@pytest.mark.parametrize("kind", TAMPERED)
def test_pdfsig_does_not_accept_what_was_tampered_with(files: dict[str, Path], kind: str) -> None:
    said = _pdfsig(files[kind])
    assert "Signature is Valid" not in said or "Not total document signed" in said


@pytest.mark.parametrize("kind", GENUINE)
def test_qpdf_finds_no_fault(files: dict[str, Path], kind: str) -> None:
    said = ask("qpdf", "--check", files[kind])
    assert said.returncode == 0, said.stderr
    assert "No syntax or stream encoding errors found" in said.stdout


def test_qpdf_finds_the_fault_of_a_cut_file(files: dict[str, Path]) -> None:
    assert ask("qpdf", "--check", files["cut"]).returncode != 0


@pytest.mark.parametrize("kind", GENUINE)
def test_ours_accepts_the_same(world: World, pdfs: dict[str, bytes], kind: str) -> None:
    found = examine(pdfs[kind], Means(world.trust, bounded=False, prove_index=lambda _: world.leaves[kind]))
    assert not found.failed, found.checks
    assert found.claims is not None
    assert found.claims.number == world.numbers[kind]


@pytest.mark.parametrize("kind", [*TAMPERED, *FOREIGN])
def test_ours_refuses_the_same(world: World, pdfs: dict[str, bytes], kind: str) -> None:
    assert not examine_pdf(pdfs[kind], world.trust.certificates()).ok
