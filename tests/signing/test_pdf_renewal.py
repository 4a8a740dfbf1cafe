"""Renewals: each update proven as of the next one's time, in its one form and place; anything else is refused."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.errors import ListMissing, SealRefused, Unavailable
from certsvc.signing import pdf_archive, pdf_update
from certsvc.signing.pdf import Level, level_of
from certsvc.signing.pdf_archive import Means, Pinned, read_archive, renew_archive
from certsvc.signing.pdf_bounded import examine_pdf_bounded
from certsvc.signing.pdf_examination import examine_pdf
from certsvc.signing.pdf_update import draft_update
from tests.signing.archives import (
    ARCHIVED_AT,
    FIRST_ENDS,
    LIST,
    RENEWED_AT,
    ROOT,
    World,
    last_of,
    make_world,
    updates_of,
)
from tests.signing.test_pdf_examination import overlay
from tests.signing.tsa import FIRST, SECOND, Authority

SECOND_ENDS = "2060-01-01"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("tsa"))


@pytest.fixture
def world(made: World) -> World:
    """As it stands on the day of renewal."""
    made.at(RENEWED_AT, under=SECOND)
    return made


def test_a_renewed_file_is_proven_past_the_end_of_its_first_stamps_chain(world: World) -> None:
    assert world.renewed.startswith(world.archived)
    found = world.examine(world.renewed)
    assert found.ok, found.checks
    assert (found.level, found.archived_at) == (Level.ARCHIVED, (ARCHIVED_AT, RENEWED_AT))
    assert found.proven_until is not None
    assert (world.examine(world.archived).proven_until, f"{found.proven_until:%Y-%m-%d}") == (FIRST_ENDS, SECOND_ENDS)
    assert level_of(world.renewed) is Level.ARCHIVED
    earlier = world.examine(world.stamped)
    assert (found.attachments, found.qr_text, found.signer_kid) == (
        earlier.attachments,
        earlier.qr_text,
        earlier.signer_kid,
    )
    assert examine_pdf_bounded(world.renewed, [ROOT], stamp_roots=world.authority.roots) == found


def test_a_renewal_holds_what_proves_the_stamp_before_it_and_its_own_and_repeats_nothing(world: World) -> None:
    first, second = updates_of(world.renewed)
    assert second.certificates == (world.authority.certificate(SECOND).public_bytes(Encoding.DER),)
    assert not set(first.certificates) & set(second.certificates)
    made = [x509.load_der_x509_crl(der).last_update_utc for der in second.lists]
    assert made == [RENEWED_AT, RENEWED_AT]  # of the issuing certificate and of its root, made since
    # The store and the form keep what was there.
    assert second.after.certificates[: len(first.after.certificates)] == first.after.certificates
    assert second.after.lists[: len(first.after.lists)] == first.after.lists
    assert len(second.after.fields) == 3


def test_it_can_be_renewed_again_and_again_up_to_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_update, "MOST_UPDATES", 4)
    pdf = world.renewed
    for days in (100, 200):
        world.at(RENEWED_AT + timedelta(days=days))
        pdf = world.renew(pdf).content
        assert world.examine(pdf).level is Level.ARCHIVED
    assert len(world.examine(pdf).archived_at) == 4
    assert len(updates_of(pdf)[-1].certificates) == 0  # nothing new: its lists alone
    world.at(RENEWED_AT + timedelta(days=300))
    with pytest.raises(SealRefused, match="too many"):
        world.renew(pdf)
    (last,) = updates_of(pdf)[-1:]
    assert not world.examine(world.forge(pdf, [], list(last.lists))).ok


PARTS = ("first revision", "first update", "second update")


@pytest.mark.parametrize("part", PARTS)
def test_a_changed_byte_where_a_revision_begins_is_signed_or_ends_is_not_accepted(world: World, part: str) -> None:
    start, hole, end = _edges(world, part)
    assert_no_change_is_accepted(world, [start, start + 9, hole - 1, hole + 12, end - 30, end - 1])


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_no_changed_byte_of_any_revision_is_accepted(world: World, part: str) -> None:
    start, hole, end = _edges(world, part)
    chosen = random.Random(part)
    places = {*range(start, start + 20), *range(end - 30, end), *range(hole - 50, hole + 14)}
    assert_no_change_is_accepted(world, places | {chosen.randrange(start, end) for _ in range(80)})


def assert_no_change_is_accepted(world: World, places: Iterable[int]) -> None:
    chosen = random.Random(1)
    for place in places:
        changed = bytearray(world.renewed)
        changed[place] ^= 1 << chosen.randrange(8)
        assert not world.examine(bytes(changed)).ok, place


def _edges(world: World, part: str) -> tuple[int, int, int]:
    """Where the part begins, where the hole of its signature is, and where it ends."""
    ends = [0, len(world.stamped), len(world.archived), len(world.renewed)]
    start, end = ends[PARTS.index(part)], ends[PARTS.index(part) + 1]
    return start, world.renewed.index(b"/Contents<", start), end


@pytest.mark.parametrize("cuts", [8, pytest.param(60, marks=pytest.mark.slow)])
def test_a_file_is_whole_at_the_end_of_an_update_and_nowhere_else(world: World, cuts: int) -> None:
    chosen = random.Random(4)
    whole = {len(world.stamped), len(world.archived)}
    for length in [*whole, *(chosen.randrange(len(world.stamped), len(world.renewed)) for _ in range(cuts))]:
        assert world.examine(world.renewed[:length]).ok == (length in whole), length


def test_updates_removed_reordered_repeated_or_of_another_file_are_refused(world: World) -> None:
    first = world.archived[len(world.stamped) :]
    second = world.renewed[len(world.archived) :]
    other = world.renew(world.archived).content[len(world.archived) :]  # of the same day, with a serial of its own
    for changed in (
        world.stamped + second,
        world.stamped + second + first,
        world.renewed + second,
        world.renewed + first,
        world.renewed + other,
        world.stamped + first + first,
        world.stamped + first[: len(first) // 2] + second,
    ):
        assert not world.examine(changed).ok
    assert world.examine(world.archived + other).ok


@pytest.mark.parametrize("at", ["before the updates", "between the updates", "behind the updates"])
def test_an_overlay_is_refused_wherever_it_stands(world: World, at: str) -> None:
    first = world.archived[len(world.stamped) :]
    second = world.renewed[len(world.archived) :]
    changed = {
        "before the updates": overlay(world.stamped) + first + second,
        "between the updates": overlay(world.archived) + second,
        "behind the updates": overlay(world.renewed),
    }[at]
    assert not world.examine(changed).ok


def test_an_overlay_within_an_update_is_refused_though_its_stamp_is_genuine(world: World) -> None:
    """Anyone who can have stamps of the pinned authority can build any update: the form alone must stop it."""
    lists = list(updates_of(world.renewed)[1].lists)
    certificates = list(updates_of(world.renewed)[1].certificates)

    def forged(change: Callable[[bytes], bytes]) -> bytes:
        # Changes of equal length keep every offset right, so that only what is said differs.
        draft = draft_update(last_of(world.archived), certificates, lists)
        empty = draft.after.content
        start = len(world.archived)
        changed = empty[:start] + change(empty[start:])
        assert len(changed) == len(empty)
        token = world.stamps.stamp(changed[: draft.start] + changed[draft.end :])
        hexadecimal = token.ljust(pdf_update.ROOM, b"\0").hex().encode()
        return changed[: draft.start] + b"<" + hexadecimal + b">" + changed[draft.end :]

    assert world.examine(forged(lambda update: update)).ok
    for old, new in (
        (b"/Rect[0 0 0 0]", b"/Rect[0 0 9 9]"),  # to be seen
        (b"/F 132/", b"/F 000/"),
        (b"/Type/Annot/Subtype/Widget/FT/Sig", b"/Type/Annot/Subtype/Stamp /FT/Sig"[:33]),
        (b"/T(archive2)", b"/T(archive1)"),
        (b"/Lang(", b"/Long("),
        (b"/Pages ", b"/Pagex "),
        (b"/Type/DocTimeStamp", b"/Type/DocTimeStamq"),
        (b"/SubFilter/ETSI.RFC3161", b"/SubFilter/ETSI.RFC3162"),
        (b"/Type/DSS", b"/Type/DST"),
        (b"/Prev ", b"/Prew "),
    ):
        changed = forged(lambda update, old=old, new=new: update.replace(old, new, 1))  # type: ignore[misc]
        assert new in changed[len(world.archived) :], old
        assert not world.examine(changed).ok, old


def test_a_renewal_of_other_content_is_refused_though_its_stamp_is_genuine(world: World) -> None:
    earlier, held = updates_of(world.renewed)
    certificates, lists = list(held.certificates), list(held.lists)
    assert world.examine(world.forge(world.archived, certificates, lists)).ok
    world.authority.lists_at = ARCHIVED_AT
    stale = world.stamps.revocation_lists(world.authority.certificate(FIRST))
    world.authority.lists_at = None
    world.authority.revoked = {FIRST: RENEWED_AT - timedelta(days=1)}
    naming = world.stamps.revocation_lists(world.authority.certificate(FIRST))
    world.authority.revoked = {}
    for kind, wrong, wrong_lists in (
        ("no lists", certificates, []),
        ("a list less", certificates, lists[:1]),
        ("in another order", certificates, lists[::-1]),
        ("a list of the seal's", certificates, [*lists, LIST]),
        ("lists of the day of archiving", certificates, list(earlier.lists[1:])),
        ("a list made before", certificates, [*stale, *lists[1:]]),
        ("the earlier stamp's certificate was revoked", certificates, [*naming, *lists[1:]]),
        ("no certificate", [], lists),
        ("a certificate again", [*certificates, earlier.certificates[0]], lists),
    ):
        found = world.examine(world.forge(world.archived, wrong, wrong_lists))
        assert (found.checks[-1].name, found.checks[-1].ok, found.level) == ("pdf-archive", False, None), kind


def test_a_foreign_stamp_or_one_older_than_the_last_is_refused(world: World, tmp_path: Path) -> None:
    held = updates_of(world.renewed)[1]
    draft = draft_update(last_of(world.archived), held.certificates, held.lists)
    other = Authority(tmp_path, at=RENEWED_AT).direct().stamp(draft.covered)
    for token in (other, world.stamps.stamp(b"something else"), updates_of(world.renewed)[0].token):
        assert not world.examine(draft.fill(token).content).ok
    world.at(ARCHIVED_AT - timedelta(hours=1))
    assert not world.examine(draft.fill(world.stamps.stamp(draft.covered)).content).ok


def test_after_the_end_of_the_last_stamps_chain_nothing_can_be_renewed(world: World) -> None:
    world.at(FIRST_ENDS + timedelta(days=1))
    with pytest.raises(ListMissing, match="expired"):
        world.renew()
    assert world.examine(world.archived).ok  # what was proven stays so by its own times
    # Nor can it be forged: a genuine stamp of that day and lists of that day do not make up for it.
    lists = [
        world.stamps.revocation_lists(entry)[0]
        for entry in (world.authority.certificate(FIRST), world.authority.certificate("middle"))
    ]
    second = world.authority.certificate(SECOND).public_bytes(Encoding.DER)
    assert not world.examine(world.forge(world.archived, [second], lists)).ok


def test_a_stamp_whose_certificate_was_revoked_meanwhile_cannot_be_renewed(world: World) -> None:
    world.authority.revoked = {FIRST: ARCHIVED_AT + timedelta(days=30)}
    with pytest.raises(ListMissing, match="revoked before"):
        world.renew()


def test_a_renewal_waits_for_lists_made_since_and_for_its_authority(world: World) -> None:
    world.authority.lists_at = ARCHIVED_AT - timedelta(days=1)
    with pytest.raises(ListMissing):
        world.renew()
    world.authority.lists_at, world.authority.fault = None, "refused"
    with pytest.raises(Unavailable):
        world.renew()


def test_only_an_archived_file_that_holds_is_renewed(world: World) -> None:
    changed = bytearray(world.archived)
    changed[-40] ^= 1
    for pdf in (world.stamped, bytes(changed), overlay(world.archived), b"%PDF-1.7\n", b""):
        with pytest.raises(SealRefused):
            world.renew(pdf)


def test_a_file_larger_than_verifiers_take_is_not_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_archive, "LARGEST_BYTES", len(world.archived) + 100)
    with pytest.raises(SealRefused, match="larger"):
        world.renew()


def test_an_archive_is_read_for_when_it_is_due(world: World) -> None:
    assert read_archive(world.archived, world.pinned).proven_until == FIRST_ENDS
    assert [one.at for one in read_archive(world.renewed, world.pinned).stamps] == [ARCHIVED_AT, RENEWED_AT]
    with pytest.raises(ValueError, match="no update"):
        read_archive(world.stamped, world.pinned)


def test_an_intermediate_pinned_later_changes_nothing(world: World) -> None:
    middle = world.authority.certificate("middle")
    for roots in ((middle, *world.authority.roots), (*world.authority.roots, middle)):
        assert examine_pdf(world.renewed, [ROOT], stamp_roots=roots).level is Level.ARCHIVED


def test_a_root_of_the_same_key_pinned_later_is_not_mixed_in(world: World) -> None:
    """A root that was renewed under its key: files hold the old one, and updates written since go on with that one."""
    again = _same_key_again(world)
    both = (again, *world.authority.roots)
    means = world.means()
    renewed = renew_archive(world.archived, Means(Pinned([ROOT], both), means.lists, means.stamper, means.now))
    assert again.public_bytes(Encoding.DER) not in updates_of(renewed.content)[1].certificates
    for roots in (both, both[::-1], world.authority.roots):
        assert examine_pdf(renewed.content, [ROOT], stamp_roots=roots).level is Level.ARCHIVED


def _same_key_again(world: World) -> x509.Certificate:
    (root,) = world.authority.roots
    key = world.authority.key("root")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(root.subject)
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(root.not_valid_before_utc)
        .not_valid_after(root.not_valid_after_utc + timedelta(days=3650))
    )
    for extension in root.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(key, SHA256())


def test_a_stamp_a_little_older_than_the_last_is_refused_for_that_alone(world: World) -> None:
    world.at(ARCHIVED_AT - timedelta(minutes=5), under=FIRST)
    world.authority.lists_at = ARCHIVED_AT
    lists = [world.stamps.revocation_lists(world.authority.certificate(name))[0] for name in (FIRST, "middle")]
    found = world.examine(world.forge(world.archived, [], lists))
    assert "older than the one before" in found.checks[-1].detail_en
    world.at(ARCHIVED_AT + timedelta(minutes=5))
    world.authority.lists_at = ARCHIVED_AT
    assert world.examine(world.forge(world.archived, [], lists)).ok
