"""What a check answers, in words: the table of R11, and what the reader should do next.

Colour and icon belong to the page; the words are the same in the terminal, the API and the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from certsvc.credential.reasons import reason_of
from certsvc.credential.verdict import Alteration


@dataclass(frozen=True, slots=True)
class Wording:
    """A state in words. The placeholders {date}, {reason}, {number} and {version} are filled by `say`, which takes of
    `[one|another]` the first whose facts are all known, or nothing."""

    zh: str
    en: str
    next_zh: str
    next_en: str


_COMPARE_ZH = "请核对姓名、照片与证件，并确认网址的域名属于发证机构。"
_COMPARE_EN = (
    "Compare the name and photo with the person's identity document, and make sure the address is the issuer's own."
)
_ASK_ZH = "有疑问请联系发证机构。"
_ASK_EN = "If in doubt, ask the issuing authority."

STATES: Final[Mapping[str, Wording]] = MappingProxyType(
    {
        "valid": Wording("真实有效", "Genuine and in force", _COMPARE_ZH, _COMPARE_EN),
        "paper_valid": Wording("纸质证书真实有效", "Genuine paper certificate, in force", _COMPARE_ZH, _COMPARE_EN),
        # The state comes first, before anything that sounds good (R11).
        "suspended": Wording(
            "已暂停使用[（自{date}起）]；曾真实签发",
            "Suspended[ since {date}]; it was genuinely issued",
            "暂停期间请勿采信。" + _ASK_ZH,
            "Do not rely on it while it is suspended. " + _ASK_EN,
        ),
        "revoked": Wording(
            "已撤销[（{date}，{reason}）|（{date}）|（{reason}）]；曾真实签发",
            "Revoked[ on {date}][ ({reason})]; it was genuinely issued",
            "该证书不再有效。" + _ASK_ZH,
            "It is no longer in force. " + _ASK_EN,
        ),
        "superseded": Wording(
            "已被更新的版本替代[（编号 {number}，第 {version} 版，{date}）|（编号 {number}，第 {version} 版）|"
            "（{date}）]",
            "Replaced by a newer version"
            "[ (number {number}, version {version}, {date})| (number {number}, version {version})| on {date}]",
            "请向持证人索取新版本并重新查验。",
            "Ask the holder for the newer version and check that.",
        ),
        "paper_replaced": Wording(
            "该纸质证书已报遗失/损毁，已[于{date}]补发电子证书",
            "This paper was reported lost or damaged; an electronic one replaces it[ since {date}]",
            "请勿采信该纸质证书，请向持证人索取电子证书。",
            "Do not rely on the paper; ask the holder for the electronic certificate.",
        ),
        # Said before it: the words of where the certificate stands (`after_erasure`).
        "erased": Wording(
            "持证人的个人信息已应其要求[于{date}]抹除",
            "personal data erased at the holder's wish[ on {date}]",
            "登记册中已没有姓名，无法在此核对是谁的；请持证人出示其保存的证书文件，上传后可离线查验签名。" + _ASK_ZH,
            "The register holds no name any more, so it cannot say whose it is. Ask the holder for the file they kept: "
            "its signature still verifies. " + _ASK_EN,
        ),
        "expired": Wording(
            "已过有效期[（{date}）]",
            "Past its validity[ ({date})]",
            "请向持证人确认是否已延期或换发。",
            "Ask the holder whether it has been extended or exchanged.",
        ),
        "altered": Wording(
            "不是原始文件：封印部分真实，其后被添加或改写",
            "Not the original file: what was sealed is genuine, and was added to or rewritten",
            "请以下面登记的真实记录为准，逐项比对；并向持证人索取原始文件，或扫描证书上的二维码。",
            "Go by the true record below, item by item; ask the holder for the original file, or scan the code on the "
            "certificate.",
        ),
        "unchecked": Wording(
            "签名真实，但未能查到状态",
            "Signature genuine; its status could not be checked",
            "是否已被暂停、撤销或替代尚不清楚：请联网查验，或取得新的状态列表后再查。" + _COMPARE_ZH,
            "It may have been suspended, revoked or replaced: check online, or with new status lists. " + _COMPARE_EN,
        ),
        "forged": Wording(
            "签名不符：非本机构签发或内容被改动",
            "Not genuine: the signature does not match what is shown",
            "请勿采信，保留原件并联系发证机构。",
            "Do not rely on it; keep the original and tell the issuing authority.",
        ),
        "unknown": Wording(
            "未查到该证书，请核对输入",
            "No such certificate here; check what was typed",
            "请核对编号与姓名后重试。" + _ASK_ZH,
            "Check number and name, and try again. " + _ASK_EN,
        ),
        "unavailable": Wording(
            "暂时无法查询，不代表证书有问题",
            "Cannot be checked just now; this says nothing about the certificate",
            "请稍后再试。",
            "Try again later.",
        ),
        "offline": Wording(
            "签名真实；状态[截至{date}|未知]",
            "Signature genuine; status [as of {date}|unknown]",
            "联网后请再次查验当前状态。" + _COMPARE_ZH,
            "Check the present status once online. " + _COMPARE_EN,
        ),
    }
)
ALTERATIONS: Final[Mapping[Alteration, Wording]] = MappingProxyType(
    {
        Alteration.ADDED: Wording(
            "签发时的部分完好无损；之前或之后有后来添加的内容，如邮件网关的换行、阅读器的保存或批注。"
            "添加的内容未经签名，可能改变您看到的样子。",
            "The part that was issued is whole; something was added before or behind it, such as a mail gateway's line "
            "break, a reader's save, or a comment. What was added is not signed and may change what you see.",
            "请取出其中的原始部分再查验，或扫描二维码；以下面的记录为准。",
            "Take the original part out of it and check that, or scan the code; go by the record below.",
        ),
        Alteration.REWRITTEN: Wording(
            "文件已由其他程序或人改写，签章因此不再成立，文件上的内容不能证明任何事。",
            "The file was rewritten by a program or a person: its seal no longer holds, and what stands on it proves "
            "nothing.",
            "文件所指的证书见下：请逐项比对，并向持证人索取原始文件，或扫描二维码。",
            "The certificate that the file names is shown below: compare it item by item, and ask the holder for the "
            "original file, or scan the code.",
        ),
        Alteration.PROTECTED: Wording(
            "文件被加上了密码保护，因此已不是签发时的文件，其内容不能证明任何事。",
            "The file has a password: it is no longer the file that was issued, and what stands on it proves nothing.",
            "请向持证人索取没有密码的原始文件，或扫描二维码；文件所指的证书见下，请逐项比对。",
            "Ask the holder for the original without a password, or scan the code; the certificate that the file names "
            "is shown below.",
        ),
        Alteration.CUT_OFF: Wording(
            "文件不完整，末尾缺失，因此无法查验其签章。",
            "The file is cut off: its end is missing, so its seal cannot be checked.",
            "请重新下载或请对方重新发送；文件所指的证书见下，请逐项比对。",
            "Download it again, or have it sent again; the certificate that the file names is shown below.",
        ),
        Alteration.CONTAINED: Wording(
            "证书在另一个文件里（邮件、文件包或压缩包），外面的文件不是证书本身。",
            "The certificate came inside another file (a mail, a portfolio, an archive), which is not the certificate.",
            "请取出其中的证书文件使用；内含的证书见下。",
            "Take the certificate out of it; what is inside is shown below.",
        ),
    }
)
"""How something is altered, and what the reader should do next."""
RECORD_STATES: Final = tuple(state for state in STATES if state not in {"offline", "altered", "unchecked"})
"""What a look-up by token or by number answers; the others are answers to a file, or to who is not online."""
_CHOICE: Final = re.compile(r"\[([^\[\]]*)\]")
_FACT: Final = re.compile(r"\{(\w+)\}")


def say(state: str, **facts: object) -> Wording:
    """The wording of a state with the facts that are known; KeyError for an unknown state.

    `reason` is a code (`reasons.StatusReason`), said in the words of each language.
    """
    wording = STATES[state]
    known = {name: str(fact) for name, fact in facts.items() if fact is not None}
    reason = reason_of(known.pop("reason", None))
    zh = known if reason is None else known | {"reason": reason.zh}
    en = known if reason is None else known | {"reason": reason.en}
    return Wording(_filled(wording.zh, zh), _filled(wording.en, en), wording.next_zh, wording.next_en)


def after_erasure(standing: Wording, erased_on: date | None) -> Wording:
    """The words of a certificate whose holder's data were erased: first where it stands (R11), then that they were."""
    erased = say("erased", date=erased_on)
    return Wording(f"{standing.zh}；{erased.zh}", f"{standing.en}; {erased.en}", erased.next_zh, erased.next_en)


def _filled(pattern: str, facts: Mapping[str, str]) -> str:
    def choose(match: re.Match[str]) -> str:
        options = (option for option in match[1].split("|") if set(_FACT.findall(option)) <= facts.keys())
        return next(options, "")

    return _FACT.sub(lambda match: facts[match[1]], _CHOICE.sub(choose, pattern))
