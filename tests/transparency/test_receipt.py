"""A receipt shows that this credential was logged, and shows nothing once any part of it is changed."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import CheckpointRefused, MalformedLog, ProofRefused, Refused
from certsvc.transparency import leaf as leaf_form
from certsvc.transparency import note as notes
from certsvc.transparency.checkpoint import Checkpoint, sign_checkpoint
from certsvc.transparency.leaf import Event, Stated, commit_credential
from certsvc.transparency.proofs import prove_inclusion
from certsvc.transparency.receipt import MAX_BYTES, Opening, Receipt, check_receipt, parse_opening, parse_receipt
from certsvc.transparency.tree import Frontier, leaf_hash
from tests.transparency import leaves
from tests.transparency.keys import LOG_KEY, LOG_SIGN, ORIGIN, WITNESS_KEY, WITNESS_SIGN, key

CREDENTIAL = b'{"a signed":"credential"}'
SALT = bytes(range(32))
LEAF = replace(leaves.issue(), credential=commit_credential(SALT, CREDENTIAL))


def receipt_in(size: int, index: int) -> Receipt:
    """A receipt for LEAF at `index` of a log of `size` leaves."""
    contents = [leaf_form.encode(leaves.issue(str(n))) for n in range(size)]
    contents[index] = leaf_form.encode(LEAF)
    growth = Frontier().extend(map(leaf_hash, contents))
    nodes = {(node.level, node.index): node.hash for node in growth.nodes}
    hashes = prove_inclusion(index, size, lambda level, at: nodes[level, at])
    head = Checkpoint(ORIGIN, size, growth.frontier.root())
    return Receipt(Opening(LEAF, SALT), index, hashes, sign_checkpoint(head, LOG_KEY, LOG_SIGN))


RECEIPT = receipt_in(7, 4)
TEXT = RECEIPT.encode()


@given(st.integers(1, 40), st.data())
def test_a_receipt_reads_back_and_is_believed(size: int, data: st.DataObject) -> None:
    receipt = receipt_in(size, data.draw(st.integers(0, size - 1)))
    assert parse_receipt(receipt.encode()) == receipt
    opened = check_receipt(receipt, CREDENTIAL, ORIGIN, [LOG_KEY])
    assert opened.checkpoint.size == size


def test_a_receipt_tells_which_witnesses_saw_its_head() -> None:
    note = notes.parse(RECEIPT.checkpoint)
    seen = note.with_signature(notes.cosign(note.text, WITNESS_KEY, WITNESS_SIGN, 1_800_000_000))
    receipt = parse_receipt(replace(RECEIPT, checkpoint=seen.encode()).encode())
    opened = check_receipt(receipt, CREDENTIAL, ORIGIN, [LOG_KEY], [WITNESS_KEY])
    assert [verified.time for verified in opened.witnesses] == [1_800_000_000]


def test_a_receipt_begins_as_the_specification_says() -> None:
    lines = TEXT.decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert base64.b64decode(lines[1].removeprefix("extra ")) == RECEIPT.opening.encode()
    assert lines[2] == "index 4"
    assert lines[3 : 3 + len(RECEIPT.hashes)] == [base64.b64encode(item).decode() for item in RECEIPT.hashes]
    assert lines[3 + len(RECEIPT.hashes)] == ""


def test_another_certificate_does_not_pass_with_this_receipt() -> None:
    with pytest.raises(ProofRefused, match="another credential"):
        check_receipt(RECEIPT, CREDENTIAL + b" ", ORIGIN, [LOG_KEY])


def test_a_leaf_of_another_event_date_or_evidence_than_stated_is_refused() -> None:
    right = Stated(LEAF.event, LEAF.day, LEAF.evidence)
    assert check_receipt(RECEIPT, CREDENTIAL, ORIGIN, [LOG_KEY], stated=right).checkpoint.size == 7
    for wrong in (
        replace(right, event=Event.REISSUE),
        replace(right, dated=LEAF.day + timedelta(days=1)),
        replace(right, evidence=None),
    ):
        with pytest.raises(ProofRefused, match="states"):
            check_receipt(RECEIPT, CREDENTIAL, ORIGIN, [LOG_KEY], stated=wrong)


def test_a_receipt_of_an_unknown_key_or_log_is_refused() -> None:
    with pytest.raises(CheckpointRefused):
        check_receipt(RECEIPT, CREDENTIAL, ORIGIN, [key(9)])
    with pytest.raises(CheckpointRefused):
        check_receipt(RECEIPT, CREDENTIAL, "other.example/log", [LOG_KEY])


def test_a_leaf_altered_with_its_opening_is_not_included() -> None:
    dated_back = replace(LEAF, dated=leaves.DAY.replace(year=2020))
    with pytest.raises(ProofRefused):
        check_receipt(replace(RECEIPT, opening=Opening(dated_back, SALT)), CREDENTIAL, ORIGIN, [LOG_KEY])


def test_a_receipt_moved_to_another_index_is_refused() -> None:
    with pytest.raises(ProofRefused):
        check_receipt(replace(RECEIPT, index=5), CREDENTIAL, ORIGIN, [LOG_KEY])


@given(st.integers(0, len(TEXT) - 1), st.integers(1, 255))
def test_no_changed_byte_passes(at: int, flip: int) -> None:
    changed = bytearray(TEXT)
    changed[at] ^= flip
    with pytest.raises(Refused):
        check_receipt(parse_receipt(bytes(changed)), CREDENTIAL, ORIGIN, [LOG_KEY])


def _with_opening(opening: bytes) -> bytes:
    lines = TEXT.split(b"\n")
    return b"\n".join([lines[0], b"extra " + base64.b64encode(opening), *lines[2:]])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(TEXT.replace(b"@v1", b"@v2"), id="another version"),
        pytest.param(TEXT.replace(b"extra", b"exttra"), id="no extra"),
        pytest.param(TEXT.replace(b"index 4", b"index 04"), id="a leading zero"),
        pytest.param(TEXT.replace(b"index 4", b"index -4"), id="a negative index"),
        pytest.param(TEXT.replace(b"index 4\n", b""), id="no index"),
        pytest.param(TEXT.replace(b"index 4\n", b"index 4\nAAAA\n"), id="a short hash"),
        pytest.param(TEXT.replace(b"index 4\n", b"index 4\n" + b"A" * 43 + b"=\n" * 1 + b"B\n"), id="bad base64"),
        pytest.param(TEXT.replace(b"index 4\n", b"index 4\n" + (b"A" * 43 + b"=\n") * 64), id="too many hashes"),
        pytest.param(TEXT.replace(b"\n\n", b"\n"), id="no blank line"),
        pytest.param(b"\xff" + TEXT, id="not ASCII"),
        pytest.param(TEXT + b" " * MAX_BYTES, id="too large"),
        pytest.param(_with_opening(b""), id="an empty opening"),
    ],
)
def test_any_other_form_of_a_receipt_is_refused(text: bytes) -> None:
    assert text != TEXT
    with pytest.raises(MalformedLog):
        parse_receipt(text)


OPENING = RECEIPT.opening.encode()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="no members"),
        pytest.param(b"\xff", id="not UTF-8"),
        pytest.param(b"[" * 100_000, id="deep nesting"),
        pytest.param(OPENING.replace(b'"salt":"00', b'"salt":"'), id="a short salt"),
        pytest.param(OPENING.replace(b"0a0b", b"0A0B"), id="upper case"),
        pytest.param(OPENING.replace(b'"salt":"', b'"salt": "'), id="a space"),
        pytest.param(OPENING[:-1] + b',"name":"x"}', id="an unknown member"),
        pytest.param(OPENING.replace(b'"v":1', b'"v":2'), id="a leaf of another version"),
        pytest.param(
            OPENING.replace(b'{"leaf":{', b'{"leaf":[{').replace(b'},"salt', b'}],"salt'), id="a leaf in a list"
        ),
    ],
)
def test_any_other_form_of_an_opening_is_refused(content: bytes) -> None:
    assert content != OPENING
    with pytest.raises(MalformedLog):
        parse_opening(content)


@given(leaves.any_leaf, st.binary(min_size=32, max_size=32))
def test_an_opening_reads_back(leaf: leaf_form.Leaf, salt: bytes) -> None:
    opening = Opening(leaf, salt)
    assert parse_opening(opening.encode()) == opening
