"""`certsvc verify FILE_OR_TEXT`: a PDF, a credential, or the text of a QR; exit status 0 for `valid` alone.

Online (the default) it asks the register of CERTSVC_HOME; with `--offline` nothing but pinned keys, and the published
files where there are some: `--trust FOLDER` (a published folder or survival kit) or FILE (a trust bundle).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.speech import json_option, say, tell
from certsvc.errors import Refused, Unavailable

if TYPE_CHECKING:
    from certsvc.credential.verdict import Verification
    from certsvc.signing.trust import TrustBundle

_COLOURS = {
    "valid": "green",
    "suspended": "yellow",
    "superseded": "yellow",
    "expired": "yellow",
    "revoked": "red",
    "forged": "red",
}
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("–", "yellow")}
_LABELS = {
    "number": "证书编号 number",
    "name": "姓名 name",
    "occupation": "职业 occupation",
    "level_name": "等级 level",
    "issuer": "发证机构 issuer",
    "issued_on": "发证日期 issued on",
    "reissued_on": "补发日期 reissued on",
    "valid_until": "有效期至 valid until",
    "version": "版本 version",
}

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file_or_text")
@click.option("--offline", is_flag=True, help="不查登记,只凭公钥 / ask no register: pinned keys alone.")
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
@json_option
def verify(
    file_or_text: str,
    *,
    offline: bool,
    trust_path: Path | None,
    receipt: Path | None,
    gm_signature: Path | None,
    logged: bool,
    as_json: bool,
) -> int:
    """查验 / Verify a PDF, a credential JSON, or the text of a QR ("-" reads standard input)."""
    content = _read(file_or_text)
    beside = _optional(receipt), _optional(gm_signature)
    if offline or trust_path is not None:
        found = _verify_offline(content, trust_path, beside, logged=logged)
    else:
        found = _verify_online(content, beside)
    if as_json:
        tell(found.as_json())
    else:
        _say(found, offline=offline or trust_path is not None)
    return 0 if found.verdict.value == "valid" else 1


def _optional(file: Path | None) -> bytes | None:
    return None if file is None else file.read_bytes()


def _verify_online(content: bytes | str, beside: tuple[bytes | None, bytes | None]) -> Verification:
    from certsvc.services.verification.verify import verify_document

    try:
        services = work.services()
    except Unavailable:
        # An outage is an answer of its own here (R10), with whatever the signatures alone show.
        services = work.services(migrated=False)
    return verify_document(
        services, content, trust=services.trust, online=True, receipt=beside[0], gm_signature=beside[1]
    )


def _verify_offline(
    content: bytes | str, trust_path: Path | None, beside: tuple[bytes | None, bytes | None], *, logged: bool
) -> Verification:
    from certsvc.services.verification.verify import verify_document

    trust, published = _pinned(trust_path)
    return verify_document(
        None,
        content,
        trust=trust,
        online=False,
        published=published,
        receipt=beside[0],
        gm_signature=beside[1],
        demand_log=logged,
    )


def _pinned(trust_path: Path | None) -> tuple[TrustBundle, Path | None]:
    """The keys that are believed, and the folder of published files beside them."""
    from certsvc.signing.trust import TrustBundle

    if trust_path is not None:
        return TrustBundle.load(trust_path), trust_path if trust_path.is_dir() else trust_path.parent
    published = work.settings().home / "published"
    if (published / "trust.json").is_file():
        return TrustBundle.load(published), published
    # Nothing was published yet: the installation's own public keys. Without any, every genuine certificate would be
    # called forged, where nothing is known (R10).
    trust = work.services(migrated=False).trust
    if not trust.keys:
        raise Refused(
            "没有可信的公钥,请用 --trust 指定公布的文件夹或公钥文件",
            "no pinned keys here; name a published folder or a file of keys with --trust",
            rule="R10",
        )
    return trust, None


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
            if path.suffix.lower() in {".pdf", ".json"}:
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


def _say(found: Verification, *, offline: bool) -> None:
    from certsvc.credential.wording import say as words

    shown = dict(found.certificate or {})
    signed_only = offline and found.verdict.value == "valid"  # R11: genuine, and no more than that is known offline
    wording = words(
        "offline" if signed_only else found.verdict.value,
        date=(shown.get("status_as_of") or "— 未查 not checked")
        if signed_only
        else shown.get("status_changed_on") or shown.get("valid_until"),
        reason=shown.get("status_reason"),
        number=shown.get("number"),
        version=str(shown.get("successor") or "").rpartition(" v")[2] or None,
    )
    colour = _COLOURS.get(found.verdict.value)
    say(click.style(f"【{found.verdict.value}】{wording.zh}", fg=colour, bold=True))
    say(click.style(f"{wording.en}", fg=colour))
    for name, label in _LABELS.items():
        if shown.get(name) is not None:
            say(f"  {label}: {shown[name]}")
    if shown.get("sample"):
        say(click.style("  样例 SAMPLE", bold=True))
    for check in found.checks:
        mark, mark_colour = _MARKS[check.ok]
        say(f"  {click.style(mark, fg=mark_colour)} {check.name}: {check.detail_zh} / {check.detail_en}")
    say(f"{wording.next_zh} {wording.next_en}")
