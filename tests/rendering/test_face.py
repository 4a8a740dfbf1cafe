"""The face says what the claims say, in the layout's order, in both languages (R7.2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from certsvc.credential.document import CertificateClaims
from certsvc.person.identity import Sex
from certsvc.rendering.face import CertificateFace, face_of
from certsvc.rendering.layout_file import load_layout
from tests.credential.builders import ID_NUMBER, claims

LAYOUT = load_layout()
CLAIMS = claims(statement_zh="特发此证", statement_en="Awarded")


def drawn(claims: CertificateClaims = CLAIMS, *, mask_id: bool = False) -> CertificateFace:
    return face_of(claims, id_number=ID_NUMBER, portrait=None, qr_text="HTTPS://A", mask_id=mask_id, layout=LAYOUT)


def values(face: CertificateFace) -> dict[str, tuple[str, str]]:
    return {row.key: (row.value, row.value_en) for row in face.rows}


def test_the_face_carries_every_field_of_r7_2() -> None:
    assert set(values(drawn())) == {
        "name", "id_type", "id_number", "occupation", "direction", "level", "number", "issued_on", "issuer",
    }  # fmt: skip


def test_the_identity_number_is_in_full_unless_the_scheme_masks_it() -> None:
    assert values(drawn())["id_number"][0] == ID_NUMBER
    masked = values(drawn(mask_id=True))["id_number"][0]
    assert "*" in masked
    assert ID_NUMBER not in masked


def test_no_direction_is_two_dashes() -> None:
    assert values(drawn())["direction"][0] == "--"
    assert values(drawn(replace(CLAIMS, direction="水域救援")))["direction"][0] == "水域救援"


def test_dates_stand_in_both_languages() -> None:
    assert values(drawn())["issued_on"] == ("2025年4月20日", "20 April 2025")


def test_what_a_certificate_has_not_is_not_on_its_face() -> None:
    assert "valid_until" not in values(drawn())
    more = replace(
        CLAIMS,
        valid_until=date(2029, 4, 12),
        reissued_on=date(2026, 1, 5),
        identifier="1.2.156",
        sex=Sex.MALE,
        birth_date=date(1949, 12, 31),
        scores={"theory": "60", "practical": "59.99"},
    )
    found = values(drawn(more))
    assert found["valid_until"] == ("至2029年4月12日", "until 12 April 2029")
    assert found["reissued_on"][0] == "2026年1月5日"
    assert found["identifier"] == ("1.2.156", "")
    assert found["sex"] == ("男", "Male")
    assert found["birth_date"][0] == "1949年12月31日"
    assert found["scores"] == ("理论知识考试 60  技能考核 59.99", "theory 60, practical 59.99")


def test_theory_stands_before_practical_however_the_document_is_sorted() -> None:
    found = values(drawn(replace(CLAIMS, scores={"practical": "73.75", "theory": "72"})))
    assert found["scores"] == ("理论知识考试 72  技能考核 73.75", "theory 72, practical 73.75")


def test_the_domain_is_the_bare_host_and_sample_is_the_issuers() -> None:
    face = drawn()
    assert face.domain == "certs.example"
    assert face.sample
