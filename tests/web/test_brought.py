"""Whatever is brought is answered by what it is, by whichever address and in whichever field it came."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest
import qrcode
from flask.testing import FlaskClient
from openpyxl import load_workbook
from PIL import Image
from sqlalchemy import text

from certsvc.app import create_app
from certsvc.credential.compact import qr_text
from certsvc.roster.export import write_xlsx
from certsvc.services.certificates import give_out
from tests.builders.site import PAPER_NAME, PAPER_NUMBER, Register

JSON = {"Accept": "application/json"}
LINES = {"Accept": "application/x-ndjson"}


def code_of(register: Register, state: str = "valid") -> str:
    token = register.held[state].token
    with register.services.database.reading() as session:
        cose = session.execute(text("select cose from certificate where token = :t"), {"t": token}).scalar_one()
    return qr_text(register.settings.base_url, token, cose)


def drawn(*texts: str) -> Image.Image:
    codes = [qrcode.make(each, border=4).get_image().convert("L") for each in texts]
    page = Image.new("L", (sum(code.width for code in codes), max(code.height for code in codes)), 255)
    for place, code in enumerate(codes):
        page.paste(code, (sum(each.width for each in codes[:place]), 0))
    return page


def saved(image: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def send(client: FlaskClient, *files: tuple[str, bytes], field: str = "file", address: str = "/verify/file") -> Any:
    # Written here: the client's own form would leave what is large in files that are not closed.
    head = '--x7x\r\nContent-Disposition: form-data; name="{}"; filename="{}"\r\n\r\n'
    parts = [head.format(field, name).encode() + content + b"\r\n" for name, content in files]
    body = b"".join([*parts, b"--x7x--\r\n"])
    answer = client.post(address, data=body, content_type="multipart/form-data; boundary=x7x", headers=JSON)
    assert answer.status_code == 200, answer.text
    return answer.json["files"]


@pytest.mark.parametrize(
    ("form", "field", "address"),
    [
        ("PNG", "file", "/verify/file"),
        ("TIFF", "list", "/verify/file"),
        ("WEBP", "file", "/verify/list"),
        ("PNG", "list", "/api/v1/verifications"),
    ],
)
def test_a_picture_of_a_code_is_looked_up_in_any_box(
    client: FlaskClient, register: Register, form: str, field: str, address: str
) -> None:
    content = saved(drawn(code_of(register)), form)
    (found,) = send(client, ("扫描件.dat", content), field=field, address=address)
    assert (found["kind"], found["verdict"]) == ("picture", "valid")
    assert found["certificate"]["name"] == register.valid.name
    assert "proves nothing else in the picture" in found["checks"][1]["detail"]


def test_a_pdf_that_is_a_picture_names_the_record_of_its_code(client: FlaskClient, register: Register) -> None:
    (found,) = send(client, ("扫描件.pdf", saved(drawn(code_of(register)), "PDF")))
    assert (found["kind"], found["verdict"]) == ("document", "altered")
    assert found["certificate"]["number"] == register.valid.number


def test_a_picture_of_a_revoked_certificate_says_so(client: FlaskClient, register: Register) -> None:
    (found,) = send(client, ("a.png", saved(drawn(code_of(register, "revoked")), "PNG")))
    assert found["verdict"] == "revoked"


def test_a_forged_code_is_forged_in_a_picture_too(client: FlaskClient, register: Register) -> None:
    genuine = code_of(register)
    forged = genuine[:-3] + ("A" if genuine[-3] != "A" else "B") + genuine[-2:]
    (found,) = send(client, ("a.png", saved(drawn(forged), "PNG")))
    assert found["verdict"] == "forged"


def test_of_several_certificates_in_a_picture_the_worst_is_said_and_none_is_left_out(
    client: FlaskClient, register: Register
) -> None:
    codes = [code_of(register, state) for state in ("valid", "suspended")]
    content = saved(drawn(*codes), "PNG")
    (found,) = send(client, ("both.png", content))
    assert found["verdict"] == "suspended"
    assert [other["number"] for other in found["others"]] == [register.valid.number]
    page = client.post("/verify/file", data={"file": (io.BytesIO(content), "both.png")}).text
    assert register.valid.number in page


def test_a_code_that_leads_elsewhere_is_named_and_not_opened(client: FlaskClient) -> None:
    content = saved(drawn("HTTPS://CERTSVC.EXAMPLE.EVIL.TEST/V/" + "A" * 26), "PNG")
    (found,) = send(client, ("a.png", content))
    assert (found["verdict"], found["register"]) == ("forged", None)
    assert any("certsvc.example.evil.test" in check["detail"] for check in found["checks"] if check["ok"] is False)
    page = client.post("/verify/file", data={"file": (io.BytesIO(content), "a.png")}).text
    assert "图片里的二维码不是本站的证书" in page


def test_a_picture_without_a_certificates_code_says_which_and_nothing_about_a_certificate(client: FlaskClient) -> None:
    blank = saved(Image.new("L", (200, 200), 255), "PNG")
    link = saved(drawn("https://evil.test/?u=certsvc.example/v/" + "a" * 26), "PNG")
    broken = b"\0\0\0\x18ftypheic" + bytes(40)
    sent = [("blank.png", blank), ("link.png", link), ("iphone.heic", broken)]
    said = [[check["detail"] for check in found["checks"] if check["ok"] is False] for found in send(client, *sent)]
    words = ["no certificate's code was found", "no certificate's: take only", "cannot be opened as a picture"]
    for (detail,), word in zip(said, words, strict=True):
        assert word in detail
    data = {"file": [(io.BytesIO(content), name) for name, content in sent]}
    page = client.post("/verify/file", data=data).text
    assert page.count("图片里没有找到证书二维码") == 2
    assert page.count("没有检查这个文件") == 1
    assert "这不是本机构签发" not in page


def test_a_zip_of_a_mac_is_answered_for_its_files_alone(client: FlaskClient, register: Register) -> None:
    pdf = give_out.pdf_of(register.services, register.valid.number)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("证书/.DS_Store", b"x")
        for place in range(3):
            archive.writestr(f"证书/{place:02}.pdf", pdf)
            archive.writestr(f"__MACOSX/证书/._{place:02}.pdf", b"x")
    found = send(client, ("证书.zip", out.getvalue()))
    assert [(each["file"], each["verdict"]) for each in found] == [(f"{place:02}.pdf", "valid") for place in range(3)]


def test_a_list_among_other_files_is_answered_by_its_rows(client: FlaskClient, register: Register) -> None:
    rows = f"证书编号,姓名\n{register.valid.number},{register.valid.name}\n2.66301E+15,王芳\n,王芳\n".encode()
    found = send(client, ("名单.csv", rows), ("a.pdf", b"%PDF-1.4"))
    assert [row["state"] for row in found[0]["rows"]] == ["valid", "damaged", "incomplete"]
    assert found[1]["verdict"] == "unknown"
    data = {"file": [(io.BytesIO(rows), "名单.csv"), (io.BytesIO(b"%PDF-1.4"), "a.pdf")]}
    page = client.post("/verify/file", data=data).text
    assert f'href="/v/{register.valid.token}"' in page
    assert "设为文本格式" in page
    assert "未查到" not in page.split("a.pdf")[0]


def test_a_list_that_is_refused_hides_no_other_file(client: FlaskClient) -> None:
    found = send(client, ("roll.csv", "姓名,手机\n王芳,1\n".encode()), ("a.pdf", b"%PDF-1.4"))
    assert "证书编号" in found[0]["checks"][0]["detail"]
    assert len(found) == 2


@pytest.mark.parametrize("address", ["/verify/file", "/verify/list"])
def test_a_list_comes_back_in_its_own_format_with_a_link_to_each_record(
    client: FlaskClient, register: Register, address: str
) -> None:
    held = register.valid
    pairs = [(held.number, held.name), (PAPER_NUMBER, PAPER_NAME), ("2563010009999999", "张三")]
    link = f"https://certsvc.example/v/{held.token}"
    plain = "\n".join(["证书编号,姓名", *(",".join(pair) for pair in pairs)]).encode()
    book = write_xlsx(["证书编号", "姓名"], pairs)
    # Under a name that says nothing: the format is the file's own.
    answers = [client.post(address, data={"file": (io.BytesIO(each), "名单")}) for each in (plain, book)]
    rows = list(csv.reader(io.StringIO(answers[0].data.decode("utf-8-sig"))))
    assert [row[-1] for row in rows] == ["核验网址", link, "", ""]
    sheet = load_workbook(io.BytesIO(answers[1].data)).active
    assert sheet is not None
    assert sheet["F2"].hyperlink.target == link
    assert sheet["F3"].hyperlink is None
    assert (sheet["A2"].value, sheet["A2"].number_format) == (held.number, "@")


def test_no_cell_of_a_stranger_becomes_a_link(client: FlaskClient) -> None:
    book = write_xlsx(["证书编号", "姓名"], [("https://evil.test/", "=HYPERLINK(1)")])
    answer = client.post("/verify/file", data={"file": (io.BytesIO(book), "a.xlsx")})
    sheet = load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    assert not any(cell.hyperlink for row in sheet for cell in row)
    assert sheet["B2"].value == "'=HYPERLINK(1)"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_template_is_a_list_that_is_read(client: FlaskClient, register: Register, kind: str) -> None:
    answer = client.get(f"/verify/list/template.{kind}")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="list.{kind}"'
    held = register.valid
    if kind == "csv":
        filled = answer.data + f"{held.number},{held.name}\r\n".encode()
    else:
        book = load_workbook(io.BytesIO(answer.data))
        assert book.active is not None
        assert book.active["A500"].number_format == "@"
        book.active["A2"], book.active["B2"] = held.number, held.name
        out = io.BytesIO()
        book.save(out)
        filled = out.getvalue()
    checked = client.post("/verify/file", data={"file": (io.BytesIO(filled), f"list.{kind}")}, headers=LINES)
    assert '"state": "valid"' in checked.text
    assert client.get("/verify/list/template.ods").status_code == 404


def test_limits_are_said_before_anything_is_uploaded(client: FlaskClient, register: Register) -> None:
    page = client.get("/verify").text
    for said in ("10 MB", "30 个", f"{register.settings.max_upload_mb} MB", "前 10 页", "5000 行", "不上传"):
        assert said in page


def test_json_that_can_be_no_credential_is_told_by_its_size(client: FlaskClient) -> None:
    (found,) = send(client, ("a.json", b'{"proof":"' + b"x" * 1_100_000 + b'"}'))
    assert "over 1 MB" in found["checks"][0]["detail"]
    (large,) = send(client, ("a.pdf", b"%PDF-" + bytes(10 * 1024 * 1024)))
    assert "over 10 MB" in large["checks"][0]["detail"]


def test_long_rows_through_the_api_are_answered_as_short_ones(client: FlaskClient, register: Register) -> None:
    held = register.valid
    pair = {"number": held.number, "name": held.name}
    rows = [pair, *({"number": f"25630100{place:08}", "name": "张三"} for place in range(900))]
    answer = client.post("/api/v1/verifications", json={"rows": rows})
    assert [row["state"] for row in answer.json["rows"]] == ["valid"] + ["unknown"] * 900
    wrong = client.post("/api/v1/verifications", json={"rows": [*rows, {"number": "1", "name": 2}]})
    assert (wrong.status_code, wrong.json["where"]) == (400, "name")
    more = client.post("/api/v1/verifications", json={"rows": [*rows, pair | {"last_six": "1"}]})
    assert (more.status_code, more.json["where"]) == (400, "last_six")


def test_a_key_is_asked_for_the_scope_of_what_was_sent(own: Register) -> None:
    from certsvc.services.operation import api_keys
    from certsvc.services.operation.api_keys import Scope

    client = create_app(own.settings, services=own.services).test_client()
    held = own.valid
    keys = {scope: api_keys.create(own.services, scope, [scope], 1000, by="test") for scope in Scope}
    rows = f"证书编号,姓名\n{held.number},{held.name}\n".encode()
    long = {"rows": [{"number": held.number, "name": held.name}] * 900}

    def status(scope: Scope, **sent: Any) -> int:
        headers = {"Authorization": f"Bearer {keys[scope]}"}
        return client.post("/api/v1/verifications", headers=headers, **sent).status_code

    def of(name: str, content: bytes) -> dict[str, object]:
        return {"data": {"file": (io.BytesIO(content), name)}}

    assert status(Scope.LISTS, **of("a.csv", rows)) == 200
    assert status(Scope.VERIFICATIONS, **of("a.csv", rows)) == 401
    assert status(Scope.VERIFICATIONS, **of("a.pdf", b"%PDF-1.4")) == 200
    assert status(Scope.LISTS, **of("a.pdf", b"%PDF-1.4")) == 401
    assert status(Scope.CERTIFICATES, **of("a.pdf", b"%PDF-1.4")) == 401
    assert status(Scope.LISTS, json=long) == 200
    # The day's quota counts each of the nine hundred rows.
    assert status(Scope.LISTS, json=long) == 429
