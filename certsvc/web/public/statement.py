"""What an answer says, the same for page and JSON: state, words (R11), what was signed (R10), the time of the check.

A statement is made of a `PublicRecord`, or of none: unknown and unavailable are states of their own, and an outage
never reads as "invalid". Not here: how it is drawn (templates) and over which address it goes out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from certsvc.credential.reasons import reason_of
from certsvc.credential.verdict import Check, CheckName
from certsvc.credential.wording import STATES, Wording, say
from certsvc.services.verification.public_record import UNAVAILABLE, say_of
from certsvc.web.pages import beijing, headline
from certsvc.web.site import Site, to_the_second

if TYPE_CHECKING:
    from certsvc.services.verification.public_record import PublicRecord

HTTP_STATUS: Final = {"unknown": 404, "unavailable": 503}
_PLAIN: Final = {state: STATES[state] for state in ("valid", "paper_valid", "forged")}  # their words state no facts
_NOT_IN_FORCE: Final = frozenset({"suspended", "revoked", "superseded", "paper_replaced", "expired"})


_NOT_ASKED: Final = Wording(
    "查不到的行太多，这一行没有查，不代表证书有问题",
    "Too many rows were not found; this one was not looked up, which says nothing about the certificate",
    "请核对查不到的行，明天再查其余的；常查名单的单位可向发证机构索取接口密钥。",
    "Check the rows that were not found and send the others tomorrow; who checks lists often can ask the issuing "
    "authority for an API key.",
)


@dataclass(slots=True)  # not frozen, as `PublicRecord`
class Statement:
    """`record` is None for unknown and unavailable."""

    state: str
    says: Wording
    record: PublicRecord | None
    checked_at: datetime
    reference: str

    @property
    def status(self) -> int:
        return HTTP_STATUS.get(self.state, 200)

    @property
    def checks(self) -> tuple[Check, ...]:
        """What was looked at for this answer, in order."""
        return (
            ()
            if self.record is None
            else _checks(_looked_at(self.record), self.record.carrier, self.record.signature_ok)
        )

    @property
    def digest(self) -> str:
        """What the QR's own payload is bound to (`credential.checked.digest8`), in hex; empty for paper."""
        return self.record.digest8.hex() if self.record is not None else ""

    def as_words(self) -> dict[str, object]:
        """The words that differ from one answer to the next of the same shape (`web.prebuilt`)."""
        return {
            "says_zh": self.says.zh,
            "says_en": self.says.en,
            "says_zh_headline": headline(self.says.zh, self.state),
            "says_en_headline": headline(self.says.en, self.state),
            "checked_at": beijing(self.checked_at),
            "checked_iso": to_the_second(self.checked_at),
            "reference": self.reference,
            "digest": self.digest,
        }

    def as_values(self) -> dict[str, object]:
        """For the templates."""
        successor = self.record.successor_state if self.record else None
        return self.as_words() | {
            "state": self.state,
            "says": self.says,
            "record": self.record,
            "checks": self.checks,
            "successor": say(successor) if successor else None,
        }

    def as_json(self) -> dict[str, object]:
        """For programs; the members are described in the API's OpenAPI document."""
        says, record = self.says, self.record
        return {
            "state": self.state,
            "says": {"zh": says.zh, "en": says.en},
            "next": {"zh": says.next_zh, "en": says.next_en},
            "checked_at": to_the_second(self.checked_at),
            "reference": self.reference,
            "certificate": None if record is None or self.state == "forged" else _signed(record),
            "checks": [] if record is None else _checks_said(_looked_at(record), record.carrier, record.signature_ok),
        }


def state_of(site: Site, record: PublicRecord | None, *, about: str = "") -> Statement:
    """The statement for a record found, or for none ("unknown")."""
    if record is None:
        return without_record(site, "unknown", about=about)
    if record.state == UNAVAILABLE:  # its row contradicts the log: nothing it says is known
        site.figures.contradicted()
        return without_record(site, UNAVAILABLE, about=about or record.number)
    says = _PLAIN.get(record.state) or say_of(record)
    # The record's own number, so that the issuer can make the reference again from what was printed.
    reference = site.reference(record.state, record.number, record.checked_at)
    return Statement(record.state, says, record, record.checked_at, reference)


def without_record(site: Site, state: str, *, about: str = "") -> Statement:
    """The statement "unknown" or "unavailable"."""
    now = site.services.now()
    return Statement(state, say(state), None, now, site.reference(state, about, now))


def not_asked(site: Site) -> Statement:
    """The statement for a row that was not looked up, since too many before it were wrong (R10)."""
    return replace(without_record(site, "unavailable"), says=_NOT_ASKED)


def _looked_at(record: PublicRecord) -> str:
    """The state that the checks go by: of an erased record, where it stands."""
    return record.standing or record.state


def _signed(record: PublicRecord) -> dict[str, object]:
    reason = reason_of(record.reason)
    return {
        "number": record.number,
        "name": record.masked_name,
        "full_name": record.full_name or None,
        "occupation": {"zh": record.occupation_zh, "en": record.occupation_en},
        "level": record.level,
        "level_name": {"zh": record.level_zh, "en": record.level_en},
        "issuer": {"zh": record.issuer_zh, "en": record.issuer_en},
        "issued_on": record.issued_on.isoformat(),
        "reissued_on": record.reissued_on and record.reissued_on.isoformat(),
        "valid_until": record.valid_until and record.valid_until.isoformat(),
        "version": record.version,
        "carrier": record.carrier,
        "sample": record.sample,
        "standing": record.standing,
        "erased_on": record.erased_on and record.erased_on.isoformat(),
        "status_changed_on": record.changed_on and record.changed_on.isoformat(),
        "reason": None if reason is None else {"code": reason.value, "zh": reason.zh, "en": reason.en},
        "successor": record.successor_number
        and {
            "number": record.successor_number,
            "version": record.successor_version,
            "state": record.successor_state,
        },
        # What the QR's own payload is bound to, so that the page can compare the two (formats.md, "The QR").
        "credential_digest8": record.digest8.hex() or None,
    }


@lru_cache(maxsize=64)
def _checks_said(state: str, carrier: str, signature_ok: bool) -> list[dict[str, object]]:
    return [check.as_json() for check in _checks(state, carrier, signature_ok)]


@lru_cache(maxsize=64)
def _checks(state: str, carrier: str, signature_ok: bool) -> tuple[Check, ...]:
    found = Check(CheckName.REGISTER, True, "登记册中有这张证书", "The register holds this certificate")
    if carrier == "paper":
        signature = Check(CheckName.SIGNATURE, None, "纸质证书没有数字签名", "Paper carries no digital signature")
    else:
        signature = Check(
            CheckName.SIGNATURE,
            signature_ok,
            "发证机构的签名与内容相符" if signature_ok else "签名与内容不符",
            "The issuer's signature matches the content" if signature_ok else "The signature does not match",
        )
    if state == "forged":
        return (found, signature)
    in_force = state not in _NOT_IN_FORCE
    status = Check(
        CheckName.STATUS,
        in_force,
        "未被暂停、撤销、替代，未过有效期" if in_force else "已被暂停、撤销、替代或已过有效期",
        "Not suspended, revoked, replaced or past its validity"
        if in_force
        else "Suspended, revoked, replaced or past its validity",
    )
    return (found, signature, status)
