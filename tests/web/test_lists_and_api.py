"""Lists and the API: rows come back with states, keys have scopes and quotas, the description is true."""

from __future__ import annotations

import base64
import csv
import io
import json
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from werkzeug.serving import make_server

from certsvc.app import create_app
from certsvc.services.operation import api_keys
from certsvc.services.operation.api_keys import Scope
from certsvc.web.api.openapi import EXAMPLES, describe
from tests.builders.site import PAPER_NAME, PAPER_NUMBER, Register


def _list(register: Register) -> bytes:
    rows = ["证书编号,姓名"]
    rows += [f"{held.number},{held.name}" for held in register.held.values()]
    rows += [f"{PAPER_NUMBER},{PAPER_NAME}", "=1+1,@SUM(A1)", "2563010009999999,张三"]
    return ("\n".join(rows) + "\n").encode()


def test_a_list_comes_back_with_states_and_no_formula(client: FlaskClient, register: Register) -> None:
    answer = client.post("/verify/list", data={"list": (io.BytesIO(_list(register)), "名单.csv")})
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert rows[0] == ["证书编号", "姓名", "状态", "发证日期", "查询时间", "核验网址"]
    states = {row[1]: row[2] for row in rows[1:]}
    assert states[register.valid.name] == "真实有效"
    assert states[register.held["revoked"].name].startswith("已撤销（")
    assert states[PAPER_NAME] == "纸质证书真实有效"
    assert rows[-2][:2] == ["'=1+1", "'@SUM(A1)"]
    assert rows[-1][2].startswith("未查到")


def test_a_list_streams_its_progress(client: FlaskClient, register: Register) -> None:
    answer = client.post(
        "/verify/list",
        data={"list": (io.BytesIO(_list(register)), "a.csv")},
        headers={"Accept": "application/x-ndjson"},
    )
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[0] == {"rows": len(lines) - 2}
    assert [line["state"] for line in lines[1:-1]][-3:] == ["paper_valid", "incomplete", "unknown"]
    assert lines[1]["record"] == f"/v/{register.valid.token}"
    # The last line is the file that one without a script gets.
    whole = client.post("/verify/list", data={"list": (io.BytesIO(_list(register)), "a.csv")})
    assert lines[-1]["file"] == "checked.csv"
    sent = list(csv.reader(io.StringIO(base64.b64decode(lines[-1]["base64"]).decode("utf-8-sig"))))
    assert [row[:4] for row in sent] == [row[:4] for row in csv.reader(io.StringIO(whole.data.decode("utf-8-sig")))]


@pytest.mark.parametrize("accept", ["text/csv", "application/x-ndjson"])
def test_a_row_that_cannot_be_asked_about_is_told_so_and_the_others_are_answered(
    client: FlaskClient, register: Register, accept: str
) -> None:
    held = register.valid
    rows = [
        "证书编号,姓名",
        "2.66301E+15,王芳",
        f"{held.number},",
        f"{held.number},#N/A",
        f"{held.number},{held.name}",
    ]
    content = io.BytesIO("\n".join(rows).encode())
    answer = client.post("/verify/list", data={"list": (content, "名单.csv")}, headers={"Accept": accept})
    if accept == "text/csv":
        told = [row[2] for row in csv.reader(io.StringIO(answer.data.decode("utf-8-sig")))][1:]
    else:
        lines = [json.loads(line) for line in answer.text.splitlines()][1:-1]
        assert [line["state"] for line in lines] == ["damaged", "incomplete", "incomplete", "valid"]
        told = [line["status"] for line in lines]
    assert told[0].startswith("编号已被表格软件损坏")
    assert "设为文本格式" in told[0]
    assert told[1] == told[2] != told[3]
    assert "不完整" in told[1]
    assert told[3] == "真实有效"


def test_a_list_through_the_api_tells_a_damaged_row_from_an_unknown_certificate(
    client: FlaskClient, register: Register
) -> None:
    content = f"number,name\n2.66301E+15,x\n{register.valid.number},{register.valid.name}\n".encode()
    answer = client.post("/api/v1/verifications", data={"list": (io.BytesIO(content), "a.csv")})
    damaged, valid = answer.json["rows"]
    assert (damaged["state"], valid["state"]) == ("damaged", "valid")
    assert damaged["certificate"] is None
    assert "damaged by the spreadsheet" in damaged["says"]["en"]
    document = describe("https://example.test")
    Draft202012Validator({"$ref": "#/components/schemas/Statement", **document}).validate(damaged)


def test_a_list_of_xlsx_comes_back_as_xlsx(client: FlaskClient, register: Register) -> None:
    from openpyxl import Workbook, load_workbook

    book = Workbook()
    assert book.active is not None
    book.active.append(["number", "name"])
    book.active.append([register.valid.number, register.valid.name])
    out = io.BytesIO()
    book.save(out)
    answer = client.post("/verify/list", data={"list": (io.BytesIO(out.getvalue()), "a.xlsx")})
    sheet = load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    assert sheet["C2"].value == "真实有效"


def test_a_list_too_long_or_without_headers_is_refused_in_words(client: FlaskClient) -> None:
    long = "证书编号,姓名\n" + "2563010009999999,张三\n" * 5001
    for content in (long.encode(), b"a,b\n1,2\n", b"\xff\xfe\x00", b""):
        answer = client.post(
            "/verify/list", data={"list": (io.BytesIO(content), "a.csv")}, headers={"Accept": "application/json"}
        )
        assert answer.status_code == 422
        assert answer.json["detail"]


def test_rows_and_lists_and_files_go_through_the_api(client: FlaskClient, register: Register) -> None:
    pairs = [{"number": held.number, "name": held.name} for held in register.held.values()]
    answer = client.post("/api/v1/verifications", json={"rows": pairs})
    assert [row["state"] for row in answer.json["rows"]][:3] == ["valid", "suspended", "revoked"]
    listed = client.post("/api/v1/verifications", data={"list": (io.BytesIO(_list(register)), "a.csv")})
    assert listed.json["rows"][0]["state"] == "valid"
    filed = client.post("/api/v1/verifications", data={"file": (io.BytesIO(b"%PDF-1.4"), "a.pdf")})
    assert filed.json["files"][0]["verdict"] == "unknown"
    sent = client.post("/api/v1/verifications", data=b"%PDF-1.4", content_type="application/pdf")
    assert sent.json["files"][0]["verdict"] == "unknown"


def test_a_member_that_would_not_be_compared_is_refused(client: FlaskClient, register: Register) -> None:
    pair = {"number": register.valid.number, "name": register.valid.name, "last_six": "000000"}
    for content in (pair, {"rows": [pair]}):
        answer = client.post("/api/v1/verifications", json=content)
        assert (answer.status_code, answer.json["where"]) == (400, "last_six")


def test_a_refused_method_is_told_which_are_allowed(client: FlaskClient) -> None:
    answer = client.put("/api/v1/verifications")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'{"number": 1}', b'{"rows": []}', b'{"rows": [1]}', b"\xff", b'{"rows": "x"}', b"{" * 9999],
)
def test_a_malformed_request_is_a_problem(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/api/v1/verifications", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert {"type", "title", "status", "detail"} <= set(answer.json)


def test_a_key_has_scopes_a_quota_and_an_end(own: Register) -> None:
    client = create_app(own.settings, services=own.services).test_client()
    address = f"/api/v1/certificates/{own.valid.token}"
    key = api_keys.create(own.services, "招聘系统", [Scope.CERTIFICATES], 3, by="operator")
    headers = {"Authorization": f"Bearer {key}"}
    assert [client.get(address, headers=headers).status_code for _ in range(4)] == [200, 200, 200, 429]
    pair = {"number": own.valid.number, "name": own.valid.name}
    assert client.post("/api/v1/verifications", json=pair, headers=headers).status_code == 401
    usage = api_keys.usage(own.services)[0]
    assert (usage.label, usage.calls[0][1]) == ("招聘系统", 4)
    api_keys.revoke(own.services, usage.id, by="operator")
    assert client.get(address, headers=headers).status_code == 401
    assert client.get(address, headers={"Authorization": "Bearer csk_no"}).status_code == 401
    assert client.get(address, headers={"Authorization": "Basic eDp5"}).status_code == 401
    with own.services.database.reading() as session:
        from sqlalchemy import text

        stored = session.execute(text("select key_sha256, label from api_key")).all()
    assert key not in str(stored)


def _validator(name: str) -> Draft202012Validator:
    api: dict[str, Any] = describe("https://certsvc.example")
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": api["components"]})


def test_every_answer_is_as_the_description_says(client: FlaskClient, register: Register) -> None:
    statement = _validator("Statement")
    for held in register.held.values():
        statement.validate(client.get(f"/api/v1/certificates/{held.token}").json)
    statement.validate(client.get("/api/v1/certificates/nope").json)
    pair = {"number": PAPER_NUMBER, "name": PAPER_NAME}
    statement.validate(client.post("/api/v1/verifications", json=pair).json)
    filed = client.post("/api/v1/verifications", data={"file": (io.BytesIO(b"x"), "a.pdf")})
    _validator("FileAnswer").validate(filed.json["files"][0])
    _validator("Problem").validate(client.post("/api/v1/verifications", data=b"").json)


@pytest.fixture
def served(register: Register) -> Iterator[str]:
    from dataclasses import replace

    hosts = ("127.0.0.1",)
    app = create_app(replace(register.settings, trusted_hosts=hosts), services=register.services)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("operation", EXAMPLES)
def test_the_examples_run_as_they_stand(served: str, register: Register, operation: str) -> None:
    held = register.valid
    given = {"BASE": served, "TOKEN": held.token, "NUMBER": held.number, "NAME": held.name}
    assignments = "".join(f"{name} = {value!r}\n" for name, value in given.items())
    out = subprocess.run(
        ["python3", "-c", assignments + EXAMPLES[operation]["Python"]], capture_output=True, text=True, check=True
    )
    assert out.stdout == "valid\n"
    curl = subprocess.run(
        ["bash", "-c", EXAMPLES[operation]["curl"]],
        capture_output=True,
        text=True,
        check=True,
        env=given | {"PATH": "/usr/bin:/bin"},
    )
    assert json.loads(curl.stdout)["state"] == "valid"
