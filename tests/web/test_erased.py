"""A certificate whose holder had their data erased: the site says so truthfully, and nothing of whose it was (R10)."""

from __future__ import annotations

import re

import pytest

from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.certificates import change_status
from certsvc.services.persons.erase import erase
from tests.builders.erasing import no_duty
from tests.builders.holders import Place
from tests.builders.insider import by_sql
from tests.builders.site import Held

JSON = {"Accept": "application/json"}


@pytest.fixture
def erased(own_site: Place) -> Held:
    """The valid one of the register, erased a moment ago."""
    held = own_site.register.valid
    no_duty(own_site.register)  # type: ignore[arg-type]
    document = IdentityDocument(IdType.RESIDENT_ID, held.id_number)
    erase(own_site.services, document, reason="本人申请", by="甲", approved_by="乙")
    return held


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_says_where_it_stands_and_that_the_data_were_erased(
    own_site: Place, erased: Held, language: str
) -> None:
    answer = own_site.visitor().get(f"/v/{erased.token}", headers={"Accept-Language": language})
    assert answer.status_code == 200
    headline = re.search(r"<h1>(.*?)</h1>", re.sub(r"</?span[^>]*>", "", answer.text))
    assert headline is not None
    said = {
        "zh": "真实有效；持证人的个人信息已应其要求于2031-01-01抹除",
        "en": "Genuine and in force; personal data erased at the holder's wish on 2031-01-01",
    }
    assert headline[1].replace("&#39;", "'") == said[language]
    for never in (
        erased.name,
        erased.name[0] + "*",
        "unknown",
        "forged",
        "未查到",
        "/match",
        'id="person"',
        'id="keep"',
    ):
        assert never not in answer.text.split("</header>")[-1], never
    assert erased.number in re.sub(r"</?span[^>]*>", "", answer.text)


def test_json_has_a_state_of_its_own_and_no_name(own_site: Place, erased: Held) -> None:
    for address in (f"/v/{erased.token}", f"/api/v1/certificates/{erased.token}"):
        told = own_site.visitor().get(address, headers=JSON).json
        assert told is not None
        assert told["state"] == "erased"
        certificate = told["certificate"]
        assert (certificate["standing"], certificate["erased_on"]) == ("valid", "2031-01-01")
        assert (certificate["name"], certificate["full_name"], certificate["number"]) == ("", None, erased.number)
        assert [check["ok"] for check in told["checks"]] == [True, True, True]
    change_status.revoke(own_site.services, erased.number, reason="错发", by="甲")
    told = own_site.visitor().get(f"/v/{erased.token}", headers=JSON).json
    assert told is not None
    assert (told["state"], told["certificate"]["standing"]) == ("erased", "revoked")
    assert told["says"]["zh"].startswith("已撤销（")
    assert told["checks"][-1]["ok"] is False


def test_number_and_name_are_answered_as_an_unknown_number_is(own_site: Place, erased: Held) -> None:
    client = own_site.visitor()

    def asked(number: str, name: str) -> dict[str, object]:
        sent = {"number": number, "name": name}
        told = client.post("/api/v1/verifications", json=sent).json
        assert told is not None
        return {key: told[key] for key in told if key not in {"checked_at", "reference"}}

    unknown = asked("2663010001509999", "无此人")
    assert unknown["state"] == "unknown"
    assert asked(erased.number, erased.name) == unknown


def test_the_portrait_the_share_link_and_the_sign_in_are_gone(own_site: Place, erased: Held) -> None:
    client = own_site.visitor()
    assert client.get(f"/v/{erased.token}/portrait").status_code == 404
    step = client.post("/my/code", data={"name": erased.name, "id_type": "resident_id", "id_number": erased.id_number})
    assert step.status_code == 200  # as for anyone: who is on record is not told
    matched = client.post(f"/v/{erased.token}/match", data={"name": erased.name, "id_last6": erased.id_number[-6:]})
    assert erased.name not in matched.text


def test_a_row_that_was_changed_by_hand_is_not_shown_as_erased(own_site: Place, erased: Held) -> None:
    by_sql(own_site.register, f"update certificate set level = 4 where token = '{erased.token}'")  # type: ignore[arg-type]
    told = own_site.visitor().get(f"/v/{erased.token}", headers=JSON).json
    assert told is not None
    assert told["state"] == "forged"
