"""Schemes: the file that holds one occupation, level and region's rules, read and checked (R0).

A scheme that leaves a field out, has one too many, or contradicts itself is refused with the field named.
The values themselves are in `terms`; reading single fields is in `fields`. Where files lie is known to `resources`.
"""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal

from certsvc.errors import InvalidScheme
from certsvc.rules.fields import Fields, refuse_field
from certsvc.rules.terms import (
    AbsenceRules,
    BothFailed,
    CalendarRules,
    CertificateOptions,
    Fees,
    Identifier,
    Item,
    ItemBlocks,
    NumberFormat,
    Occupation,
    PaperRules,
    RegistrationRules,
    RetakeRules,
    RetentionRules,
    Scale,
    Scheme,
    Subject,
    SubjectRules,
    in_force,
)

__all__ = ["InvalidScheme", "Item", "Scheme", "Subject", "SubjectRules", "in_force", "parse_scheme"]

# R7.3: the parts each kind of numbering takes from the scheme, as patterns; year, level and serial come with issuing.
NUMBER_PARTS = {
    "digits16": {"province": "[0-9]{2}", "city": "[0-9]{2}", "body_type": "[0-9]", "station": "[0-9]{3}"},
    "chars22": {"series": "[SY]", "body": "[0-9]{4}", "province": "[0-9]{2}", "site": "[0-9]{6}"},
}
PLACEHOLDERS = ("{occupation}", "{level}")


def parse_scheme(toml_text: str) -> Scheme:
    """The scheme a TOML text holds; raises InvalidScheme naming the field."""
    try:
        table = tomllib.loads(toml_text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidScheme(f"方案文件不是合法的 TOML:{error}", f"not TOML: {error}", rule="R0") from error
    root = Fields(table)
    scheme = _scheme(root)
    root.close()
    _check_levels(scheme)
    return scheme


def _scheme(root: Fields) -> Scheme:
    level = root.integer("level", at_least=1, at_most=5)
    level_name_zh, level_name_en = root.text("level_name_zh"), root.text("level_name_en")
    occupation = _occupation(root.table("occupation"))
    words_zh = {"{occupation}": occupation.name_zh, "{level}": level_name_zh}
    words_en = {"{occupation}": occupation.name_en, "{level}": level_name_en}
    return Scheme(
        key=root.text("key", pattern="[a-z0-9-]+/[a-z0-9-]+"),
        version=root.text("version"),
        in_force_from=root.day("in_force_from"),
        occupation=occupation,
        direction=root.optional_text("direction"),
        level=level,
        level_name_zh=level_name_zh,
        level_name_en=level_name_en,
        open_levels=root.integers("open_levels"),
        region_code=root.text("region_code", pattern="[0-9]{6}"),
        region_zh=root.text("region_zh"),
        region_en=root.text("region_en"),
        registration=_registration(root.table("registration")),
        subjects=_subjects(root.table("subjects")),
        retake=_retake(root.table("retake")),
        absence=_absence(root.table("absence")),
        fees=_fees(root.table("fees")),
        calendar=_calendar(root.table("calendar")),
        validity_months=_validity(root.optional_table("validity")),
        certificate=_certificate(root.table("certificate"), words_zh, words_en),
        number=_number(root.table("number")),
        identifier=_identifier(root.optional_table("identifier")),
        paper=_paper(root.optional_table("paper")),
        retention=_retention(root.optional_table("retention")),
    )


def _check_levels(scheme: Scheme) -> None:
    if scheme.level not in scheme.open_levels:
        raise refuse_field(
            "open_levels",
            f"未包含本方案的等级 {scheme.level}",
            f"the scheme's own level {scheme.level} is not among them",
        )


def _occupation(fields: Fields) -> Occupation:
    occupation = Occupation(fields.text("code"), fields.text("name_zh"), fields.text("name_en"))
    fields.close()
    return occupation


def _registration(fields: Fields) -> RegistrationRules:
    rules = RegistrationRules(
        fields.integer("minimum_age", at_least=0, at_most=120), fields.switch("health_declaration")
    )
    fields.close()
    return rules


def _subjects(fields: Fields) -> dict[Subject, SubjectRules]:
    subjects = {subject: _subject(subject, fields.table(subject.value)) for subject in Subject}
    fields.close()
    return subjects


def _subject(subject: Subject, fields: Fields) -> SubjectRules:
    maximum = fields.decimal("maximum", above=Decimal(0), places=2)
    pass_mark = fields.decimal("pass_mark", above=Decimal(0), places=2)
    if pass_mark > maximum:
        raise fields.refuse("pass_mark", f"高于满分 {maximum}", f"above the maximum of {maximum}")
    # Only the practical test has items and a second go on the spot (R2.1, R3.2).
    practical = subject is Subject.PRACTICAL
    rules = SubjectRules(
        subject=subject,
        pass_mark=pass_mark,
        maximum=maximum,
        duration_minutes=fields.integer("duration_minutes", at_least=1, at_most=1440),
        form_zh=fields.text("form_zh"),
        form_en=fields.text("form_en"),
        onsite_retakes=fields.integer("onsite_retakes", at_least=0, at_most=1) if practical else 0,
        free_retakes=fields.integer("free_retakes", at_least=0, at_most=9),
        blocks=_blocks(fields, maximum) if practical else None,
    )
    fields.close()
    return rules


def _blocks(fields: Fields, maximum: Decimal) -> ItemBlocks:
    scale = fields.choice("scale", Scale)
    weighted = scale is Scale.WEIGHTED
    blocks = ItemBlocks(
        scale=scale,
        required=tuple(_item(item) for item in fields.tables("required")),
        drawn=_pairs(fields),
        required_weight=fields.decimal("required_weight", above=Decimal(0), places=2) if weighted else Decimal(1),
        drawn_weight=fields.decimal("drawn_weight", above=Decimal(0), places=2) if weighted else Decimal(1),
    )
    _check_codes(fields, blocks)
    _check_sum(fields, blocks, maximum)
    return blocks


def _item(fields: Fields) -> Item:
    item = Item(
        fields.text("code", pattern="[a-z][a-z0-9_]*"),
        fields.text("zh"),
        fields.text("en"),
        fields.decimal("maximum", above=Decimal(0), places=2),
    )
    fields.close()
    return item


def _pairs(fields: Fields) -> tuple[tuple[Item, Item], ...]:
    """Each `[[…drawn]]` has `either` and `or`, of one maximum: the total must not hang on the draw."""
    pairs = []
    for pair in fields.tables("drawn"):
        either, other = _item(pair.table("either")), _item(pair.table("or"))
        if either.maximum != other.maximum:
            raise pair.refuse("or.maximum", "与另一选项的满分不同", "differs from the maximum of its alternative")
        pair.close()
        pairs.append((either, other))
    return tuple(pairs)


def _check_codes(fields: Fields, blocks: ItemBlocks) -> None:
    codes = [item.code for item in blocks.items]
    for code in codes:
        if codes.count(code) > 1:
            raise fields.refuse("required", f"考核项目代码 {code} 重复", f"item code {code} appears twice")


def _check_sum(fields: Fields, blocks: ItemBlocks, maximum: Decimal) -> None:
    """Full marks in every item make the subject's maximum."""
    required = sum((item.maximum for item in blocks.required), Decimal(0))
    drawn = sum((either.maximum for either, _ in blocks.drawn), Decimal(0))
    full = required * blocks.required_weight + drawn * blocks.drawn_weight
    if full != maximum:
        raise fields.refuse(
            "maximum", f"各项满分合计 {full}，与满分 {maximum} 不符", f"{maximum}, but the items' maxima make {full}"
        )


def _retake(fields: Fields) -> RetakeRules:
    rules = RetakeRules(
        fields.integer("deadline_months", at_least=1, at_most=120), fields.choice("both_failed", BothFailed)
    )
    fields.close()
    return rules


def _absence(fields: Fields) -> AbsenceRules:
    rules = AbsenceRules(fields.integer("deadline_months", at_least=1, at_most=120))
    fields.close()
    return rules


def _fees(fields: Fields) -> Fees:
    fees = Fees(fields.optional_decimal("exam", places=2), fields.decimal("free_retake", places=2))
    fields.close()
    return fees


def _calendar(fields: Fields) -> CalendarRules:
    scores = fields.integer("scores_after_days", at_least=0, at_most=3650)
    days = fields.integers("certificate_after_days")
    if len(days) != 2 or days[0] > days[1]:
        raise fields.refuse("certificate_after_days", "应为先小后大的两个天数", "two numbers, the smaller first")
    fields.close()
    return CalendarRules(scores, (days[0], days[1]))


def _validity(fields: Fields | None) -> int | None:
    """R0, R7.2: without a `[validity]` the certificate is for life."""
    if fields is None:
        return None
    months = fields.integer("months", at_least=1, at_most=1200)
    fields.close()
    return months


def _certificate(fields: Fields, words_zh: dict[str, str], words_en: dict[str, str]) -> CertificateOptions:
    options = CertificateOptions(
        title_zh=fields.text("title_zh"),
        title_en=fields.text("title_en"),
        statement_zh=_statement(fields, "statement_zh", words_zh),
        statement_en=_statement(fields, "statement_en", words_en),
        mask_id_number=fields.switch("mask_id_number"),
        show_scores=fields.switch("show_scores"),
        show_sex=fields.switch("show_sex"),
        show_birth_date=fields.switch("show_birth_date"),
        photo_required=fields.switch("photo_required"),
        show_photo_publicly=fields.switch("show_photo_publicly"),
    )
    fields.close()
    return options


def _statement(fields: Fields, name: str, words: dict[str, str]) -> str:
    statement = fields.text(name)
    for placeholder in PLACEHOLDERS:
        statement = statement.replace(placeholder, words[placeholder])
    if "{" in statement or "}" in statement:
        raise fields.refuse(
            name, f"只能使用占位符 {'、'.join(PLACEHOLDERS)}", f"takes the placeholders {', '.join(PLACEHOLDERS)} only"
        )
    return statement


def _number(fields: Fields) -> NumberFormat:
    kind = _number_kind(fields, fields.text("kind"))
    parts = {name: fields.text(name, pattern=pattern) for name, pattern in NUMBER_PARTS[kind].items()}
    first = NumberFormat(kind, parts)
    following: list[NumberFormat] = []
    for table in fields.optional_tables("next"):
        following.append(_next_range(table, first))
        if following[-1] in [first, *following[:-1]]:
            raise table.refuse("kind", "与前面的编号段相同", "the same range as one before it")
    fields.close()
    return NumberFormat(kind, parts, tuple(following))


def _next_range(fields: Fields, first: NumberFormat) -> NumberFormat:
    """A `[[number.next]]`: of the first range's kind, and with its parts, but for what it says itself."""
    kind = _number_kind(fields, fields.optional_text("kind") or first.kind)
    inherited = first.parts if kind == first.kind else {}
    parts = {
        name: fields.optional_text(name, pattern=pattern) or inherited.get(name) or fields.text(name)
        for name, pattern in NUMBER_PARTS[kind].items()
    }
    fields.close()
    return NumberFormat(kind, parts)


def _number_kind(fields: Fields, kind: str) -> str:
    if kind not in NUMBER_PARTS:
        raise fields.refuse("kind", f"应为 {'、'.join(NUMBER_PARTS)} 之一", f"one of {', '.join(NUMBER_PARTS)} is due")
    return kind


def _paper(fields: Fields | None) -> PaperRules:
    """R8.1a: without a `[paper]`, paper ended the day before the first scheme took effect (`former_paper`)."""
    if fields is None:
        return PaperRules()
    rules = PaperRules(
        fields.optional_day("first_day"), fields.optional_day("last_day"), fields.optional_text("number_form")
    )
    try:
        re.compile(rules.number_form or "")
    except re.error as error:
        raise fields.refuse("number_form", f"不是正则表达式：{error}", f"no regular expression: {error}") from error
    if rules.first_day is not None and rules.last_day is not None and rules.first_day > rules.last_day:
        raise fields.refuse("last_day", "早于 first_day", "before first_day")
    fields.close()
    return rules


def _retention(fields: Fields | None) -> RetentionRules:
    """R10: a scheme from before it was asked for keeps as long as the shipped ones."""
    if fields is None:
        return RetentionRules()
    rules = RetentionRules(
        certificate_years=fields.integer("certificate_years", at_least=0, at_most=100),
        portrait_months=fields.integer("portrait_months", at_least=0, at_most=1200),
        registration_months=fields.integer("registration_months", at_least=0, at_most=1200),
    )
    if rules.portrait_months > rules.registration_months:
        raise fields.refuse("portrait_months", "长于 registration_months", "longer than registration_months")
    fields.close()
    return rules


def _identifier(fields: Fields | None) -> Identifier | None:
    if fields is None:
        return None
    identifier = Identifier(
        root=fields.text("root", pattern=r"[0-9]+(\.[0-9]+)*"),
        type=fields.text("type", pattern="[0-9A-Z]{21}"),
        issuer=fields.text("issuer", pattern="[0-9A-Z]{18}"),
    )
    fields.close()
    return identifier
