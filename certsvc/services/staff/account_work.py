"""Accounts by two people: who alone could open a maker and an approver would be both (R1.6).

Not here: what is done with an account, and when it takes two (`accounts`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from certsvc.errors import Refused
from certsvc.rules.four_eyes import hand
from certsvc.services.context import Services
from certsvc.services.records.approvals import ApprovalState, ask, decide, waiting
from certsvc.services.staff.accounts import Account, AccountWork, Work, do, do_alone, takes_two
from certsvc.services.staff.sessions import LOCK

KIND: Final = "account.work"


@dataclass(frozen=True, slots=True)
class ProposedWork:
    """Account work that waits for another; the account is as it was."""

    approval_id: int
    name: str

    def as_json(self) -> dict[str, object]:
        return {"approval": self.approval_id, "state": "waiting", "name": self.name}


@dataclass(frozen=True, slots=True)
class DoneAccountWork:
    """Account work that was approved."""

    approval_id: int
    account: Account

    def as_json(self) -> dict[str, object]:
        return {"approval": self.approval_id, **self.account.as_json()}


Answer: TypeAlias = Account | ProposedWork


def do_or_ask(services: Services, work: AccountWork, *, by: str) -> Answer:
    """Do it where one person may, else ask for it. Raises `Refused`, `Conflict`, `NotFound`, as doing it would."""
    with services.database.reading() as session:
        two = takes_two(services, session, by)
    if not two:
        return do_alone(services, work, by=by)
    with services.database.writing(LOCK) as session:
        do(services, session, work, by=by)
        session.rollback()
    content = {
        "work": work.work.value,
        "name": work.name,
        "role": work.role,
        "of": work.of,
        "os_account": work.os_account,
        "oidc_issuer": work.oidc_issuer,
        "oidc_subject": work.oidc_subject,
        "password_hash": work.password_hash,
    }
    with services.database.writing() as session:
        row = ask(services, session, KIND, work.name, content, reason="工作人员账户 account", by=by)
        return ProposedWork(row.id, work.name)


def approve(services: Services, approval_id: int, *, by: str) -> DoneAccountWork:
    """Do it. Raises `NotFound`, `Refused` where `by` asked for it or it is about `by`, `Conflict`."""
    with services.database.writing(LOCK) as session:
        row, asked = waiting(services, session, approval_id, by)
        content = asked.content
        work = AccountWork(
            Work(str(content["work"])),
            str(content["name"]),
            content["role"],
            content["of"],
            content["os_account"],
            content["oidc_issuer"],
            content["oidc_subject"],
            content["password_hash"],
        )
        if hand(by) == hand(work.name):
            raise Refused("不能批准自己账户的变更", "no one approves a change of their own account", rule="R1.6")
        decide(services, session, row, ApprovalState.APPROVED, by=by)
        account = do(services, session, work, by=asked.asked_by, approved_by=by, approval=approval_id)
        return DoneAccountWork(approval_id, account)
