"""What the published files say of a status, with no register and no network: steps V9 (`ask_log`) and V10 offline.

A list is believed only where the status list's own pinned key signed it, and clears a certificate only within its life
(`Entry.seen`). Past it, missing or damaged, it leaves the status unseen, never bad (R10); what it said against one
stays said. The log beside the lists may know more than they do; of the two the worse counts, since neither says which
of them is the newer.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from certsvc.credential.document import StatusEntry
from certsvc.credential.status import Status
from certsvc.credential.status_list import Purpose, StatusListClaims
from certsvc.credential.verdict import CheckName
from certsvc.errors import CertsvcError
from certsvc.services.context import SHANGHAI
from certsvc.services.kit.parts import read_credential
from certsvc.services.publishing.status_lists import read_published
from certsvc.services.verification.ask_log import Later, ask_published_log
from certsvc.services.verification.ask_register import STATUS_ZH, Entry
from certsvc.services.verification.examine import Examined, Means, code_is_of, examine
from certsvc.signing.trust import TrustBundle

_LARGEST_LIST = 8 * 1024 * 1024
_FROM_BEST: Final = (Status.VALID, Status.SUSPENDED, Status.SUPERSEDED, Status.REVOKED)


def ask_published(found: Examined, trust: TrustBundle, folder: Path | None, now: datetime) -> Entry | None:
    """The status by the lists and the log in `folder`; None, with a check saying so, where they cannot say.

    A code alone is first completed from the survival kit, where the folder is one.
    """
    if found.claims is None and folder is not None and found.token is not None:
        _open_kit(found, trust, folder, now)
    later = None if folder is None else ask_published_log(found, trust, folder)
    listed = None if folder is None else _ask_lists(found, trust, folder, now)
    if listed is None and not any(check.name is CheckName.STATUS for check in found.checks):
        found.say(CheckName.STATUS, None, "离线，未查状态", "offline: the status was not checked")
    return _worse(listed, later)


def _worse(listed: Entry | None, later: Later | None) -> Entry | None:
    if listed is not None and later is not None and not later.readable:
        return replace(listed, seen=False)
    if later is None or later.status is Status.VALID:
        return listed
    logged = Entry(later.status, changed_on=later.day, as_of=str(later.known_until), seen=False)
    if listed is None or listed.status is None:
        return logged
    return max(listed, logged, key=lambda entry: _FROM_BEST.index(entry.status or Status.VALID))


def _ask_lists(found: Examined, trust: TrustBundle, folder: Path, now: datetime) -> Entry | None:
    if found.claims is None or not found.claims.status_entries:
        return None
    said: dict[Purpose, bool] = {}
    oldest: StatusListClaims | None = None
    for entry in found.claims.status_entries:
        published = _read(entry, trust, folder)
        if published is None:
            zh, en = "没有可信的状态列表，未查状态", "no status list to be believed: not checked"
            found.say(CheckName.STATUS, None, zh, en)
            return None
        try:
            said[Purpose(entry.purpose)] = published.entries.is_set(entry.index)
        except CertsvcError:
            zh, en = "状态列表中没有该位置", "the status list has no such place: not checked"
            found.say(CheckName.STATUS, None, zh, en)
            return None
        oldest = published if oldest is None or published.valid_from < oldest.valid_from else oldest
    assert oldest is not None
    status = _status(said)
    as_of = f"{oldest.valid_from.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    days = (now - oldest.valid_from).days
    current = oldest.is_current(now)
    # Past its life a list can no longer clear a certificate, but what it says against one stays said (revocation).
    ok = (status is Status.VALID) if current or status is not Status.VALID else None
    stale_zh, stale_en = ("", "") if current else ("，列表已过期", ", and the list is out of date")
    found.say(
        CheckName.STATUS,
        ok,
        f"{STATUS_ZH[status]}（截至 {as_of}，{days} 天前{stale_zh}）",
        f"{status.value} as of {as_of}, {days} days ago{stale_en}",
    )
    return Entry(status, as_of=as_of, seen=current)


def _open_kit(found: Examined, trust: TrustBundle, folder: Path, now: datetime) -> None:
    """The whole credential behind a code: sealed in the kit under the code's own token."""
    assert found.token is not None
    kept = read_credential(folder, found.token)
    if kept is None:
        return
    whole = examine(kept.credential, Means(trust, now, receipt=kept.receipt))
    if whole.failed or whole.claims is None or whole.token != found.token or whole.digest8 is None:
        found.say(
            CheckName.KIT_ENTRY, None, "存档包中的该证书无法采信", "what the kit holds of it is not to be believed"
        )
        return
    if found.compact is not None and not code_is_of(found.compact, whole.claims, whole.digest8):
        # V6 here as well: a genuine code set under the address of another certificate.
        found.say(
            CheckName.PARTS_AGREE, False, "二维码与凭证不属于同一证书", "code and credential are of two certificates"
        )
        return
    found.say(CheckName.KIT_ENTRY, True, "存档包中有该证书", "the kit holds this certificate")
    found.claims, found.credential, found.digest8 = whole.claims, whole.credential, whole.digest8
    found.leaf_index, found.receipt = whole.leaf_index, whole.receipt
    found.checks += [check for check in whole.checks if check.name is CheckName.LOG_RECEIPT]


def _read(entry: StatusEntry, trust: TrustBundle, folder: Path) -> StatusListClaims | None:
    # Only the last part of the address is used: the folder is the one given, whatever the credential says.
    path = folder / "status" / entry.list_url.rsplit("/", 1)[1]
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_LIST)
        return read_published(content, trust, url=entry.list_url, purpose=Purpose(entry.purpose))
    except (OSError, ValueError, CertsvcError):
        return None


def _status(said: dict[Purpose, bool]) -> Status:
    if said.get(Purpose.REFRESH):
        return Status.SUPERSEDED
    if said.get(Purpose.REVOCATION):
        return Status.REVOKED
    return Status.SUSPENDED if said.get(Purpose.SUSPENSION) else Status.VALID
