"""`/my/paper`: one answer whatever the register has, errors beside their fields, bounds for strangers (R8, R10)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from certsvc.app import create_app
from certsvc.services.certificates import home, home_review
from certsvc.store import EvidencePictureRecord, ReissueRequestRecord
from tests.builders.applying import PHONE, photograph
from tests.builders.holders import Place, hidden
from tests.builders.site import PAPER_NAME, PAPER_NUMBER, Register, id_number_of, make_register

PICTURE = photograph()
UNKNOWN_NUMBER = "2010630500019999"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    limits = {f"CERTSVC_LIMIT_{kind}": "100000/minute" for kind in ("PAGE", "FILE", "SIGN_IN", "APPLY")}
    made = make_register(tmp_path_factory.mktemp("paper"), **limits)
    yield Place(made, create_app(made.settings, services=made.services))
    made.services.database.close()


@pytest.fixture
def client(place: Place) -> FlaskClient:
    return place.visitor()


def typed(client: FlaskClient, **changes: str) -> dict[str, Any]:
    fields = {
        "once": hidden(client.get("/my/paper").text, "once"),
        "number": PAPER_NUMBER,
        "name": PAPER_NAME,
        "id_type": "resident_id",
        "id_number": id_number_of(80),
        "phone": PHONE,
        "reason": "lost",
        "said": "",
    }
    return fields | changes


def send(client: FlaskClient, fields: dict[str, Any], address: str = "/my/paper", **files: bytes) -> TestResponse:
    data = fields | {name: FileStorage(io.BytesIO(content), f"{name}.jpg") for name, content in files.items()}
    boundary, body = encode_multipart(data)  # not by the client, which leaves its temporary file open
    return client.post(address, data=body, content_type=f"multipart/form-data; boundary={boundary}")


def reference(answer: TestResponse) -> str:
    found = re.search(r'id="reference">([A-Z0-9-]+)<', answer.text)
    assert found is not None, answer.text
    return found[1]


def look(client: FlaskClient, about: str, last: str = PHONE[-4:]) -> TestResponse:
    return client.post("/my/paper/state", data={"reference": about, "last_four": last})


def count(place: Place, kind: type = ReissueRequestRecord) -> int:
    with place.services.database.reading() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


def newest(place: Place) -> int:
    with place.services.database.reading() as session:
        return session.scalars(select(ReissueRequestRecord.id).order_by(ReissueRequestRecord.id.desc())).first() or 0


def settled(page: str) -> str:
    return re.sub(r"[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}", "REFERENCE", page)


def test_known_unknown_and_anothers_get_one_answer(client: FlaskClient) -> None:
    answers = [
        send(client, typed(client, **changes), document=PICTURE)
        for changes in ({}, {"number": UNKNOWN_NUMBER}, {"name": "别人"}, {"id_number": id_number_of(81)})
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({settled(answer.text) for answer in answers}) == 1
    pages = [settled(look(client, reference(answer)).text) for answer in answers]
    assert len({re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?", "", page) for page in pages}) == 1


def test_a_reload_applies_once(place: Place, client: FlaskClient) -> None:
    fields, before = typed(client), count(place)
    first, again = (reference(send(client, fields, document=PICTURE)) for _ in range(2))
    assert first == again
    assert count(place) == before + 1


def test_where_it_stands_is_told_to_who_has_reference_and_telephone(place: Place, client: FlaskClient) -> None:
    about = reference(send(client, typed(client), document=PICTURE))
    assert 'data-state="received"' in look(client, about.lower().replace("-", "")).text
    home_review.return_for(place.services, newest(place), missing="身份证 <b>背面</b>", by="审核员")
    page = look(client, about).text
    assert 'data-state="returned"' in page
    assert "身份证 &lt;b&gt;背面&lt;/b&gt;" in page
    strangers = look(client, about, "0000"), look(client, "AAAA-AAAA-AAAA")
    assert {answer.status_code for answer in strangers} == {404}
    assert "data-state" not in strangers[0].text
    sent = send(client, {"reference": about, "last_four": PHONE[-4:]}, "/my/paper/more", document=PICTURE)
    assert 'data-state="received"' in sent.text
    assert (
        send(client, {"reference": about, "last_four": "0000"}, "/my/paper/more", document=PICTURE).status_code == 404
    )
    assert client.get("/my/paper/more").status_code == 303


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": "!!"}, "number"),
        ({"name": "123"}, "name"),
        ({"name": "王\U00031350"}, "name"),
        ({"id_number": "11010519491231002Y"}, "id_number"),
        ({"phone": "电话"}, "phone"),
        ({"reason": ""}, "reason"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_the_rest_is_kept(
    place: Place, client: FlaskClient, changes: dict[str, str], field: str
) -> None:
    before = count(place)
    answer = send(client, typed(client, said="水浸过") | changes, document=PICTURE)
    assert answer.status_code == 422
    assert re.findall(r'id="said-(\w+)"', answer.text) == [field]
    kept = {"number": PAPER_NUMBER, "name": PAPER_NAME, "phone": PHONE} | changes
    for name in ("number", "name", "phone"):
        assert f'name="{name}"' in answer.text
        assert f'value="{kept[name]}"' in answer.text
    assert "水浸过" in answer.text
    assert count(place) == before


def test_wide_digits_and_groups_are_taken(client: FlaskClient) -> None:
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in PHONE)
    grouped = id_number_of(80)[:6] + " " + id_number_of(80)[6:14] + "-" + id_number_of(80)[14:]
    answer = send(client, typed(client, phone=f"{wide[:3]} {wide[3:]}", id_number=grouped), document=PICTURE)
    assert 'data-state="received"' in look(client, reference(answer)).text


def test_pictures_that_are_due_are_asked_for(client: FlaskClient) -> None:
    assert 'id="said-document"' in send(client, typed(client)).text
    answer = send(client, typed(client, reason="damaged"), document=PICTURE)
    assert re.findall(r'id="said-(\w+)"', answer.text) == ["paper"]
    assert send(client, typed(client, reason="damaged"), document=PICTURE, paper=PICTURE).status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7",
        b"GIF89a",
        b"\xff\xd8\xff" + bytes(9000),
        b"PK\x03\x04" + bytes(100),
        PICTURE[:5000],
        bytes(11 << 20),
    ],
    ids=["pdf", "gif", "broken", "zip", "half", "large"],
)
def test_what_is_no_picture_is_told_at_its_place(place: Place, client: FlaskClient, content: bytes) -> None:
    before = count(place), count(place, EvidencePictureRecord)
    answer = send(client, typed(client), document=content)
    assert answer.status_code == 422
    assert re.findall(r'id="said-(\w+)"', answer.text) == ["document"]
    assert (count(place), count(place, EvidencePictureRecord)) == before


def test_more_than_a_request_may_have_is_said_in_the_form(client: FlaskClient) -> None:
    data = typed(client) | {"document": FileStorage(io.BytesIO(bytes(26 << 20)), filename="a.jpg")}
    boundary, body = encode_multipart(data)
    answer = client.post("/my/paper", data=body, content_type=f"multipart/form-data; boundary={boundary}")
    assert answer.status_code == 413
    assert 'id="said-document"' in answer.text
    assert "25 MB" in answer.text


def test_too_many_pictures_are_told_at_their_place(place: Place, client: FlaskClient) -> None:
    data = typed(client) | {"document": [(io.BytesIO(PICTURE), "a.jpg") for _ in range(3)]}
    answer = client.post("/my/paper", data=data, content_type="multipart/form-data")
    assert re.findall(r'id="said-(\w+)"', answer.text) == ["document"]


def test_full_is_told_with_what_was_typed(place: Place, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "MOST_OPEN", 0)
    answer = send(client, typed(client), document=PICTURE)
    assert answer.status_code == 503
    assert "柜台" in answer.text
    assert f'value="{PAPER_NAME}"' in answer.text


def test_a_form_from_elsewhere_is_refused(client: FlaskClient) -> None:
    for address in ("/my/paper", "/my/paper/state", "/my/paper/more"):
        assert client.post(address, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_one_address_applies_so_often_and_no_more(own: Register) -> None:
    client = create_app(own.settings, services=own.services).test_client()
    for at in range(5):
        assert (
            send(client, typed(client, said=str(at), name=f"测试{'甲乙丙丁戊'[at]}"), document=PICTURE).status_code
            == 200
        )
    assert send(client, typed(client), document=PICTURE).status_code == 429


def test_both_languages_and_no_script(client: FlaskClient) -> None:
    page = client.get("/my/paper?lang=en").text
    assert "Apply for the reissue of a paper certificate" in page
    assert "<script" not in page
    assert "10 MB" in page
    assert "25 MB" in page


def test_the_answer_for_a_program_is_a_problem(client: FlaskClient) -> None:
    answer = client.post("/my/paper", data=typed(client), headers={"Accept": "application/json"})
    assert answer.mimetype == "application/problem+json"
    assert answer.status_code == 422
