"""Each table and column of the register: what of it is handed over to the person it is about, and what not and why.

A test goes over every table that there is: a new one has to be put here before anything is shipped (R10).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

SECTIONS: Final = MappingProxyType(
    {
        "person": "身份信息 / the person",
        "earlier_document": "更正前登记的证件 / documents on record before a correction",
        "enrolment": "报名 / registrations",
        "review_step": "报名审核 / reviews of registrations",
        "attempt": "考试与成绩 / attempts and results",
        "result_correction": "成绩更正 / corrections of results",
        "withdrawn_result": "发布前撤回的成绩 / results withdrawn before they were published",
        "seat": "考场安排 / seats in sittings",
        "score_entry": "考评员录入的分数 / scores as assessors entered them",
        "notice": "通知 / notices",
        "certificate": "电子证书（各版本） / electronic certificates, every version",
        "pdf_file": "证书文件 / files of certificates",
        "status_change": "证书状态变更 / changes of status",
        "paper_certificate": "纸质证书登记 / entries of the paper register",
        "reissue_request": "补发申请 / requests for a reissue",
        "home_application": "在家提交的补发申请 / applications from home",
        "evidence_picture": "申请所附照片 / pictures that came with them",
        "approval": "经两人的申请（更正、联系电话等） / requests that took two people",
        "share_link": "分享链接 / share links",
        "share_opening": "分享链接的打开 / openings of share links",
        "kept_check": "留存的核验 / checks that readers kept",
        "scan_count": "按日统计的扫码 / scans, counted by day",
        "holder_code": "登录码 / codes to sign in with",
        "holder_session": "登录 / sign-ins",
        "message": "短信 / messages",
        "audit_event": "操作记录中有关的条目 / entries of the trail about them",
        "erasure": "抹除记录 / erasures",
    }
)
"""The tables whose rows about the person are handed over, and what each is called."""

LEFT_OUT: Final = MappingProxyType(
    {
        "account": "staff accounts: about the staff, who ask for their own",
        "passkey": "the second factors of staff accounts",
        "recovery_code": "digests of staff accounts' recovery codes",
        "staff_session": "sign-ins of the staff",
        "api_key": "keys of systems: about no person",
        "api_key_use": "uses of systems' keys: about no person",
        "clock_seen": "the clock: about no person",
        "issue_batch": "a batch of many; the certificate's own row names it",
        "key_check": "check values of the issuer's keys: about no person",
        "limit_count": "counted under keyed digests of addresses for hours: not found by person",
        "log_head": "the public log: commitments alone, nothing personal (R10)",
        "log_leaf": "the public log: commitments alone, nothing personal (R10)",
        "log_node": "the public log: hashes alone",
        "log_session": "counts of a sitting: about no person",
        "results_delivery": "a delivery of many people's results, sealed as it was signed; their own are handed over",
        "seen_nonce": "nonces of systems' calls: about no person",
        "sending_system": "systems that send results: about no person",
        "sitting": "a dated exam: about no person; the seat is handed over",
        "scheme": "rules: about no person",
        "to_decide": "whom the next issue decides: gone once it has",
        "serial": "the next number: about no person",
    }
)
"""The tables of which nothing is handed over, and why."""

WITHHELD: Final = MappingProxyType(
    {
        "person.id_lookup": "keyed digest by which the register finds the number, which is handed over",
        "person.sealed": "sealed: its content is handed over as `opened`",
        "person.sealed_kid": "name of the key that sealed it",
        "earlier_document.id_lookup": "keyed digest; the number it was made of is kept nowhere",
        "result_correction.sealed": "holds the salt that opens the log's commitment; why is handed over as `opened`",
        "result_correction.sealed_kid": "name of the key that sealed it",
        "withdrawn_result.sealed": "holds the salt that opens the log's commitment; why is handed over as `opened`",
        "withdrawn_result.sealed_kid": "name of the key that sealed it",
        "certificate.sealed": "sealed: its content is handed over as `opened`",
        "certificate.sealed_kid": "name of the key that sealed it",
        "certificate.document": "the unsigned text of the credential, which is handed over as a file",
        "certificate.credential": "handed over as a file of its own, byte for byte",
        "certificate.cose": "the message in the code, which stands on the certificate that is handed over",
        "paper_certificate.id_lookup": "keyed digest by which the register finds the number, which is handed over",
        "paper_certificate.sealed": "sealed: its content is handed over as `opened`",
        "paper_certificate.sealed_kid": "name of the key that sealed it",
        "reissue_request.id_lookup": "keyed digest by which the register finds the number, which is handed over",
        "reissue_request.sealed": "sealed: its content is handed over as `opened`",
        "reissue_request.sealed_kid": "name of the key that sealed it",
        "home_application.reference": "digest of the reference, which only the applicant has",
        "home_application.sealed": "sealed: its content is handed over as `opened`",
        "home_application.sealed_kid": "name of the key that sealed it",
        "evidence_picture.sealed": "handed over as a file of its own",
        "evidence_picture.sealed_kid": "name of the key that sealed it",
        "approval.sealed": "sealed: its content is handed over as `opened`",
        "approval.sealed_kid": "name of the key that sealed it",
        "share_link.secret_sha256": "digest of the link's secret, which only its holder has",
        "holder_code.id_lookup": "keyed digest by which the register finds the number, which is handed over",
        "holder_code.digest": "keyed digest of a code: who reads it could try codes against it",
        "holder_session.id_lookup": "keyed digest by which the register finds the number, which is handed over",
        "holder_session.digest": "keyed digest of the secret in the browser's cookie",
        "message.id_lookup": "keyed digest by which the register finds the number, which is handed over",
        "message.sealed": "a message that waits holds a code to sign in with; one that was sent is emptied",
        "message.sealed_kid": "name of the key that sealed it",
        "notice.id_lookup": "keyed digest by which the register finds the number, which is handed over",
        "erasure.id_lookup": "keyed digest by which the register finds the number, which is handed over",
    }
)
"""The columns of tables in `SECTIONS` that are not handed over as they stand, and why."""
