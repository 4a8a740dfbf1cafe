"""`certsvc scheme …`: the rules as data (R0)."""

from __future__ import annotations

from pathlib import Path

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, json_option, say, talk, tell, tell_waiting


@click.group(cls=WholeGroup)
def scheme() -> None:
    """方案 / Schemes: one occupation, level and region's rules."""


@scheme.command("list")
@json_option
def list_(as_json: bool) -> None:
    """已登记的方案 / The schemes on record."""
    from certsvc.services.records.schemes import DEFAULT_KEY, all_schemes

    with work.services().database.reading() as session:
        records = all_schemes(session)
    if as_json:
        tell(
            [
                {
                    "key": record.key,
                    "version": record.version,
                    "family": record.family,
                    "in_force_from": record.in_force_from.isoformat(),
                    "sha256": record.sha256,
                    "default": record.key == DEFAULT_KEY,
                }
                for record in records
            ]
        )
        return
    for record in records:
        default = "  默认 default" if record.key == DEFAULT_KEY else ""
        say(f"{record.key}  v{record.version}  {record.in_force_from} 起 from  {record.family}{default}")


@scheme.command()
@click.option("--year", type=click.IntRange(2000, 2099), default=None, help="年份（默认今年） / default: this year.")
@json_option
def ranges(year: int | None, as_json: bool) -> None:
    """编号段还剩多少 / What is left of each range of numbers in a year."""
    from certsvc.services.records.number_ranges import uses

    services = work.services()
    with services.database.reading() as session:
        found = list(uses(session, year or services.today().year))
    if as_json:
        tell([one.as_json() for one in found])
        return
    for one in found:
        for each in one.ranges:
            say(f"{one.key} v{one.version}  {each.scope}  已用 used {each.used}  剩 left {each.left}")
        if one.is_short:
            talk(f"注意 warning: {one.warning}")


@scheme.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@by_option
@json_option
def add(file: Path, by: str | None, as_json: bool) -> None:
    """登记一个方案文件；正式密钥须两人 / Put a scheme file on record. Pinned enrolments keep theirs."""
    from certsvc.services.operation import schemes_by_two
    from certsvc.services.records.schemes import add_file

    services = work.services()
    if work.real(services):
        proposed = schemes_by_two.propose(services, file, by=work.person(by))
        if as_json:
            tell(proposed.as_json())
        elif proposed.approval_id is not None:
            tell_waiting(proposed.approval_id)
        else:
            say(f"{proposed.key} v{proposed.version} 已存在，未变 there already, unchanged")
        return
    record, is_new = add_file(services, file, by=work.person(by))
    if as_json:
        tell({"key": record.key, "version": record.version, "new": is_new})
    else:
        say(f"{record.key} v{record.version} {'已登记 added' if is_new else '已存在，未变 there already, unchanged'}")
