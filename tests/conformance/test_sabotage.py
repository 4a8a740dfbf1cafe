"""Each verifier can say no: with one of our proofs broken, this very suite goes red, in the tests that name it.

The suite is run again in a process of its own with `CERTSVC_SABOTAGE` set (`sabotage.py` says what each breaks).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.sabotage import SABOTAGES
from tests.programs import need

pytestmark = [pytest.mark.conformance, pytest.mark.slow]

HERE = Path(__file__).parent
VC, OPENVC, COSE, PDF, MUTANTS = "test_vc_node", "test_openvc", "test_cose", "test_pdf", "test_mutations"
EACH = "test_each_proof_of_a_genuine_credential_holds"

RED = {
    "jcs": (
        ["node", "openssl"],
        {
            f"{VC}.py::{EACH}_and_its_status_is_read[good-eddsa-jcs-2022]",
            f"{OPENVC}.py::{EACH}[good-eddsa-jcs-2022]",
            "test_openssl.py::test_openssl_and_a_page_of_python_verify_a_credential[good]",
        },
    ),
    "rdfc": (
        ["node"],
        {
            f"{VC}.py::{EACH}_and_its_status_is_read[good-eddsa-rdfc-2022]",
            f"{OPENVC}.py::{EACH}[good-eddsa-rdfc-2022]",
            "test_blockcerts.py::test_a_credential_is_verified_from_end_to_end",
        },
    ),
    "status": (
        ["node"],
        {
            f"{VC}.py::{EACH}_and_its_status_is_read[revoked-eddsa-jcs-2022]",
            f"{OPENVC}.py::test_what_the_status_lists_say_is_read[revoked-CredentialRevoked-eddsa-jcs-2022]",
            "test_blockcerts.py::test_what_the_status_lists_say_is_read[revoked]",
        },
    ),
    "cose": (
        ["node"],
        {
            f"{COSE}.py::test_pycose_accepts_a_genuine_code[good]",
            f"{COSE}.py::test_auth0_cose_accepts_a_genuine_code[good]",
        },
    ),
    "log": (["go"], {"test_go_tlog.py::test_go_believes_logs_of_every_shape[257-256]"}),
    "seal": (
        ["java", "pdfsig", "openssl"],
        {
            "test_openssl.py::test_openssl_takes_the_seal_of_a_genuine_pdf[good]",
            f"{PDF}.py::test_dss_passes_a_genuine_certificate_as_pades_b_of_the_whole_file[good]",
            f"{PDF}.py::test_pdfsig_finds_one_valid_signature_of_the_whole_document[good]",
        },
    ),
    "scope": (
        ["java", "pdfsig"],
        {
            f"{PDF}.py::test_dss_passes_a_genuine_certificate_as_pades_b_of_the_whole_file[good]",
            f"{PDF}.py::test_pdfsig_finds_one_valid_signature_of_the_whole_document[good]",
        },
    ),
    "archive": (["java"], {f"{PDF}.py::test_verapdf_finds_pdfa_3u[good]"}),
    "startxref": (["qpdf"], {f"{PDF}.py::test_qpdf_finds_no_fault[good]"}),
    "twins": ([], {"test_wycheproof.py::test_our_checks_agree_with_every_vector[ed25519_test-Ed25519-151]"}),
    "any signature": ([], {f"{MUTANTS}.py::test_no_mutated_credential_is_accepted_and_mutants_reach_every_step"}),
    "undigested": ([], {f"{MUTANTS}.py::test_no_mutated_pdf_is_accepted_and_mutants_reach_every_step"}),
}
"""By sabotage: the programs it needs, and the tests that must fail, though they pass without it."""


def run(tests: set[str], sabotage: str | None) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment.pop("CERTSVC_SABOTAGE", None)
    if sabotage is not None:
        environment["CERTSVC_SABOTAGE"] = sabotage
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--no-cov",
        "--tb=line",
    ]
    done = subprocess.run(
        [*command, *(str(HERE / test) for test in sorted(tests))],
        cwd=HERE.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout


def test_every_sabotage_has_a_verifier_that_notices() -> None:
    assert set(RED) == set(SABOTAGES)


@pytest.mark.parametrize("sabotage", RED)
def test_the_suite_goes_red(sabotage: str) -> None:
    programs, tests = RED[sabotage]
    for program in programs:
        need(program)
    status, output = run(tests, sabotage)
    assert status == 1, output[-3000:]
    failed = set(re.findall(r"^FAILED tests/conformance/(\S+\.py::.*?)(?: - .*)?$", output, re.MULTILINE))
    assert failed == tests, output[-3000:]
