"""`certsvc log check|export|prove|cosign|witness|audit|set-clock-back`: the public log, from inside and outside."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import Bar, by_option, json_option, say, talk, tell, tell_waiting

if TYPE_CHECKING:
    from certsvc.services.context import Services
    from certsvc.services.log.clock import SetBack
    from certsvc.transparency.audit import AuditReport

Kind = TypeVar("Kind", bound=StrEnum)

_pinned = click.option(
    "--trust",
    "trust_path",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="固定的公钥（trust.json） / the log's pinned keys (trust.json).",
)


@click.group(cls=WholeGroup)
def log() -> None:
    """公开日志 / The public log."""


@log.command()
@click.option(
    "--published",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="已公布的日志文件夹（默认主目录下的） / the published log's folder (default: the home's own).",
)
@click.option(
    "--since-last/--all",
    "since_last",
    default=False,
    help="登记只核对上次之后的（或上次中断之后的） / of the register, only what came since the last check or its stop.",
)
@json_option
def check(published: Path | None, *, since_last: bool, as_json: bool) -> int:
    """核对日志、登记与已公布的日志头 / Check the log, the register, and what was published."""
    from certsvc.jobs.check_run import run

    services = work.services()
    published = published or services.folders.published / "log"
    found = run(services, work.service_opener(), published, since_last=since_last, progress=Bar(quiet=True))
    if as_json:
        tell(found.as_json())
    else:
        for notice in found.notices:
            talk(f"注意 notice: {notice}")
        for problem in found.problems:
            talk(str(problem))
        if found.since is not None:
            talk(f"登记只核对了 {found.since.at} 之后的；全部核对：--all / of the register, only what came since then")
        say(f"日志 {found.size} 叶，证书 {found.certificates} 份，问题 {len(found.problems)} 处；根 {found.root.hex()}")
        say(f"{found.size} leaves, {found.certificates} certificates, {len(found.problems)} problems")
        if found.erased:
            say(f"其中 {found.erased} 份的个人信息已抹除 / the personal data of {found.erased} were erased")
    return 0 if found.ok else 1


@log.command("set-clock-back")
@click.option("--approved-by", default=None, help="批准人；仅限开发密钥 / who approves; development keys alone.")
@by_option
@json_option
def set_clock_back(*, approved_by: str | None, by: str | None, as_json: bool) -> None:
    """时钟曾经快了：公开更正，日志从今天继续；须两人 / The clock was fast: take it back in public, go on from today."""
    from certsvc.services.log import clock

    services = work.services()
    if approved_by is not None:
        done = clock.set_clock_back(services, by=work.person(by), approved_by=work.named(approved_by))
        tell_set_back(services, done, as_json=as_json)
        return
    waiting = clock.propose(services, by=work.person(by))
    if as_json:
        tell({"approval": waiting, "state": "waiting"})
    else:
        tell_waiting(waiting)


def tell_set_back(services: Services, done: SetBack, *, as_json: bool) -> None:
    """Publish, and say from where on days were wrong."""
    from certsvc.cli.status import publish

    publish(services)
    if as_json:
        tell(done.as_json())
        return
    if done.since is None:
        say("日志中没有未来的叶，已更正签署时间 / no leaf lay in the future; the time of signing is right again")
        return
    say(f"叶 {done.leaf_index} 更正了自叶 {done.since} 起的日期 / leaf {done.leaf_index} takes back the days since it")
    for number in done.certificates:
        say(f"日期有误的证书 a certificate that bears such a day: {number}")


@log.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@json_option
def export(folder: Path, as_json: bool) -> None:
    """导出日志：分块、条目、日志头 / Write the log as static files: tiles, entries, checkpoint."""
    from certsvc.services.log.publish import origin, publish_log

    services = work.services()
    done = publish_log(services, folder)
    if as_json:
        tell(
            {
                "folder": str(folder),
                "origin": origin(services),
                "size": done.checkpoint.size,
                "root": done.checkpoint.root.hex(),
                "files_written": done.files_written,
            }
        )
        return
    say(f"{done.checkpoint.size} 叶 → {folder}，写入 {done.files_written} 个文件")
    say(f"{done.checkpoint.size} leaves in {folder}, {done.files_written} files written")


@log.command()
@click.argument("number")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=None, help="文件 / a file.")
def prove(number: str, output: Path | None) -> None:
    """证书在日志中的凭据 / The proof that a certificate is in the log (c2sp.org/tlog-proof); for its holder."""
    from certsvc.files.private import write_private
    from certsvc.services.certificates.give_out import prove as run

    receipt = run(work.services(), number).encode()
    if output is None:
        click.echo(receipt.decode(), nl=False)
    else:
        write_private(output, receipt)  # its opening is the holder's
        talk(f"→ {output}")


@log.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--witness", "witness_key", required=True, help="见证者公钥（名称+哈希+公钥） / its verifier key.")
def cosign(file: Path, witness_key: str) -> None:
    """公布见证者的联署 / Publish a witness's cosignature beside our own signature on the log's head."""
    from certsvc.services.log.cosign import add_cosignature
    from certsvc.transparency.note import VerifierKey

    opened = add_cosignature(work.services(), file.read_bytes(), VerifierKey.parse(witness_key))
    say(f"日志头（{opened.checkpoint.size} 叶）已带有 {opened.witnesses[0].key.name} 的联署")
    say(f"the head of {opened.checkpoint.size} leaves now bears the cosignature of {opened.witnesses[0].key.name}")


@log.command()
@click.argument("source", metavar="FOLDER_OR_URL")
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="见证者自己的文件夹 / its own folder.",
)
@_pinned
@click.option("--name", default="witness.example", show_default=True, help="见证者名称 / the witness's name.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=None, help="文件 / a file.")
def witness(source: str, state: Path, trust_path: Path, name: str, output: Path | None) -> int:
    """见证日志只增不改，并联署 / See that the log only grew since the last visit, and cosign its head."""
    from certsvc.errors import one_line
    from certsvc.services.audit import witness as watching
    from certsvc.services.log.fetch import fetcher
    from certsvc.signing.trust import TrustBundle, host_of, log_keys_of
    from certsvc.transparency.witness import Refusal

    trust = TrustBundle.load(trust_path)
    key = watching.WitnessKey(state, name)
    decision = watching.visit(
        fetcher(source),
        state,
        origin=f"{host_of(trust)}/log",
        log_keys=log_keys_of(trust),
        key=key,
        now=datetime.now(UTC),
    )
    if isinstance(decision, Refusal):
        talk(one_line(f"拒绝联署 refused ({decision.reason}): {decision.zh} / {decision.en}"))
        return 1
    talk(f"{decision.old_size} → {decision.size} 叶，已联署 / leaves, cosigned by {key.verifier}")
    if output is None:
        click.echo(decision.note.decode(), nl=False)
    else:
        output.write_bytes(decision.note)
    return 0


@log.command()
@click.argument("source", metavar="FOLDER_OR_URL")
@_pinned
@click.option(
    "--certificate",
    "certificates",
    type=(
        click.Path(exists=True, dir_okay=False, path_type=Path),
        click.Path(exists=True, dir_okay=False, path_type=Path),
    ),
    multiple=True,
    metavar="CREDENTIAL RECEIPT",
    help="手中的凭证与其日志凭据 / a credential in hand and its receipt (log prove).",
)
@click.option(
    "--head",
    "heads",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="他人保存的日志头，如见证者联署的 / a head that others kept, such as a witness's note.",
)
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    metavar="KEY",
    help="见证者公钥，其联署时间用于查倒填日期 / a witness's verifier key: its times show what is dated back.",
)
@click.option(
    "--days-back",
    type=click.IntRange(0, 36_500),
    default=0,
    show_default=True,
    help="允许的发证日期早于入志日期的天数 / how many days a certificate may be dated before it was logged.",
)
@json_option
def audit(
    source: str,
    *,
    trust_path: Path,
    certificates: tuple[tuple[Path, Path], ...],
    heads: tuple[Path, ...],
    witnesses: tuple[str, ...],
    days_back: int,
    as_json: bool,
) -> int:
    """仅凭公开文件审计日志与状态列表 / Audit the log and its status lists from public files alone, with no database."""
    from certsvc.services.audit.check_published import InHand, audit_published
    from certsvc.services.log.fetch import fetcher, status_fetcher
    from certsvc.signing.trust import TrustBundle
    from certsvc.transparency.note import VerifierKey

    in_hand = InHand(
        certificates=[(credential.read_bytes(), receipt.read_bytes()) for credential, receipt in certificates],
        heads=[head.read_bytes() for head in heads],
        witnesses=[VerifierKey.parse(key) for key in witnesses],
    )
    found = audit_published(
        fetcher(source),
        TrustBundle.load(trust_path),
        in_hand,
        days_dated_back=days_back,
        lists=status_fetcher(source),
        now=datetime.now(UTC),
    )
    _tell_audit(found, as_json)
    return 0 if found.ok else 1


def _tell_audit(found: AuditReport, as_json: bool) -> None:
    from certsvc.transparency.leaf import Act, Changed, Entry, Event

    if as_json:
        sessions = {code: {"passed": one.passed, "issued": one.issued} for code, one in found.sessions.items()}
        problems = [{"rule": one.rule, "leaf": one.index, "zh": one.zh, "en": one.en} for one in found.problems]
        tell(
            {
                "size": found.size,
                "root": found.root.hex(),
                "sessions": sessions,
                "standing": dict(sorted(found.standing.items())),
                "corrections": {name: found.corrections[said] for name, said in _said(Changed)},
                "reissues": {name: found.reissues[said] for name, said in _said(Entry)},
                "results": {act.value: found.results.get(act, 0) for act in Act},
                "problems": problems,
            }
        )
        return
    for problem in found.problems:
        talk(str(problem))
    if taken_back := found.events.get(Event.CLOCK):
        talk(f"时钟更正 {taken_back} 次 / the issuer took back the days of a wrong clock {taken_back} times")
    say(f"日志 {found.size} 叶，场次 {len(found.sessions)} 个，问题 {len(found.problems)} 处；根 {found.root.hex()}")
    say(f"{found.size} leaves, {len(found.sessions)} sessions, {len(found.problems)} problems")
    name, identity, key, unsaid = (found.corrections[said] for _, said in _said(Changed))
    say(f"更正：姓名 {name}，证件号码 {identity}，仅更换密钥 {key}，未注明 {unsaid}")
    say(f"corrections: {name} of a name, {identity} of an identity, {key} of the key alone, {unsaid} not said")
    registered, none, unsaid = (found.reissues[said] for _, said in _said(Entry))
    say(f"补发：登记册中有 {registered}，登记册中没有 {none}，未注明 {unsaid}")
    say(f"reissues: {registered} with a register entry, {none} without a register entry, {unsaid} not said")
    corrected, annulled, withdrawn = (found.results.get(act, 0) for act in Act)
    say(f"成绩：更正 {corrected}，随场次作废 {annulled}，公布前撤回 {withdrawn}")
    say(f"results: {corrected} corrected, {annulled} annulled with their sitting, {withdrawn} withdrawn unpublished")


def _said(kinds: type[Kind]) -> list[tuple[str, Kind | None]]:
    """Every kind by its name in JSON, and last those of which the log does not say it."""
    return [*((kind.value, kind) for kind in kinds), ("not_said", None)]
