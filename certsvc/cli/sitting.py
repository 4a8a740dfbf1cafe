"""`certsvc sitting …`: sittings, their rolls and papers, the draw, and scores (R1.6, R2.1, R3)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certsvc.cli import work
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, id_number_option, id_type_option, json_option, say, talk, tell
from certsvc.cli.status import publish

if TYPE_CHECKING:
    from certsvc.services.examination.sittings import Sitting

_ID = click.argument("sitting_id", metavar="ID", type=click.IntRange(1, 2**31 - 1))
_TICKET = click.argument("ticket")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SUBJECTS = ("theory", "practical")


@click.group(cls=WholeGroup)
def sitting() -> None:
    """考试场次 / Sittings: the roll, the papers, the draw, the scores."""


@sitting.command()
@click.option("--on", "sat_on", type=work.Day(), required=True, help="考试日期 / its day.")
@click.option("--at", "begins", default="09:00", show_default=True, help="开始时间 HH:MM / when it begins.")
@click.option("--place", required=True, help="考试地点 / the place.")
@click.option("--station", required=True, help="鉴定站 / the station.")
@click.option("--subject", type=click.Choice(_SUBJECTS), required=True, help="科目 / the subject.")
@click.option("--capacity", type=click.IntRange(1, 99_999), required=True, help="容量 / seats.")
@by_option
@json_option
def add(
    sat_on: date,
    *,
    begins: str,
    place: str,
    station: str,
    subject: str,
    capacity: int,
    by: str | None,
    as_json: bool,
) -> None:
    """新增场次；技能考核同时公布抽签承诺 / Add a sitting; of the practical, the draw is committed to at once."""
    from certsvc.rules.terms import Subject
    from certsvc.services.examination import sittings

    services = work.services()
    made = sittings.add(
        services,
        sat_on=sat_on,
        begins=begins,
        place=place,
        station=station,
        subject=Subject.of(subject),
        capacity=capacity,
        by=work.person(by),
    )
    if made.commitment:
        publish(services)
    _tell(made, as_json=as_json)


@sitting.command("list")
@click.option("--since", type=work.Day(), default=None, help="从某日起 / from that day on.")
@json_option
def list_(since: date | None, as_json: bool) -> None:
    """全部场次 / Every sitting, by day."""
    from certsvc.services.examination import sittings

    found = sittings.list_sittings(work.services(), since=since)
    if as_json:
        tell([one.as_json() for one in found])
        return
    for one in found:
        _say(one)


@sitting.command()
@_ID
@json_option
def show(sitting_id: int, as_json: bool) -> None:
    """场次与名单 / One sitting with its roll."""
    from certsvc.services.examination import sittings

    found, roll = sittings.show(work.services(), sitting_id)
    if as_json:
        tell({**found.as_json(), "roll": [seat.as_json() for seat in roll]})
        return
    _say(found)
    for seat in roll:
        result = "有成绩 has a result" if seat.has_result else ""
        say(f"    {seat.ticket}  {seat.name}  {seat.kind.zh}  {seat.institution or ''}  {result}".rstrip())


@sitting.command()
@_ID
@id_number_option("考生证件号码 / the candidate's identity number.", required=False)
@id_type_option
@click.option("--batch", default=None, help="一个批次 / everyone of a batch.")
@click.option("--institution", default=None, help="一个培训机构 / everyone of an institution.")
@by_option
@json_option
def admit(
    sitting_id: int,
    *,
    id_number: str | None,
    id_type: str,
    batch: str | None,
    institution: str | None,
    by: str | None,
    as_json: bool,
) -> None:
    """编入名单：须已批准且有资格 / Admit: approved registrations that are entitled; retakes until their deadline."""
    from certsvc.services.examination import sittings

    if (id_number, batch, institution) == (None, None, None):
        raise click.UsageError("请给出 --id-number、--batch 或 --institution / say who: one of these")
    services = work.services()
    identity = work.identity(id_type, id_number) if id_number is not None else None
    ids = sittings.enrolments_of(services, identity=identity, batch=batch, institution=institution)
    done = sittings.admit(services, sitting_id, ids, by=work.person(by))
    if as_json:
        tell(done.as_json())
    else:
        for seat in done.admitted:
            say(f"{seat.ticket}  {seat.name}  {seat.kind.zh} {seat.kind.en}")
        say(f"编入 {len(done.admitted)} 人，原已在册 {done.already} 人，未编入 {len(done.refused)} 人")
        say(f"{len(done.admitted)} admitted, {done.already} already, {len(done.refused)} not")
    for one in done.refused:
        talk(f"{one.name}：{one.error}")
    if done.refused and not done.admitted and not done.already:
        raise click.exceptions.Exit(1)


@sitting.command()
@_ID
@_TICKET
@by_option
def remove(sitting_id: int, ticket: str, by: str | None) -> None:
    """移出名单（公布抽签前） / Take one off the roll, before the draw is shown."""
    from certsvc.services.examination import sittings

    sittings.remove(work.services(), sitting_id, ticket, by=work.person(by))
    say(f"{ticket} 已移出 removed")


@sitting.command()
@_ID
@by_option
@json_option
def close(sitting_id: int, by: str | None, as_json: bool) -> None:
    """关闭场次，公布抽签种子 / Close the roll, and publish the seed of the draw."""
    from certsvc.services.examination import sittings

    services = work.services()
    done = sittings.close(services, sitting_id, by=work.person(by))
    publish(services)
    _tell(done, as_json=as_json)


@sitting.command()
@_ID
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
def checkin(sitting_id: int, output: Path) -> None:
    """签到表 PDF / The check-in list."""
    from certsvc.files.private import write_private
    from certsvc.services.examination import papers

    write_private(output, papers.check_in(work.services(), sitting_id))
    talk(f"→ {output}")


@sitting.command()
@_ID
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True)
def tickets(sitting_id: int, output: Path) -> None:
    """准考证 PDF，每人一份 / Everyone's admission ticket, a file each."""
    from certsvc.files.private import make_private, write_private
    from certsvc.services.examination import papers

    services = work.services()
    made = 0
    for one in papers.tickets(services, sitting_id):
        make_private(output)
        write_private(output / f"{one.ticket}.pdf", one.pdf)
        made += 1
    say(f"{made} 份准考证 → {output} / {made} tickets")


@sitting.command()
@_ID
@by_option
@json_option
def draw(sitting_id: int, by: str | None, as_json: bool) -> None:
    """抽签结果（考试当日起） / What each ticket has drawn, on the day."""
    from certsvc.services.examination import draw as drawing

    drawn = drawing.draw(work.services(), sitting_id, by=work.person(by))
    if as_json:
        tell([one.as_json() for one in drawn])
        return
    for one in drawn:
        items = "、".join(item.zh for item in one.items)
        say(f"{one.ticket}  {one.name}  {items}  {', '.join(item.en for item in one.items)}")


@sitting.command("draw-check")
@click.argument("file", type=_FILE)
@click.option("--committed", default=None, help="此前记下的承诺 / a commitment that was noted down before.")
@json_option
def draw_check(file: Path, committed: str | None, as_json: bool) -> None:
    """凭公布的文件核对抽签，无需数据库 / Check a draw from its published file alone; no register is asked."""
    from certsvc.services.examination.draw import check_draw

    found = check_draw(file.read_bytes(), committed=committed)
    if as_json:
        tell(
            {
                "ok": found.ok,
                "sitting": found.sitting,
                "commitment": found.commitment,
                "revealed": found.revealed,
                "tickets": found.tickets,
                "faults": list(found.faults),
            }
        )
    elif found.ok:
        say(f"场次 {found.sitting}：{found.tickets} 人的抽签与承诺、种子相符")
        say(f"sitting {found.sitting}: the draws of {found.tickets} tickets agree with commitment and seed")
    elif not found.faults:
        say("种子尚未公布，暂不能核对 / the seed is not revealed yet, so nothing can be checked")
    else:
        say(f"不符 does not agree: {', '.join(found.faults)}")
    if not found.ok:
        raise click.exceptions.Exit(1)


@sitting.command()
@_ID
@click.argument("file", type=_FILE)
@by_option
@json_option
def score(sitting_id: int, file: Path, by: str | None, as_json: bool) -> None:
    """录入成绩（JSON，可重复发送） / Enter scores (JSON); sending them again changes nothing."""
    from certsvc.services.examination import scores

    entries = scores.read_entries(file.read_bytes())
    entered = scores.enter(work.services(), sitting_id, entries, by=work.person(by))
    if as_json:
        tell([one.as_json() for one in entered])
    else:
        for one in entered:
            say(f"{one.id}  {one.state}  {one.total or ''}".rstrip())
    for one in entered:
        if one.error is not None:
            talk(f"{one.id}: {one.error}")
    if any(one.error is not None for one in entered):
        raise click.exceptions.Exit(1)


@sitting.command()
@_ID
@json_option
def sheet(sitting_id: int, as_json: bool) -> None:
    """评分表：各人已录入的成绩 / The scoring sheet: what was entered for each ticket."""
    from certsvc.services.examination import sheet as scoring_sheet

    lines = scoring_sheet.sheet(work.services(), sitting_id)
    if as_json:
        tell([one.as_json() for one in lines])
        return
    for one in lines:
        entries = "  ".join(f"{kind}: {row.outcome} {row.score or ''}".rstrip() for kind, row in one.entries.items())
        say(f"{one.seat.ticket}  {one.seat.name}  {entries or '未登记 no entry'}")


@sitting.command()
@_ID
@by_option
@json_option
def confirm(sitting_id: int, by: str | None, as_json: bool) -> None:
    """第二人确认并锁定成绩 / Confirm as a second person: scores are locked and recorded."""
    from certsvc.services.examination import scores

    done = scores.confirm(work.services(), sitting_id, by=work.person(by))
    for warning in done.warnings:
        talk(f"注意 warning: {warning}")
    if as_json:
        tell(done.as_json())
        return
    say(f"已确认：登记 {done.new} 条，此前已登记 {done.unchanged} 条；公布：certsvc results publish")
    say(f"confirmed: {done.new} recorded, {done.unchanged} were already; to publish: certsvc results publish")


@sitting.command()
@click.option("--within", "days", type=click.IntRange(0, 366), default=30, show_default=True, help="天数 / days.")
@click.option("--notify", is_flag=True, help="给未通知、未约考者各发一次通知 / tell each once who is not booked.")
@by_option
@json_option
def retakes(*, days: int, notify: bool, by: str | None, as_json: bool) -> None:
    """即将到期的免费补考 / Free retakes that are about to be lost; with --notify their holders are told, once."""
    from certsvc.services.examination import retakes as ending

    services = work.services()
    found = ending.notify(services, days, by=work.person(by, mapped=False)) if notify else ending.ending(services, days)
    if as_json:
        tell([one.as_json() for one in found])
        return
    for one in found:
        booked = f"已约场次 booked {one.booked}" if one.booked is not None else "未约 not booked"
        told = "已通知 told" if one.noticed else "" if one.published else "未公布 not published"
        say(f"{one.deadline}  {one.name}  {one.subject.zh}  {one.institution or ''}  {booked}  {told}".rstrip())


def _tell(one: Sitting, *, as_json: bool) -> None:
    if as_json:
        tell(one.as_json())
    else:
        _say(one)


def _say(one: Sitting) -> None:
    state = "已确认 confirmed" if one.confirmed else "已关闭 closed" if one.closed else ""
    seats = f"{one.admitted}/{one.capacity}"
    say(f"{one.id}  {one.sat_on} {one.begins}  {one.subject.zh}  {one.station}  {one.place}  {seats}  {state}".rstrip())
    if one.commitment:
        say(f"    抽签承诺 commitment {one.commitment}")
