"""What a form answered has no address: there the switch of language leads to the form, in that language."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from tests.builders.site import PAPER_NAME, PAPER_NUMBER, Register, id_number_of

HELD = {"number": PAPER_NUMBER, "name": PAPER_NAME, "last_six": id_number_of(80)[-6:]}
PERSON = {"name": "张三", "id_type": "resident_id", "id_number": id_number_of(80)}


def switched(client: FlaskClient, path: str, typed: dict[str, str]) -> str:
    """Where the switch on the answer to a form leads, and in the end stands in English."""
    page = client.post(path, data=typed).text
    link = re.search(r'class="switch" [^>]*href="(\?lang=en)"', page)
    assert link is not None
    answer = client.get(path + link[1], follow_redirects=True)
    assert answer.status_code == 200
    assert '<html lang="en">' in answer.text
    assert '<html lang="en">' in client.get("/verify").text  # it is kept
    return answer.request.path


@pytest.mark.parametrize(
    ("path", "typed", "leads_to"),
    [
        ("/verify/number", HELD, "/verify"),
        ("/verify/number", HELD | {"name": "无此人"}, "/verify"),
        ("/verify/match", HELD, "/verify"),
        ("/my/code", PERSON, "/my"),
    ],
)
def test_the_switch_leads_to_the_form_in_the_other_language(
    client: FlaskClient,
    path: str,
    typed: dict[str, str],
    leads_to: str,
) -> None:
    assert switched(client, path, typed) == leads_to


def test_the_switch_of_a_compared_certificate_leads_to_the_certificate(
    client: FlaskClient,
    register: Register,
) -> None:
    about = f"/v/{register.valid.token}"
    assert switched(client, f"{about}/match", {"name": "张三", "last_six": "000000"}) == about
