"""PAdES B-LTA: one update of one form, whole or refused; no level is told that was not proven."""

from __future__ import annotations

import dataclasses
import random
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.errors import ListMissing, SealRefused, Unavailable
from certsvc.signing import pdf_update
from certsvc.signing.pdf import Level, add_stamp, level_of
from certsvc.signing.pdf_archive import Pinned, add_archive
from certsvc.signing.pdf_bounded import examine_pdf_bounded
from certsvc.signing.pdf_examination import examine_pdf
from certsvc.signing.pdf_update import draft_update, extendable, first_revision
from certsvc.signing.stamp import read_stamp
from certsvc.signing.stamp_authority import StampAuthority
from tests.signing.archives import (
    ARCHIVED_AT,
    FIRST_ENDS,
    KEY,
    LEAF,
    LIST,
    ROOT,
    ROOT_KEY,
    STAMPED_AT,
    World,
    make_world,
    revocation_list,
    sealed,
    updates_of,
)
from tests.signing.seals import SIGNED_AT, issue
from tests.signing.test_pdf_examination import overlay
from tests.signing.tsa import FIRST, SECOND, Authority


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("tsa"))


@pytest.fixture
def world(made: World) -> World:
    """As it stands on the day of archiving."""
    made.at(ARCHIVED_AT, under=FIRST)
    return made


def test_the_archived_file_is_proven_at_b_lta_and_the_stamped_one_stays_genuine(world: World) -> None:
    found = world.examine(world.archived)
    assert found.ok, found.checks
    assert (found.level, found.stamped_at, found.archived_at) == (Level.ARCHIVED, STAMPED_AT, (ARCHIVED_AT,))
    assert found.proven_until == FIRST_ENDS
    assert (level_of(world.stamped), level_of(world.archived)) == (Level.STAMPED, Level.ARCHIVED)
    earlier = world.examine(world.stamped)
    assert (earlier.level, earlier.archived_at, earlier.proven_until) == (Level.STAMPED, (), None)
    assert (found.attachments, found.qr_text, found.signer_kid) == (
        earlier.attachments,
        earlier.qr_text,
        earlier.signer_kid,
    )
    assert examine_pdf_bounded(world.archived, [ROOT], stamp_roots=world.authority.roots) == found


def test_archiving_only_appends(world: World) -> None:
    assert world.archived.startswith(world.stamped)
    assert first_revision(world.archived) == world.stamped
    (held,) = updates_of(world.archived)
    assert held.lists[0] == LIST
    assert len(held.lists) == 3  # the seal's, and two of the authority's
    assert held.certificates[:2] == tuple(entry.public_bytes(Encoding.DER) for entry in (LEAF, ROOT))


# Each sweep: a few places every time, all of them in CI.
STEPS = [16, pytest.param(1, marks=pytest.mark.slow)]


@pytest.mark.parametrize("step", STEPS)
def test_no_changed_byte_of_the_update_is_accepted(world: World, step: int) -> None:
    chosen = random.Random(1)
    start, end = len(world.stamped), len(world.archived)
    hole = world.archived.index(b"/Contents<", start) + len(b"/Contents<")
    places = {*range(start, start + 40), *range(end - 100, end), *range(hole - 150, hole + 20)}
    places |= {chosen.randrange(start, end) for _ in range(250)}
    for at in sorted(places)[::step]:
        changed = bytearray(world.archived)
        changed[at] ^= 1 << chosen.randrange(8)
        assert not world.examine(bytes(changed)).ok, at


@pytest.mark.parametrize("step", STEPS)
def test_no_changed_byte_of_the_first_revision_is_accepted(world: World, step: int) -> None:
    chosen = random.Random(2)
    for at in [*range(0, 150, 3), *(chosen.randrange(len(world.stamped)) for _ in range(100))][::step]:
        changed = bytearray(world.archived)
        changed[at] ^= 1 << chosen.randrange(8)
        assert not world.examine(bytes(changed)).ok, at


@pytest.mark.parametrize("step", STEPS)
def test_a_cut_update_is_refused_wherever_it_is_cut(world: World, step: int) -> None:
    chosen = random.Random(3)
    for length in [chosen.randrange(len(world.stamped) + 1, len(world.archived)) for _ in range(100)][::step]:
        assert not world.examine(world.archived[:length]).ok, length


def test_anything_more_is_refused(world: World) -> None:
    update = world.archived[len(world.stamped) :]
    for changed in (
        world.archived + b"\n",
        world.archived + b"% more\n%%EOF\n",
        world.archived + update,
        overlay(world.archived),
        overlay(world.stamped) + update,
    ):
        found = world.examine(changed)
        assert not found.ok
        assert found.level is None


def test_an_update_of_other_content_is_refused_though_its_stamp_is_genuine(world: World) -> None:
    (held,) = updates_of(world.archived)
    certificates, lists = list(held.certificates), list(held.lists)
    assert world.examine(world.forge(world.stamped, certificates, lists)).ok
    stranger = issue("Stranger", "Stranger", KEY.public_key(), KEY, ca=True).public_bytes(Encoding.DER)
    forged = {
        "no list of the seal": (certificates, lists[1:]),
        "no list of the authority": (certificates, lists[:-1]),
        "no lists": (certificates, []),
        "lists in another order": (certificates, lists[::-1]),
        "a list twice": (certificates, [*lists, LIST]),
        "two lists of one issuer": (certificates, [*lists, revocation_list(days=60)]),
        "a certificate less": (certificates[:-1], lists),
        "a certificate more": ([*certificates, stranger], lists),
        "certificates in another order": (certificates[::-1], lists),
        "no certificates": ([], lists),
        "a list that is none": (certificates, [b"\x30\x00", *lists[1:]]),
        "a list made before the seal": (certificates, [revocation_list(start=SIGNED_AT), *lists[1:]]),
        "a list over": (certificates, [revocation_list(start=ARCHIVED_AT - timedelta(days=9), days=3), *lists[1:]]),
        "a list to come": (certificates, [revocation_list(start=ARCHIVED_AT + timedelta(days=1)), *lists[1:]]),
        "a list by another key": (certificates, [revocation_list(key=KEY), *lists[1:]]),
        "a seal revoked before": (certificates, [revocation_list(revoked_at=SIGNED_AT), *lists[1:]]),
        "too many streams": (certificates, lists * 9),
    }
    for kind, (wrong, wrong_lists) in forged.items():
        found = world.examine(world.forge(world.stamped, wrong, wrong_lists))
        assert (found.checks[-1].name, found.checks[-1].ok, found.level) == ("pdf-archive", False, None), kind


def test_a_document_stamp_by_a_stranger_or_of_something_else_is_refused(world: World, tmp_path: Path) -> None:
    (held,) = updates_of(world.archived)
    draft = draft_update(extendable(world.stamped), held.certificates, held.lists)
    other = Authority(tmp_path, at=ARCHIVED_AT).direct().stamp(draft.covered)
    for token in (other, world.stamps.stamp(b"something else"), world.stamps.stamp(world.stamped)):
        assert not world.examine(draft.fill(token).content).ok
    world.at(SIGNED_AT)
    assert not world.examine(draft.fill(world.stamps.stamp(draft.covered)).content).ok  # before the seal's own stamp


def test_an_update_on_a_seal_without_a_stamp_is_refused(world: World) -> None:
    (held,) = updates_of(world.archived)
    forged = world.forge(sealed(), list(held.certificates), list(held.lists))
    found = world.examine(forged)
    assert (found.checks[-1].name, found.level) == ("pdf-archive", None)
    for pdf in (sealed(), forged):
        with pytest.raises(SealRefused):
            world.archive(pdf)
        with pytest.raises(SealRefused):
            world.renew(pdf)


def test_nothing_is_archived_twice_or_without_a_seal(world: World) -> None:
    for pdf in (world.archived, b"%PDF-1.7\n", b""):
        with pytest.raises(SealRefused):
            world.archive(pdf)
    with pytest.raises(SealRefused):
        add_stamp(world.archived, world.stamps.stamp)


@pytest.mark.parametrize(
    ("lists", "fault"),
    [
        ((), "none"),
        ((b"junk",), "no revocation list"),
        ((revocation_list(start=SIGNED_AT - timedelta(days=9), days=3),), "not in force"),
        ((revocation_list(start=ARCHIVED_AT + timedelta(days=1)),), "not in force"),
        ((revocation_list(start=SIGNED_AT),), "made before"),
        ((revocation_list(key=KEY),), "none"),
        ((revocation_list(revoked_at=SIGNED_AT),), "revoked before"),
        ((revocation_list(revoked_at=ARCHIVED_AT, stolen_at=SIGNED_AT),), "revoked before"),
        ((revocation_list(scope={"indirect_crl": True}),), "speak"),
        ((revocation_list(scope={"only_contains_ca_certs": True}),), "speak"),
    ],
)
def test_without_a_list_to_go_by_the_level_is_not_given(world: World, lists: tuple[bytes, ...], fault: str) -> None:
    before = world.authority.asked
    with pytest.raises(ListMissing, match=fault):
        world.archive(ours=lists)
    assert world.authority.asked == before


def test_without_the_authoritys_lists_the_level_is_not_given(world: World) -> None:
    world.authority.fault = "no list"
    with pytest.raises(ListMissing):
        world.archive()


def test_an_authority_that_names_no_lists_gives_none(world: World, tmp_path: Path) -> None:
    silent = Authority(tmp_path, at=STAMPED_AT)
    stamps = silent.direct()
    means = dataclasses.replace(
        world.means(stamper=stamps.stamp),
        pinned=Pinned([ROOT], silent.roots),
        lists=lambda entry: [LIST] if entry.issuer == ROOT.subject else stamps.revocation_lists(entry),
    )
    with pytest.raises(ListMissing, match="names no list"):
        add_archive(add_stamp(sealed(), stamps.stamp), means)


def test_an_authority_that_is_down_gives_no_level(world: World) -> None:
    world.authority.fault = "refused"
    with pytest.raises(Unavailable):
        world.archive()


def test_a_seal_revoked_after_its_stamp_is_archived_and_the_newest_list_taken(world: World) -> None:
    later = revocation_list(start=ARCHIVED_AT - timedelta(hours=1), revoked_at=ARCHIVED_AT - timedelta(hours=2))
    archived = world.archive(ours=(LIST, later, revocation_list(scope={"only_contains_user_certs": True})))
    assert updates_of(archived)[0].lists[0] == later
    assert world.examine(archived).level is Level.ARCHIVED


def test_a_stamp_whose_certificate_was_revoked_by_then_is_not_archived(world: World) -> None:
    # Who has the authority's key can date back: a token counts from when it is proven to have existed, the archiving.
    world.authority.revoked = {FIRST: ARCHIVED_AT - timedelta(hours=1)}
    with pytest.raises(ListMissing, match="revoked before"):
        world.archive()
    world.authority.revoked = {SECOND: ARCHIVED_AT - timedelta(hours=1)}
    assert world.examine(world.archive()).level is Level.ARCHIVED


def test_a_list_of_the_authority_from_before_its_stamp_is_not_gone_by(world: World) -> None:
    world.authority.lists_at = STAMPED_AT - timedelta(hours=1)
    with pytest.raises(ListMissing, match="made before"):
        world.archive()


def test_an_archive_stamped_under_another_certificate_holds_the_lists_of_that_one(world: World) -> None:
    world.authority.under = SECOND
    before = world.authority.asked
    archived = add_archive(world.stamped, world.means())
    assert world.authority.asked == before + 2  # the first token shows under which certificate it stamps now
    assert (
        world.authority.certificate(SECOND).public_bytes(Encoding.DER) in updates_of(archived.content)[0].certificates
    )
    assert world.examine(archived.content).level is Level.ARCHIVED
    again = add_archive(world.stamped, world.means(), foreseen=archived.stamps[-1].chain)
    assert world.authority.asked == before + 3
    assert again.proven_until == archived.proven_until > FIRST_ENDS
    world.authority.revoked = {SECOND: ARCHIVED_AT - timedelta(hours=1)}
    with pytest.raises(ListMissing, match="revoked before"):
        world.archive()


def test_an_authority_that_changes_its_certificate_each_time_is_not_gone_by(world: World) -> None:
    def stamp(octets: bytes) -> bytes:
        world.authority.under = FIRST if world.authority.under == SECOND else SECOND
        return world.stamps.stamp(octets)

    world.authority.under = FIRST
    with pytest.raises(Unavailable, match="each time"):
        add_archive(world.stamped, world.means(stamper=stamp))


def test_a_root_pinned_later_changes_nothing(world: World) -> None:
    renewed = issue("Example root", "Example root", ROOT_KEY.public_key(), ROOT_KEY, ca=True, signs=True)
    found = examine_pdf(world.archived, [renewed, ROOT], stamp_roots=world.authority.roots)
    assert found.level is Level.ARCHIVED
    assert not examine_pdf(world.archived, [renewed], stamp_roots=world.authority.roots).ok


def test_a_token_too_long_for_its_place_is_refused(world: World) -> None:
    with pytest.raises(SealRefused):
        draft_update(extendable(world.stamped), [], []).fill(bytes(pdf_update.ROOM + 1))


@pytest.mark.parametrize("part", [b"/AcroForm", b"trailer", b"/Type/Catalog", b"startxref\n"])
def test_a_file_of_another_press_has_no_update(world: World, part: bytes) -> None:
    other = world.stamped.replace(part, b"startxref\n9" if part == b"startxref\n" else bytes(len(part)))
    with pytest.raises(ValueError, match="form"):
        extendable(other)


def test_no_answer_is_given_above_what_the_archive_would_prove(world: World) -> None:
    # What an authority answers is proven before a file leaves: a stamp of something else is not put in it.
    with pytest.raises(SealRefused):
        add_archive(world.stamped, world.means(stamper=lambda _: world.stamps.stamp(b"something else")))


def test_the_lists_come_over_http_as_well(tmp_path: Path) -> None:
    authority = Authority(tmp_path, lists=True)
    with authority.serving() as url:
        stamps = StampAuthority(url, authority.roots)
        leaf = stamps_chain(stamps, authority)[0]
        (content,) = stamps.revocation_lists(leaf)
    assert x509.load_der_x509_crl(content).issuer == leaf.issuer
    with pytest.raises(ListMissing):
        stamps.revocation_lists(leaf)


def stamps_chain(stamps: StampAuthority, authority: Authority) -> tuple[x509.Certificate, ...]:
    return read_stamp(stamps.stamp(b"x"), b"x", authority.roots).chain
