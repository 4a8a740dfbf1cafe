from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from certsvc.credential.number import format_number, gbt36904
from certsvc.errors import InvalidScheme
from certsvc.resources import schemes_folder
from certsvc.rules.scheme import Subject, in_force, parse_scheme
from certsvc.rules.terms import BothFailed, Scale
from tests.rules.builders import PRACTICAL, THEORY, changed, haiyue, qinghai, scheme_text


def test_a_schemes_key_is_its_place_among_the_shipped_ones() -> None:
    files = sorted(schemes_folder().rglob("*.toml"))
    keys = [parse_scheme(file.read_text(encoding="utf-8")).key for file in files]
    assert keys == [file.relative_to(schemes_folder()).with_suffix("").as_posix() for file in files]
    assert len(keys) == 2


def test_the_first_scheme_is_the_notices() -> None:
    scheme = qinghai()
    assert (scheme.in_force_from, scheme.level, scheme.open_levels) == (date(2024, 1, 1), 5, (5,))
    assert scheme.registration.minimum_age == 18
    for subject, minutes in ((THEORY, 100), (PRACTICAL, 15)):
        rules = scheme.subjects[subject]
        assert (rules.pass_mark, rules.maximum, rules.duration_minutes) == (60, 100, minutes)
    assert [item.maximum for item in scheme.subjects[PRACTICAL].required] == [15, 20, 25, 15]
    assert [either.maximum for either, _ in scheme.subjects[PRACTICAL].drawn] == [15, 10]
    assert (scheme.retake.deadline_months, scheme.retake.both_failed) == (12, BothFailed.RETAKE)
    assert scheme.absence.deadline_months == 12
    assert (scheme.fees.exam, scheme.fees.free_retake) == (None, 0)
    assert (scheme.calendar.scores_after_days, scheme.calendar.certificate_after_days) == (15, (20, 30))
    assert (scheme.validity_months, scheme.identifier, scheme.direction) == (None, None, None)
    assert scheme.certificate.statement_zh == "经考核合格，授予应急救援员（五级/初级工）职业资格"
    assert "Emergency Rescuer (Level 5 / Junior)" in scheme.certificate.statement_en
    assert scheme.family == "3-02-03-08/5/630000"


def test_the_second_scheme_is_unlike_the_first() -> None:
    first, second = qinghai(), haiyue()
    assert second.validity_months == 48
    assert second.retake.both_failed is BothFailed.FAILED
    blocks = second.subjects[PRACTICAL].blocks
    assert blocks is not None
    assert (blocks.scale, blocks.required_weight, blocks.drawn_weight) == (
        Scale.WEIGHTED,
        Decimal("0.75"),
        Decimal("0.25"),
    )
    for subject in Subject:
        assert second.subjects[subject].pass_mark != first.subjects[subject].pass_mark
    for difference in ("region_code", "direction", "fees", "calendar", "absence", "retake", "number", "identifier"):
        assert getattr(first, difference) != getattr(second, difference)
    assert second.certificate.mask_id_number
    assert second.certificate.photo_required


def test_the_theory_has_no_items() -> None:
    rules = qinghai().subjects[THEORY]
    assert (rules.required, rules.drawn, rules.items) == ((), (), ())
    assert len(qinghai().subjects[PRACTICAL].items) == 8


def test_the_numbering_is_the_one_certificates_are_numbered_by() -> None:
    first, second = qinghai(), haiyue()
    assert format_number(first.number.kind, first.number.parts, 2025, first.level, 1) == "2563010001500001"
    assert len(format_number(second.number.kind, second.number.parts, 2026, second.level, 1)) == 22
    assert second.identifier is not None
    identifier = second.identifier
    assert gbt36904(identifier.root, identifier.type, identifier.issuer, "20260000001", 1).startswith(identifier.root)


def test_the_scheme_in_force_is_the_latest_begun() -> None:
    old = qinghai()
    new = changed(
        "qinghai-2025", ("in_force_from = 2024-01-01", "in_force_from = 2026-09-01"), ('version = "1"', 'version = "2"')
    )
    assert in_force([new, old], date(2023, 12, 31)) is None
    assert in_force([new, old], date(2026, 8, 31)) is old
    assert in_force([new, old], date(2026, 9, 1)) is new


Q, H = "qinghai-2025", "haiyue-2026"
CHANGES = {
    "not TOML": (Q, "level = 5", "level = ", None),
    "nested beyond reason": (Q, "level = 5", f"level = {'[' * 9999}", None),
    "a missing field": (Q, 'region_code = "630000"\n', "", "region_code"),
    "a missing table": (Q, "[absence]", "[absences]", "absence"),
    "an unknown field": (Q, "minimum_age = 18", "minimum_age = 18\nmax_age = 60", "registration.max_age"),
    "an unknown table": (Q, "[absence]", "[extra]\n[absence]", "extra"),
    "an unknown item field": (Q, 'code = "cpr"', 'code = "cpr"\nweight = 1', "subjects.practical.required[2].weight"),
    "a key with a path in it": (Q, 'key = "emergency-rescuer-5/', 'key = "../', "key"),
    "an empty text": (Q, 'region_zh = "青海省"', 'region_zh = " "', "region_zh"),
    "a number for a text": (Q, 'version = "1"', "version = 1", "version"),
    "a text for a number": (Q, "pass_mark = 60", 'pass_mark = "60"', "subjects.theory.pass_mark"),
    "a switch for a number": (Q, "pass_mark = 60", "pass_mark = true", "subjects.theory.pass_mark"),
    "a number for a switch": (
        Q, "health_declaration = true", "health_declaration = 1", "registration.health_declaration",
    ),
    "a text for a date": (Q, "in_force_from = 2024-01-01", 'in_force_from = "2024-01-01"', "in_force_from"),
    "a time for a date": (Q, "in_force_from = 2024-01-01", "in_force_from = 2024-01-01T00:00:00", "in_force_from"),
    "a fraction for an integer": (Q, "minimum_age = 18", "minimum_age = 18.5", "registration.minimum_age"),
    "a switch for an integer": (Q, "minimum_age = 18", "minimum_age = true", "registration.minimum_age"),
    "an integer out of range": (Q, "minimum_age = 18", "minimum_age = 180", "registration.minimum_age"),
    "a pass mark above the maximum": (Q, "pass_mark = 60", "pass_mark = 101", "subjects.theory.pass_mark"),
    "a pass mark of nought": (Q, "pass_mark = 60", "pass_mark = 0", "subjects.theory.pass_mark"),
    "a pass mark of three decimals": (Q, "pass_mark = 60", "pass_mark = 59.995", "subjects.theory.pass_mark"),
    "a pass mark that is no number": (Q, "pass_mark = 60", "pass_mark = nan", "subjects.theory.pass_mark"),
    "a huge pass mark": (Q, "pass_mark = 60", "pass_mark = 1e99", "subjects.theory.pass_mark"),
    "a negative fee": (Q, "free_retake = 0", "free_retake = -1", "fees.free_retake"),
    "a fee of three decimals": (H, "exam = 180", "exam = 180.005", "fees.exam"),
    "two onsite retakes": (Q, "onsite_retakes = 1", "onsite_retakes = 2", "subjects.practical.onsite_retakes"),
    "an onsite retake of the theory": (
        Q, "duration_minutes = 100", "duration_minutes = 100\nonsite_retakes = 1", "subjects.theory.onsite_retakes",
    ),
    "items that miss the maximum": (Q, 'maximum = 25\n', "maximum = 24\n", "subjects.practical.maximum"),
    "weights that miss the maximum": (H, "drawn_weight = 0.25", "drawn_weight = 0.2", "subjects.practical.maximum"),
    "weights on the scale of points": (
        Q, 'scale = "points"', 'scale = "points"\nrequired_weight = 1', "subjects.practical.required_weight",
    ),
    "no weights on the weighted scale": (H, "required_weight = 0.75\n", "", "subjects.practical.required_weight"),
    "an unknown scale": (Q, 'scale = "points"', 'scale = "stars"', "subjects.practical.scale"),
    "an item twice": (Q, 'code = "triage"', 'code = "cpr"', "subjects.practical.required"),
    "an item code with a blank": (Q, 'code = "cpr"', 'code = "c p r"', "subjects.practical.required[2].code"),
    "a pair of two maxima": (
        Q, 'en = "triage", maximum = 10', 'en = "triage", maximum = 9', "subjects.practical.drawn[1].or.maximum",
    ),
    "a pair of one": (
        Q, 'or = { code = "triage", zh = "检伤分类", en = "triage", maximum = 10 }\n', "",
        "subjects.practical.drawn[1].or",
    ),
    "a pair that is none": (
        Q, 'or = { code = "triage", zh = "检伤分类", en = "triage", maximum = 10 }', "or = 1",
        "subjects.practical.drawn[1].or",
    ),
    "an unknown switch of both failed": (Q, 'both_failed = "retake"', 'both_failed = "maybe"', "retake.both_failed"),
    "a deadline of nought": (
        Q, "[absence]\ndeadline_months = 12", "[absence]\ndeadline_months = 0", "absence.deadline_months",
    ),
    "days the wrong way round": (
        Q, "certificate_after_days = [20, 30]", "certificate_after_days = [30, 20]", "calendar.certificate_after_days",
    ),
    "three days": (
        Q, "certificate_after_days = [20, 30]", "certificate_after_days = [1, 2, 3]", "calendar.certificate_after_days",
    ),
    "a day that is none": (
        Q, "certificate_after_days = [20, 30]", 'certificate_after_days = [20, "x"]',
        "calendar.certificate_after_days[1]",
    ),
    "no open level": (Q, "open_levels = [5]", "open_levels = []", "open_levels"),
    "its own level not open": (Q, "open_levels = [5]", "open_levels = [4]", "open_levels"),
    "validity of nought": (H, "months = 48", "months = 0", "validity.months"),
    "an unknown placeholder": (Q, "{occupation}（{level}）", "{name}", "certificate.statement_zh"),
    "an unknown numbering": (Q, 'kind = "digits16"', 'kind = "roman"', "number.kind"),
    "a part of the other numbering": (Q, 'kind = "digits16"', 'kind = "chars22"', "number.series"),
    "a province of three digits": (Q, 'province = "63"', 'province = "630"', "number.province"),
    "an identifier's type too short": (H, 'W005"', 'W05"', "identifier.type"),
    "an identifier's root that is none": (H, '"1.2.156.3005.2"', '"1..2"', "identifier.root"),
    "a table that is none": (Q, "[absence]\ndeadline_months = 12", "", "absence"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "field"), CHANGES.values(), ids=CHANGES)
def test_a_bad_scheme_is_refused_with_the_field_named(name: str, old: str, new: str, field: str | None) -> None:
    text = scheme_text(name)
    assert old in text
    with pytest.raises(InvalidScheme) as caught:
        parse_scheme(text.replace(old, new, 1))
    assert caught.value.rule == "R0"
    assert caught.value.where == field
    if field:
        assert field in caught.value.zh
        assert field in caught.value.en


def test_a_list_of_tables_is_not_empty() -> None:
    text = scheme_text(Q)
    start, end = text.index("[[subjects.practical.drawn]]"), text.index("[retake]")
    with pytest.raises(InvalidScheme) as caught:
        parse_scheme(text[:start] + text[end:].replace("[retake]", "[subjects.practical.extra]\n[retake]"))
    assert caught.value.where == "subjects.practical.drawn"
    with pytest.raises(InvalidScheme) as caught:
        parse_scheme(text[:start].replace('scale = "points"', 'scale = "points"\ndrawn = 3') + text[end:])
    assert caught.value.where == "subjects.practical.drawn"


def test_a_scheme_from_before_retention_keeps_as_long_as_the_shipped_ones() -> None:
    text = scheme_text("qinghai-2025")
    before = parse_scheme(text[: text.index("[retention]")])
    assert before.retention == qinghai().retention


def test_a_portrait_is_not_kept_longer_than_the_registration_it_is_of() -> None:
    text = scheme_text("qinghai-2025")
    with pytest.raises(InvalidScheme, match="longer than registration_months"):
        parse_scheme(text.replace("portrait_months = 6", "portrait_months = 37"))
