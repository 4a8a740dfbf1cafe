"""Parts packed apart are one gzip file, and nothing that differs from answer to answer is compressed."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.web.packed import accepts_gzip, join, pack_piece


@given(st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=12))
def test_what_was_packed_apart_unpacks_as_one(parts: list[tuple[bytes, bool]]) -> None:
    joined = join([(piece * 3, pack_piece(piece * 3) if packed else None) for piece, packed in parts])
    assert gzip.decompress(joined) == b"".join(piece * 3 for piece, _ in parts)


def test_a_long_word_is_stored_in_several_blocks() -> None:
    word = bytes(range(256)) * 1000
    assert gzip.decompress(join([(b"<p>" * 100, pack_piece(b"<p>" * 100)), (word, None)])) == b"<p>" * 100 + word


def test_a_word_is_never_compressed_so_its_length_tells_nothing_else() -> None:
    piece = b"<li>" * 50
    lengths = {len(join([(piece, pack_piece(piece)), (word, None)])) for word in (b"a" * 40, bytes(range(40)))}
    assert len(lengths) == 1


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip, deflate, br, zstd", True),
        ("GZIP", True),
        ("br;q=1, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("gzip;q=x", False),
        ("x-gzip", False),
        ("br", False),
        ("", False),
    ],
)
def test_gzip_is_sent_to_whoever_takes_it(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
