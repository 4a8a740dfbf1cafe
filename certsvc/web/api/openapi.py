"""The API described: OpenAPI 3.1, made from the states, error codes and limits that the code itself uses.

Source: OpenAPI 3.1.1, RFC 9457. A test sends the examples and holds answers against these schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from certsvc.brought.kinds import Kind as BroughtKind
from certsvc.brought.zip_file import MOST_FILES
from certsvc.credential.reasons import StatusReason
from certsvc.credential.verdict import Alteration, CheckName, Verdict
from certsvc.credential.wording import RECORD_STATES
from certsvc.roster.employer_list import LIST_LIMITS, ROW_PROBLEMS
from certsvc.roster.results import COLUMNS as RESULT_COLUMNS
from certsvc.services.examination.deliver import LONGEST_CELL, MOST_ROWS
from certsvc.services.operation.api_keys import Scope
from certsvc.web.api.results import COVERED
from certsvc.web.gate import LARGEST_FILE
from certsvc.web.problems import STATUS


class Said(str):
    """A sentence in Chinese and English: both where a description is one text, either where a reader has chosen."""

    zh: str
    en: str

    def __new__(cls, zh: str, en: str) -> Said:
        both = super().__new__(cls, f"{zh} {en}")
        both.zh, both.en = zh, en
        return both


_WORDS: Final = {
    "type": "object",
    "required": ["zh", "en"],
    "properties": {"zh": {"type": "string"}, "en": {"type": "string"}},
}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_DAY: Final = {"type": "string", "format": "date"}
_UPLOAD: Final = {"type": "string", "contentMediaType": "application/octet-stream"}
_DAY_OR_NULL: Final = {"type": ["string", "null"], "format": "date"}

_ROWS: Final = {"type": "array", "items": {"$ref": "#/components/schemas/Statement"}}

# Run as they stand by tests/web/test_examples.py, with BASE, TOKEN, NUMBER and NAME set.
EXAMPLES: Final[Mapping[str, Mapping[str, str]]] = {
    "readCertificate": {
        "curl": "curl -s $BASE/api/v1/certificates/$TOKEN",
        "Python": """import json, urllib.request

with urllib.request.urlopen(f"{BASE}/api/v1/certificates/{TOKEN}") as answer:
    print(json.load(answer)["state"])""",
    },
    "verify": {
        "curl": """curl -s $BASE/api/v1/verifications -H 'Content-Type: application/json' \\
  -d '{"number": "'"$NUMBER"'", "name": "'"$NAME"'"}'""",
        "Python": """import json, urllib.request

body = json.dumps({"number": NUMBER, "name": NAME}).encode()
ask = urllib.request.Request(f"{BASE}/api/v1/verifications", body, {"Content-Type": "application/json"})
with urllib.request.urlopen(ask) as answer:
    print(json.load(answer)["state"])""",
    },
}


def describe(base_url: str) -> dict[str, object]:
    """The OpenAPI document of this service."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "certsvc 证书核验接口 Certificate verification",
            "version": "1.0.0",
            "description": Said(
                "核验电子证书与纸质证书。不带密钥时按地址与记录限次；带密钥时按权限、每日额度与记录限次；"
                "名单中问得过多的记录答 unavailable。",
                "Checks electronic and paper certificates. Without a key limited by address and record; with one by "
                "scope, daily quota and record; in a list, a record asked about too often answers unavailable.",
            ),
        },
        "servers": [{"url": base_url}],
        "security": [{}, {"apiKey": []}],
        "paths": {
            "/api/v1/certificates/{token}": {"get": _read_certificate()},
            "/api/v1/verifications": {"post": _verify()},
            "/api/v1/results": {"post": _send_results()},
        },
        "components": {
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "certsvc api-key new; scopes: " + ", ".join(scope.value for scope in Scope),
                },
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Signature",
                    "description": "RFC 9421, Ed25519; certsvc sending-system register",
                },
            },
            "schemas": {
                "Statement": _statement(),
                "Certificate": _certificate(),
                "Check": _check(),
                "FileAnswer": _file_answer(),
                "PartAnswer": _part_answer(),
                "Original": _original(),
                "Delivery": _delivery(),
                "Problem": _problem(),
            },
        },
        "x-problems": dict(STATUS),
    }


def _read_certificate() -> dict[str, object]:
    return {
        "operationId": "readCertificate",
        "description": Said(
            "二维码所指证书的当前状态。", "The present state of the certificate that a QR's token names."
        ),
        "parameters": [
            {
                "name": "token",
                "in": "path",
                "required": True,
                "description": Said(
                    "二维码网址中的 26 个字符，不分大小写。", "The 26 characters in the QR's address, any case."
                ),
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            }
        ],
        "responses": {
            "200": _answer(Said("查到证书，状态见 state。", "A certificate, in whatever state."), "Statement"),
            "404": _answer(Said("state 为 unknown。", "No such certificate: state is unknown."), "Statement"),
            "503": _answer(
                Said("state 为 unavailable，不代表证书有问题。", "Cannot be checked just now."), "Statement"
            ),
            **_refusals(401, 429),
        },
    }


def _verify() -> dict[str, object]:
    return {
        "operationId": "verify",
        "description": Said(
            "按编号与姓名、名单或文件核验；查无、姓名不符与格式不对的回答完全相同。",
            "By number and name, by list, or by file; unknown, wrong name and malformed get one answer.",
        ),
        "requestBody": {
            "required": True,
            "content": _sent_to_verify(),
        },
        "responses": {
            "200": {
                "description": Said("回答。", "The answer."),
                "content": {"application/json": {"schema": _told_of_verify()}},
            },
            "404": _answer(Said("state 为 unknown。", "state is unknown."), "Statement"),
            "503": {
                "description": Said(
                    "state 为 unavailable；或上传排队的太多（busy），见 Retry-After。",
                    "state is unavailable; or too many uploads are waiting (busy), see Retry-After.",
                ),
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Statement"}},
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
                },
            },
            **_refusals(400, 401, 413, 422, 429),
        },
    }


def _send_results() -> dict[str, object]:
    columns = {
        column.key: {"type": "string", "maxLength": LONGEST_CELL, "description": Said(column.zh, column.key)}
        for column in RESULT_COLUMNS
    }
    row = {
        "type": "object",
        "required": [column.key for column in RESULT_COLUMNS if column.required],
        "properties": columns,
        "additionalProperties": False,
    }
    body = {
        "type": "object",
        "required": ["rows"],
        "properties": {"rows": {"type": "array", "minItems": 1, "maxItems": MOST_ROWS, "items": row}},
        "additionalProperties": False,
    }
    return {
        "operationId": "sendResults",
        "description": Said(
            "以签名调用报送成绩（RFC 9421，Ed25519；RFC 9530）。各行与成绩文件的列相同，规则与逐行错误也相同；"
            "全部登记或全不登记。"
            f"签名须覆盖 {'、'.join(COVERED)}，并有 created（前后 5 分钟内）、nonce、keyid。"
            "同一 Idempotency-Key 与同一内容得到同一回答；内容不同答 409。登记后仍须公布才可见。",
            "Results by a signed call (RFC 9421 with Ed25519, RFC 9530). Rows are those of a results file, with the "
            "same rules and the same errors by row; all are recorded or none. The signature covers "
            f"{', '.join(COVERED)}, with created (within 5 minutes), nonce and keyid. The same Idempotency-Key with "
            "the same body gives the same answer, with another body 409. Nothing is seen before it is published.",
        ),
        "security": [{"signature": []}],
        "parameters": [
            _header("Signature-Input", "签名覆盖的内容与参数。", "What the signature covers, and its parameters."),
            _header("Signature", "签名。", "The signature."),
            _header("Content-Digest", "sha-256 或 sha-512。", "sha-256 or sha-512."),
            _header("Idempotency-Key", "一次报送的标识。", "Names one delivery."),
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": _answer(Said("已登记。", "Recorded."), "Delivery"),
            **_refusals(400, 401, 403, 409, 413, 422, 503),
        },
    }


def _header(name: str, zh: str, en: str) -> dict[str, object]:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "header", "required": True, "description": Said(zh, en), "schema": schema}


def _delivery() -> dict[str, object]:
    warning = {
        "type": "object",
        "required": ["row", "column", "rule", "zh", "en"],
        "properties": {
            "row": {"type": "integer"},
            **{name: {"type": "string"} for name in ("column", "rule", "zh", "en")},
        },
    }
    return {
        "type": "object",
        "required": ["delivery", "new", "unchanged", "warnings"],
        "properties": {
            "delivery": {"type": "string", "description": Said("Idempotency-Key。", "The Idempotency-Key.")},
            "new": {"type": "integer"},
            "unchanged": {"type": "integer"},
            "warnings": {"type": "array", "items": warning},
        },
    }


def _sent_to_verify() -> dict[str, object]:
    """What can be sent, by its type: a pair or rows of them, a PDF as it is, files."""
    pair = {
        "type": "object",
        "required": ["number", "name"],
        "properties": {"number": {"type": "string"}, "name": {"type": "string"}},
        "additionalProperties": False,
    }
    rows = {
        "type": "object",
        "required": ["rows"],
        "properties": {"rows": {"type": "array", "minItems": 1, "maxItems": LIST_LIMITS.rows, "items": pair}},
        "additionalProperties": False,
    }
    files = {
        "type": "object",
        "properties": {
            "file": {
                "type": "array",
                "items": _UPLOAD,
                "description": Said(
                    "PDF、凭证 JSON、图片、扫描件、名单（CSV、XLSX）或 ZIP，种类由内容判定；"
                    f"每个不超过 {LARGEST_FILE // 2**20} MB，前 {MOST_FILES} 个得到查验。"
                    "只有一份名单时答 rows，否则答 files。",
                    "PDFs, credentials, pictures, scans, lists (CSV, XLSX) or a ZIP, told apart by their content; "
                    f"each of at most {LARGEST_FILE // 2**20} MB, the first {MOST_FILES} are examined. One list by "
                    "itself is answered by rows, anything else by files.",
                ),
            },
            "list": {**_UPLOAD, "description": Said("同 file。", "The same as file.")},
        },
    }
    return {
        "application/json": {"schema": {"oneOf": [pair, rows]}},
        "application/pdf": {"schema": _UPLOAD},
        "multipart/form-data": {"schema": files},
    }


def _told_of_verify() -> dict[str, object]:
    """What is answered: one statement, or those of rows or files."""
    return {
        "oneOf": [
            {"$ref": "#/components/schemas/Statement"},
            {
                "type": "object",
                "required": ["rows"],
                "properties": {"rows": _ROWS},
            },
            {
                "type": "object",
                "required": ["files"],
                "properties": {"files": {"type": "array", "items": {"$ref": "#/components/schemas/FileAnswer"}}},
            },
        ]
    }


def _answer(description: str, schema: str) -> dict[str, object]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _refusals(*statuses: int) -> dict[str, object]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    said = {
        400: Said("请求格式不对。", "Malformed request."),
        401: Said("密钥或签名无效。", "The API key or the signature is rejected."),
        403: Said("本站不接收。", "This site does not take it."),
        409: Said("与已登记的不符。", "In conflict with what is on record."),
        413: Said("内容太大。", "Too large."),
        422: Said("文件或内容不被接受。", "The file or content is refused."),
        429: Said("次数过多或额度用完。", "Too many requests, or the quota is used up."),
        503: Said("暂时不能处理，请稍后再试。", "Cannot be done just now; try again later."),
    }
    return {str(status): {"description": said[status], "content": content} for status in statuses}


def _statement() -> dict[str, object]:
    return {
        "type": "object",
        "required": ["state", "says", "next", "checked_at", "reference", "certificate", "checks"],
        "properties": {
            "state": {"enum": [*RECORD_STATES, *(each.state for each in ROW_PROBLEMS)]},
            "says": _WORDS,
            "next": _WORDS,
            "checked_at": {"type": "string", "format": "date-time"},
            "reference": {"type": "string"},
            "certificate": {"oneOf": [{"$ref": "#/components/schemas/Certificate"}, {"type": "null"}]},
            "checks": {"type": "array", "items": {"$ref": "#/components/schemas/Check"}},
        },
    }


def _certificate() -> dict[str, object]:
    properties: dict[str, object] = {
        "number": {"type": "string"},
        "name": {"type": "string", "description": Said("部分遮盖。", "Masked.")},
        "full_name": {
            "type": ["string", "null"],
            "description": Said("编号和姓名都对时的全名。", "In full, for who gave number and name rightly."),
        },
        "occupation": _WORDS,
        "level": {"type": "integer"},
        "level_name": _WORDS,
        "issuer": _WORDS,
        "issued_on": _DAY,
        "reissued_on": _DAY_OR_NULL,
        "valid_until": _DAY_OR_NULL,
        "version": {"type": "integer"},
        "carrier": {"enum": ["electronic", "paper"]},
        "sample": {"type": "boolean"},
        "standing": {
            "type": ["string", "null"],
            "description": Said(
                "state 为 erased 时证书的状态。", "Where the certificate stands, for the state erased."
            ),
        },
        "erased_on": _DAY_OR_NULL,
        "status_changed_on": _DAY_OR_NULL,
        "reason": {
            "type": ["object", "null"],
            "description": Said("为何暂停、撤销或补发：代码和说明。", "Why it is suspended, revoked or replaced."),
            "required": ["code", "zh", "en"],
            "properties": {
                "code": {"enum": [reason.value for reason in StatusReason]},
                "zh": {"type": "string"},
                "en": {"type": "string"},
            },
        },
        "successor": {
            "type": ["object", "null"],
            "properties": {
                "number": {"type": "string"},
                "version": {"type": ["integer", "null"]},
                "state": _TEXT_OR_NULL,
            },
        },
        "credential_digest8": _TEXT_OR_NULL,
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def _check() -> dict[str, object]:
    return {
        "type": "object",
        "required": ["name", "ok", "detail"],
        "properties": {
            "name": {"enum": [name.value for name in CheckName]},
            "ok": {"type": ["boolean", "null"]},
            "detail": {"type": "string"},
        },
    }


def _of_a_file() -> dict[str, object]:
    """What is said of a file, and of each document found inside one."""
    return {
        "file": {"type": "string"},
        "verdict": {
            "enum": [verdict.value for verdict in Verdict],
            "description": Said(
                "altered：不是原始文件，但没有签名与之矛盾；只显示登记的真实记录。",
                "altered: no original, and no signature contradicts it; the true record is shown, never its own words.",
            ),
        },
        "checks": {"type": "array", "items": {"$ref": "#/components/schemas/Check"}},
        "certificate": {"type": ["object", "null"]},
        "alteration": {"enum": [*(alteration.value for alteration in Alteration), None]},
        "original": {"oneOf": [{"$ref": "#/components/schemas/Original"}, {"type": "null"}]},
        "others": {
            "type": "array",
            "items": {"type": "object"},
            "description": Said("文件所指的其他证书。", "Further certificates that the file names."),
        },
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/PartAnswer"}},
    }


def _part_answer() -> dict[str, object]:
    return {"type": "object", "required": list(_of_a_file()), "properties": _of_a_file()}


def _original() -> dict[str, object]:
    return {
        "type": "object",
        "description": Said(
            "文件中与签发时完全相同的部分；content 为 base64，过大时没有。",
            "The part of the file that is byte for byte as issued; content is base64, absent where it is large.",
        ),
        "required": ["bytes", "sha256"],
        "properties": {
            "bytes": {"type": "integer"},
            "sha256": {"type": "string"},
            "content": {"type": "string", "contentEncoding": "base64"},
        },
    }


def _file_answer() -> dict[str, object]:
    """Of a list among other files, its rows; of anything else, what was found."""
    named: dict[str, object] = {"file": {"type": "string"}, "kind": {"enum": [kind.value for kind in BroughtKind]}}
    listed = {"type": "object", "required": ["file", "kind", "rows"], "properties": named | {"rows": _ROWS}}
    return {"oneOf": [listed, _examined(named)]}


def _examined(named: dict[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "required": [*_of_a_file(), "kind", "register"],
        "properties": _of_a_file()
        | named
        | {"register": {"oneOf": [{"$ref": "#/components/schemas/Statement"}, {"type": "null"}]}},
    }


def _problem() -> dict[str, object]:
    return {
        "type": "object",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string"},
            "rule": {"type": "string"},
            "where": {"type": "string"},
            "errors": {
                "type": "array",
                "description": Said("逐行错误，至多 100 条。", "Errors by row, a hundred at most."),
                "items": {"type": "object"},
            },
        },
    }
