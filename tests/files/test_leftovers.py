"""What a killed run leaves is swept by the next; what a living one works on is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from certsvc.files.folder import NEW, write_if_changed
from certsvc.files.leftovers import sweep, sweep_tree, working_file, working_folder
from tests.builders.killing import die, killed


def leave_a_file(folder: Path) -> None:
    with working_file(folder, ".half-") as (path, _):
        path.write_text("a name")
        die()


def leave_a_folder(folder: Path) -> None:
    with working_folder(folder, ".half-") as path:
        (path / "portrait.jpg").write_bytes(b"a face")
        die()


@pytest.mark.parametrize("leave", [leave_a_file, leave_a_folder])
def test_the_next_run_sweeps_what_a_killed_one_left(tmp_path: Path, leave: object) -> None:
    killed(lambda: leave(tmp_path))  # type: ignore[operator]
    assert [path.name[:6] for path in tmp_path.iterdir()] == [".half-"]
    with working_file(tmp_path, ".half-") as (path, _):
        assert list(tmp_path.iterdir()) == [path]
        assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == []


def test_what_a_living_run_works_on_is_left(tmp_path: Path) -> None:
    with working_file(tmp_path, ".half-") as (one, _), working_folder(tmp_path, ".half-") as other:
        assert sweep(tmp_path, ".half-") == 0
        assert one.exists()
        assert other.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def test_only_what_bears_the_name_is_swept_and_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("another's")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".half-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".half-left").write_text("x")
    assert sweep(tmp_path, ".half-") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".half-link", "elsewhere", "kept.txt"]
    assert sweep(tmp_path / "nowhere", ".half-") == 0


def test_a_file_that_was_moved_into_its_place_stays(tmp_path: Path) -> None:
    with working_file(tmp_path, ".half-") as (path, _):
        path.write_text("whole")
        path.replace(tmp_path / "whole")
    assert (tmp_path / "whole").read_text() == "whole"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_one_that_was_swept_before_it_was_locked_is_made_again(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from certsvc.files import leftovers

    taken, swept = leftovers._taken, []

    def too_late(descriptor: int, name: str) -> bool:
        if not swept:
            swept.append(name)
            (Path(name).unlink if kind == "file" else Path(name).rmdir)()
        return taken(descriptor, name)

    monkeypatch.setattr(leftovers, "_taken", too_late)
    if kind == "file":
        with working_file(tmp_path, ".half-") as (path, _):
            assert path.exists()
    else:
        with working_folder(tmp_path, ".half-") as path:
            assert path.is_dir()
    assert swept


def test_published_folders_are_swept_through_and_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        killed(lambda: write_if_changed(tmp_path / "log" / "tile" / "0", b"hashes"))
    (left,) = (tmp_path / "log" / "tile").iterdir()
    assert left.name.startswith(NEW)
    assert sweep_tree(tmp_path, NEW) == 1
    assert not left.exists()
