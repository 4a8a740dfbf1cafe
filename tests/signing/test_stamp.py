"""A time stamp is believed only where every part of it is proven; an authority that fails costs no more than it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import Refused, SealRefused, Unavailable
from certsvc.rendering.press import ROOM_FOR_STAMP, open_press
from certsvc.signing.pdf import PLACE, Level, add_stamp, level_of, seal
from certsvc.signing.pdf_bounded import examine_pdf_bounded
from certsvc.signing.pdf_examination import examine_pdf
from certsvc.signing.stamp import read_stamp
from certsvc.signing.stamp_authority import StampAuthority, load_roots
from tests.rendering.faces import face
from tests.signing.seals import SIGNED_AT, make_seal
from tests.signing.tsa import Authority

SIGNATURE = b"a signature's octets"
OURS = make_seal()
SEALED = seal(open_press(room=ROOM_FOR_STAMP).press(face(), []), OURS, signed_at=SIGNED_AT)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def stamped(authority: Authority) -> bytes:
    return add_stamp(SEALED, authority.direct().stamp)


@pytest.fixture(autouse=True)
def whole(authority: Authority) -> None:
    authority.fault = ""


def test_a_token_over_http_proves_its_time(authority: Authority) -> None:
    with authority.serving() as url:
        token = StampAuthority(url, authority.roots).stamp(SIGNATURE)
    stamp = read_stamp(token, SIGNATURE, authority.roots)
    assert abs(stamp.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert "Made-up tsa" in stamp.authority


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("another question", "another question"),
        ("another imprint", "of something else"),
        ("refused", "the authority said rejection: no suchpolicy"),  # its words, in one line
        ("junk", "no time stamp to be had"),
    ],
)
def test_a_wrong_answer_is_no_stamp(authority: Authority, fault: str, said: str) -> None:
    authority.fault = fault
    with pytest.raises(Unavailable, match=said):
        authority.direct().stamp(SIGNATURE)


def test_an_authority_under_another_root_gives_no_stamp(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)
    with pytest.raises(Unavailable, match="not trusted"):
        StampAuthority("http://localhost", authority.roots, stranger.answer).stamp(SIGNATURE)


@pytest.mark.parametrize("usage", [("client_auth",), ("time_stamping", "client_auth")])
def test_a_certificate_not_for_time_stamps_alone_gives_no_stamp(tmp_path: Path, usage: tuple[str, ...]) -> None:
    with pytest.raises(Unavailable, match="alone"):
        Authority(tmp_path, usage=usage).direct().stamp(SIGNATURE)


def test_an_authority_that_is_down_is_not_asked_again_at_once(authority: Authority) -> None:
    authority.fault = "junk"
    stamps = authority.direct()
    before = authority.asked
    for _ in range(5):
        with pytest.raises(Unavailable):
            stamps.stamp(SIGNATURE)
    assert authority.asked == before + 1


def test_nobody_listening_is_an_authority_that_is_down(authority: Authority) -> None:
    with authority.serving() as url:
        pass
    with pytest.raises(Unavailable):
        StampAuthority(url, authority.roots).stamp(SIGNATURE)


@pytest.mark.parametrize(("url", "with_roots"), [("ftp://localhost", True), ("http://localhost", False)])
def test_an_authority_needs_an_address_and_pinned_roots(authority: Authority, url: str, with_roots: bool) -> None:
    with pytest.raises(Refused):
        StampAuthority(url, authority.roots if with_roots else ())


def test_roots_are_read_from_pem(authority: Authority) -> None:
    assert load_roots(authority.roots[0].public_bytes(Encoding.PEM)) == authority.roots
    with pytest.raises(Refused):
        load_roots(b"not PEM")


def test_a_token_of_another_signature_is_refused(authority: Authority) -> None:
    token = authority.direct().stamp(SIGNATURE)
    with pytest.raises(ValueError, match="something else"):
        read_stamp(token, b"another", authority.roots)


@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_a_token_with_a_changed_byte_is_refused(authority: Authority, step: int) -> None:
    token = authority.direct().stamp(SIGNATURE)
    for at in range(0, len(token), step):
        changed = bytearray(token)
        changed[at] ^= 1 << at % 8
        with pytest.raises(ValueError):  # noqa: PT011 - any of its sentences
            read_stamp(bytes(changed), SIGNATURE, authority.roots)


def test_stamping_changes_nothing_that_was_signed(authority: Authority, stamped: bytes) -> None:
    place = PLACE.match(SEALED)
    assert place is not None
    start, end = place.span("contents")
    assert (stamped[:start], stamped[end:]) == (SEALED[:start], SEALED[end:])
    assert (level_of(SEALED), level_of(stamped)) == (Level.SEALED, Level.STAMPED)


def test_both_the_earlier_and_the_stamped_file_are_genuine_each_at_its_level(
    authority: Authority, stamped: bytes
) -> None:
    roots = OURS.chain[-1:]
    assert examine_pdf(SEALED, roots, stamp_roots=authority.roots).level is Level.SEALED
    found = examine_pdf(stamped, roots, stamp_roots=authority.roots)
    assert found.level is Level.STAMPED
    assert examine_pdf_bounded(stamped, roots, stamp_roots=authority.roots) == found


def test_a_stamp_under_a_root_that_is_not_pinned_is_refused_with_the_file(stamped: bytes) -> None:
    found = examine_pdf(stamped, OURS.chain[-1:])
    assert (found.level, found.checks[-1].name, found.checks[-1].ok) == (None, "pdf-stamp", False)


def test_the_stamp_of_another_file_is_refused(authority: Authority) -> None:
    other = authority.direct().stamp(b"the signature of another file")
    found = examine_pdf(add_stamp(SEALED, lambda _: other), OURS.chain[-1:], stamp_roots=authority.roots)
    assert found.checks[-1].name == "pdf-stamp"
    assert not found.ok


def test_a_stamp_older_than_the_seal_says_to_be_is_refused(tmp_path: Path) -> None:
    early = Authority(tmp_path, at=SIGNED_AT - timedelta(days=1))
    pdf = add_stamp(SEALED, early.direct().stamp)
    assert not examine_pdf(pdf, OURS.chain[-1:], stamp_roots=early.roots).ok


@given(st.data())
def test_a_stamped_file_with_a_changed_byte_is_refused(
    authority: Authority, stamped: bytes, data: st.DataObject
) -> None:
    place = PLACE.match(stamped)
    assert place is not None
    at = data.draw(st.integers(0, len(stamped) - 1) | st.integers(*place.span("contents")))
    changed = bytearray(stamped)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    assert not examine_pdf(bytes(changed), OURS.chain[-1:], stamp_roots=authority.roots).ok


def test_a_file_is_stamped_once(authority: Authority, stamped: bytes) -> None:
    with pytest.raises(SealRefused):
        add_stamp(stamped, authority.direct().stamp)


def test_a_file_without_room_stays_as_it_is(authority: Authority) -> None:
    tight = seal(open_press(room=1600).press(face(), []), OURS, signed_at=SIGNED_AT)
    with pytest.raises(SealRefused, match="too long"):
        add_stamp(tight, authority.direct().stamp)


def test_what_is_not_sealed_cannot_be_stamped(authority: Authority) -> None:
    for pdf in (b"%PDF-1.7\n", open_press().press(face(), [])):
        with pytest.raises(SealRefused):
            add_stamp(pdf, authority.direct().stamp)
