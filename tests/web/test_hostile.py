"""Bad input and nosy input: a clear answer, bounded, no 5xx, and nothing personal anywhere (R10)."""

from __future__ import annotations

import io
import json
import logging
import re
import zipfile
from itertools import product

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage

from certsvc.app import create_app
from certsvc.services.certificates.give_out import pdf_of
from certsvc.web.answers import Answer
from certsvc.web.public.files import examine_uploads
from certsvc.web.site import EXTENSION, Site
from tests.builders.site import PAPER_NAME, PAPER_NUMBER, Register, id_number_of, settings_for

TOKENS = [
    "a",
    "a" * 25,
    "a" * 27,
    "a" * 5000,
    "%2561" * 20,
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e",
    "%00" * 26,
    "A" * 25 + "%C5%BF",
    "\u212a" * 26,
    "{{7*7}}",
    "<script>alert(1)</script>",
    "' or 1=1 --",
    "٠" * 26,
    "😀" * 26,
    "%ff%fe",
    "0" * 26,
    "a/" * 13,
    "match",
    "a%0Ab",
    "%0A",
]
NAMES = [
    "<img src=x onerror=alert(1)>",
    "{{config}}",
    "${7*7}",
    "'; drop table certificate",
    "\u202e张",
    "\x00",
    "张" * 5000,
    "",
]


@pytest.mark.parametrize("token", TOKENS)
def test_no_token_is_more_than_unknown(client: FlaskClient, token: str) -> None:
    for address in (f"/v/{token}", f"/V/{token}", f"/api/v1/certificates/{token}"):
        answer = client.get(address)
        assert answer.status_code in {404, 308}, answer.status
        assert "alert(1)" not in answer.text


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_markup_or_code_is_only_a_wrong_name(client: FlaskClient, register: Register, name: str) -> None:
    answer = client.post("/verify/number", data={"number": register.valid.number, "name": name})
    assert answer.status_code == 404
    assert "onerror" not in answer.text
    matched = client.post(f"/v/{register.valid.token}/match", data={"name": name, "last_six": name[:6]})
    assert "不一致<" in matched.text


def test_unknown_wrong_name_and_malformed_get_bodies_of_one_length(client: FlaskClient, register: Register) -> None:
    tries = [
        ("2563010509900001", "张三"),
        (register.valid.number, "张三"),
        ("not a number at all \x00", ""),
        ("", ""),
        ("9" * 3000, "张" * 3000),
        (register.valid.number, register.valid.name[:-1]),
    ]
    pages = [client.post("/verify/number", data={"number": n, "name": m}) for n, m in tries]
    assert {page.status_code for page in pages} == {404}
    assert len({len(page.data) for page in pages}) == 1
    said = [client.post("/api/v1/verifications", json={"number": n, "name": m}) for n, m in tries]
    assert len({len(each.data) for each in said}) == 1
    assert {tuple(sorted(each.headers.keys())) for each in said} == {tuple(sorted(said[0].headers.keys()))}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "certsvc.example.evil.example",
        "certsvc.example@evil.example",
        "",
        "[",
        "[::]",
        "[::1",
        "[::1].evil.example",
        "[::1]@evil.example",
        "[2001:db8::1]:8080",
    ],
)
def test_a_foreign_host_gets_no_page(client: FlaskClient, register: Register, host: str) -> None:
    for address in (f"/v/{register.valid.token}", "/verify", "/api/v1/openapi.json"):
        answer = client.get(address, headers={"Host": host})
        assert answer.status_code == 400
        assert "evil" not in answer.text


@pytest.mark.parametrize("host", ["CERTSVC.EXAMPLE", "Certsvc.Example:443"])
def test_a_host_is_ours_in_any_letter_case(client: FlaskClient, register: Register, host: str) -> None:
    # The QR's address is upper case, and a program that opens it need not lower it.
    for address in (f"/V/{register.valid.token.upper()}", "/verify"):
        assert client.get(address, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("port", ["", ":8080"])
def test_this_machine_is_ours_by_each_of_its_names(
    client: FlaskClient, register: Register, host: str, port: str
) -> None:
    for address in (f"/v/{register.valid.token}", "/verify"):
        assert client.get(address, headers={"Host": host + port}).status_code == 200


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CERTSVC_TRUSTED_HOSTS", "certs.example, [2001:DB8::1]"), ("CERTSVC_BASE_URL", "https://[2001:db8::1]:8443")],
)
def test_an_address_of_ipv6_can_be_named_as_ours(register: Register, variable: str, value: str) -> None:
    settings = settings_for(register.settings.home, **{variable: value})
    client = create_app(settings, services=register.services).test_client()
    for host, status in {"[2001:db8::1]": 200, "[2001:DB8::1]:8443": 200, "[2001:db8::2]": 400}.items():
        assert client.get("/verify", headers={"Host": host}).status_code == status


def test_nothing_personal_stands_in_any_answer_or_log(
    client: FlaskClient, register: Register, caplog: pytest.LogCaptureFixture
) -> None:
    held = register.valid
    caplog.set_level(logging.DEBUG)
    answers = [client.get(f"/v/{held.token}"), client.get(f"/api/v1/certificates/{held.token}")]
    answers += [
        client.get(f"/{part}/{held.id_number}") for part in ("v", "status", "log/tile", "static", "api/v1/certificates")
    ]
    answers += [
        client.get(f"/verify?name={held.name}&number={held.number}"),
        client.post("/verify/number", data={"number": held.number, "name": held.name}),
        client.post("/verify/number", data={"number": held.id_number, "name": held.name}),
        client.post(f"/v/{held.token}/match", data={"name": held.name, "last_six": held.id_number[-6:]}),
        client.post("/verify/file", data={"file": (io.BytesIO(b"%PDF-1.7 " + held.name.encode()), "x.pdf")}),
        client.post("/api/v1/verifications", json={"number": held.number, "name": [held.id_number]}),
        client.post("/api/v1/verifications", data=held.id_number, content_type="application/json"),
        client.get("/metrics"),
        client.get("/.well-known/did.json"),
        client.get("/log/checkpoint"),
        client.get("/status/revocation-1"),
        client.put(f"/v/{held.token}", data=held.id_number),
    ]
    # Who named the holder rightly is given the name back, and no one else (R10).
    named = {"/verify/number": held.number, f"/v/{held.token}/match": held.name}
    for answer in answers:
        seen = answer.text + str(answer.headers)
        for canary in (held.id_number, held.id_number[-6:], "1990-03-07", "19900307", held.name):
            if canary != held.name or named.get(answer.request.path, "\0") not in answer.text:
                assert canary not in seen, (answer.request.path, canary)
    for canary in (held.id_number, held.id_number[-6:], held.name, "1990-03-07"):
        assert canary not in caplog.text


def test_the_headers_keep_a_page_to_itself(client: FlaskClient, register: Register) -> None:
    for address in (f"/v/{register.valid.token}", "/verify", "/api", "/nix", "/static/record.js", "/offline"):
        headers = client.get(address).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert "default-src 'none'" in policy
        assert ("wasm-unsafe-eval" in policy) == (address == "/verify")
        assert ("camera=(self)" in headers["Permissions-Policy"]) == (address == "/verify")
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "max-age=" in headers["Strict-Transport-Security"]


def test_a_status_is_never_kept_and_a_static_file_is(client: FlaskClient, register: Register) -> None:
    for accept in ("text/html", "application/json"):
        answer = client.get(f"/v/{register.valid.token}", headers={"Accept": accept})
        assert answer.headers["Cache-Control"] == "no-store"
    assert client.get("/static/record.js").headers["Cache-Control"] == "no-cache"
    assert client.get("/v/" + "a" * 26).headers["Cache-Control"] == "no-store"


def test_the_front_and_flask_answer_the_same(register: Register) -> None:
    with_front = create_app(register.settings, services=register.services).test_client()
    without = create_app(register.settings, services=register.services, front=False).test_client()
    for state in register.held.values():
        for accept, coding in product(("text/html", "application/json", "*/*"), ("", "br, gzip", "gzip;q=0")):
            headers = {"Accept": accept, "Accept-Language": "en;q=0.8, zh;q=0.3", "Accept-Encoding": coding}
            one, other = (each.get(f"/V/{state.token.upper()}", headers=headers) for each in (with_front, without))
            assert (one.status, one.data) == (other.status, other.data)
            assert dict(one.headers) == dict(other.headers)


def test_one_address_and_one_record_are_limited(register: Register) -> None:
    from dataclasses import replace

    settings = replace(register.settings, limit_guess="4/minute", limit_record="2/minute", limit_page="3/minute")
    client = create_app(settings, services=register.services).test_client()
    statuses = [client.get(f"/v/{register.valid.token}").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    typed = {"number": register.held["second"].number, "name": "张三"}
    asked = [
        client.post("/verify/number", data=typed, environ_base={"REMOTE_ADDR": f"198.51.100.{i}"}).status_code
        for i in range(4)
    ]
    # Two a minute at the record, then three an hour from this network.
    assert asked == [404, 404, 404, 429]
    moved = [
        client.post(
            "/verify/number", data={"number": f"00{i}", "name": "x"}, environ_base={"REMOTE_ADDR": f"2001:db8::{i:x}"}
        )
        for i in range(6)
    ]
    # One IPv6 subscriber has a /64 of addresses and one count.
    assert [answer.status_code for answer in moved] == [404] * 4 + [429] * 2


@pytest.mark.parametrize(("hops", "seen"), [(0, "10.0.0.1"), (1, "198.51.100.7"), (2, "203.0.113.9")])
def test_exactly_the_configured_number_of_proxies_is_believed(register: Register, hops: int, seen: str) -> None:
    from dataclasses import replace

    from certsvc.web.requests import address

    app = create_app(replace(register.settings, trusted_proxies=hops), services=register.services)
    app.add_url_rule("/whoami", view_func=address)
    headers = {"X-Forwarded-For": "192.0.2.66, 203.0.113.9, 198.51.100.7"}
    answer = app.test_client().get("/whoami", headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert answer.text == seen


def test_too_large_a_body_is_refused_unread(client: FlaskClient, register: Register) -> None:
    body = b"--x\r\nContent-Disposition: form-data; name=file; filename=x.pdf\r\n\r\n"
    answer = client.post(
        "/verify/file",
        data=body + b"0" * register.settings.max_upload_bytes,
        content_type="multipart/form-data; boundary=x",
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 413
    assert answer.content_type == "application/problem+json"


def _zip(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


FILES = {
    "empty": b"",
    "text": b"hello",
    "truncated": b"%PDF-1.7\n1 0 obj <<",
    "junk": b"%PDF-" + bytes(range(256)) * 100,
    "laughs": b'%PDF-1.7 <?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><l>&b;</l>',
    "zip in zip": _zip(("inner.zip", _zip(("a.pdf", b"%PDF-")))),
    "zip bomb": _zip(("zeros.pdf", b"\0" * (11 * 1024 * 1024))),
    "many": _zip(*((f"{i}.pdf", b"x") for i in range(200))),
    "broken zip": b"PK\x03\x04" + b"\xff" * 200,
    "deep json": b'{"proof":' * 5000,
}


@pytest.mark.parametrize("kind", FILES)
def test_no_file_is_valid_that_is_not_ours_and_none_is_a_fault(client: FlaskClient, kind: str) -> None:
    answer = client.post(
        "/verify/file",
        data={"file": (io.BytesIO(FILES[kind]), f"<b>{kind}.pdf")},
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json["files"]
    assert len(answer.json["files"]) <= 31
    assert {each["verdict"] for each in answer.json["files"]} <= {"unknown", "forged"}
    page = client.post("/verify/file", data={"file": (io.BytesIO(FILES[kind]), f"<b>{kind}.pdf")})
    assert page.status_code == 200
    assert "<b>" + kind not in page.text


def test_files_of_others_unopened_altered_and_forged_have_answers_of_their_own(
    client: FlaskClient, register: Register
) -> None:
    genuine = pdf_of(register.services, register.valid.number)
    middle = len(genuine) // 2
    forged = genuine[:middle] + bytes([genuine[middle] ^ 1]) + genuine[middle + 1 :]
    naming = b"%PDF-1.7 /ByteRange credential.json HTTPS://CERTSVC.EXAMPLE/V/" + register.valid.token.upper().encode()
    answers = {
        name: re.findall(r"<h2 id=\"f1\">(.*?)<span|<h2 id=\"f1\">(.*?)</h2>", page)[0]
        for name, page in (
            (name, client.post("/verify/file", data={"file": (io.BytesIO(content), "a.pdf")}).text)
            for name, content in (
                ("foreign", b"%PDF-1.7 a diploma"),
                ("picture", b"\xff\xd8\xff no photograph"),
                ("signed by others", b"%PDF-1.7 /ByteRange [0 9 99 9] /Contents <30> https://school.example/v/1"),
                ("skipped", _zip(("inner.zip", _zip(("a.pdf", b"%PDF-"))))),
                ("forged", forged),
                ("altered", genuine + b"\n"),
                ("naming", naming),
            )
        )
    }
    assert "".join(answers["foreign"]) == "这不是本机构签发的电子证书文件"
    assert answers["signed by others"] == answers["foreign"]
    assert "".join(answers["skipped"]) == "没有检查这个文件"
    assert answers["picture"] == answers["skipped"]
    assert "".join(answers["forged"]).startswith("签名不符")
    assert "".join(answers["altered"]).startswith("不是原始文件")
    assert answers["naming"] == answers["altered"]


def test_files_are_examined_within_one_time_for_all(app: Flask, register: Register) -> None:
    site: Site = app.extensions[EXTENSION]
    archive = _zip(("a.pdf", b"%PDF-1.4"), ("b.pdf", b"%PDF-1.4"))

    def examine(seconds: float, *, as_json: bool = True) -> Answer:
        upload = FileStorage(io.BytesIO(archive), filename="many.zip")
        return examine_uploads(site, [upload], "zh", as_json=as_json, by_address=False, seconds=seconds)

    with app.test_request_context("/verify/file"):
        done, late, page = examine(600), examine(0), examine(0, as_json=False)
    assert [each["verdict"] for each in json.loads(done.body)["files"]] == ["unknown"] * 2
    # What there was no time for is not called anything.
    assert [each["verdict"] for each in json.loads(late.body)["files"]] == ["unavailable"] * 2
    assert page.body.decode().count("未及查验") >= 2


def test_no_file_at_all_is_asked_for(client: FlaskClient) -> None:
    assert client.post("/verify/file", data={}).status_code == 400
    assert client.post("/verify/list", data={}).status_code == 400


def test_names_in_a_list_cannot_be_guessed(client: FlaskClient, register: Register) -> None:
    tried = ("张一", "张二", "张三", register.valid.name)
    rows = [f"{register.valid.number},{name}" for name in tried] + [f"{PAPER_NUMBER},{PAPER_NAME}"]
    content = "\n".join(["证书编号,姓名", *rows]).encode()
    sent = {"list": (io.BytesIO(content), "a.csv")}
    answer = client.post("/verify/list", data=sent, headers={"Accept": "application/x-ndjson"})
    states = [json.loads(line)["state"] for line in answer.text.splitlines()[1:-1]]
    # None of them is told apart, not even the right one; the others have their answer.
    assert states == ["guessed"] * 4 + ["paper_valid"]
    asked = [{"number": register.valid.number, "name": name} for name in tried]
    rows_of_api = client.post("/api/v1/verifications", json={"rows": asked}).json["rows"]
    assert {row["state"] for row in rows_of_api} == {"guessed"}


def test_no_identity_number_is_made_for_two_people() -> None:
    assert len({id_number_of(i) for i in range(100)}) == 100


@pytest.mark.parametrize("content", [b"[" * 200_000, b'{"number":' * 100_000, b"9" * 5000, b"NaN"])
def test_json_that_no_parser_follows_is_malformed_and_no_fault_of_ours(client: FlaskClient, content: bytes) -> None:
    answer = client.post("/api/v1/verifications", data=content, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "bad-request")
