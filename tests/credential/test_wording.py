from __future__ import annotations

import pytest

from certsvc.credential.wording import STATES, say

R11 = {
    "valid": ("真实有效", "Genuine and in force"),
    "paper_valid": ("纸质证书真实有效", "Genuine paper certificate, in force"),
    "suspended": ("真实,自2025-05-01起暂停使用", "Genuine, suspended since 2025-05-01"),
    "revoked": ("真实签发,已于2025-05-01撤销(作弊)", "Was issued, revoked on 2025-05-01 (作弊)"),
    "forged": ("签名不符:非本机构签发或内容被改动", "Not genuine: the signature does not match what is shown"),
    "unknown": ("未查到该证书,请核对输入", "No such certificate here; check what was typed"),
    "unavailable": (
        "暂时无法查询,不代表证书有问题",
        "Cannot be checked just now; this says nothing about the certificate",
    ),
    "offline": ("签名真实;状态截至2025-05-01", "Signature genuine; status as of 2025-05-01"),
}


@pytest.mark.parametrize("state", R11)
def test_each_state_says_what_r11_says(state: str) -> None:
    wording = say(state, date="2025-05-01", reason="作弊")
    assert (wording.zh, wording.en) == R11[state]


@pytest.mark.parametrize("state", STATES)
def test_every_state_says_what_to_do_next_and_shows_no_placeholder(state: str) -> None:
    wording = say(state, reason=None)
    for text in (wording.zh, wording.en, wording.next_zh, wording.next_en):
        assert text
        assert "{" not in text


def test_an_unknown_state_is_a_fault() -> None:
    with pytest.raises(KeyError):
        say("perhaps")
