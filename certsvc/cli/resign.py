"""`certsvc certificate resign`: after a change of key, the next version of one batch's or session's certificates."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.speech import Bar, by_option, json_option, say, talk, tell, tell_waiting
from certsvc.cli.status import publish

if TYPE_CHECKING:
    from certsvc.services.certificates.resign import ResignReport
    from certsvc.services.context import Services


@click.command()
@click.option("--batch", type=int, default=None, help="签发批次 / the issuing batch, by its id.")
@click.option("--scheme", default=None, help="方案 / the scheme, by its key.")
@click.option("--from", "first", type=work.Day(), default=None, help="考试日期自 / completing sitting, first day.")
@click.option("--to", "last", type=work.Day(), default=None, help="考试日期至 / completing sitting, last day.")
@click.option(
    "--key", "kid", default=None, help="由该密钥签名且不再可信的 / signed by this key, and not good any more."
)
@click.option("--approved-by", default=None, help="批准人 / who approved it.")
@by_option
@json_option
def resign(
    *,
    batch: int | None,
    scheme: str | None,
    first: date | None,
    last: date | None,
    kid: str | None,
    approved_by: str | None,
    by: str | None,
    as_json: bool,
) -> int:
    """密钥更换后重新签名：新版本替代原版本 / Sign again after a change of key; again, it does only what is left."""
    from certsvc.jobs.issue_run import one_at_a_time
    from certsvc.services.certificates.resign import Selection, propose
    from certsvc.services.certificates.resign import resign as run
    from certsvc.services.records.approvals import require_development

    if batch is None and scheme is None and kid is None:
        raise click.UsageError("请给出 --batch、--scheme 或 --key / give --batch, --scheme or --key")
    services, bar = work.services(), Bar()
    selection = Selection(batch=batch, scheme=scheme, first=first, last=last, kid=kid)
    if work.real(services):
        if approved_by is not None:
            require_development(services)
        proposed = propose(services, selection, by=work.person(by))
        if proposed.approval_id is None:
            return tell_resigned(services, proposed.report, as_json=as_json)
        if as_json:
            tell(proposed.as_json())
        else:
            tell_waiting(proposed.approval_id)
        return 0
    with one_at_a_time(services.folders.home):
        report = run(
            services,
            selection,
            by=work.person(by),
            approved_by=approved_by,
            progress=lambda done, total: bar("resign", done, total),
        )
    return tell_resigned(services, report, as_json=as_json)


def tell_resigned(services: Services, report: ResignReport, *, as_json: bool) -> int:
    """Draw and publish what was signed again, and say so; answers the exit status."""
    from certsvc.jobs.issue_run import one_at_a_time, render_waiting

    with one_at_a_time(services.folders.home):
        render_waiting(services, work.service_opener(), progress=Bar())
    publish(services)
    for number, error in report.refusals:
        talk(f"{number}: {error}")
    if as_json:
        tell(report.as_json())
    else:
        say(f"重新签名 {len(report.resigned)} 份，已是新密钥 {report.already} 份，不予签名 {len(report.refusals)} 份")
        say(
            f"{len(report.resigned)} signed again, {report.already} by the key in use already, "
            f"{len(report.refusals)} refused"
        )
    return 1 if report.refusals else 0
