"""A process that runs learns of a rotation or a theft from the folder, without being started again."""

from __future__ import annotations

from pathlib import Path

import pytest

from certsvc.errors import KeyMissing
from certsvc.signing.keys import KeyState, Purpose
from certsvc.signing.keystore import Keystore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Keystore.open(tmp_path, None).create_development("certs.example", "示例鉴定中心")
    return tmp_path


def test_a_running_process_signs_with_the_key_that_another_rotated_to(folder: Path) -> None:
    running = Keystore.open(folder, None)
    before = running.signer(Purpose.CREDENTIAL).kid
    made = Keystore.open(folder, None).rotate(Purpose.CREDENTIAL, development=True)
    assert running.signer(Purpose.CREDENTIAL).kid == made.kid != before
    assert running.record(before).state is KeyState.RETIRED


def test_a_running_process_stops_signing_with_a_key_that_another_distrusts(folder: Path) -> None:
    running = Keystore.open(folder, None)
    kid = running.signer(Purpose.CREDENTIAL).kid
    Keystore.open(folder, None).distrust(kid, 7)
    with pytest.raises(KeyMissing):
        running.signer(Purpose.CREDENTIAL)
    assert running.record(kid).distrusted_from == 7


def test_an_unchanged_folder_gives_the_same_records(folder: Path) -> None:
    running = Keystore.open(folder, None)
    assert running.records() is running.records()
