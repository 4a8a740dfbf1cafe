"""One request, many hands: it is decided once, by another, over what it says (R1.6, R8.4a)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from certsvc.errors import Conflict, Refused
from certsvc.services.approvals import desk
from certsvc.services.context import Services
from certsvc.services.holders import contact
from certsvc.services.operation.init import initialise
from certsvc.services.records.approvals import ApprovalState
from certsvc.services.registration.import_roster import import_candidates
from tests.builders.person import Candidate, open_home, write_csv
from tests.builders.postgresql import postgresql_database

PERSON = Candidate(7)
THREADS = 64


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def office(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Services]:
    """A register with one person on it."""

    def prepared(services: Services) -> Services:
        import_candidates(services, write_csv(tmp_path / "roster.csv", [PERSON.cells()]), by="登记员")
        return services

    if request.param == "sqlite":
        services = prepared(open_home(home))
        yield services
        services.database.close()
        return
    request.getfixturevalue("socket_enabled")
    for database in postgresql_database():
        services = open_home(home, database_url=database.engine.url.render_as_string(hide_password=False))
        initialise(services)
        yield prepared(services)
        services.database.close()


def asked(services: Services, by: str = "maker1", phone: str = "13911111111") -> int:
    from certsvc.person.identity import IdentityDocument, IdType

    identity = IdentityDocument(IdType.RESIDENT_ID, PERSON.id_number)
    return contact.propose(services, identity, phone, reason="换号", by=by).approval_id


def test_64_hands_on_one_request_have_one_effect(office: Services) -> None:
    approval_id = asked(office)

    def decide(hand: int) -> str:
        try:
            desk.approve(office, approval_id, by=f"approver{hand}")
        except Refused as refused:
            return "已由" if "已由" in refused.zh else refused.zh
        return "done"

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(decide, range(THREADS)))
    assert answers.count("done") == 1
    assert answers.count("已由") == THREADS - 1
    with office.database.reading() as session:
        events = session.scalar(text("select count(*) from audit_event where action = 'approval.approve'"))
        messages = session.scalar(text("select count(*) from message"))
    assert (events, messages) == (1, 1)


def test_the_database_itself_refuses_one_hand_for_both(office: Services) -> None:
    approval_id = asked(office)
    both = "update approval set state = 'approved', decided_by = asked_by where id = :id"
    with pytest.raises(Conflict), office.database.writing() as session:
        session.execute(text(both), {"id": approval_id})
    assert desk.show(office, approval_id).state == ApprovalState.WAITING
    assert desk.reject(office, approval_id, by="maker1", reason="不要了").state == ApprovalState.REJECTED


def test_the_digest_is_of_all_that_is_asked_for(office: Services) -> None:
    ids = [asked(office), asked(office), asked(office, phone="13922222222"), asked(office, by="maker2")]
    digests = [desk.show(office, one).digest for one in ids]
    assert len({*digests}) == len(ids)
    assert digests[0] == desk.show(office, ids[0]).digest
    with pytest.raises(Conflict):
        desk.approve(office, ids[0], by="approver1", digest=digests[1])
    desk.approve(office, ids[0], by="approver1", digest=digests[0])


def test_what_waits_is_counted_for_each(office: Services) -> None:
    for by in ("maker1", "maker1", "Maker 1", "maker2"):
        asked(office, by=by)
    assert desk.count_for(office, "maker1") == (1, 3)
    assert desk.count_for(office, "approver1") == (4, 0)
    assert [one.id for one in desk.list_approvals(office, after=1, most=2)] == [2, 3]
