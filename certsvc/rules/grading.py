"""Scores: how they are written, and how the items of the practical test make its total.

Exact decimals of two places at most, never rounded. Each refusal names the column of the results file in `where`.
Not here: whether a score passes (course). Source: R2, R2.1, R2.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from certsvc.errors import InvalidScore
from certsvc.rules.enrolment import Outcome
from certsvc.rules.terms import Item, ItemBlocks, Scheme, Subject, SubjectRules
from certsvc.rules.wording import score_text

MAX_PLACES = 2
_PLAIN = re.compile(r"[0-9]{1,6}(?:\.([0-9]{1,9}))?", re.ASCII)
_NEGATIVE = re.compile(r"-[0-9]{1,6}(?:\.[0-9]{1,9})?", re.ASCII)
SCORE_COLUMN = "score"


def parse_score(text: str) -> Decimal:
    """The exact decimal that plain digits write: "59.99", "60". Raises InvalidScore for anything else (R2.2)."""
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        if _NEGATIVE.fullmatch(text):
            raise _refused(SCORE_COLUMN, "成绩不能为负", "a score is not negative")
        raise _refused(
            SCORE_COLUMN,
            "成绩应为普通十进制数字，如 59.99",
            "a score is written in plain decimal digits, such as 59.99",
        )
    if plain[1] is not None and len(plain[1]) > MAX_PLACES:
        raise _refused(SCORE_COLUMN, "成绩最多两位小数", "a score has two decimal places at most", rule="R2")
    return Decimal(text)


def grade(
    subject: Subject, total: Decimal | None, items: Mapping[str, Decimal], outcome: Outcome, scheme: Scheme
) -> Decimal | None:
    """The subject's score from its total, its items, or both; None beside an outcome other than `scored`.

    Raises InvalidScore.
    """
    if outcome is not Outcome.SCORED:
        _refuse_score_beside(outcome, total, items)
        return None
    rules = scheme.subjects[subject]
    if total is not None:
        _check_bounds(SCORE_COLUMN, total, rules.maximum)
    if not items:
        if total is None:
            raise _refused(SCORE_COLUMN, "结果为正常时须有成绩", "the outcome is scored, but no score is given")
        return total
    reckoned = _total_of_items(rules, items)
    if total is not None and total != reckoned:
        raise _refused(
            SCORE_COLUMN,
            f"成绩 {score_text(total)} 与各项合计 {score_text(reckoned)} 不符",
            f"the score {score_text(total)} disagrees with the items, which make {score_text(reckoned)}",
        )
    return reckoned


def _refuse_score_beside(outcome: Outcome, total: Decimal | None, items: Mapping[str, Decimal]) -> None:
    if total is not None or items:
        column = SCORE_COLUMN if total is not None else next(iter(items))
        raise _refused(
            column,
            f"结果为{outcome.zh}时不应有成绩",
            f"a score stands beside the outcome {outcome.en}; only a scored attempt has one",
        )


def _total_of_items(rules: SubjectRules, items: Mapping[str, Decimal]) -> Decimal:
    blocks = rules.blocks
    if blocks is None:
        raise _refused(next(iter(items)), f"{rules.subject.zh}没有考核项目", f"the {rules.subject.en} has no items")
    _check_items_known(blocks, items)
    drawn = [_drawn_item(pair, items) for pair in blocks.drawn]
    required_sum = _block_sum(blocks.required, items)
    drawn_sum = _block_sum(drawn, items)
    total = required_sum * blocks.required_weight + drawn_sum * blocks.drawn_weight
    if total != round(total, MAX_PLACES):
        # On the weighted scale, whole points always make a total of two places.
        blocks_weighted = ((required_sum, blocks.required_weight), (drawn_sum, blocks.drawn_weight))
        sum_text = " + ".join(f"{score_text(points)} × {score_text(weight)}" for points, weight in blocks_weighted)
        reckoning = f"{sum_text} = {score_text(total)}"
        raise _refused(
            SCORE_COLUMN,
            f"按权重合计 {reckoning}，超过两位小数；成绩不作四舍五入，各项请用整数分",
            f"weighted, the items make {reckoning}, more than two decimals; a score is never rounded, so give the items"
            " in whole points",
            rule="R2.1",
        )
    return total


def _check_items_known(blocks: ItemBlocks, items: Mapping[str, Decimal]) -> None:
    known = {item.code for item in blocks.items}
    for code in items:
        if code not in known:
            raise _refused(code, "本方案没有该考核项目", "the scheme has no such item")


def _drawn_item(pair: tuple[Item, Item], items: Mapping[str, Decimal]) -> Item:
    """R2.1: exactly one of each pair."""
    either, other = pair
    if (either.code in items) == (other.code in items):
        count_zh, count_en = ("只能", "both are given") if either.code in items else ("须", "neither is given")
        raise _refused(
            either.code,
            f"{either.zh}与{other.zh}{count_zh}抽考其中一项",
            f"exactly one of {either.en} and {other.en} is drawn; {count_en}",
        )
    return either if either.code in items else other


def _block_sum(block: Iterable[Item], items: Mapping[str, Decimal]) -> Decimal:
    total = Decimal(0)
    for item in block:
        score = items.get(item.code)
        if score is None:
            raise _refused(item.code, f"缺少{item.zh}的成绩", f"the item {item.en} is missing")
        _check_bounds(item.code, score, item.maximum)
        total += score
    return total


def _check_bounds(column: str, score: Decimal, maximum: Decimal) -> None:
    if not score.is_finite() or score < 0:
        raise _refused(column, "成绩不能为负", "a score is not negative")
    if score > maximum:
        raise _refused(
            column,
            f"成绩 {score_text(score)} 超过满分 {score_text(maximum)}",
            f"{score_text(score)} is above the maximum of {score_text(maximum)}",
        )
    if score != round(score, MAX_PLACES):
        raise _refused(column, "成绩最多两位小数", "a score has two decimal places at most", rule="R2")


def _refused(column: str, zh: str, en: str, *, rule: str = "R2.2") -> InvalidScore:
    return InvalidScore(zh, en, rule=rule, where=column)
