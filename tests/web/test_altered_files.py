"""The file check tells altered from forged: the true record, the original part, and no word of police."""

from __future__ import annotations

import base64
import io
import re

import pikepdf
import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from certsvc.services.certificates.give_out import pdf_of
from tests.builders import damage
from tests.builders.site import Register

POLICE = {"zh": "报警", "en": "police"}


def page_of(client: FlaskClient, content: bytes, language: str = "zh") -> str:
    sent = {"file": (io.BytesIO(content), "证书.pdf")}
    return client.post("/verify/file", data=sent, headers={"Accept-Language": language}).text


def answer_of(client: FlaskClient, content: bytes) -> dict[str, object]:
    sent = {"file": (io.BytesIO(content), "a.pdf")}
    (answer,) = client.post("/verify/file", data=sent, headers={"Accept": "application/json"}).json["files"]
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_altered_file_shows_the_record_and_offers_the_original(
    client: FlaskClient, register: Register, language: str
) -> None:
    genuine = pdf_of(register.services, register.valid.number)
    page = page_of(client, genuine + b"\r\n", language)
    assert 'data-state="altered"' in page
    assert 'data-truth="valid"' in page
    assert POLICE[language] not in page
    (offered,) = re.findall(r'data-original download="(\w+\.pdf)" href="data:application/pdf;base64,([^"]+)"', page)
    assert offered[0] == f"{register.valid.number}.pdf"
    original = base64.b64decode(offered[1])
    assert original == genuine
    assert 'data-state="valid"' in page_of(client, original)


def test_a_rewritten_file_shows_the_record_and_nothing_to_download(client: FlaskClient, register: Register) -> None:
    page = page_of(client, damage.rewritten(pdf_of(register.services, register.valid.number)))
    assert 'data-state="altered"' in page
    assert "data-original" not in page
    assert register.valid.number in re.sub(r"</?span[^>]*>", "", page)
    assert "报警" not in page


def test_the_state_of_the_record_stands_first(client: FlaskClient, register: Register) -> None:
    held = register.held["revoked"]
    page = page_of(client, pdf_of(register.services, held.number) + b"\n")
    assert 'data-state="altered"' in page
    assert 'data-truth="revoked"' in page


def test_a_file_with_a_password_is_not_called_a_strangers(client: FlaskClient, register: Register) -> None:
    genuine = pdf_of(register.services, register.valid.number)
    page = page_of(client, damage.rewritten(genuine, encryption=pikepdf.Encryption(owner="a", user="b")))
    assert "文件有密码" in page
    assert "不是本机构签发" not in page


def test_the_api_tells_how_and_hands_out_the_original(client: FlaskClient, register: Register) -> None:
    genuine = pdf_of(register.services, register.valid.number)
    api = client.get("/api/v1/openapi.json").json
    schema = {"$ref": "#/components/schemas/FileAnswer", "components": api["components"]}
    for content, how in ((genuine + b"\n", "added"), (damage.mailed(genuine), "contained"), (genuine, None)):
        answer = answer_of(client, content)
        Draft202012Validator(schema).validate(answer)
        assert answer["alteration"] == how
        assert answer["verdict"] == ("valid" if how is None else "altered")
        original = answer["original"]
        assert (original is None) is (how is None)
        if isinstance(original, dict):
            assert base64.b64decode(original["content"]) == genuine
    assert answer_of(client, damage.mailed(genuine))["parts"]


def test_a_picture_of_a_code_is_read(client: FlaskClient, register: Register) -> None:
    answer = answer_of(client, damage.photographed(pdf_of(register.services, register.valid.number)))
    assert answer["verdict"] == "valid"
    assert answer["certificate"]["number"] == register.valid.number  # type: ignore[index]
