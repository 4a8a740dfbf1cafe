"""`certsvc notices list|send|again`: notices to candidates and holders, and what became of them (R10)."""

from __future__ import annotations

from dataclasses import replace

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, json_option, say, talk, tell

STATES = ("failed", "queued", "sending", "sent", "dropped")


@click.group(cls=WholeGroup)
def notices() -> None:
    """通知 / Notices: registered, admitted, results out, certificate issued and the rest."""


@notices.command("list")
@click.option("--state", type=click.Choice(STATES), default=None, help="只列某一状态 / of one state alone.")
@click.option("--most", type=click.IntRange(1, 10_000), default=100, help="至多几条 / at most so many.")
@json_option
def list_(state: str | None, most: int, as_json: bool) -> None:
    """各通知的状态，不含姓名和号码 / Where each stands, the newest first; no name, no number."""
    from certsvc.services.notices import listing

    services = work.services()
    found = listing.notices(services, state=state, most=most)
    if as_json:
        tell([one.as_json() for one in found])
        return
    for one in found:
        told = (one.channel or "", one.fault or "")
        say(f"{one.id}  {one.kind.value}  {one.about}  {one.state}  {'  '.join(filter(None, told))}".rstrip())
    talk("  ".join(f"{name} {count}" for name, count in listing.counts(services).items()))
    if not services.notices_on:
        talk("通知已关闭 / notices are off (CERTSVC_NOTICES)")


@notices.command()
@json_option
def send(as_json: bool) -> None:
    """发送到期的通知和短信，可定时运行 / Send what is due, until nothing is: for a timer."""
    from certsvc.services.holders.codes_by_message import send_due
    from certsvc.services.notices.deliver import deliver

    services = work.services()
    codes, told = send_due(services), deliver(services)
    while told.next_at is not None and told.next_at <= services.now():
        more = deliver(services)
        sent, failed, dropped = told.sent + more.sent, told.failed + more.failed, told.dropped + more.dropped
        told = replace(more, sent=sent, failed=failed, dropped=dropped)
        if not more.ended:  # what is due is in another's hands, or no one takes it: the next run goes on
            break
    done = codes.with_(told)
    if as_json:
        tell({"sent": done.sent, "failed": done.failed, "dropped": done.dropped, "waiting": done.waiting})
        return
    say(f"已发 sent {done.sent}  失败 failed {done.failed}  未发 dropped {done.dropped}  待发 waiting {done.waiting}")


@notices.command()
@click.argument("notice_id", type=int, metavar="ID")
@by_option
@json_option
def again(notice_id: int, by: str | None, as_json: bool) -> None:
    """再发一次没有送达的通知 / Try one that was not delivered again."""
    from certsvc.services.notices.listing import send_again

    done = send_again(work.services(), notice_id, by=work.person(by))
    if as_json:
        tell(done.as_json())
        return
    say(f"{done.id}  {done.kind.value}  {done.state}")
