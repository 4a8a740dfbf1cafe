"""A witness cosigns a log that only grew, and refuses by name one that forgot, rewrote or shows two faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import MalformedLog
from certsvc.transparency.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from certsvc.transparency.proofs import prove_consistency
from certsvc.transparency.tree import Frontier, leaf_hash
from certsvc.transparency.witness import (
    MAX_BYTES,
    Grown,
    Reason,
    Refusal,
    Submission,
    answer,
    cosigned,
    decide,
    origin_of,
    parse_submission,
)
from tests.transparency.keys import LOG_KEY, LOG_SIGN, ORIGIN, WITNESS_KEY, WITNESS_SIGN, key, signer


@dataclass(frozen=True)
class Log:
    """A log of the given contents that can show any of its heads and prove between them."""

    contents: tuple[bytes, ...]
    origin: str = ORIGIN
    seed: int = 1

    @classmethod
    def of(cls, size: int) -> Log:
        return cls(tuple(bytes([n]) for n in range(size)))

    def head(self, size: int) -> Checkpoint:
        return Checkpoint(self.origin, size, Frontier().extend(map(leaf_hash, self.contents[:size])).frontier.root())

    def signed(self, size: int) -> bytes:
        return sign_checkpoint(self.head(size), key(self.seed, self.origin), signer(self.seed))

    def proof(self, old: int, size: int) -> tuple[bytes, ...]:
        nodes = {(n.level, n.index): n.hash for n in Frontier().extend(map(leaf_hash, self.contents)).nodes}
        return prove_consistency(old, size, lambda level, index: nodes[level, index])


LOG = Log.of(12)


def look(seen: Checkpoint | None, signed: bytes, hashes: Sequence[bytes] = ()) -> Grown | Refusal:
    return decide(seen, signed, hashes, origin=ORIGIN, log_keys=[LOG_KEY])


def reason(decision: Grown | Refusal) -> Reason:
    assert isinstance(decision, Refusal)
    assert decision.zh
    assert decision.en
    return decision.reason


@given(st.integers(0, 12), st.integers(0, 12))
def test_a_log_that_only_grew_is_cosigned(one: int, other: int) -> None:
    old, new = sorted((one, other))
    decision = look(LOG.head(old), LOG.signed(new), LOG.proof(old, new))
    assert isinstance(decision, Grown)
    note = cosigned(decision, WITNESS_KEY, WITNESS_SIGN, 1_800_000_000)
    opened = open_checkpoint(note.encode(), ORIGIN, [LOG_KEY], [WITNESS_KEY])
    assert opened.checkpoint == LOG.head(new)
    assert [verified.time for verified in opened.witnesses] == [1_800_000_000]


def test_the_first_head_is_taken_at_sight() -> None:
    assert isinstance(look(None, LOG.signed(5)), Grown)


def test_a_restored_older_database_is_refused() -> None:
    assert reason(look(LOG.head(9), LOG.signed(6))) is Reason.OLDER


def test_a_restored_older_database_that_goes_on_issuing_is_refused() -> None:
    restored = Log(LOG.contents[:6] + tuple(b"again %d" % n for n in range(6)))
    assert reason(look(LOG.head(9), restored.signed(12), restored.proof(9, 12))) is Reason.INCONSISTENT


def test_two_faces_of_one_size_are_refused() -> None:
    other = Log((b"other", *LOG.contents[1:]))
    assert reason(look(LOG.head(9), other.signed(9))) is Reason.TWO_ROOTS


def test_an_empty_log_has_one_root_only() -> None:
    odd = sign_checkpoint(Checkpoint(ORIGIN, 0, bytes(32)), LOG_KEY, LOG_SIGN)
    assert reason(look(None, odd)) is Reason.TWO_ROOTS


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_a_rewritten_past_is_refused_whatever_proof_it_brings(one: int, other: int, data: st.DataObject) -> None:
    old, new = sorted((one, other))
    changed = data.draw(st.integers(0, old - 1))
    other_log = Log(tuple(b"x" if n == changed else content for n, content in enumerate(LOG.contents)))
    for hashes in (other_log.proof(old, new), LOG.proof(old, new), ()):
        decision = look(LOG.head(old), other_log.signed(new), hashes)
        assert reason(decision) in {Reason.INCONSISTENT, Reason.TWO_ROOTS}


def test_growth_without_its_proof_is_refused() -> None:
    assert reason(look(LOG.head(5), LOG.signed(9))) is Reason.INCONSISTENT
    assert reason(look(None, LOG.signed(9), LOG.proof(5, 9))) is Reason.INCONSISTENT


def test_another_log_is_refused() -> None:
    other = Log(LOG.contents, "other.example/log")
    assert reason(look(None, other.signed(5))) is Reason.OTHER_LOG
    assert reason(look(other.head(5), LOG.signed(5))) is Reason.OTHER_LOG


def test_a_head_signed_by_a_stranger_is_refused() -> None:
    assert reason(look(None, Log(LOG.contents, seed=9).signed(5))) is Reason.BAD_SIGNATURE
    body = LOG.head(6).body
    moved = LOG.signed(5).replace(LOG.head(5).body.encode(), body.encode())
    assert reason(look(None, moved)) is Reason.BAD_SIGNATURE


def test_what_is_not_a_checkpoint_is_refused() -> None:
    assert reason(look(None, b"junk")) is Reason.MALFORMED
    assert reason(look(None, LOG.signed(5).replace(b"\n5\n", b"\n05\n"))) is Reason.MALFORMED


def ask(seen: Checkpoint | None, submission: Submission) -> Grown | Refusal:
    return answer(seen, parse_submission(submission.encode()), origin=ORIGIN, log_keys=[LOG_KEY])


def test_a_request_from_the_last_seen_head_is_answered() -> None:
    assert isinstance(ask(LOG.head(5), Submission(5, LOG.proof(5, 9), LOG.signed(9))), Grown)
    assert isinstance(ask(None, Submission(0, (), LOG.signed(9))), Grown)


@pytest.mark.parametrize(
    ("seen", "submission", "refused", "status"),
    [
        pytest.param(LOG.head(5), Submission(4, LOG.proof(4, 9), LOG.signed(9)), Reason.NOT_LAST_SEEN, 409, id="stale"),
        pytest.param(None, Submission(4, LOG.proof(4, 9), LOG.signed(9)), Reason.NOT_LAST_SEEN, 409, id="first"),
        pytest.param(LOG.head(5), Submission(9, (), LOG.signed(5)), Reason.MALFORMED, 400, id="old above new"),
        pytest.param(LOG.head(5), Submission(5, (), LOG.signed(9)), Reason.INCONSISTENT, 422, id="no proof"),
        pytest.param(LOG.head(5), Submission(9, (), b"junk"), Reason.MALFORMED, 400, id="no checkpoint"),
        pytest.param(None, Submission(0, (), Log((), seed=9).signed(0)), Reason.BAD_SIGNATURE, 403, id="a stranger"),
        pytest.param(None, Submission(0, (), Log((), "o.example").signed(0)), Reason.OTHER_LOG, 404, id="another log"),
    ],
)
def test_requests_are_refused_with_the_status_of_the_specification(
    seen: Checkpoint | None, submission: Submission, refused: Reason, status: int
) -> None:
    assert reason(ask(seen, submission)) is refused
    assert refused.http_status == status


@pytest.mark.parametrize("why", Reason)
def test_every_reason_has_an_http_status(why: Reason) -> None:
    assert 400 <= why.http_status < 500


RIGHT = Submission(5, LOG.proof(5, 9), LOG.signed(9)).encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(RIGHT.replace(b"old 5", b"old 05"), id="a leading zero"),
        pytest.param(RIGHT.replace(b"old 5", b"old -5"), id="a negative size"),
        pytest.param(RIGHT.replace(b"old 5", b"new 5"), id="another word"),
        pytest.param(b"\xff" + RIGHT, id="not ASCII"),
        pytest.param(RIGHT.replace(b"\n\n", b"\n"), id="no blank line"),
        pytest.param(RIGHT.replace(b"old 5\n", b"old 5\nAAAA\n"), id="a short hash"),
        pytest.param(RIGHT.replace(b"old 5\n", b"old 5\n" + (b"A" * 43 + b"=\n") * 64), id="too many hashes"),
        pytest.param(RIGHT + b" " * MAX_BYTES, id="too large"),
    ],
)
def test_any_other_form_of_a_request_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedLog):
        parse_submission(body)


def test_a_request_names_the_log_it_is_about() -> None:
    assert origin_of(LOG.signed(5)) == ORIGIN
    with pytest.raises(MalformedLog):
        origin_of(b"junk")
