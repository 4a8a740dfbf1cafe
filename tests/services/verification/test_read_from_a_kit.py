"""A code read from the survival kit: what the kit holds is said once, and believed only under its own address."""

from __future__ import annotations

from pathlib import Path

import pytest

from certsvc.credential.verdict import Verdict, Verification
from certsvc.services.kit.export import export_kit
from certsvc.services.kit.parts import CREDENTIALS, open_part, path_of, seal_part
from certsvc.services.verification.verify import Options, verify_offline
from tests.builders.installation import Installation
from tests.builders.verifying import check, code, numbers


@pytest.fixture
def kit(at: Installation, tmp_path: Path) -> Path:
    export_kit(at.services, tmp_path / "kit")
    return tmp_path / "kit"


def read(at: Installation, kit: Path, text: str) -> Verification:
    return verify_offline(text, at.services.trust, Options(published=kit, now=at.clock(), bounded=False))


def test_each_check_of_a_code_and_of_what_the_kit_holds_is_told_once(at: Installation, kit: Path) -> None:
    number = numbers(at)[0]
    for text in (code(at, number), code(at, number).partition("#")[0]):
        found = read(at, kit, text)
        names = [one.name for one in found.checks]
        assert found.verdict is Verdict.VALID
        assert len(names) == len(set(names)), names
        assert check(found, "kit-entry") is True
        assert check(found, "log-receipt") is True
        assert found.certificate is not None
        assert found.certificate["number"] == number
        assert found.certificate["level"] == 5


def test_another_certificates_part_under_a_codes_address_is_not_believed(at: Installation, kit: Path) -> None:
    """A host that has seen both codes can seal the one's part under the other; the token inside says whose it is."""
    first, second = (at.row(number) for number in numbers(at))
    theirs, ours = kit / path_of(CREDENTIALS, second.token), kit / path_of(CREDENTIALS, first.token)
    ours.write_bytes(seal_part(CREDENTIALS, first.token, open_part(CREDENTIALS, second.token, theirs.read_bytes())))
    found = read(at, kit, code(at, first.number).partition("#")[0])
    assert (found.verdict, found.certificate) == (Verdict.UNAVAILABLE, None)
    assert check(found, "kit-entry") is None


def test_a_genuine_code_under_another_certificates_address_is_forged(at: Installation, kit: Path) -> None:
    first, second = numbers(at)
    address, _, _ = code(at, first).partition("#")
    _, _, payload = code(at, second).partition("#")
    found = read(at, kit, f"{address}#{payload}")
    assert (found.verdict, check(found, "parts-agree")) == (Verdict.FORGED, False)


def test_without_its_part_a_code_stands_by_itself(at: Installation, kit: Path) -> None:
    number = numbers(at)[0]
    (kit / path_of(CREDENTIALS, at.row(number).token)).unlink()
    found = read(at, kit, code(at, number))
    assert check(found, "status") is None
    assert "kit-entry" not in {one.name for one in found.checks}
