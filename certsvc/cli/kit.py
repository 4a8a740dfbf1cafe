"""`certsvc export FOLDER` and `certsvc rebuild FOLDER`: the survival kit, written and read back."""

from __future__ import annotations

from pathlib import Path

import click

from certsvc.cli import work
from certsvc.cli.speech import json_option, say, talk, tell


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@json_option
def export(folder: Path, as_json: bool) -> None:
    """写出存档包：服务与数据库都不在时仍可查验 / Write the survival kit: all verifies with the service gone."""
    from certsvc.services.kit.export import export_kit

    done = export_kit(work.services(), folder)
    if as_json:
        tell(done.as_json())
        return
    say(f"{done.folder}：证书 {done.certificates} 份，PDF {done.pdfs} 份，登记 {done.register_rows} 行")
    say(f"{done.certificates} certificates, {done.pdfs} PDFs, {done.register_rows} rows of the register")
    if done.pdfs < done.certificates:
        talk(f"{done.certificates - done.pdfs} 份没有 PDF / certificates have no PDF yet")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def rebuild(folder: Path, as_json: bool) -> int:
    """由存档包重建登记册（需原密钥与空数据库） / Rebuild the register from a kit, with its keys, into a fresh home."""
    from certsvc.services.audit.check_register import check_log
    from certsvc.services.kit.export import rebuild as run

    services = work.services()
    done = run(services, folder)
    checked = check_log(services, folder / "log")
    if as_json:
        tell(done.as_json() | {"log": checked.as_json()})
    else:
        say(f"重建 {done.rows} 行，PDF {done.pdfs} 份，照片 {done.photos} 张；日志问题 {len(checked.problems)} 处")
        say(f"{done.rows} rows, {done.pdfs} PDFs, {done.photos} photos; {len(checked.problems)} problems in the log")
        for problem in checked.problems:
            talk(str(problem))
    return 0 if checked.ok else 1
