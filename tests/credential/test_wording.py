from __future__ import annotations

import re

import pytest

from certsvc.credential.reasons import FOR_STATUS, StatusReason, reason_of
from certsvc.credential.wording import STATES, say

R11 = {
    "valid": ("真实有效", "Genuine and in force"),
    "paper_valid": ("纸质证书真实有效", "Genuine paper certificate, in force"),
    "suspended": ("已暂停使用（自2025-05-01起）；曾真实签发", "Suspended since 2025-05-01; it was genuinely issued"),
    "revoked": (
        "已撤销（2025-05-01，以欺骗等不正当手段取得）；曾真实签发",
        "Revoked on 2025-05-01 (it was obtained by fraud); it was genuinely issued",
    ),
    "superseded": ("已被更新的版本替代（2025-05-01）", "Replaced by a newer version on 2025-05-01"),
    "paper_replaced": (
        "该纸质证书已报遗失/损毁，已于2025-05-01补发电子证书",
        "This paper was reported lost or damaged; an electronic one replaces it since 2025-05-01",
    ),
    "erased": (
        "持证人的个人信息已应其要求于2025-05-01抹除",
        "personal data erased at the holder's wish on 2025-05-01",
    ),
    "expired": ("已过有效期（2025-05-01）", "Past its validity (2025-05-01)"),
    "forged": ("签名不符：非本机构签发或内容被改动", "Not genuine: the signature does not match what is shown"),
    "unknown": ("未查到该证书，请核对输入", "No such certificate here; check what was typed"),
    "unavailable": (
        "暂时无法查询，不代表证书有问题",
        "Cannot be checked just now; this says nothing about the certificate",
    ),
    "offline": ("签名真实；状态截至2025-05-01", "Signature genuine; status as of 2025-05-01"),
}


@pytest.mark.parametrize("state", R11)
def test_each_state_says_what_r11_says(state: str) -> None:
    wording = say(state, date="2025-05-01", reason="fraud")
    assert (wording.zh, wording.en) == R11[state]


@pytest.mark.parametrize("state", STATES)
def test_what_is_not_known_leaves_no_gap(state: str) -> None:
    wording = say(state, reason=None)
    for text in (wording.zh, wording.en, wording.next_zh, wording.next_en):
        assert text
        assert not re.search(r"[{}\[\]|—]|\(\)|  ", text)


def test_facts_are_said_as_far_as_they_are_known() -> None:
    assert say("revoked").zh == "已撤销；曾真实签发"
    assert say("revoked", date="2025-05-01").zh == "已撤销（2025-05-01）；曾真实签发"
    assert say("revoked", reason="fraud").en == "Revoked (it was obtained by fraud); it was genuinely issued"
    assert say("superseded", number="123", version=2).zh == "已被更新的版本替代（编号 123，第 2 版）"
    assert say("offline").en == "Signature genuine; status unknown"


def test_the_state_comes_before_anything_that_sounds_good() -> None:
    for state in ("suspended", "revoked", "superseded", "expired"):
        wording = say(state, date="2025-05-01", reason="other", number="1", version=2)
        assert not wording.zh.startswith(("真实", "曾"))
        assert not wording.en.lower().startswith(("genuine", "was issued"))


def test_a_reason_is_said_in_both_languages_and_what_is_no_code_never() -> None:
    for reason in StatusReason:
        wording = say("revoked", reason=reason.value)
        assert reason.zh in wording.zh
        assert reason.en in wording.en
    wording = say("revoked", reason="张三冒名顶替李四")
    assert "张三" not in wording.zh + wording.en
    assert StatusReason.OTHER.zh in wording.zh
    assert set(StatusReason) - set(FOR_STATUS) == {StatusReason.LOST, StatusReason.DAMAGED}
    assert reason_of(None) is None


def test_an_unknown_state_is_a_fault() -> None:
    with pytest.raises(KeyError):
        say("perhaps")
