"""Files with personal data are their owner's alone, whatever the umask says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from certsvc.files.private import close_to_others, make_private, mode_in, write_private


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    """The umask of a careless account."""
    before = os.umask(0o000)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_a_file_is_written_for_its_owner_also_over_one_that_was_open(tmp_path: Path) -> None:
    write_private(tmp_path / "new", b"1")
    (tmp_path / "old").write_bytes(b"0")
    write_private(tmp_path / "old", b"1")
    assert (mode(tmp_path / "new"), mode(tmp_path / "old")) == (0o600, 0o600)
    assert (tmp_path / "old").read_bytes() == b"1"
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "old", b"2", new=True)


def test_folders_that_are_missing_are_made_for_their_owner_and_others_left(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private(tmp_path / "a" / "b")
    make_private(tmp_path)
    assert [mode(one) for one in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")] == [0o755, 0o700, 0o700]


def test_a_group_that_the_operator_let_in_may_read_and_others_never(tmp_path: Path) -> None:
    tmp_path.chmod(0o2757)
    close_to_others(tmp_path)
    assert mode(tmp_path) == 0o2750
    assert mode_in(tmp_path) == 0o640
    tmp_path.chmod(0o700)
    close_to_others(tmp_path)
    assert (mode(tmp_path), mode_in(tmp_path)) == (0o700, 0o600)
