"""How we write: full-width punctuation in Chinese, plain English, and no source that is not in the repository."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HAN = "\u4e00-\u9fff"
HALF_WIDTH = re.compile(rf"[{HAN}][,;:!?](?! [A-Za-z])|(?<=[{HAN}])\((?=[{HAN}])")
PLAIN_ENGLISH = re.compile(r"\b(whoever|nobody|anew|thereof)\b", re.IGNORECASE)
NOT_HERE = re.compile(r"shared/\w+\.md|\bissue [0-9]+\b|\bdesign, decision [0-9]+")


def python_files() -> list[Path]:
    return sorted((ROOT / "certsvc").rglob("*.py"))


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Strings and comments of a Python file, with their lines; patterns are none."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT) and not re.match(r"[a-zA-Z]*[rR]", token.string):
            yield token.start[0], token.string


def lines_with(pattern: re.Pattern[str], lines: Iterator[tuple[int, str]]) -> list[str]:
    return [f"{line}: {found[0]}" for line, text in lines if (found := pattern.search(text))]


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_written_as_we_write(path: Path) -> None:
    assert lines_with(HALF_WIDTH, texts(path)) == []
    assert lines_with(PLAIN_ENGLISH, texts(path)) == []
    assert lines_with(NOT_HERE, texts(path)) == []


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_a_page_takes_full_width_punctuation(path: Path) -> None:
    text = path.read_text("utf-8").replace("证书编号,姓名", "")  # the head of a CSV file
    assert lines_with(HALF_WIDTH, enumerate(text.splitlines(), 1)) == []


def test_what_it_looks_for_is_found() -> None:
    assert HALF_WIDTH.search("已撤销,原因")
    assert HALF_WIDTH.search("样例(不作证明)")
    assert not HALF_WIDTH.search("已撤销，原因（见下）")
    assert PLAIN_ENGLISH.search("Nobody knows")
    assert NOT_HERE.search("as issue 3 asks")
