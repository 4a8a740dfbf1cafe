"""What the published files say of a status, with no register and no network: steps V9 (`verify_log`) and V10 offline.

Stale, missing or damaged lists leave the status unknown, never bad (R10): the signature's word stands, "as of" the day
the list was signed. A list is believed only where the status list's own pinned key signed it.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from certsvc.credential.document import StatusEntry
from certsvc.credential.status import Status
from certsvc.credential.status_list import Purpose, StatusListClaims
from certsvc.errors import CertsvcError
from certsvc.services.context import SHANGHAI
from certsvc.services.kit.parts import read_credential
from certsvc.services.publishing.status_lists import read_published
from certsvc.services.verification.ask_log import ask_published_log
from certsvc.services.verification.ask_register import STATUS_ZH, Entry
from certsvc.services.verification.examine import Examined, Means, code_is_of, examine
from certsvc.signing.trust import TrustBundle

_LARGEST_LIST = 8 * 1024 * 1024


def ask_published(found: Examined, trust: TrustBundle, folder: Path | None, now: datetime) -> Entry | None:
    """The status by the lists in `folder`; None, with a check saying so, where they cannot say.

    A code alone is first completed from the survival kit, where the folder is one.
    """
    if found.claims is None and folder is not None and found.token is not None:
        _open_kit(found, trust, folder, now)
    if folder is not None:
        ask_published_log(found, trust, folder)
    if found.claims is None or folder is None or not found.claims.status_entries:
        found.say("status", None, "离线,未查状态", "offline: the status was not checked")
        return None
    said: dict[Purpose, bool] = {}
    oldest: StatusListClaims | None = None
    for entry in found.claims.status_entries:
        published = _read(entry, trust, folder)
        if published is None:
            found.say("status", None, "没有可信的状态列表,未查状态", "no status list to be believed: not checked")
            return None
        try:
            said[Purpose(entry.purpose)] = published.entries.is_set(entry.index)
        except CertsvcError:
            found.say("status", None, "状态列表中没有该位置", "the status list has no such place: not checked")
            return None
        oldest = published if oldest is None or published.valid_from < oldest.valid_from else oldest
    assert oldest is not None
    status = _status(said)
    as_of = f"{oldest.valid_from.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    current = oldest.is_current(now)
    # Past its life a list can no longer clear a certificate, but what it says against one stays said (revocation).
    ok = (status is Status.VALID) if current or status is not Status.VALID else None
    stale_zh, stale_en = ("", "") if current else (",列表已过期", ", and the list is out of date")
    found.say("status", ok, f"{STATUS_ZH[status]}(截至 {as_of}{stale_zh})", f"{status.value} as of {as_of}{stale_en}")
    return Entry(status, as_of=as_of)


def _open_kit(found: Examined, trust: TrustBundle, folder: Path, now: datetime) -> None:
    """The whole credential behind a code: sealed in the kit under the code's own token."""
    assert found.token is not None
    kept = read_credential(folder, found.token)
    if kept is None:
        return
    whole = examine(kept.credential, Means(trust, now, receipt=kept.receipt))
    if whole.failed or whole.claims is None or whole.token != found.token or whole.digest8 is None:
        found.say("kit-entry", None, "存档包中的该证书无法采信", "what the kit holds of it is not to be believed")
        return
    if found.compact is not None and not code_is_of(found.compact, whole.claims, whole.digest8):
        # V6 here as well: a genuine code set under the address of another certificate.
        found.say("parts-agree", False, "二维码与凭证不属于同一证书", "code and credential are of two certificates")
        return
    found.say("kit-entry", True, "存档包中有该证书", "the kit holds this certificate")
    found.claims, found.credential, found.digest8 = whole.claims, whole.credential, whole.digest8
    found.leaf_index, found.receipt = whole.leaf_index, whole.receipt
    found.checks += [check for check in whole.checks if check.name == "log-receipt"]


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
