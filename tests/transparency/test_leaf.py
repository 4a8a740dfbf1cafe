"""A leaf has one form, only the fields of its event, and nothing a stranger could guess from."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import MalformedLog
from certsvc.transparency.leaf import (
    MAX_BYTES,
    Act,
    Changed,
    Entry,
    Event,
    Leaf,
    commit,
    commit_credential,
    decode,
    encode,
    is_session,
    opens,
)
from tests.transparency import leaves

SALT = bytes(range(32))


@given(leaves.any_leaf)
def test_a_leaf_reads_back_as_it_was_written(leaf: Leaf) -> None:
    assert decode(encode(leaf)) == leaf


@given(leaves.any_leaf)
def test_a_leaf_is_one_line_of_ascii_json_with_sorted_keys(leaf: Leaf) -> None:
    content = encode(leaf)
    members = json.loads(content.decode("ascii"))
    assert list(members) == sorted(members)
    assert members["v"] == 1
    assert b" " not in content
    assert b"\n" not in content
    assert len(content) <= MAX_BYTES


def test_the_form_of_an_issue_is_the_one_in_the_docs() -> None:
    leaf = Leaf(
        event=Event.ISSUE,
        day=date(2026, 4, 20),
        credential=commit(SALT, "credential"),
        dated=date(2026, 4, 20),
        session="emergency-rescuer-5/qinghai-2025/2026-03-24",
        evidence=commit(SALT, "evidence"),
    )
    content = encode(leaf)
    assert content == (
        b'{"credential":"uLolY7a1ZciLcF33q3oJFwMjNYL8V5ma4caMN4nKH1FQ","dated":"2026-04-20","day":"2026-04-20",'
        b'"event":"issue","evidence":"usM3gs-cPwv5fRGLkPwijvU6lOABNxfPDTqNDEPYrqVA",'
        b'"session":"emergency-rescuer-5/qinghai-2025/2026-03-24","v":1}'
    )
    page = Path(__file__).parents[2] / "docs" / "log-format.md"
    assert content.decode() in page.read_text(encoding="utf-8").splitlines()


def test_a_commitment_is_an_hmac_over_length_led_parts() -> None:
    message = b"\0\0\0\3abc" + b"\0\0\0\6" + "张三".encode()
    digest = hmac.new(SALT, message, hashlib.sha256).digest()
    assert commit(SALT, b"abc", "张三") == "u" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_a_commitment_to_a_credential_is_over_the_digest_of_its_bytes() -> None:
    signed = b'{"proof":{}}'
    expected = commit(SALT, "certsvc log credential v1", hashlib.sha256(signed).digest())
    assert commit_credential(SALT, signed) == expected


@given(st.binary(min_size=32, max_size=32), st.lists(st.text(max_size=8), max_size=4))
def test_a_commitment_opens_with_its_own_salt_and_parts_only(salt: bytes, parts: list[str]) -> None:
    commitment = commit(salt, *parts)
    other = bytes([salt[0] ^ 1]) + salt[1:]
    assert opens(commitment, salt, *parts)
    assert not opens(commitment, other, *parts)
    assert not opens(commitment, salt, *parts, "")


def test_parts_cannot_be_pushed_together() -> None:
    assert commit(SALT, "ab", "c") != commit(SALT, "a", "bc")


def test_what_is_not_a_commitment_does_not_open() -> None:
    assert not opens("承诺", SALT, "a")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_salt_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(MalformedLog, match="32 bytes"):
        commit(bytes(length), "a")


REFUSED_LEAVES = {
    "an issue without a session": replace(leaves.issue(), session=None),
    "an issue without evidence": replace(leaves.issue(), evidence=None),
    "an issue without a date": replace(leaves.issue(), dated=None),
    "an issue that replaces": replace(leaves.issue(), replaces=leaves.commitment("b")),
    "an issue that counts": replace(leaves.issue(), passed=1),
    "a correction of nothing": replace(leaves.correct("b", replaces="a"), replaces=None),
    "a reissue of no paper": replace(leaves.reissue("a"), replaces=None),
    "a correction of itself": leaves.correct("a", replaces="a"),
    "a clock that names no leaf": Leaf(event=Event.CLOCK, day=leaves.DAY),
    "a clock that names a leaf before the first": Leaf(event=Event.CLOCK, day=leaves.DAY, since=-1),
    "a clock that names a leaf by a truth": Leaf(event=Event.CLOCK, day=leaves.DAY, since=True),
    "a clock beyond what readers keep": Leaf(event=Event.CLOCK, day=leaves.DAY, since=2**53),
    "a result that nothing was done to": replace(leaves.result(), act=None),
    "a result without evidence": replace(leaves.result(), evidence=None),
    "a result that names a sitting": replace(leaves.result(), session=leaves.SESSION),
    "a result that names a credential": replace(leaves.result(), credential=leaves.commitment("a")),
    "an issue that corrects a result": replace(leaves.issue(), act=Act.CORRECTED),
    "a revocation of nothing": replace(leaves.change(Event.REVOKE, "a"), credential=None),
    "a session without a count": replace(leaves.session(1), passed=None),
    "a session with a credential": replace(leaves.session(1), credential=leaves.commitment("a")),
    "fewer than none passed": leaves.session(-1),
    "more passed than there are people": leaves.session(2**31),
    "true passed": leaves.session(True),
    "a session with a name in it": leaves.session(1, code="考场/张三"),
    "a session too long": leaves.session(1, code="a" * 97),
    "a session ending in a line break": leaves.session(1, code="a\n"),
    "an issue that changed a name": replace(leaves.issue(), changed=Changed.NAME),
    "a reissue that changed a name": replace(leaves.reissue("a"), changed=Changed.NAME),
    "a correction with a register entry": replace(leaves.correct("b", replaces="a"), entry=Entry.REGISTERED),
    "a commitment in clear": replace(leaves.issue(), credential="63250101500001"),
    "a commitment with a loose bit": replace(leaves.issue(), credential="u" + "A" * 42 + "B"),
    "a commitment that is bytes": replace(leaves.issue(), credential=b"u"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", REFUSED_LEAVES)
def test_a_leaf_with_the_wrong_fields_is_never_written(name: str) -> None:
    with pytest.raises(MalformedLog):
        encode(REFUSED_LEAVES[name])


RIGHT = encode(leaves.session(3)).decode()
CORRECTED = encode(leaves.correct("b", replaces="a", changed=Changed.NAME)).decode()
REISSUED = encode(leaves.reissue("a", entry=Entry.NONE)).decode()
REFUSED_BYTES = {
    "nothing": "",
    "not JSON": "issue",
    "a list": "[]",
    "a space": RIGHT.replace(":", ": ", 1),
    "a line break": RIGHT + "\n",
    "another version": RIGHT.replace('"v":1', '"v":2'),
    "a true version": RIGHT.replace('"v":1', '"v":true'),
    "no version": RIGHT.replace(',"v":1', ""),
    "no event": RIGHT.replace('"event":"session",', ""),
    "no day": RIGHT.replace('"day":"2026-03-24",', ""),
    "an unknown event": RIGHT.replace('"event":"session"', '"event":"forgive"'),
    "an event that is a list": RIGHT.replace('"event":"session"', '"event":[]'),
    "an unknown member": RIGHT.replace('"v":1', '"v":1,"w":1'),
    "a member twice": RIGHT.replace('"v":1', '"v":1,"v":1'),
    "members in another order": '{"v":1,' + RIGHT.replace(',"v":1', "")[1:],
    "an escape": RIGHT.replace("session", "sessio\\u006e", 1),
    "a null": RIGHT.replace('"v":1', '"replaces":null,"v":1'),
    "a fractional count": RIGHT.replace('"passed":3', '"passed":3.0'),
    "a day out of the calendar": RIGHT.replace("2026-03-24", "2026-02-30"),
    "a basic-format day": RIGHT.replace("2026-03-24", "20260324"),
    "a day that is a number": RIGHT.replace('"2026-03-24"', "20260324"),
    "deep nesting": "[" * 1000,
    "too long": RIGHT + " " * MAX_BYTES,
    "a correction of another kind": CORRECTED.replace('"changed":"name"', '"changed":"photo"'),
    "a correction of two kinds": CORRECTED.replace('"changed":"name"', '"changed":["name"]'),
    "a reissue of an unknown standing": REISSUED.replace('"entry":"none"', '"entry":"lost"'),
    "a session that is a number": re.sub('"session":"[^"]*"', '"session":1', RIGHT),
}


@pytest.mark.parametrize("name", REFUSED_BYTES)
def test_any_other_form_of_a_leaf_is_refused(name: str) -> None:
    assert REFUSED_BYTES[name] not in (RIGHT, CORRECTED, REISSUED)
    with pytest.raises(MalformedLog):
        decode(REFUSED_BYTES[name].encode())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_leaf_in_another_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(MalformedLog):
        decode(RIGHT.encode(encoding))


@given(st.binary(max_size=200))
def test_junk_is_refused_by_name_only(junk: bytes) -> None:
    with pytest.raises(MalformedLog):
        decode(junk)


@given(leaves.any_leaf, st.data())
def test_a_flipped_bit_never_reads_as_the_same_leaf(leaf: Leaf, data: st.DataObject) -> None:
    content = bytearray(encode(leaf))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(MalformedLog):
        assert decode(bytes(content)) != leaf


@pytest.mark.parametrize(
    ("text", "right"),
    [("a", True), ("a/b-1.2_3", True), ("", False), ("/a", False), ("a/", False), ("a//b", False), (None, False)],
)
def test_a_session_code_is_words_joined_by_slashes(text: object, right: bool) -> None:
    assert is_session(text) is right
