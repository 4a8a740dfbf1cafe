"""How the program speaks: a JSON document or lines on standard output, talk on standard error, a line per refusal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click

from certsvc.errors import CellError, CertsvcError, ImportRefused


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


def talk(line: str) -> None:
    """One line on standard error."""
    click.echo(line, err=True)


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
    """A progress bar on standard error: one line redrawn on a terminal, one line a step elsewhere."""

    WIDTH = 30
    LABELS: Mapping[str, str] = {
        "issue": "签发 issuing",
        "resign": "重新签名 signing again",
        "render": "制证 drawing",
        "archive": "时间戳 time stamps",
    }

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty()

    def __call__(self, step: str, done: int, total: int) -> None:
        filled = self.WIDTH * done // max(total, 1)
        line = f"{self.LABELS.get(step, step)} [{'#' * filled}{'.' * (self.WIDTH - filled)}] {done}/{total}"
        if self._on_terminal:
            click.echo(f"\r{line}", err=True, nl=done >= total)
        else:
            click.echo(line, err=True)
