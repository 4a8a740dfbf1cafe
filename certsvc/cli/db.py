"""`certsvc db upgrade|backup|restore`."""

from __future__ import annotations

from pathlib import Path

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import Bar, json_option, say, talk, tell


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
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option(
    "--into",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="备份到文件夹，只复制新增的文件 / into a folder of backups: only files that are new are copied.",
)
@json_option
def backup(file: Path | None, *, folder: Path | None, as_json: bool) -> int:
    """备份数据库与文件（不含密钥） / Back up database and files; keys are kept apart.

    有文件缺失时照常写出备份，但以状态 1 结束，定时任务会报警。
    Where a file is missing the backup is written all the same, and the status is 1, so that a timer alarms.
    """
    from certsvc.services.operation.backup import back_up, back_up_into

    if (file is None) == (folder is None):
        raise click.UsageError("请给出文件名或 --into 文件夹之一 / give either a FILE or --into FOLDER")
    if folder is not None:
        file, report = back_up_into(work.services(), folder, progress=Bar(quiet=True))
    else:
        assert file is not None
        report = back_up(work.services(), file, progress=Bar(quiet=True))
    for name in report.missing:
        talk(f"缺失或被改动 gone or changed: {name}")
    if as_json:
        tell({"rows": report.rows, "files": report.files, "missing": list(report.missing), "to": str(file)})
    else:
        say(f"{report.rows} 行、{report.files} 个文件 → {file}（密钥请另行保管）")
        say(f"{report.rows} rows, {report.files} files; the keys are not in it: keep them apart")
    return 1 if report.missing else 0


@db.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--unproven",
    is_flag=True,
    help="备份没有本密钥库的校验，仍要恢复 / restore although no key here proves the backup (an earlier version's).",
)
@json_option
def restore(file: Path, *, unproven: bool, as_json: bool) -> None:
    """恢复到空的数据库，不覆盖 / Restore into an empty database; nothing is overwritten."""
    from certsvc.services.operation.backup import restore as run

    report = run(work.services(migrated=False), file, unproven=unproven)
    for name in report.missing:
        talk(f"备份时即缺失 missing already when it was backed up: {name}")
    if as_json:
        tell({"rows": report.rows, "files": report.files, "missing": list(report.missing)})
    else:
        say(f"已恢复 {report.rows} 行、{report.files} 个文件 / restored; next: certsvc log check")
