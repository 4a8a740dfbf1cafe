"""`certsvc`: nouns, then verbs; one module a noun, imported only when it is called, so that a command starts at once.

Results on standard output (`--json`: one document), talk and progress on standard error. Exit 0 done, 1 refused (why,
in one line each), 2 wrong usage. Not here: what any command does (services). Source: formats.md, "Commands".
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

import click

from certsvc import __version__
from certsvc.cli.lazy import LazyGroup
from certsvc.cli.speech import refuse, told

COMMANDS = {
    "init": "certsvc.cli.init:init",
    "candidates": "certsvc.cli.imports:candidates",
    "results": "certsvc.cli.imports:results",
    "paper": "certsvc.cli.imports:paper",
    "sitting": "certsvc.cli.sitting:sitting",
    "decide": "certsvc.cli.decide:decide",
    "issue": "certsvc.cli.issue:issue",
    "certificate": "certsvc.cli.certificate:certificate",
    "reissue": "certsvc.cli.reissue:reissue",
    "approval": "certsvc.cli.approval:approval",
    "holder": "certsvc.cli.holder:holder",
    "notices": "certsvc.cli.notices:notices",
    "person": "certsvc.cli.person:person",
    "verify": "certsvc.cli.verify:verify",
    "log": "certsvc.cli.log:log",
    "publish": "certsvc.cli.publish:publish",
    "export": "certsvc.cli.kit:export",
    "rebuild": "certsvc.cli.kit:rebuild",
    "key": "certsvc.cli.key:key",
    "api-key": "certsvc.cli.api_key:api_key",
    "sending-system": "certsvc.cli.sending_system:sending_system",
    "scheme": "certsvc.cli.scheme:scheme",
    "db": "certsvc.cli.db:db",
    "user": "certsvc.cli.account:user",
    "serve": "certsvc.cli.serve:serve",
    "signer": "certsvc.cli.signer:signer",
    "bench": "certsvc.cli.bench:bench",
}


@click.group(cls=LazyGroup, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="certsvc")
@click.option(
    "--clock-is-right",
    is_flag=True,
    help="时钟无误，只是久未签署 / the clock is right: nothing was signed for over a day.",
)
def cli(*, clock_is_right: bool) -> None:
    """电子证书服务：从名册到可验证的证书。

    Electronic certificates: from the rolls to a scan that ends on a true answer.
    Everything works in the folder CERTSVC_HOME (default ./var) with no configuration.
    """
    del clock_is_right  # asked for where services are opened (`work`)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit status: 0, 1 or 2."""
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; every error of ours becomes lines on standard error and the status 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = cli.main(given, prog_name="certsvc", standalone_mode=False)
    except click.UsageError as error:
        _say_misuse(error)
        return 2
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("已中止 / aborted", err=True)
        return 1
    except BrokenPipeError:
        # The reader of a pipe has seen enough; nothing is wrong with what was done.
        sys.stderr.close()
        return 1
    except Exception as error:
        if refuse(told(error), as_json="--json" in given):
            return 1
        raise
    return result if isinstance(result, int) else 0


def _stop(_number: int, _frame: object) -> None:
    """Told to end by a timer, a container or a shutdown: the same as Ctrl-C. What is not committed is rolled back."""
    raise KeyboardInterrupt


def _say_misuse(error: click.UsageError) -> None:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    command = error.ctx.command_path if error.ctx else "certsvc"
    said = " ".join(error.format_message().split())  # click sets a list of choices one a line
    click.echo(f"用法不对，请看 {command} --help / wrong usage: {said}", err=True)
