"""PAdES B-LTA: one update of one form, whole or refused; no level is told that was not proven."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.errors import ListMissing, SealRefused, Unavailable
from certsvc.rendering.press import ROOM_FOR_STAMP, Attachment, open_press
from certsvc.signing import pdf_archive, pdf_update
from certsvc.signing.pdf import Level, PdfSeal, add_stamp, level_of, seal
from certsvc.signing.pdf_archive import add_archive
from certsvc.signing.pdf_bounded import examine_pdf_bounded
from certsvc.signing.pdf_examination import PdfExamination, examine_pdf
from certsvc.signing.pdf_update import draft_update, first_revision, read_update
from certsvc.signing.stamp_authority import StampAuthority
from tests.rendering.faces import face
from tests.signing.seals import SIGNED_AT, issue
from tests.signing.test_pdf_examination import overlay
from tests.signing.tsa import Authority

STAMPED_AT = SIGNED_AT + timedelta(minutes=1)
ARCHIVED_AT = SIGNED_AT + timedelta(days=2)
_ROOT_KEY, _KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
ROOT = issue("Example root", "Example root", _ROOT_KEY.public_key(), _ROOT_KEY, ca=True, signs=True)
LEAF = issue("Example seal", "Example root", _KEY.public_key(), _ROOT_KEY, ca=False)
OURS = PdfSeal(lambda message: _KEY.sign(message, ec.ECDSA(SHA256())), (LEAF, ROOT))


def revocation_list(
    *,
    start: datetime = SIGNED_AT + timedelta(days=1),
    days: float = 30,
    revoked_at: datetime | None = None,
    stolen_at: datetime | None = None,
    key: ec.EllipticCurvePrivateKey = _ROOT_KEY,
    scope: dict[str, bool] | None = None,
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ROOT.subject)
        .last_update(start)
        .next_update(start + timedelta(days=days))
    )
    if revoked_at is not None:
        entry = x509.RevokedCertificateBuilder().serial_number(LEAF.serial_number).revocation_date(revoked_at)
        if stolen_at is not None:
            entry = entry.add_extension(x509.InvalidityDate(stolen_at), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    if scope is not None:
        limits = dict.fromkeys(("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl"), False) | scope
        builder = builder.add_extension(
            x509.IssuingDistributionPoint(
                full_name=None,
                relative_name=None,
                only_some_reasons=None,
                only_contains_attribute_certs=False,
                **limits,
            ),
            critical=True,
        )
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


LIST = revocation_list()


@dataclasses.dataclass
class World:
    """A stamped file, the same archived, and the authority that stamped both."""

    authority: Authority
    stamped: bytes
    archived: bytes
    stamps: StampAuthority

    def lists(self, ours: Iterable[bytes] = (LIST,)) -> Callable[[x509.Certificate], Iterable[bytes]]:
        return lambda entry: ours if entry.issuer == ROOT.subject else self.stamps.revocation_lists(entry)

    def archive(self, pdf: bytes | None = None, ours: Iterable[bytes] = (LIST,)) -> bytes:
        return add_archive(
            self.stamped if pdf is None else pdf,
            roots=[ROOT],
            stamp_roots=self.authority.roots,
            lists=self.lists(ours),
            stamper=self.stamps.stamp,
            now=ARCHIVED_AT,
        )

    def examine(self, pdf: bytes) -> PdfExamination:
        return examine_pdf(pdf, [ROOT], stamp_roots=self.authority.roots)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    authority = Authority(tmp_path_factory.mktemp("tsa"), at=STAMPED_AT, lists=True)
    pressed = open_press(room=ROOM_FOR_STAMP).press(face(), [Attachment("credential.json", "x/y", b"{}", "Source")])
    stamps = authority.direct()
    stamped = add_stamp(seal(pressed, OURS, signed_at=SIGNED_AT), stamps.stamp)
    authority._at = ARCHIVED_AT
    made = World(authority, stamped, b"", stamps)
    return dataclasses.replace(made, archived=made.archive())


@pytest.fixture(autouse=True)
def whole(world: World) -> None:
    world.authority.fault = ""
    world.stamps = world.authority.direct()


def test_the_archived_file_is_proven_at_b_lta_and_the_stamped_one_stays_genuine(world: World) -> None:
    found = world.examine(world.archived)
    assert found.ok, found.checks
    assert (found.level, found.stamped_at, found.archived_at) == (Level.ARCHIVED, STAMPED_AT, ARCHIVED_AT)
    assert (level_of(world.stamped), level_of(world.archived)) == (Level.STAMPED, Level.ARCHIVED)
    earlier = world.examine(world.stamped)
    assert (earlier.level, earlier.archived_at) == (Level.STAMPED, None)
    assert (found.attachments, found.qr_text, found.signer_kid) == (
        earlier.attachments,
        earlier.qr_text,
        earlier.signer_kid,
    )
    assert examine_pdf_bounded(world.archived, [ROOT], stamp_roots=world.authority.roots) == found


def test_archiving_only_appends(world: World) -> None:
    assert world.archived.startswith(world.stamped)
    assert first_revision(world.archived) == world.stamped
    held = read_update(world.archived, world.stamped)
    assert held.lists[0] == LIST
    assert len(held.lists) == 3  # the seal's, and two of the authority's
    assert held.certificates[:2] == tuple(entry.public_bytes(Encoding.DER) for entry in (LEAF, ROOT))


def test_no_changed_byte_of_the_update_is_accepted(world: World) -> None:
    chosen = random.Random(1)
    start, end = len(world.stamped), len(world.archived)
    hole = world.archived.index(b"/Contents<", start) + len(b"/Contents<")
    places = {*range(start, start + 40), *range(end - 300, end), *range(hole - 900, hole + 20)}
    places |= {chosen.randrange(start, end) for _ in range(1_500)}
    for at in places:
        changed = bytearray(world.archived)
        changed[at] ^= 1 << chosen.randrange(8)
        assert not world.examine(bytes(changed)).ok, at


def test_no_changed_byte_of_the_first_revision_is_accepted(world: World) -> None:
    chosen = random.Random(2)
    for at in [*range(150), *(chosen.randrange(len(world.stamped)) for _ in range(300))]:
        changed = bytearray(world.archived)
        changed[at] ^= 1 << chosen.randrange(8)
        assert not world.examine(bytes(changed)).ok, at


def test_a_cut_update_is_refused_wherever_it_is_cut(world: World) -> None:
    chosen = random.Random(3)
    for length in [chosen.randrange(len(world.stamped) + 1, len(world.archived)) for _ in range(200)]:
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


def _forge(world: World, certificates: list[bytes], lists: list[bytes]) -> bytes:
    """An update of the right form over chosen content, under a genuine document time stamp."""
    draft = draft_update(world.stamped, certificates, lists)
    return draft.fill(world.stamps.stamp(draft.covered))


def test_an_update_of_other_content_is_refused_though_its_stamp_is_genuine(world: World) -> None:
    held = read_update(world.archived, world.stamped)
    certificates, lists = list(held.certificates), list(held.lists)
    assert world.examine(_forge(world, certificates, lists)).ok
    stranger = issue("Stranger", "Stranger", _KEY.public_key(), _KEY, ca=True).public_bytes(Encoding.DER)
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
        "a list over": (certificates, [revocation_list(start=ARCHIVED_AT - timedelta(days=9), days=3), *lists[1:]]),
        "a list to come": (certificates, [revocation_list(start=ARCHIVED_AT + timedelta(days=1)), *lists[1:]]),
        "a list by another key": (certificates, [revocation_list(key=_KEY), *lists[1:]]),
        "a seal revoked before": (certificates, [revocation_list(revoked_at=SIGNED_AT), *lists[1:]]),
        "too many streams": (certificates, lists * 9),
    }
    for kind, (wrong, wrong_lists) in forged.items():
        found = world.examine(_forge(world, wrong, wrong_lists))
        assert (found.checks[-1].name, found.checks[-1].ok, found.level) == ("pdf-archive", False, None), kind


def test_a_document_stamp_by_a_stranger_or_of_something_else_is_refused(world: World, tmp_path: Path) -> None:
    held = read_update(world.archived, world.stamped)
    draft = draft_update(world.stamped, held.certificates, held.lists)
    other = Authority(tmp_path, at=ARCHIVED_AT).direct().stamp(draft.covered)
    for token in (other, world.stamps.stamp(b"something else"), world.stamps.stamp(world.stamped)):
        assert not world.examine(draft.fill(token)).ok
    world.authority._at = SIGNED_AT
    try:
        assert not world.examine(draft.fill(world.stamps.stamp(draft.covered))).ok  # before the seal's own stamp
    finally:
        world.authority._at = ARCHIVED_AT


def test_an_update_on_a_seal_without_a_stamp_is_refused(world: World) -> None:
    pressed = open_press(room=ROOM_FOR_STAMP).press(face(), [])
    sealed = seal(pressed, OURS, signed_at=SIGNED_AT)
    held = read_update(world.archived, world.stamped)
    draft = draft_update(sealed, held.certificates, held.lists)
    found = world.examine(draft.fill(world.stamps.stamp(draft.covered)))
    assert (found.checks[-1].name, found.level) == ("pdf-archive", None)
    with pytest.raises(SealRefused):
        world.archive(sealed)


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
        ((revocation_list(key=_KEY),), "none"),
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
    silent = Authority(tmp_path, at=STAMPED_AT).direct()
    pressed = open_press(room=ROOM_FOR_STAMP).press(face(), [])
    stamped = add_stamp(seal(pressed, OURS, signed_at=SIGNED_AT), silent.stamp)
    with pytest.raises(ListMissing, match="names no list"):
        add_archive(
            stamped,
            roots=[ROOT],
            stamp_roots=silent.roots,
            lists=lambda entry: [LIST] if entry.issuer == ROOT.subject else silent.revocation_lists(entry),
            stamper=silent.stamp,
            now=ARCHIVED_AT,
        )


def test_an_authority_that_is_down_gives_no_level(world: World) -> None:
    world.authority.fault = "refused"
    with pytest.raises(Unavailable):
        world.archive()


def test_a_seal_revoked_after_its_stamp_is_archived_and_the_newest_list_taken(world: World) -> None:
    later = revocation_list(start=ARCHIVED_AT - timedelta(hours=1), revoked_at=ARCHIVED_AT - timedelta(hours=2))
    archived = world.archive(ours=(LIST, later, revocation_list(scope={"only_contains_user_certs": True})))
    assert read_update(archived, world.stamped).lists[0] == later
    assert world.examine(archived).level is Level.ARCHIVED


def test_an_expired_certificate_is_not_archived(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = (LEAF, ROOT)
    after = LEAF.not_valid_after_utc + timedelta(days=1)
    late = x509.load_der_x509_crl(revocation_list(start=after))
    assert pdf_archive.fault_of_list(late, pair, STAMPED_AT, after) is not None
    monkeypatch.setattr(pdf_archive, "LARGEST_LIST", 10)
    with pytest.raises(ListMissing, match="too large"):
        world.archive()


def test_a_root_pinned_later_changes_nothing(world: World) -> None:
    renewed = issue("Example root", "Example root", _ROOT_KEY.public_key(), _ROOT_KEY, ca=True, signs=True)
    found = examine_pdf(world.archived, [renewed, ROOT], stamp_roots=world.authority.roots)
    assert found.level is Level.ARCHIVED
    assert not examine_pdf(world.archived, [renewed], stamp_roots=world.authority.roots).ok


def test_a_token_too_long_for_its_place_is_refused(world: World) -> None:
    with pytest.raises(SealRefused):
        draft_update(world.stamped, [], []).fill(bytes(pdf_update.ROOM + 1))


@pytest.mark.parametrize("part", [b"/AcroForm", b"trailer", b"/Type/Catalog", b"startxref\n"])
def test_a_file_of_another_press_has_no_update(world: World, part: bytes) -> None:
    other = world.stamped.replace(part, b"startxref\n9" if part == b"startxref\n" else bytes(len(part)))
    with pytest.raises(ValueError, match="form"):
        draft_update(other, [], [])


def test_no_answer_is_given_above_what_the_archive_would_prove(world: World) -> None:
    # What an authority answers is proven before a file leaves: a stamp of something else is not put in it.
    with pytest.raises(SealRefused):
        add_archive(
            world.stamped,
            roots=[ROOT],
            stamp_roots=world.authority.roots,
            lists=world.lists(),
            stamper=lambda _: world.stamps.stamp(b"something else"),
            now=ARCHIVED_AT,
        )


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
    from certsvc.signing.stamp import read_stamp

    return read_stamp(stamps.stamp(b"x"), b"x", authority.roots).chain
