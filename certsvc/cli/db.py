"""`certsvc db upgrade|backup|restore`."""

from __future__ import annotations

from pathlib import Path

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import json_option, say, talk, tell


@click.group(cls=WholeGroup)
def db() -> None:
    """数据库 / The database."""


@db.command()
@json_option
def upgrade(as_json: bool) -> None:
    """升级到本程序的版本 / Bring the database to this program's shape."""
    from certsvc.store.migrate import upgrade as run

    services = work.services(migrated=False)
    work.require_existing(services)
    before, after = run(services.database)
    if as_json:
        tell({"before": before, "after": after, "changed": before != after})
    elif before == after:
        say(f"已是最新 {after} / up to date")
    else:
        say(f"{before or '(空 empty)'} → {after}")


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def backup(file: Path, as_json: bool) -> None:
    """备份数据库与文件（不含密钥） / Back up database and files; keys are kept apart."""
    from certsvc.services.operation.backup import back_up

    report = back_up(work.services(), file)
    for name in report.missing:
        talk(f"缺失或被改动，未备份 gone or changed, not in the backup: {name}")
    if as_json:
        tell({"rows": report.rows, "files": report.files, "missing": list(report.missing), "to": str(file)})
    else:
        say(f"{report.rows} 行、{report.files} 个文件 → {file}（密钥请另行保管）")
        say(f"{report.rows} rows, {report.files} files; the keys are not in it: keep them apart")


@db.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def restore(file: Path, as_json: bool) -> None:
    """恢复到空的数据库，不覆盖 / Restore into an empty database; nothing is overwritten."""
    from certsvc.services.operation.backup import restore as run

    report = run(work.services(migrated=False), file)
    for name in report.missing:
        talk(f"备份时即缺失 missing already when it was backed up: {name}")
    if as_json:
        tell({"rows": report.rows, "files": report.files, "missing": list(report.missing)})
    else:
        say(f"已恢复 {report.rows} 行、{report.files} 个文件 / restored; next: certsvc log check")
