"""`altered` and `forged` stay apart (R11): no original is called genuine, no honest one a forgery, and whatever a file
shows on its pages, the record told is the register's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from certsvc.credential.verdict import Alteration, CheckName, Verdict
from certsvc.services.certificates import change_status
from certsvc.services.verification.verify import Options, verify_offline, verify_online
from tests.builders import damage
from tests.builders.damage import FORGING, HARMLESS
from tests.builders.installation import Installation, made_up
from tests.builders.verifying import FIRST, SECOND, check, code, credential, numbers, offline, online

DAMAGED = int(os.environ.get("CERTSVC_DAMAGED", "57"))  # each way thrice; three hundred in `make soak`
INTACT = {
    "a mail gateway's line break",
    "blanks before and behind",
    "a reader's comment",
    "a reader's save",
    "two files in a row",
}
INSIDE = {"in a portfolio", "in a mail", "in a signed mail", "in a signed file", "in an archive"}


def specimen(installation: Installation, kind: str) -> bytes:
    first, second = numbers(installation)[:2]
    return {**HARMLESS, **FORGING}[kind](installation.pdf(first), installation.pdf(second))


@pytest.mark.parametrize("kind", HARMLESS)
def test_harmless_damage_is_altered_and_shows_the_record(shared: Installation, kind: str) -> None:
    first = numbers(shared)[0]
    brought = specimen(shared, kind)
    for found in (online(shared, brought), offline(shared, brought)):
        assert found.verdict is Verdict.ALTERED, found.as_json()
        assert found.certificate is not None
        assert (found.certificate["number"], found.certificate["name"]) == (first, FIRST.name)
        assert found.alteration is not None
        # A part that is as it was issued is handed out, and holds by itself.
        assert (found.original is not None) is (kind in INTACT | INSIDE), kind
        if found.original is not None:
            assert found.original == shared.pdf(first)
            assert online(shared, found.original).verdict is Verdict.VALID


@pytest.mark.parametrize("kind", FORGING)
def test_a_forgery_is_forged_or_shows_the_true_record(shared: Installation, kind: str) -> None:
    first, second = numbers(shared)[:2]
    brought = specimen(shared, kind)
    for found in (online(shared, brought), offline(shared, brought)):
        assert found.verdict in {Verdict.FORGED, Verdict.ALTERED}, found.as_json()
        if found.verdict is Verdict.FORGED:
            assert found.certificate is None
        else:
            assert found.certificate is not None
            true = {first: FIRST.name, second: SECOND.name}
            assert found.certificate["name"] == true[str(found.certificate["number"])]
            assert "ZHANG SAN" not in json.dumps(found.as_json(), ensure_ascii=False)


CONTRADICTED = {
    "a changed byte": CheckName.PDF_DIGEST,
    "another's seal": CheckName.PDF_DIGEST,
    "another's credential": CheckName.PARTS_AGREE,
    "a changed credential": CheckName.PROOF_JCS,
    "a seal in the issuer's name": CheckName.PDF_FOREIGN_SEAL,
    "a changed code": CheckName.QR_SIGNATURE,
    "a genuine code under another address": CheckName.QR_HOST,
    "another's code on it": CheckName.PARTS_AGREE,
}


@pytest.mark.parametrize("kind", CONTRADICTED)
def test_what_a_signature_contradicts_is_forged_by_name(shared: Installation, kind: str) -> None:
    found = online(shared, specimen(shared, kind))
    assert found.verdict is Verdict.FORGED
    assert check(found, CONTRADICTED[kind]) is False


@pytest.mark.parametrize(
    ("kind", "alteration"),
    [
        ("a reader's comment", Alteration.ADDED),
        ("written anew", Alteration.REWRITTEN),
        ("a password against changes", Alteration.PROTECTED),
        ("cut off", Alteration.CUT_OFF),
        ("in a signed mail", Alteration.CONTAINED),
        ("printed and scanned", Alteration.REWRITTEN),
    ],
)
def test_it_is_said_how_it_is_altered(shared: Installation, kind: str, alteration: Alteration) -> None:
    assert online(shared, specimen(shared, kind)).alteration is alteration


def test_every_certificate_of_a_merge_is_shown(shared: Installation) -> None:
    first, second = numbers(shared)[:2]
    found = online(shared, specimen(shared, "with another certificate"))
    assert found.certificate is not None
    assert {found.certificate["number"], *(other["number"] for other in found.others)} == {first, second}


def test_a_revoked_certificate_is_altered_with_its_state(own: Installation) -> None:
    (issued,) = own.issue(FIRST)
    pdf = own.pdf(issued.number)
    change_status.revoke(own.services, issued.number, reason="核查", by="甲")
    for brought in (pdf + b"\n", damage.rewritten(pdf)):
        found = online(own, brought)
        assert found.verdict is Verdict.ALTERED
        assert found.certificate is not None
        assert found.certificate["status"] == "revoked"


def test_a_file_sealed_a_second_time_stays_forged_with_something_behind_it(own: Installation) -> None:
    """V8 holds for the sealed part as for a whole file: its hash must be on record."""
    from certsvc.services.issuing.render import draw

    (issued,) = own.issue(FIRST)
    own.pdf(issued.number)
    (drawn,) = draw(own.services, [own.row(issued.number).id])
    assert online(own, drawn.path.read_bytes() + b"\n").verdict is Verdict.FORGED


def test_what_is_signed_and_not_in_the_register_is_unknown_in_any_wrapping(own: Installation) -> None:
    from sqlalchemy import text

    (issued,) = own.issue(FIRST)
    pdf = own.pdf(issued.number)
    with own.services.database.writing() as session:
        session.execute(text("delete from pdf_file"))
        session.execute(text("delete from certificate"))
    for brought in (pdf + b"\n", damage.rewritten(pdf), damage.mailed(pdf)):
        assert online(own, brought).verdict is Verdict.UNKNOWN


def test_a_password_to_open_is_told_as_that(shared: Installation) -> None:
    import pikepdf

    locked = damage.rewritten(
        shared.pdf(numbers(shared)[0]), encryption=pikepdf.Encryption(owner="secret", user="other")
    )
    for found in (online(shared, locked), offline(shared, locked)):
        assert found.verdict is Verdict.UNKNOWN
        assert check(found, CheckName.FILE_PASSWORD) is None


def test_a_file_cut_off_before_it_names_anything_contradicts_nothing(shared: Installation) -> None:
    found = online(shared, shared.pdf(numbers(shared)[0])[:1500])
    assert found.verdict is Verdict.UNKNOWN


def test_a_strangers_certificate_is_neither(shared: Installation, own: Installation) -> None:
    """Another installation under the same name and address: its keys are not ours."""
    (issued,) = own.issue(FIRST)
    pdf = own.pdf(issued.number)
    assert online(shared, pdf + b"\n").verdict is Verdict.FORGED
    assert online(shared, damage.rewritten(pdf)).verdict is Verdict.FORGED
    assert online(shared, damage.drawn_page("hello")).verdict is Verdict.UNKNOWN
    assert online(shared, damage.sealed_by(damage.drawn_page("a contract"), "Employer Ltd")).verdict is Verdict.UNKNOWN


def test_a_forged_part_makes_the_whole_forged(shared: Installation) -> None:
    first = shared.pdf(numbers(shared)[0])
    found = online(shared, damage.zipped(first, damage.flipped(first)))
    assert found.verdict is Verdict.FORGED
    assert [part.verification.verdict for part in found.parts] == [Verdict.VALID, Verdict.FORGED]


def test_an_archive_in_an_archive_is_not_opened(shared: Installation) -> None:
    first = shared.pdf(numbers(shared)[0])
    found = online(shared, damage.mailed(damage.portfolio(damage.portfolio(first))))
    assert found.verdict is Verdict.UNKNOWN
    assert online(shared, b"Rar!\x1a\x07\x01\x00" + bytes(50)).verdict is Verdict.UNKNOWN


def test_a_picture_says_what_its_code_says(shared: Installation) -> None:
    first = numbers(shared)[0]
    picture = damage.photographed(shared.pdf(first))
    found = online(shared, picture)
    assert found.verdict is Verdict.VALID
    assert found.certificate is not None
    assert (found.certificate["number"], found.certificate["name"]) == (first, FIRST.name)
    assert check(found, CheckName.PICTURE_CODE) is True
    assert offline(shared, picture).verdict is Verdict.UNCHECKED


def test_of_several_codes_in_a_picture_the_worst_is_the_answer(own: Installation) -> None:
    import io

    from PIL import Image

    issued = own.issue(FIRST, SECOND)
    change_status.suspend(own.services, issued[1].number, reason="核查", by="甲")
    page = Image.new("RGB", (1600, 800), "white")
    for number, at in zip(numbers(own), (50, 850), strict=True):
        page.paste(damage.code_of(own.pdf(number)).resize((600, 600)), (at, 50))
    target = io.BytesIO()
    page.save(target, "PNG")
    found = online(own, target.getvalue())
    assert found.verdict is Verdict.SUSPENDED
    assert [other["number"] for other in found.others] == [issued[0].number]


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff" + bytes(50), b"\0\0\0\x18ftypheic" + bytes(99)]
)
def test_what_is_no_picture_and_what_shows_no_code_is_unknown(shared: Installation, content: bytes) -> None:
    found = online(shared, content)
    assert found.verdict is Verdict.UNKNOWN
    assert check(found, CheckName.FILE) is False


# JSON, judged by what it says


def test_a_credential_in_another_layout_is_read_in_its_canonical_form(shared: Installation) -> None:
    genuine = credential(shared, numbers(shared)[0])
    tree = json.loads(genuine)
    layouts = {
        "a final line break": genuine + b"\r\n",
        "a byte order mark": b"\xef\xbb\xbf" + genuine,
        "pretty": json.dumps(tree, indent=2, ensure_ascii=False).encode(),
        "escaped": json.dumps(tree).encode(),
        "members in another order": json.dumps(dict(reversed(tree.items())), ensure_ascii=False).encode(),
    }
    for layout, brought in layouts.items():
        for found in (online(shared, brought), offline(shared, brought)):
            assert found.verdict is Verdict.VALID, layout
            assert check(found, CheckName.BYTES) is True
    assert offline(shared, b" " + genuine[:-1] + b',"name":"x"}\n').verdict is Verdict.FORGED


# Offline: status, trust, and the address of a code


def test_an_address_that_is_not_bound_to_what_was_signed_is_said_so(shared: Installation) -> None:
    first, second = (code(shared, number) for number in numbers(shared)[:2])
    mixed = first.partition("#")[0] + "#" + second.partition("#")[2]
    assert online(shared, mixed).verdict is Verdict.FORGED
    found = offline(shared, mixed)
    assert found.verdict is Verdict.UNCHECKED
    assert check(found, CheckName.QR_ADDRESS) is None
    assert found.certificate is not None
    assert found.certificate["number"] == numbers(shared)[1]
    assert found.certificate["token"] is None


def test_lists_older_than_a_revocation_in_the_log_beside_them_do_not_clear(own: Installation, tmp_path: Path) -> None:
    import shutil

    from certsvc.services.publishing.static import publish_static

    (issued, other) = own.issue(FIRST, SECOND)
    publish_static(own.services)
    published = own.services.folders.published
    shutil.copytree(published / "status", tmp_path / "status")
    pdf, theirs = own.pdf(issued.number), own.pdf(other.number)
    change_status.revoke(own.services, issued.number, reason="核查", by="甲")
    publish_static(own.services)
    shutil.rmtree(published / "status")
    shutil.copytree(tmp_path / "status", published / "status")
    found = offline(own, pdf)
    assert found.verdict is Verdict.REVOKED
    assert check(found, CheckName.STATUS) is True
    assert check(found, CheckName.LOG_LATER) is False
    assert offline(own, theirs).verdict is Verdict.VALID
    # Without the entries no one knows what the later leaves said; the lists alone clear no more.
    shutil.rmtree(published / "log" / "tile" / "entries")
    assert offline(own, theirs).verdict is Verdict.UNCHECKED
    # With the head gone as well there are the lists alone.
    (published / "log" / "checkpoint").unlink()
    assert offline(own, theirs).verdict is Verdict.VALID


def test_a_leaf_taken_out_of_the_published_log_is_noticed(own: Installation) -> None:
    from certsvc.services.publishing.static import publish_static
    from certsvc.transparency import tiles

    (issued,) = own.issue(FIRST)
    pdf = own.pdf(issued.number)
    change_status.revoke(own.services, issued.number, reason="核查", by="甲")
    publish_static(own.services)
    published = own.services.folders.published
    bundles = [path for path in (published / "log" / "tile" / "entries").rglob("*") if path.is_file()]
    bundle = max(bundles, key=lambda path: int(path.name))
    contents = tiles.read_entry_bundle(bundle.read_bytes(), int(bundle.name))
    bundle.write_bytes(tiles.entry_bundle([*contents[:-1], contents[0]]))
    for status in (published / "status").iterdir():
        status.unlink()
    found = offline(own, pdf)
    assert found.verdict is Verdict.UNCHECKED
    assert check(found, CheckName.LOG_LATER) is None


def test_what_the_log_says_counts_without_any_list(own: Installation) -> None:
    import shutil

    from certsvc.services.publishing.static import publish_static

    (issued,) = own.issue(FIRST)
    pdf = own.pdf(issued.number)
    for change, verdict in (
        (change_status.suspend, Verdict.SUSPENDED),
        (change_status.reinstate, Verdict.UNCHECKED),
        (change_status.revoke, Verdict.REVOKED),
    ):
        change(own.services, issued.number, reason="核查", by="甲")
        publish_static(own.services)
        shutil.rmtree(own.services.folders.published / "status")
        assert offline(own, pdf).verdict is verdict


@pytest.mark.slow
def test_many_damaged_and_many_forged(own: Installation) -> None:
    """None of the first is forged or valid, none of the second anything but forged or altered with a true record."""
    people = [made_up(serial) for serial in range(DAMAGED)]
    own.issue(*people)
    issued = {number: own.row(number).holder_name for number in numbers(own)}
    assert len(issued) == DAMAGED
    files = [own.pdf(number) for number in issued]
    options = Options(bounded=False)
    trust, told = own.services.trust, {Verdict.ALTERED, Verdict.FORGED}
    for at, (number, name) in enumerate(issued.items()):
        pdf, other = files[at], files[(at + 7) % DAMAGED]
        for ways, allowed in ((HARMLESS, {Verdict.ALTERED}), (FORGING, told)):
            kind = list(ways)[at % len(ways)]
            brought = ways[kind](pdf, other)
            for found in (verify_online(own.services, brought, options), verify_offline(brought, trust, options)):
                assert found.verdict in allowed, (kind, found.as_json())
                if found.verdict is Verdict.ALTERED:
                    assert found.certificate is not None
                    assert found.certificate["name"] == issued[str(found.certificate["number"])], kind
                    assert allowed is told or (found.certificate["number"], found.certificate["name"]) == (number, name)
