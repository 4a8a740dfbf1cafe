"""Notes against the published example, and every second form, wrong key and tampering refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import CheckpointRefused, MalformedLog
from certsvc.transparency import note as notes
from certsvc.transparency.note import Algorithm, Note, Signature, VerifierKey
from tests.transparency.keys import (
    LOG_KEY,
    LOG_SIGN,
    OTHER_WITNESS,
    WITNESS,
    WITNESS_KEY,
    WITNESS_SIGN,
    key,
    signer,
)

# c2sp.org/signed-note, the example at its end.
PUBLISHED_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
PUBLISHED_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()

TEXT = "some text\nof two lines\n"
SIGNED = Note(TEXT, (notes.sign(TEXT, LOG_KEY, LOG_SIGN),))


def test_the_published_note_verifies_by_the_published_key() -> None:
    published = VerifierKey.parse(PUBLISHED_KEY)
    note = notes.parse(PUBLISHED_NOTE)
    assert str(published) == PUBLISHED_KEY
    assert note.encode() == PUBLISHED_NOTE
    assert note.text == "This is an example message.\n"
    assert [verified.key for verified in notes.verify(note, [published])] == [published]


@given(st.binary(max_size=3), st.integers(0, len(PUBLISHED_NOTE) - 1), st.integers(1, 255))
def test_a_changed_byte_never_passes(junk: bytes, at: int, flip: int) -> None:
    changed = bytearray(PUBLISHED_NOTE)
    changed[at] ^= flip
    for message in (bytes(changed), PUBLISHED_NOTE + junk):
        try:
            note = notes.parse(message)
            verified = notes.verify(note, [VerifierKey.parse(PUBLISHED_KEY)])
        except (MalformedLog, CheckpointRefused):
            continue
        assert not verified or message == PUBLISHED_NOTE


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_verifier_key_reads_back(algorithm: Algorithm) -> None:
    one = key(7, WITNESS, algorithm)
    assert VerifierKey.parse(str(one)) == one


def test_one_key_for_two_purposes_has_two_ids() -> None:
    assert key(7, WITNESS, Algorithm.ED25519).key_id != key(7, WITNESS, Algorithm.COSIGNATURE).key_id


def _material(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("a+b", id="two parts"),
        pytest.param(PUBLISHED_KEY.replace("530d903a", "530d903b"), id="another hash"),
        pytest.param(PUBLISHED_KEY.replace("530d903a", "530D903A"), id="upper case"),
        pytest.param(PUBLISHED_KEY.replace("530d903a", "530d903"), id="a short hash"),
        pytest.param(PUBLISHED_KEY.replace("foo", "fou"), id="another name"),
        pytest.param(PUBLISHED_KEY + "\n", id="a line break"),
        pytest.param(PUBLISHED_KEY[:-1], id="base64 cut"),
        pytest.param(PUBLISHED_KEY[:-1] + "l", id="base64 with loose bits"),
        pytest.param(PUBLISHED_KEY[:-1] + "\u0660", id="base64 beyond ASCII"),
        pytest.param("a+00000000+" + _material(b""), id="no algorithm"),
        pytest.param("a+00000000+" + _material(b"\x02" + bytes(32)), id="an unknown algorithm"),
        pytest.param("a+00000000+" + _material(b"\x01" + bytes(31)), id="a short key"),
        pytest.param("a b+00000000+" + _material(b"\x01" + bytes(32)), id="a space in the name"),
        pytest.param("+00000000+" + _material(b"\x01" + bytes(32)), id="no name"),
    ],
)
def test_any_other_form_of_a_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedLog):
        VerifierKey.parse(text)


@pytest.mark.parametrize("name", ["", "a b", "a\u3000b", "a\u00a0b", "a+b", "a\tb", "a\x01b"])
def test_a_key_name_has_no_space_plus_or_control_character(name: str) -> None:
    with pytest.raises(MalformedLog):
        VerifierKey(name, Algorithm.ED25519, bytes(32))


LINE = str(SIGNED.signatures[0])


def _loosen(line: str) -> str:
    """The same signature in a second spelling: bits set that the padding cuts off."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    assert line.endswith("=\n")
    return line[:-3] + alphabet[alphabet.index(line[-3]) + 1] + "=\n"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(TEXT.encode(), id="no signature"),
        pytest.param((TEXT + "\n").encode(), id="no signature line"),
        pytest.param((TEXT + "\n\n").encode(), id="an empty signature line"),
        pytest.param(SIGNED.encode()[:-1], id="no last line break"),
        pytest.param(SIGNED.encode() + b"\n", id="an empty line at the end"),
        pytest.param((TEXT + LINE).encode(), id="no blank line"),
        pytest.param(b"\xff" + SIGNED.encode(), id="bad UTF-8"),
        pytest.param(b"\xed\xa0\x80" + SIGNED.encode(), id="a surrogate"),
        pytest.param(SIGNED.encode().replace(b"some", b"so\rme"), id="a carriage return"),
        pytest.param(SIGNED.encode().replace(b"some", b"so\0me"), id="a null"),
        pytest.param((TEXT + "\n" + LINE.replace("— ", "- ")).encode(), id="a hyphen for the dash"),
        pytest.param((TEXT + "\n" + LINE.replace("— ", "—")).encode(), id="no space after the dash"),
        pytest.param((TEXT + "\n" + LINE.replace("=", "")).encode(), id="base64 without padding"),
        pytest.param((TEXT + "\n" + _loosen(LINE)).encode(), id="base64 with loose bits"),
        pytest.param((TEXT + "\n" + "— name\n").encode(), id="no base64"),
        pytest.param((TEXT + "\n" + "— name \n").encode(), id="empty base64"),
        pytest.param((TEXT + "\n" + "— name AAAAAA==\n").encode(), id="a key id alone"),
        pytest.param((TEXT + "\n" + "— na+me AAAAAAAA\n").encode(), id="a plus in the name"),
        pytest.param((TEXT + "\n" + LINE * 33).encode(), id="too many signatures"),
        pytest.param(("a" * notes.MAX_BYTES + SIGNED.encode().decode()).encode(), id="too large"),
    ],
)
def test_what_is_not_a_note_is_refused(message: bytes) -> None:
    with pytest.raises(MalformedLog):
        notes.parse(message)


def test_the_text_may_hold_empty_lines() -> None:
    text = "a\n\n\nb\n"
    note = Note(text, (notes.sign(text, LOG_KEY, LOG_SIGN),))
    assert notes.parse(note.encode()) == note


def test_a_note_bears_sixteen_signatures_of_five_kilobytes() -> None:
    large = tuple(Signature(f"pq{n}", bytes(4), bytes(4096)) for n in range(16))
    note = Note(TEXT, (*SIGNED.signatures, *large))
    assert notes.parse(note.encode()) == note


def test_signatures_by_unknown_keys_are_left_aside() -> None:
    stranger = key(9, "stranger.example")
    note = SIGNED.with_signature(Signature(stranger.name, stranger.key_id, b"junk"))
    assert [verified.key for verified in notes.verify(note, [LOG_KEY])] == [LOG_KEY]
    assert notes.verify(note, []) == ()


def test_a_known_key_that_fails_condemns_the_note() -> None:
    other = VerifierKey(LOG_KEY.name, Algorithm.ED25519, LOG_KEY.public)
    second = Note(TEXT, (*SIGNED.signatures, Signature(other.name, other.key_id, bytes(64))))
    for note in (second, Note(TEXT + "x\n", SIGNED.signatures), Note(TEXT, second.signatures[::-1])):
        with pytest.raises(CheckpointRefused, match="does not hold"):
            notes.verify(note, [LOG_KEY])


def test_a_key_that_is_no_point_of_the_curve_verifies_nothing() -> None:
    # Two is not the y of any point; the library may say so when loading or when verifying.
    off = VerifierKey("off.example", Algorithm.ED25519, (2).to_bytes(32, "little"))
    with pytest.raises(CheckpointRefused):
        notes.verify(Note(TEXT, (Signature(off.name, off.key_id, bytes(64)),)), [off])


@pytest.mark.parametrize("length", [0, 1, 63, 65])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    note = Note(TEXT, (Signature(LOG_KEY.name, LOG_KEY.key_id, bytes(length)),))
    with pytest.raises(CheckpointRefused):
        notes.verify(note, [LOG_KEY])


def test_a_key_counts_once_however_often_it_signed() -> None:
    twice = Note(TEXT, SIGNED.signatures * 2)
    assert len(notes.verify(twice, [LOG_KEY, LOG_KEY])) == 1


def test_signing_again_replaces_the_older_signature() -> None:
    first = SIGNED.with_signature(notes.cosign(TEXT, WITNESS_KEY, WITNESS_SIGN, 1_800_000_000))
    second = first.with_signature(notes.cosign(TEXT, WITNESS_KEY, WITNESS_SIGN, 1_800_000_060))
    assert len(second.signatures) == 2
    assert notes.verify(second, [WITNESS_KEY])[0].time == 1_800_000_060


def test_a_cosignature_is_over_its_time_and_the_text() -> None:
    seen: list[bytes] = []

    def sign(message: bytes) -> bytes:
        seen.append(message)
        return WITNESS_SIGN(message)

    signature = notes.cosign(TEXT, WITNESS_KEY, sign, 1679315147)
    assert seen == [b"cosignature/v1\ntime 1679315147\n" + TEXT.encode()]
    assert signature.content[:8] == (1679315147).to_bytes(8, "big")
    assert len(signature.content) == 72


@pytest.mark.parametrize("time", [0, 1_800_000_001, 2**63])
def test_a_cosignature_moved_to_another_time_is_refused(time: int) -> None:
    signature = notes.cosign(TEXT, WITNESS_KEY, WITNESS_SIGN, 1_800_000_000)
    moved = Signature(signature.name, signature.key_id, time.to_bytes(8, "big") + signature.content[8:])
    with pytest.raises(CheckpointRefused):
        notes.verify(Note(TEXT, (moved,)), [WITNESS_KEY])


@pytest.mark.parametrize("time", [-1, 0, 2**63])
def test_no_cosignature_is_made_at_an_impossible_time(time: int) -> None:
    with pytest.raises(CheckpointRefused, match="out of range"):
        notes.cosign(TEXT, WITNESS_KEY, WITNESS_SIGN, time)


def test_a_signature_never_passes_between_purposes() -> None:
    as_witness = key(1, LOG_KEY.name, Algorithm.COSIGNATURE)
    plain = SIGNED.signatures[0]
    lifted = Signature(as_witness.name, as_witness.key_id, (1).to_bytes(8, "big") + plain.content)
    with pytest.raises(CheckpointRefused):
        notes.verify(Note(TEXT, (lifted,)), [as_witness])
    with pytest.raises(CheckpointRefused, match="Ed25519 key"):
        notes.sign(TEXT, WITNESS_KEY, WITNESS_SIGN)
    with pytest.raises(CheckpointRefused, match="cosigner's key"):
        notes.cosign(TEXT, LOG_KEY, LOG_SIGN, 1)


def test_a_signature_by_the_wrong_private_key_never_leaves_the_house() -> None:
    with pytest.raises(CheckpointRefused):
        notes.sign(TEXT, LOG_KEY, signer(9))
    with pytest.raises(CheckpointRefused):
        notes.cosign(TEXT, WITNESS_KEY, signer(9), 1)


def test_a_witness_answers_one_line() -> None:
    signature = notes.cosign(TEXT, key(3, OTHER_WITNESS, Algorithm.COSIGNATURE), signer(3), 5)
    assert notes.parse_signature(str(signature)) == signature
    for answer in (str(signature)[:-1], str(signature) * 2, "\n"):
        with pytest.raises(MalformedLog):
            notes.parse_signature(answer)
