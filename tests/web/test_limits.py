"""R10: attempts are limited by address and by record, on SQLite and on PostgreSQL alike, and from proxies as set."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from certsvc.app import create_app
from certsvc.errors import Unavailable
from certsvc.services.operation import api_keys
from certsvc.store import Database, open_database
from certsvc.store.migrate import upgrade
from certsvc.web.limits import Allowance, Kind, Limits
from tests.builders.postgresql import postgresql_database
from tests.builders.site import Register

AT = datetime(2026, 1, 5, 4, 0, 0, tzinfo=UTC)
ALLOWANCE = Allowance(page="3/minute", guess="4/minute;6/hour", record="2/minute", file="2/minute")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        opened = open_database(f"sqlite:///{tmp_path / 'certsvc.db'}")
        upgrade(opened)
        yield opened
        opened.close()
    else:
        request.getfixturevalue("socket_enabled")
        for opened in postgresql_database():
            upgrade(opened)
            yield opened


@pytest.fixture
def clock() -> list[datetime]:
    return [AT]


@pytest.fixture
def limits(database: Database, clock: list[datetime]) -> Limits:
    return Limits(database, b"k" * 32, ALLOWANCE, lambda: clock[0])


def test_a_window_fills_closes_and_opens_again(limits: Limits, clock: list[datetime]) -> None:
    assert [limits.allow(Kind.GUESS, "198.51.100.7") for _ in range(5)] == [True] * 4 + [False]
    assert limits.allow(Kind.GUESS, "198.51.100.8")
    clock[0] += timedelta(minutes=1)
    # The minute is new; of the hour's six, five are gone, the refused one among them.
    assert [limits.allow(Kind.GUESS, "198.51.100.7") for _ in range(2)] == [True, False]
    clock[0] += timedelta(hours=1)
    assert limits.allow(Kind.GUESS, "198.51.100.7")


def test_every_process_shares_one_count(database: Database, limits: Limits) -> None:
    other = Limits(database, b"k" * 32, ALLOWANCE, lambda: AT)
    assert [each.allow(Kind.RECORD, "A1") for each in (limits, other, limits)] == [True, True, False]


def test_attempts_at_once_are_all_counted(limits: Limits) -> None:
    allowed: list[bool] = []
    threads = [threading.Thread(target=lambda: allowed.append(limits.allow(Kind.RECORD, "A1"))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(allowed) == [False] * 10 + [True] * 2


def test_a_list_is_counted_row_by_row(limits: Limits) -> None:
    assert limits.allow_each(Kind.RECORD, []) == []
    assert limits.allow_each(Kind.RECORD, ["A1", "A2", "A1", "A1"]) == [True, True, True, False]
    assert limits.allow_each(Kind.RECORD, ["A2", "A2"]) == [True, False]


HERE, THERE = "198.51.100.7", "203.0.113.9"


def test_only_wrong_attempts_add_up(limits: Limits) -> None:
    for _ in range(10):
        assert limits.allow_guess(HERE, "A1")
        limits.give_back(HERE, "A1")
    assert [limits.allow_guess(HERE, f"A{at}") for at in range(5)] == [True] * 4 + [False]


def test_a_record_is_not_locked_by_what_others_guess(limits: Limits, clock: list[datetime]) -> None:
    """Two wrong attempts a minute at a record, and three an hour of each network's own at it."""
    assert [limits.allow_guess(HERE, "A1") for _ in range(4)] == [True, True, True, False]
    # Elsewhere, and at other records, the right answer stays to be had; with the last attempt too.
    assert [limits.allow_guess(THERE, "A1") for _ in range(3)] == [True, True, True]
    assert limits.allow_guess("2001:db8::/64", "A1")
    clock[0] += timedelta(minutes=1)
    # The record's minute is new; what is spent of the hour by address and network is not.
    assert [limits.allow_guess(HERE, "A1"), limits.allow_guess(HERE, "A2")] == [True, True]
    assert not limits.allow_guess(HERE, "A3")


def test_another_address_of_the_same_network_is_no_stranger(limits: Limits) -> None:
    assert all(limits.allow_guess(HERE, "A1") for _ in range(3))
    assert not limits.allow_guess("198.51.100.200", "A1")
    assert all(limits.allow_guess("2001:db8:1:1::/64", "B1") for _ in range(3))
    assert not limits.allow_guess("2001:db8:1:2::/64", "B1")
    assert limits.allow_guess("2001:db8:2::/64", "B1")
    assert limits.allow_guess("unknown", "B1")


def test_with_a_key_the_address_does_not_count_and_the_record_does(limits: Limits) -> None:
    tried = [limits.allow_guess(HERE, f"A{at}", by_address=False) for at in range(9)]
    assert tried == [True] * 9
    assert [limits.allow_guess(HERE, "A1", by_address=False) for _ in range(3)] == [True, True, False]
    limits.give_back(HERE, "A1", by_address=False)
    assert limits.allow_guess(HERE, "B1")


def test_the_wrong_rows_of_a_list_are_attempts_of_its_address(limits: Limits) -> None:
    """Six an hour; the four of a minute are for forms."""
    rows = [(f"A{at}", at % 2 == 0) for at in range(20)]
    # Rows 1, 3, 5, 7, 9 and 11 are wrong; behind the sixth nothing is told any more, right or wrong.
    assert limits.allow_guesses(HERE, rows) == [True] * 12 + [False] * 8
    assert limits.allow_guesses(HERE, [("B1", True)]) == [False]
    assert limits.is_spent(HERE)
    assert not limits.is_spent(THERE)
    assert limits.allow_guesses(THERE, [("A1", True), ("A3", False)]) == [True, True]
    assert not limits.allow_guess(HERE, "B1")
    assert limits.allow_guesses(HERE, [("B1", True), ("B2", False)], by_address=False) == [True, True]
    assert limits.allow_guesses(HERE, []) == []


def test_a_list_of_right_rows_has_no_end(limits: Limits) -> None:
    assert limits.allow_guesses(HERE, [(f"A{at}", True) for at in range(700)]) == [True] * 700
    assert not limits.is_spent(HERE)


def test_wrong_rows_at_one_record_end_with_it(limits: Limits) -> None:
    wrong = [("A1", False)] * 4
    assert limits.allow_guesses(HERE, [*wrong, ("A1", True), ("A2", True)]) == [True, True, True, False, False, True]
    assert limits.allow_guesses(THERE, [("A1", True)]) == [True]


def test_rates_of_less_than_an_hour_alone_hold_for_lists_too(database: Database) -> None:
    limits = Limits(
        database, b"k" * 32, Allowance(page="3/minute", guess="2/minute", record="9/day", file="9/day"), lambda: AT
    )
    assert limits.allow_guesses(HERE, [(f"A{at}", False) for at in range(3)]) == [True, True, False]


def test_many_lists_at_once_share_one_count(limits: Limits) -> None:
    told: list[int] = []

    def ask(at: int) -> None:
        told.append(sum(limits.allow_guesses(HERE, [(f"L{at}-{row}", False) for row in range(5)])))

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(told) == 6


def test_an_attempt_is_given_back_where_it_was_counted_and_never_below_none(
    limits: Limits, clock: list[datetime], database: Database
) -> None:
    limits.allow_guess(HERE, "A1")
    clock[0] += timedelta(days=2)
    limits.give_back(HERE, "A1")
    limits.give_back(THERE, "A2")
    with database.counts.reading() as session:
        assert set(session.scalars(text("select seen from limit_count"))) == {1}


def test_an_outage_leaves_an_attempt_counted(tmp_path: Path) -> None:
    nowhere = open_database(f"sqlite:///{tmp_path / 'no folder' / 'certsvc.db'}")
    limits = Limits(nowhere, b"k" * 32, ALLOWANCE, lambda: AT)
    with pytest.raises(Unavailable):
        limits.allow_guess(HERE, "A1")
    limits.give_back(HERE, "A1")


def test_what_is_kept_names_nobody_and_does_not_grow(database: Database, limits: Limits, clock: list[datetime]) -> None:
    limits.allow(Kind.GUESS, "198.51.100.7")
    limits.allow_each(Kind.RECORD, ["2563010509000001", "\ud800", "\x00"])
    with database.counts.reading() as session:
        kept = str(session.execute(text("select * from limit_count")).all())
    assert "198.51" not in kept
    assert "2563010509000001" not in kept
    clock[0] += timedelta(days=3)
    limits.allow(Kind.RECORD, "A1")
    with database.counts.reading() as session:
        assert session.execute(text("select count(*) from limit_count")).scalar_one() == 1


@pytest.fixture
def narrow(register: Register) -> FlaskClient:
    """A client of a site on which a record may be asked about twice a minute."""
    settings = replace(register.settings, limit_record="2/minute")
    client = create_app(settings, services=register.services).test_client()
    with register.services.database.counts.writing() as session:
        session.execute(text("delete from limit_count"))
    return client


def _listed(client: FlaskClient, register: Register, *names: str) -> list[str]:
    pairs = [{"number": register.valid.number, "name": name} for name in names]
    answer = client.post("/api/v1/verifications", json={"rows": pairs})
    assert answer.status_code == 200
    return [row["state"] for row in answer.json["rows"]]


def test_the_rows_of_a_list_are_attempts_at_their_records(narrow: FlaskClient, register: Register) -> None:
    right = register.valid.name
    # Two wrong names a minute at a record, and three an hour of one's own; a list takes three of them at most.
    assert _listed(narrow, register, right, "张三", "李四", right) == ["valid", "unknown", "unknown", "valid"]
    assert _listed(narrow, register, right, "王五", "赵六") == ["valid", "unknown", "unavailable"]
    # By list, by form, by match mode or by the API: it is one count, and what is refused says nothing of the name.
    assert _listed(narrow, register, right, "王五") == ["unavailable"] * 2
    pair = {"number": register.valid.number, "name": right}
    assert narrow.post("/verify/number", data=pair).status_code == 429
    assert narrow.post("/api/v1/verifications", json=pair).status_code == 429
    content = f"证书编号,姓名\n{register.valid.number},{right}\n".encode()
    answer = narrow.post("/verify/list", data={"list": (io.BytesIO(content), "a.csv")})
    assert "没有查" in answer.data.decode("utf-8-sig")
    # Elsewhere the right answer stands, by every door.
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    assert narrow.post("/verify/number", data=pair, environ_base=elsewhere).status_code == 200
    listed = narrow.post("/api/v1/verifications", json={"rows": [pair]}, environ_base=elsewhere)
    assert [row["state"] for row in listed.json["rows"]] == ["valid"]


def test_no_list_locks_a_record_against_its_right_name_from_elsewhere(own: Register) -> None:
    settings = replace(own.settings, limit_record="10/hour;30/day")
    client = create_app(settings, services=own.services).test_client()
    wrong = {"rows": [{"number": own.valid.number, "name": f"张{at}"} for at in range(3)]}
    for at in range(40):
        client.post("/api/v1/verifications", json=wrong, environ_base={"REMOTE_ADDR": f"198.51.{at}.7"})
    pair = {"number": own.valid.number, "name": own.valid.name}
    answer = client.post("/verify/number", data=pair, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert answer.status_code == 200
    assert "真实有效" in answer.text


def test_no_list_is_a_way_round_the_limit_by_address(own: Register) -> None:
    """By the form, 200 a day: by lists no more, whatever their length."""
    settings = replace(own.settings, limit_guess="20/minute;200/day")
    client = create_app(settings, services=own.services).test_client()
    states = []
    for part in range(3):
        rows = [{"number": f"26630100015{part}{at:04d}", "name": "王芳"} for at in range(150)]
        rows += [{"number": own.valid.number, "name": own.valid.name}]
        answer = client.post("/api/v1/verifications", json={"rows": rows})
        states.append([row["state"] for row in answer.json["rows"]])
    assert states[0] == ["unknown"] * 150 + ["valid"]
    assert states[1] == ["unknown"] * 50 + ["unavailable"] * 101
    assert states[2] == ["unavailable"] * 151
    key = api_keys.create(own.services, "招聘系统", [api_keys.Scope.LISTS], 1000, by="operator")
    rows = [{"number": own.valid.number, "name": own.valid.name}, {"number": "2663010001599999", "name": "王芳"}]
    answer = client.post("/api/v1/verifications", json={"rows": rows}, headers={"Authorization": f"Bearer {key}"})
    assert [row["state"] for row in answer.json["rows"]] == ["valid", "unknown"]


def test_whoever_is_right_is_never_counted_out(own: Register) -> None:
    client = create_app(replace(own.settings, limit_guess="3/minute"), services=own.services).test_client()
    pair = {"number": own.valid.number, "name": own.valid.name}
    matched = {"name": own.valid.name, "last_six": own.valid.id_number[-6:]}
    for _ in range(5):
        assert client.post("/verify/number", data=pair).status_code == 200
        assert client.post("/api/v1/verifications", json=pair).status_code == 200
        assert client.post(f"/v/{own.valid.token}/match", data=matched).status_code == 200
    wrong = [client.post("/verify/number", data=pair | {"name": "张三"}).status_code for _ in range(4)]
    assert wrong == [404, 404, 404, 429]


def test_a_key_does_not_lift_the_limit_by_record(own: Register) -> None:
    client = create_app(replace(own.settings, limit_record="2/minute"), services=own.services).test_client()
    scopes = [api_keys.Scope.VERIFICATIONS, api_keys.Scope.LISTS]
    key = api_keys.create(own.services, "招聘系统", scopes, 100, by="operator")
    headers = {"Authorization": f"Bearer {key}"}
    tried = [
        client.post("/api/v1/verifications", json={"number": own.valid.number, "name": name}, headers=headers)
        for name in ("张一", "张二", "张三", "张四")
    ]
    assert [answer.status_code for answer in tried] == [404, 404, 404, 429]


def test_files_in_one_archive_count_like_files_one_by_one(own: Register) -> None:
    client = create_app(replace(own.settings, limit_file="3/minute"), services=own.services).test_client()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for at in range(5):
            archive.writestr(f"{at}.json", b"{}")

    def brought(**headers: str) -> list[str]:
        content = {"file": (io.BytesIO(packed.getvalue()), "all.zip")}
        answer = client.post("/api/v1/verifications", data=content, headers=headers)
        return [file["verdict"] for file in answer.json.get("files", [])]

    # What was not looked at is not spoken of as unknown.
    assert brought() == ["unknown"] * 3 + ["unavailable"] * 2
    assert brought() == []
    key = api_keys.create(own.services, "招聘系统", [api_keys.Scope.VERIFICATIONS], 100, by="operator")
    assert brought(Authorization=f"Bearer {key}") == ["unknown"] * 5


def _list_of(rows: int) -> bytes:
    return "证书编号,姓名\n".encode() + b"".join(b"26630100015%05d,x\n" % at for at in range(rows))


def test_a_long_list_counts_as_many_files(own: Register) -> None:
    """Each row is a look-up and leaves a count: thirty lists of 5,000 a minute would fill the disk."""
    client = create_app(replace(own.settings, limit_file="4/minute"), services=own.services).test_client()

    def brought(address: str, field: str, rows: int) -> int:
        content = {field: (io.BytesIO(_list_of(rows)), "a.csv")}
        answer = client.post(address, data=content)
        answer.get_data()
        return answer.status_code

    assert [brought("/verify/list", "list", rows) for rows in (1001, 500, 1)] == [200, 200, 429]
    with own.services.database.counts.writing() as session:
        session.execute(text("delete from limit_count"))
    assert [brought("/api/v1/verifications", "list", rows) for rows in (1001, 501)] == [200, 429]
    with own.services.database.counts.writing() as session:
        session.execute(text("delete from limit_count"))
    pairs = [{"number": str(at), "name": "x"} for at in range(2001)]
    assert client.post("/api/v1/verifications", json={"rows": pairs}).status_code == 429


def test_a_list_as_a_file_asks_a_key_for_the_scope_and_the_quota_of_lists(own: Register) -> None:
    client = create_app(own.settings, services=own.services).test_client()

    def brought(scope: api_keys.Scope, rows: int) -> int:
        key = api_keys.create(own.services, "招聘系统", [scope], 100, by="operator")
        content = {"list": (io.BytesIO(_list_of(rows)), "a.csv")}
        headers = {"Authorization": f"Bearer {key}"}
        return client.post("/api/v1/verifications", data=content, headers=headers).status_code

    assert brought(api_keys.Scope.VERIFICATIONS, 1) == 401
    assert [brought(api_keys.Scope.LISTS, rows) for rows in (1, 100, 101)] == [200, 200, 429]


def test_slips_of_two_people_are_not_one_record(narrow: FlaskClient) -> None:
    tried = [narrow.post("/verify/number", data={"number": f"?{i}!", "name": "张三"}).status_code for i in range(5)]
    assert tried == [404] * 5


@pytest.mark.parametrize(("hops", "counted"), [(0, "-"), (1, "CN-63")])
def test_an_origin_is_believed_of_a_proxy_alone(own: Register, hops: int, counted: str) -> None:
    app = create_app(replace(own.settings, trusted_proxies=hops), services=own.services)
    headers = {"X-Origin-Region": "CN-63", "X-Forwarded-For": "198.51.100.7"}
    for address in (
        f"/v/{own.valid.token}",
        f"/v/{own.valid.token}?lang=zh",
        f"/api/v1/certificates/{own.valid.token}",
    ):
        assert app.test_client().get(address, headers=headers).status_code == 200
    app.extensions["certsvc"].figures.flush()
    with own.services.database.reading() as session:
        assert session.execute(text("select origin, scans from scan_count")).all() == [(counted, 3)]
