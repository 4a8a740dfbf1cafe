"""`certsvc init`: a home that works; again, it changes nothing."""

from __future__ import annotations

import click

from certsvc.cli import work
from certsvc.cli.speech import json_option, say, tell


@click.command()
@click.option(
    "--no-keys", is_flag=True, help="不生成开发密钥，随后自行 key new / no development keys: key new is next."
)
@json_option
def init(*, no_keys: bool, as_json: bool) -> None:
    """建立数据库、开发密钥与默认方案 / Make database, development keys and schemes."""
    from certsvc.services.operation.init import initialise

    services = work.services(migrated=False)
    done = initialise(services, development_keys=not no_keys)
    if as_json:
        tell(
            {
                "home": str(services.folders.home),
                "changed": done.changed,
                "migrated": done.migrated,
                "keys_made": done.keys_made,
                "schemes": list(done.schemes),
            }
        )
        return
    if not done.changed:
        say("已初始化，未作改动 / initialised already; nothing changed")
        return
    say(f"已初始化 {services.folders.home} / initialised")
    if done.keys_made:
        say("开发密钥已生成，证书均标明“样例 SAMPLE” / development keys made: every certificate is marked SAMPLE")
    elif not services.keystore.records():
        say("尚无密钥 / no keys yet; next: certsvc key new PURPOSE")
    for scheme in done.schemes:
        say(f"方案 scheme {scheme}")
