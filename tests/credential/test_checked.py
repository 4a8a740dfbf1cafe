from __future__ import annotations

import hashlib
from typing import Any

import pytest

from certsvc.credential import checked
from certsvc.credential.canonical import canonical_bytes
from certsvc.credential.checked import CheckedDocument, check, digest8
from certsvc.credential.document import OWN, compose
from certsvc.errors import AlreadySigned, DocumentRefused, MissingGlyph
from tests.credential.builders import claims, full_claims


def no_rare_characters(text: str) -> tuple[str, ...]:
    return tuple(character for character in text if ord(character) > 0xFFFF)


def test_a_checked_document_keeps_claims_bytes_and_digest_of_what_will_be_signed() -> None:
    one = full_claims()
    passed = check(compose(one), drawable=None)
    assert passed.claims == one
    assert passed.canonical == canonical_bytes(compose(one))
    assert passed.digest8 == digest8(passed.canonical) == hashlib.sha256(passed.canonical).digest()[:8]


def test_a_checked_document_is_taken_once() -> None:
    passed = check(compose(claims()), drawable=None)
    assert passed.take() == passed.canonical
    with pytest.raises(AlreadySigned):
        passed.take()


def test_nothing_but_check_makes_a_checked_document() -> None:
    with pytest.raises(TypeError):
        CheckedDocument(object(), {}, b"", claims())


def test_a_malformed_document_is_refused_with_its_place() -> None:
    document: Any = compose(claims())
    document["credentialSubject"]["licenseNumber"] = "?"
    with pytest.raises(DocumentRefused) as refusal:
        check(document, drawable=None)
    assert refusal.value.where == "number"


def test_a_name_against_r9_is_refused() -> None:
    with pytest.raises(DocumentRefused, match="R9"):
        check(compose(claims(holder_name="张伟1")), drawable=None)


def test_a_name_not_in_its_normal_form_is_refused() -> None:
    with pytest.raises(DocumentRefused, match="normal form"):
        check(compose(claims(holder_name="阿卜杜拉•买买提")), drawable=None)


def test_a_character_the_fonts_lack_stops_the_issue_and_is_named() -> None:
    with pytest.raises(MissingGlyph, match=r"𠮷 \(U\+20BB7\)"):
        check(compose(claims(holder_name="𠮷田")), drawable=no_rare_characters)
    assert check(compose(claims()), drawable=no_rare_characters).claims == claims()


def test_an_overlong_document_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checked, "LARGEST_DOCUMENT_BYTES", 1000)
    with pytest.raises(DocumentRefused, match="1000"):
        check(compose(claims()), drawable=None)


def test_a_document_changed_after_the_check_is_signed_as_it_was_checked() -> None:
    document: Any = compose(claims())
    passed = check(document, drawable=None)
    document["credentialSubject"]["name"] = "李四"
    document["credentialSubject"]["achievement"][f"{OWN}skillLevel"] = 1
    assert canonical_bytes(passed.document) == passed.canonical
