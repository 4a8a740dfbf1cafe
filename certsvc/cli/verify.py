"""`certsvc verify FILE_OR_TEXT…`: PDFs, credentials, pictures of a code, ZIPs, lists, or the text of a QR (R11).

Exit status 0 where all is `valid`, 3 where the worst is `unchecked`, 1 for every other answer. Online (the default) it
asks the register of CERTSVC_HOME; with `--offline` nothing but pinned keys, and the published files where there are
some: `--trust FOLDER` (a published folder or survival kit) or FILE (a trust bundle). It then says which trust it used
and how old that is: an old copy is all that an attacker needs to keep from a verifier what was revoked since.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from certsvc.cli import work
from certsvc.cli.speech import json_option, say, talk, tell
from certsvc.errors import Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from certsvc.credential.verdict import Verification
    from certsvc.services.verification.verify import Options
    from certsvc.signing.trust import TrustBundle

_COLOURS = {
    "valid": "green",
    "unchecked": "yellow",
    "altered": "yellow",
    "suspended": "yellow",
    "superseded": "yellow",
    "expired": "yellow",
    "revoked": "red",
    "forged": "red",
}
_EXIT: Final = {"valid": 0, "unchecked": 3}
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("–", "yellow")}
_LABELS = {
    "number": "证书编号 number",
    "name": "姓名 name",
    "status": "登记状态 status",
    "occupation": "职业 occupation",
    "level_name": "等级 level",
    "issuer": "发证机构 issuer",
    "issued_on": "发证日期 issued on",
    "reissued_on": "补发日期 reissued on",
    "valid_until": "有效期至 valid until",
    "version": "版本 version",
}
_DOCUMENTS: Final = (".pdf", ".json", ".zip", ".eml", ".p7m")
_PICTURES: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".heic", ".heif", ".webp", ".bmp", ".gif", ".avif")

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class _Used:
    """What was believed: the pinned keys, where they came from, their fingerprint, and since when that copy exists."""

    trust: TrustBundle
    source: str
    sha256: str
    copied_at: datetime | None
    published: Path | None

    def as_json(self) -> dict[str, object]:
        return {
            "source": self.source,
            "sha256": self.sha256,
            "copied_at": self.copied_at and self.copied_at.isoformat(timespec="seconds"),
            "days_old": self.days_old,
        }

    @property
    def days_old(self) -> int | None:
        return None if self.copied_at is None else (datetime.now(UTC) - self.copied_at).days


@click.command()
@click.argument("things", metavar="FILE_OR_TEXT...", nargs=-1, required=True)
@click.option("--offline", is_flag=True, help="不查登记，只凭公钥 / ask no register: pinned keys alone.")
@click.option(
    "--trust",
    "trust_path",
    type=click.Path(exists=True, path_type=Path),
    default=None,
    help="公布的文件夹或公钥文件 / a published folder, or a file of pinned keys; offline.",
)
@click.option("--receipt", type=_FILE, default=None, help="日志凭据 / the credential's receipt (certsvc log prove).")
@click.option("--gm-signature", type=_FILE, default=None, help="SM2 分离签名 / a detached SM2 signature (docs/gm.md).")
@click.option(
    "--logged",
    is_flag=True,
    help="离线时没有日志凭据即不算有效 / offline, nothing is valid without a proof that the public log has it.",
)
@click.option(
    "--original",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="把完好的封印部分写入此文件 / write the part that is still as issued to this file, if altered.",
)
@json_option
def verify(
    things: tuple[str, ...],
    *,
    offline: bool,
    trust_path: Path | None,
    receipt: Path | None,
    gm_signature: Path | None,
    logged: bool,
    original: Path | None,
    as_json: bool,
) -> int:
    """查验 / Verify PDFs, credentials, pictures of a code, ZIPs, lists, or a QR's text ("-" reads standard input)."""
    from certsvc.services.verification.verify import Options

    if len(things) > 1 and (receipt or gm_signature or original):
        raise Refused(
            "一次只能给一个文件配这些选项", "--receipt, --gm-signature and --original go with one file at a time"
        )
    used = _pinned(trust_path) if offline or trust_path is not None else None
    options = Options(
        receipt=_optional(receipt),
        gm_signature=_optional(gm_signature),
        published=None if used is None else used.published,
        demand_log=logged,
    )
    answers = []
    status = 0
    for thing in things:
        if len(things) > 1 and not as_json:
            say(click.style(f"— {thing}", bold=True))
        answer, each = _answer(thing, used, options, original, as_json=as_json)
        answers.append(answer if len(things) == 1 else {"file": thing, **answer})
        status = each if each == 1 or status == 0 else status
    if as_json:
        tell(answers[0] if len(answers) == 1 else {"files": answers})
    return status


def _answer(
    thing: str, used: _Used | None, options: Options, original: Path | None, *, as_json: bool
) -> tuple[dict[str, object], int]:
    """The answer to one thing as JSON, shown unless that is asked for, and its exit status."""
    from certsvc.brought.kinds import Kind, kind_of

    content = _read(thing)
    if isinstance(content, bytes) and kind_of(content, thing) is Kind.LIST:
        from certsvc.cli.verify_list import check_list, say_list

        if used is not None:
            raise Refused(
                "名单要查登记，不能离线查验", "a list asks the register: it cannot be checked offline", where=thing
            )
        rows = check_list(work.services(), content, thing)
        if not as_json:
            say_list(rows)
        return {"rows": [row.as_json() for row in rows]}, 0 if all(row.in_force for row in rows) else 1
    found = _verify(content, used, options)
    if original is not None:
        _write_original(original, found)
    if not as_json:
        _say(found, used)
    told = found.as_json() | {"trust": {"source": "register"} if used is None else used.as_json()}
    return told, _EXIT.get(found.verdict.value, 1)


def _optional(file: Path | None) -> bytes | None:
    return None if file is None else file.read_bytes()


def _verify(content: bytes | str, used: _Used | None, options: Options) -> Verification:
    from certsvc.services.verification.verify import verify_offline, verify_online

    if used is not None:
        return verify_offline(content, used.trust, options)
    try:
        services = work.services()
    except Unavailable:
        # An outage is an answer of its own here (R10), with whatever the signatures alone show.
        services = work.services(migrated=False)
    return verify_online(services, content, options)


def _write_original(path: Path, found: Verification) -> None:
    from certsvc.files.private import write_private

    if found.original is None:
        talk("没有可写出的原始部分 / there is no part that is as it was issued: nothing was written.")
        return
    try:
        write_private(path, found.original, new=True)  # a certificate bears the identity number
    except OSError as error:
        raise Refused("无法写入文件", f"the file cannot be written: {error.strerror}", where=path.name) from error
    talk(f"已写出原始部分 / the part that is as it was issued is in {path}: {len(found.original)} bytes.")


def _pinned(trust_path: Path | None) -> _Used:
    """The keys that are believed, and the folder of published files beside them."""

    if trust_path is not None:
        return _loaded(trust_path)
    published = work.settings().home / "published"
    if (published / "trust.json").is_file():
        return _loaded(published)
    # Nothing was published yet: the installation's own public keys. Without any, every genuine certificate would be
    # called forged, where nothing is known (R10).
    trust: TrustBundle = work.services(migrated=False).trust
    if not trust.keys:
        raise Refused(
            "没有可信的公钥，请用 --trust 指定公布的文件夹或公钥文件",
            "no pinned keys here; name a published folder or a file of keys with --trust",
            rule="R10",
        )
    return _Used(trust, "keystore", hashlib.sha256(trust.to_json()).hexdigest(), None, None)


def _loaded(path: Path) -> _Used:
    from certsvc.signing.trust import TrustBundle

    trust = TrustBundle.load(path)
    file = path / "trust.json" if path.is_dir() else path
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return _Used(trust, str(file), sha256, datetime.fromtimestamp(file.stat().st_mtime, UTC), file.parent)


def _read(file_or_text: str) -> bytes | str:
    from certsvc.errors import FileRefused
    from certsvc.signing.pdf import LARGEST_BYTES

    if file_or_text == "-":
        return sys.stdin.buffer.read(LARGEST_BYTES + 1)
    if file_or_text.lower().startswith(("https://", "http://")):
        return file_or_text
    path = Path(file_or_text)
    try:
        if not path.is_file():
            if path.suffix.lower() in (*_DOCUMENTS, *_PICTURES):
                raise FileRefused("没有这个文件", "there is no such file", where=path.name)
            return file_or_text
        with path.open("rb") as file:
            return file.read(LARGEST_BYTES + 1)
    except ValueError:  # a NUL in the text: no file has such a name
        return file_or_text
    except OSError as error:
        if "File name too long" in str(error):
            return file_or_text
        raise FileRefused("文件无法读取", f"the file cannot be read: {error.strerror}", where=path.name) from error


def _say(found: Verification, used: _Used | None) -> None:
    from certsvc.credential.wording import ALTERATIONS
    from certsvc.credential.wording import say as words

    shown = dict(found.certificate or {})
    signed_only = used is not None and found.verdict.value == "valid"  # R11: genuine, as of the lists
    wording = words(
        "offline" if signed_only else found.verdict.value,
        date=shown.get("status_as_of") if signed_only else shown.get("status_changed_on") or shown.get("valid_until"),
        reason=shown.get("status_reason"),
        number=shown.get("number"),
        version=str(shown.get("successor") or "").rpartition(" v")[2] or None,
    )
    colour = _COLOURS.get(found.verdict.value)
    say(click.style(f"【{found.verdict.value}】{wording.zh}", fg=colour, bold=True))
    say(click.style(f"{wording.en}", fg=colour))
    if found.alteration is not None:
        how = ALTERATIONS[found.alteration]
        say(f"{how.zh} {how.en}")
        if shown.get("status") not in {None, "valid"}:  # what no longer holds is said before anything that sounds good
            say(click.style(f"【{shown['status']}】{_record_words(shown)}", fg="red", bold=True))
        wording = how
    for certificate in (shown, *found.others):
        _say_certificate(certificate)
    for check in found.checks:
        mark, mark_colour = _MARKS[check.ok]
        say(f"  {click.style(mark, fg=mark_colour)} {check.name}: {check.detail_zh} / {check.detail_en}")
    for part in found.parts:
        say(f"  · {part.name}: {part.verification.verdict.value}")
    if used is not None:
        days = "" if used.days_old is None else f"，{used.days_old} 天前的副本 / a copy {used.days_old} days old"
        say(f"  公钥来自 trust: {used.source} (SHA-256 {used.sha256[:16]}…{days})")
    say(f"{wording.next_zh} {wording.next_en}")


def _record_words(shown: Mapping[str, object]) -> str:
    from certsvc.credential.wording import say as words

    return words(str(shown["status"]), date=shown.get("status_changed_on"), reason=shown.get("status_reason")).zh


def _say_certificate(shown: Mapping[str, object]) -> None:
    for name, label in _LABELS.items():
        if shown.get(name) is not None:
            say(f"  {label}: {shown[name]}")
    if shown.get("sample"):
        say(click.style("  样例 SAMPLE", bold=True))
