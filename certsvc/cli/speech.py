"""How the program speaks: a JSON document or lines on standard output, talk on standard error, a line per refusal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeVar

import click

from certsvc.errors import CellError, CertsvcError, ImportRefused, Unavailable

_ASK: Final = "?"
Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Any) -> Any:
    """The `--json` flag, alike everywhere."""
    return click.option("--json", "as_json", is_flag=True, help="一个 JSON 文档 / one JSON document on stdout.")(
        command
    )


def by_option(command: Any) -> Any:
    """Who does it: recorded in the audit trail."""
    return click.option(
        "--by", default=None, help="经办人（默认操作系统账户） / who does it (default: the OS account)."
    )(command)


def signer_option(command: Any) -> Any:
    """Where the keys are with a process of their own (`certsvc signer serve`)."""
    return click.option(
        "--signer",
        type=click.Path(path_type=Path),
        default=None,
        envvar="CERTSVC_SIGNER_SOCKET",
        help="签名进程的套接字 / the signer's socket: reserve here, let it sign.",
    )(command)


def id_number_option(help_: str, *, required: bool, name: str = "--id-number") -> Callable[[Command], Command]:
    """`--id-number` (or `name`), also in ways that leave it in no list of processes and no history of the shell."""

    def read(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
        if value is None and required and not context.resilient_parsing:
            if not sys.stdin.isatty():
                raise click.MissingParameter(ctx=context, param=option)
            value = _ASK
        if value == _ASK:
            return str(click.prompt("证件号码 identity number", err=True))
        if value == "-":
            return sys.stdin.readline().strip()
        if value is not None and value.startswith("@"):
            try:
                return Path(value[1:]).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise click.BadParameter(
                    f"文件无法读取 / cannot read the file: {value[1:]}", context, option
                ) from error
        return value

    ways = "- 从标准输入 from standard input, @FILE 从文件 from a file, ? 询问 ask"
    told = f"{help_} {ways}；直接写出会留在进程列表与命令历史 / written out, it stands in ps and in history."
    return click.option(name, default=None, callback=read, help=told)


def id_type_option(command: Any) -> Any:
    """The kind of an identity document whose number is given: `IdType` by its value."""
    return click.option(
        "--id-type",
        type=click.Choice(["resident_id", "hmt_residence_permit", "foreign_permanent_resident", "passport"]),
        default="resident_id",
        show_default=True,
        help="证件类型 / the document's type.",
    )(command)


def tell(document: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def tell_list(entries: Iterable[Mapping[str, object]]) -> None:
    """A JSON list on standard output, written entry by entry so that a long one needs no memory."""
    first = True
    for entry in entries:
        # Nothing is written before there is an entry: a refusal that comes first must be the only document.
        click.echo(("[\n  " if first else ",\n  ") + json.dumps(entry, ensure_ascii=False), nl=False)
        first = False
    click.echo("[]" if first else "\n]")


def say(line: str) -> None:
    """One line on standard output."""
    click.echo(line)


def tell_waiting(approval_id: int) -> None:
    """Say who is due next."""
    say(f"申请 {approval_id} 待第二人批准：certsvc approval approve {approval_id}")
    say(f"request {approval_id} waits for a second person: certsvc approval approve {approval_id}")


def talk(line: str) -> None:
    """One line on standard error."""
    click.echo(line, err=True)


def told(error: Exception) -> Exception:
    """A folder missing or not ours to write, a disk that is full: the operator's to mend, so told as errors of ours."""
    if not isinstance(error, OSError) or error.strerror is None:
        return error
    where = None if error.filename is None else str(error.filename)
    return Unavailable(f"无法读写：{error.strerror}", f"cannot read or write: {error.strerror}", where=where)


def refuse(error: BaseException, *, as_json: bool = False) -> bool:
    """Tell an error of ours, a line each; False for any other error, which is a fault of the program."""
    if not isinstance(error, CertsvcError):
        return False
    cells: Iterable[CellError] = error.errors if isinstance(error, ImportRefused) else ()
    for cell in cells:
        talk(str(cell))
    talk(str(error))
    if as_json:
        refused: dict[str, object] = {
            "code": error.code,
            "rule": error.rule,
            "where": error.where,
            "zh": error.zh,
            "en": error.en,
        }
        if isinstance(error, ImportRefused):
            refused["errors"] = [cell.as_json() for cell in error.errors]
        tell({"refused": refused})
    return True


class Bar:
    """A progress bar on standard error, with the time left: one line redrawn on a terminal; elsewhere a line every few
    seconds, and the last, unless it is `quiet` and was done before there was anything to wait for. Where no one knows
    how many there are (a total of 0), how many are done."""

    WIDTH: Final = 30
    SECONDS: Final = 5.0
    SECONDS_DRAWN: Final = 0.1
    LABELS: Final[Mapping[str, str]] = {
        "issue": "签发 issuing",
        "resign": "重新签名 signing again",
        "render": "制证 drawing",
        "archive": "时间戳 time stamps",
        "read": "读取 reading",
        "record": "登记 recording",
        "decide": "判定 deciding",
        "rows": "备份数据 rows",
        "files": "备份文件 files",
        "leaves": "核对日志 the log's leaves",
        "certificates": "核对证书 certificates",
        "enrolments": "核对报名 registrations",
    }

    def __init__(self, *, quiet: bool = False) -> None:
        self._on_terminal = sys.stderr.isatty()
        self._quiet = quiet
        self._step = ""
        self._began = self._told = 0.0
        self._first = 0
        self._spoke = False

    def __call__(self, step: str, done: int, total: int) -> None:
        now = monotonic()
        if step != self._step:
            self._step, self._began, self._told, self._first, self._spoke = step, now, now, done, False
        ended = 0 < total <= done and (self._spoke or not self._quiet)
        if not ended and now - self._told < (self.SECONDS_DRAWN if self._on_terminal else self.SECONDS):
            return
        self._told, self._spoke = now, True
        line = f"{self.LABELS.get(step, step)} {done}"
        if total:
            filled = self.WIDTH * done // total
            bar = f"[{'#' * filled}{'.' * (self.WIDTH - filled)}]"
            line = f"{self.LABELS.get(step, step)} {bar} {done}/{total}{self._left(now, done, total)}"
        if self._on_terminal:
            click.echo(f"\r{line}\x1b[K", err=True, nl=ended)
        else:
            click.echo(line, err=True)

    def _left(self, now: float, done: int, total: int) -> str:
        """The time left, at the pace so far."""
        if done <= self._first or done >= total:
            return ""
        minutes, seconds = divmod(round((now - self._began) / (done - self._first) * (total - done)), 60)
        return f"  约剩 left {minutes}:{seconds:02d}"
