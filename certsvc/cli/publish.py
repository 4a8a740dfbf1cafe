"""`certsvc publish [FOLDER]`: the static files that an independent verifier needs, brought up to date."""

from __future__ import annotations

from pathlib import Path

import click

from certsvc.cli import work
from certsvc.cli.speech import json_option, say, tell


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@json_option
def publish(folder: Path | None, as_json: bool) -> None:
    """公布密钥、状态列表与日志 / Publish keys, status lists and log as static files (default: HOME/published)."""
    from certsvc.services.certificates.home_review import sweep
    from certsvc.services.publishing.static import publish_static

    services = work.services()
    sweep(services)  # four times a day by the timer, so that nothing is kept longer than was said
    done = publish_static(services, folder)
    if as_json:
        tell(done.as_json())
        return
    say(f"{done.folder}：写入 {done.files_written} 个文件，日志 {done.log_size} 叶")
    say(f"{done.folder}: {done.files_written} files written, a log of {done.log_size} leaves")
