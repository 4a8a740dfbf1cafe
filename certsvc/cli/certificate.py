"""`certsvc certificate …`: the register, the PDF, the signed JSON; and changes of status (`certsvc.cli.status`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.lazy import LazyGroup
from certsvc.cli.speech import json_option, say, talk, tell, tell_list

if TYPE_CHECKING:
    from certsvc.services.certificates.listing import Entry


@click.group(
    cls=LazyGroup,
    commands_at={
        "revoke": "certsvc.cli.status:revoke",
        "suspend": "certsvc.cli.status:suspend",
        "reinstate": "certsvc.cli.status:reinstate",
        "correct": "certsvc.cli.status:correct",
        "resign": "certsvc.cli.resign:resign",
        "archive": "certsvc.cli.archive:archive",
        "gm-sign": "certsvc.cli.gm:gm_sign",
    },
)
def certificate() -> None:
    """证书 / Certificates."""


@certificate.command("list")
@click.option("--paper", is_flag=True, help="并列出纸质证书 / the paper register too.")
@json_option
def list_(paper: bool, as_json: bool) -> None:
    """登记册 / The register."""
    from certsvc.services.certificates.listing import list_certificates

    entries = list_certificates(work.services(), paper=paper)
    if as_json:
        tell_list(entry.as_json() for entry in entries)
        return
    for entry in entries:
        _say(entry)


@certificate.command()
@click.argument("number")
@json_option
def show(number: str, as_json: bool) -> None:
    """一个编号的全部版本 / Every version under a number."""
    from certsvc.services.certificates.listing import show_certificate

    entries = show_certificate(work.services(), number)
    if as_json:
        tell([entry.as_json() for entry in entries])
        return
    for entry in entries:
        _say(entry)
        if entry.pdf_level:
            until = entry.pdf_proven_until
            say(f"    PDF: PAdES {entry.pdf_level}" + (f" 证明至 proven until {until}" if until else ""))
        if told := [text for text in (entry.status_reason, entry.status_note) if text]:
            say(f"    {entry.status_changed_on}  {'  '.join(told)}")


@certificate.command()
@click.argument("number", required=False)
@click.option("--all", "every", is_flag=True, help="全部 / every certificate, into a folder.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="文件或文件夹 / file or folder.")
@click.option("--version", type=int, default=None, help="版本（默认最新） / version (default: the newest).")
@json_option
def pdf(number: str | None, every: bool, output: Path, version: int | None, as_json: bool) -> None:
    """PDF，每次字节相同 / The PDF, the same bytes every time."""
    from certsvc.services.certificates.give_out import write_pdf
    from certsvc.services.certificates.listing import numbers

    if every == (number is not None):
        raise click.UsageError("请给出 NUMBER 或 --all / give NUMBER or --all")
    services = work.services()
    if number is not None:
        target = output / f"{number}.pdf" if output.is_dir() else output
        write_pdf(services, number, target, version)
        _written(as_json, 1, target)
        return
    found = numbers(services)
    for one in found:
        write_pdf(services, one, output / f"{one}.pdf")
    _written(as_json, len(found), output)


@certificate.command()
@click.argument("number")
@click.option("--version", type=int, default=None, help="版本（默认最新） / version (default: the newest).")
@json_option
def credential(number: str, version: int | None, as_json: bool) -> None:
    """已签名的 JSON，逐字节原样 / The signed JSON, verbatim."""
    del as_json  # it is JSON either way
    from certsvc.services.certificates.give_out import credential_of

    # A newline more would be an appended byte: the file would rightly be called altered.
    click.echo(credential_of(work.services(), number, version), nl=False)


def _written(as_json: bool, count: int, target: Path) -> None:
    if as_json:
        tell({"written": count, "to": str(target)})
    else:
        talk(f"{count} 份 PDF → {target} / {count} written")


def _say(entry: Entry) -> None:
    say(f"{entry.number}  v{entry.version}  {entry.name}  {entry.status}  {entry.issued_on}  {entry.carrier}")
