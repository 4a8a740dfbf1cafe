"""A head is believed only if it is ours and signed, and signed only if what is stored adds up to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import CheckpointRefused, ClockWentBack, LogMismatch, MalformedLog
from certsvc.transparency import note as notes
from certsvc.transparency.checkpoint import Checkpoint, next_checkpoint, open_checkpoint, parse_body, sign_checkpoint
from certsvc.transparency.note import Algorithm, Note, VerifierKey
from certsvc.transparency.tree import EMPTY_ROOT, MAX_SIZE, Frontier, leaf_hash
from tests.transparency.keys import LOG_KEY, LOG_SIGN, ORIGIN, OTHER_WITNESS, WITNESS_KEY, WITNESS_SIGN, key, signer

NOW = datetime(2026, 4, 20, 9, tzinfo=UTC)
ROOT = bytes(range(32))
# c2sp.org/tlog-checkpoint, the example at its head.
PUBLISHED_BODY = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

HEAD = Checkpoint(ORIGIN, 3, ROOT)
SIGNED = sign_checkpoint(HEAD, LOG_KEY, LOG_SIGN)


def test_the_published_checkpoint_reads_back() -> None:
    published = parse_body(PUBLISHED_BODY)
    assert (published.origin, published.size) == ("example.com/behind-the-sofa", 20852163)
    assert published.body == PUBLISHED_BODY


@given(st.integers(0, MAX_SIZE), st.binary(min_size=32, max_size=32), st.lists(st.just("extension 1"), max_size=2))
def test_a_checkpoint_reads_back(size: int, root: bytes, extensions: list[str]) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root, tuple(extensions))
    assert parse_body(checkpoint.body) == checkpoint


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing"),
        pytest.param(HEAD.body[:-1], id="no last line break"),
        pytest.param(HEAD.body + "\n", id="an empty extension"),
        pytest.param("\n" + HEAD.body, id="an empty origin"),
        pytest.param(HEAD.body.replace("\n3\n", "\n"), id="no size"),
        pytest.param(HEAD.body.replace("\n3\n", "\n03\n"), id="a leading zero"),
        pytest.param(HEAD.body.replace("\n3\n", "\n+3\n"), id="a sign"),
        pytest.param(HEAD.body.replace("\n3\n", "\n-3\n"), id="a negative size"),
        pytest.param(HEAD.body.replace("\n3\n", "\n٣\n"), id="an Arabic digit"),
        pytest.param(HEAD.body.replace("\n3\n", "\n9999999999999999999\n"), id="a size beyond 2^63"),
        pytest.param(HEAD.body.replace("\n3\n", "\n" + "1" * 5000 + "\n"), id="an endless size"),
        pytest.param(HEAD.body.replace("=", ""), id="base64 without padding"),
        pytest.param(HEAD.body.replace("AAEC", "AAE"), id="a short root"),
        pytest.param(HEAD.body.replace("AAEC", "AAECAAEC"), id="a long root"),
        pytest.param("a b" + HEAD.body, id="a space in the origin"),
        pytest.param("a" * 256 + HEAD.body, id="an endless origin"),
    ],
)
def test_any_other_form_of_a_checkpoint_is_refused(body: str) -> None:
    with pytest.raises(MalformedLog):
        parse_body(body)


def test_an_extension_is_one_line() -> None:
    for extension in ("", "a\nb"):
        with pytest.raises(MalformedLog):
            Checkpoint(ORIGIN, 3, ROOT, (extension,))


def test_a_signed_checkpoint_opens_with_the_logs_key() -> None:
    opened = open_checkpoint(SIGNED, ORIGIN, [LOG_KEY])
    assert opened.checkpoint == HEAD
    assert [verified.key for verified in opened.log] == [LOG_KEY]
    assert opened.witnesses == ()


def test_cosignatures_of_known_witnesses_are_told_with_their_time() -> None:
    other = key(3, OTHER_WITNESS, Algorithm.COSIGNATURE)
    note = notes.parse(SIGNED)
    for witness, sign, time in ((WITNESS_KEY, WITNESS_SIGN, 100), (other, signer(3), 200)):
        note = note.with_signature(notes.cosign(note.text, witness, sign, time))
    opened = open_checkpoint(note.encode(), ORIGIN, [LOG_KEY], [WITNESS_KEY])
    assert [(verified.key, verified.time) for verified in opened.witnesses] == [(WITNESS_KEY, 100)]


@pytest.mark.parametrize(
    ("origin", "keys"),
    [
        pytest.param("other.example/log", [LOG_KEY], id="another log"),
        pytest.param(ORIGIN, [], id="no key"),
        pytest.param(ORIGIN, [key(9)], id="another key of that name"),
        pytest.param(ORIGIN, [key(1, ORIGIN, Algorithm.COSIGNATURE)], id="the same key as a witness's"),
    ],
)
def test_a_checkpoint_of_another_log_or_key_is_refused(origin: str, keys: list[VerifierKey]) -> None:
    with pytest.raises(CheckpointRefused):
        open_checkpoint(SIGNED, origin, keys)


def test_a_witness_alone_does_not_make_a_checkpoint() -> None:
    cosigned = Note(HEAD.body, (notes.cosign(HEAD.body, WITNESS_KEY, WITNESS_SIGN, 5),))
    with pytest.raises(CheckpointRefused, match="no signature"):
        open_checkpoint(cosigned.encode(), ORIGIN, [LOG_KEY], [WITNESS_KEY])


def test_a_key_counts_only_as_what_it_is() -> None:
    note = notes.parse(SIGNED)
    cosigned = note.with_signature(notes.cosign(note.text, WITNESS_KEY, WITNESS_SIGN, 5))
    with pytest.raises(CheckpointRefused, match="no signature"):
        open_checkpoint(cosigned.encode(), ORIGIN, [WITNESS_KEY])
    assert open_checkpoint(cosigned.encode(), ORIGIN, [LOG_KEY], [LOG_KEY]).witnesses == ()


def test_a_known_witness_whose_cosignature_fails_condemns_the_checkpoint() -> None:
    foreign = notes.cosign("another\n", WITNESS_KEY, WITNESS_SIGN, 5)
    with pytest.raises(CheckpointRefused):
        open_checkpoint(notes.parse(SIGNED).with_signature(foreign).encode(), ORIGIN, [LOG_KEY], [WITNESS_KEY])


def test_a_key_signs_for_its_own_log_only() -> None:
    with pytest.raises(CheckpointRefused, match="does not sign for"):
        sign_checkpoint(HEAD, key(1, "other.example/log"), LOG_SIGN)


def stored(count: int) -> tuple[Frontier, Callable[[int, int], bytes]]:
    growth = Frontier().extend(leaf_hash(bytes([n])) for n in range(count))
    nodes = {(node.level, node.index): node.hash for node in growth.nodes}
    return growth.frontier, lambda level, index: nodes[level, index]


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_head_that_continues_the_last_one_is_given(one: int, other: int) -> None:
    old, new = sorted((one, other))
    previous = Checkpoint(ORIGIN, old, stored(old)[0].root())
    edge, read_hash = stored(new)
    head = next_checkpoint(ORIGIN, edge, read_hash, now=NOW, previous=previous, previous_at=NOW)
    assert head == Checkpoint(ORIGIN, new, edge.root())


def test_the_first_head_needs_no_previous_one() -> None:
    assert next_checkpoint(ORIGIN, *stored(0), now=NOW) == Checkpoint(ORIGIN, 0, EMPTY_ROOT)


def test_no_head_is_given_when_the_clock_went_back() -> None:
    with pytest.raises(ClockWentBack):
        next_checkpoint(ORIGIN, *stored(1), now=NOW, previous_at=NOW + timedelta(seconds=1))


def test_no_head_is_given_when_a_stored_hash_was_changed() -> None:
    edge, read_hash = stored(7)

    def flipped(level: int, index: int) -> bytes:
        found = read_hash(level, index)
        return bytes([found[0] ^ 1]) + found[1:] if (level, index) == (1, 2) else found

    with pytest.raises(LogMismatch, match="stored hashes"):
        next_checkpoint(ORIGIN, edge, flipped, now=NOW)


@pytest.mark.parametrize(
    "previous",
    [
        pytest.param(Checkpoint(ORIGIN, 9, ROOT), id="a restored older database"),
        pytest.param(Checkpoint(ORIGIN, 5, ROOT), id="a rewritten past"),
        pytest.param(Checkpoint(ORIGIN, 7, ROOT), id="another root of the same size"),
        pytest.param(Checkpoint("other.example/log", 3, stored(3)[0].root()), id="another log"),
    ],
)
def test_no_head_is_given_that_does_not_continue_the_last_one(previous: Checkpoint) -> None:
    with pytest.raises(LogMismatch):
        next_checkpoint(ORIGIN, *stored(7), now=NOW, previous=previous)


def test_no_head_is_given_when_a_stored_hash_is_cut() -> None:
    with pytest.raises(LogMismatch):
        next_checkpoint(ORIGIN, stored(7)[0], lambda level, index: b"", now=NOW)
