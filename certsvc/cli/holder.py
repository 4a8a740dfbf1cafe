"""`certsvc holder code|contact|messages|send`: what staff and operators do for holders who sign in at /my (R10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, id_number_option, id_type_option, json_option, say, talk, tell

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from certsvc.services.context import Services


@click.group(cls=WholeGroup)
def holder() -> None:
    """持证人 / Holders: access codes, and the messages that carry codes."""


@holder.command()
@id_number_option("证件号码 / the number of the document that was shown.", required=True)
@id_type_option
@by_option
@json_option
def code(id_number: str, id_type: str, by: str | None, as_json: bool) -> None:
    """核验证件后生成登录码，只显示一次 / Make an access code for the person who showed this document; shown once."""
    from certsvc.services.holders.codes import make_access_code

    services = work.services()
    made = make_access_code(services, work.identity(id_type, id_number), by=work.person(by))
    if as_json:
        tell({"code": made.code, "expires_at": made.expires_at.isoformat()})
        return
    say(made.code)
    talk(f"一次有效，至 {_local(made.expires_at)}；此前的登录码与登录均已失效")
    talk(f"good once, until {_local(made.expires_at)}; earlier access codes and sessions have ended")


@holder.command()
@id_number_option("证件号码 / the number of the document that was shown.", required=True)
@id_type_option
@click.option("--phone", required=True, help="新的手机号码 / the new telephone number.")
@click.option("--reason", required=True, help="原因（只供内部） / why; kept inside.")
@click.option("--approved-by", default=None, help="批准人；仅限开发密钥 / who approves; development keys alone.")
@by_option
@json_option
def contact(
    *, id_number: str, id_type: str, phone: str, reason: str, approved_by: str | None, by: str | None, as_json: bool
) -> None:
    """申请更改登录用的手机号码 / Ask for another telephone: a second person approves, and the old number is told."""
    from certsvc.cli.approved import tell_contact
    from certsvc.services.holders import contact as desk

    services, identity = work.services(), work.identity(id_type, id_number)
    if approved_by is None:
        done = desk.propose(services, identity, phone, reason=reason, by=work.person(by))
    else:
        done = desk.change(
            services, identity, phone, reason=reason, by=work.person(by), approved_by=work.named(approved_by)
        )
    tell_contact(done, as_json=as_json)


@holder.command()
@json_option
def messages(as_json: bool) -> None:
    """短信队列，不含个人信息 / The queue of messages, nothing personal."""
    from certsvc.services.notices.send import queue

    services = work.services()
    found = queue(services)
    outbox = _outbox(services)
    if as_json:
        tell(
            {
                "sent_by": _means(services),
                **found.counts,
                "faults": dict(found.faults),
                "oldest_waiting_at": found.oldest_waiting_at.isoformat() if found.oldest_waiting_at else None,
                "last_sent_at": found.last_sent_at.isoformat() if found.last_sent_at else None,
                "outbox": str(outbox) if outbox else None,
            }
        )
        return
    waiting = found.counts["asked"] + found.counts["queued"]
    say(
        f"待发 waiting {waiting}  已发 sent {found.counts['sent']}  "
        f"失败 failed {found.counts['failed']}  未发 dropped {found.counts['dropped']}"
    )
    for fault, count in sorted(found.faults.items()):
        say(f"  {fault}: {count}")
    if found.oldest_waiting_at:
        say(f"最早待发 oldest waiting since {_local(found.oldest_waiting_at)}")
    if found.last_sent_at:
        say(f"最近发出 last sent {_local(found.last_sent_at)}")
    if outbox:
        say(f"开发密钥：短信写入 development keys, messages go to {outbox}")
    elif services.messenger is None:
        say("未设短信网关，只能用登录码 / no gateway (CERTSVC_SMS_URL): access codes alone")


@holder.command()
@json_option
def send(as_json: bool) -> None:
    """发送到期的短信，网站之外亦可定时运行 / Send what is due, as the web process does by itself."""
    from certsvc.services.holders.codes_by_message import send_due

    done = send_due(work.services())
    if as_json:
        tell({"sent": done.sent, "failed": done.failed, "dropped": done.dropped, "waiting": done.waiting})
        return
    say(f"已发 sent {done.sent}  失败 failed {done.failed}  未发 dropped {done.dropped}  待发 waiting {done.waiting}")


def _means(services: Services) -> str | None:
    if services.gateway is not None:
        return "gateway"
    return None if services.messenger is None else "outbox"


def _outbox(services: Services) -> Path | None:
    return services.folders.outbox if _means(services) == "outbox" else None


def _local(moment: datetime) -> str:
    from certsvc.services.context import SHANGHAI

    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
