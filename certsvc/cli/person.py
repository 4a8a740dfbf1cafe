"""`certsvc person export|correct|erase|sweep`: what a person may have done with the data about them (R10)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from certsvc.cli import work
from certsvc.cli.approved import tell_contact, tell_erasure, tell_put_right
from certsvc.cli.lazy import WholeGroup
from certsvc.cli.speech import by_option, id_number_option, id_type_option, json_option, say, talk, tell

_APPROVED_BY = click.option(
    "--approved-by", default=None, help="批准人；仅限开发密钥 / who approves; development keys alone."
)
_REASON = click.option("--reason", required=True, help="原因（只供内部） / why; kept inside.")


@click.group(cls=WholeGroup)
def person() -> None:
    """个人信息的权利 / What a person may have done with the data about them."""


@person.command("export")
@id_number_option("证件号码 / the number of the document that was shown.", required=True)
@id_type_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="ZIP 文件，只有属主可读 / a ZIP for its owner alone.",
)
@by_option
@json_option
def export_(id_number: str, *, id_type: str, output: Path, by: str | None, as_json: bool) -> None:
    """交付关于本人的全部信息 / Hand over all that is on record about the person."""
    from certsvc.services.persons.export import export_person

    services = work.services()
    done = export_person(services, work.identity(id_type, id_number), output, by=work.person(by))
    if as_json:
        tell(done.as_json())
        return
    say(f"{sum(done.rows.values())} 条记录、{done.files} 个文件 → {output}")
    say(f"{sum(done.rows.values())} entries and {done.files} files → {output}")
    for name in done.missing:
        talk(f"缺失 missing: {name}")


@person.command()
@id_number_option("登记的证件号码 / the number on record.", required=True)
@id_type_option
@_REASON
@click.option("--name", default=None, help="正确的姓名；签发前 / the right name; before a certificate is issued.")
@id_number_option("正确的号码；签发前 / the right number; before an issue.", required=False, name="--new-id-number")
@click.option("--birth-date", type=work.Day(), default=None, help="正确的出生日期 / the right birth date.")
@click.option("--sex", type=click.Choice(["male", "female"]), default=None, help="正确的性别 / the right sex.")
@click.option("--phone", default=None, help="新的手机号码，见 holder contact / as holder contact does.")
@click.option("--institution", default=None, help="该次报名的培训机构 / the registration's institution.")
@click.option("--batch", default=None, help="该次报名的批次 / the registration's batch.")
@click.option("--registered-on", type=work.Day(), default=None, help="哪一次报名 / which registration.")
@_APPROVED_BY
@by_option
@json_option
def correct(
    *,
    id_number: str,
    id_type: str,
    reason: str,
    name: str | None,
    new_id_number: str | None,
    birth_date: date | None,
    sex: str | None,
    phone: str | None,
    institution: str | None,
    batch: str | None,
    registered_on: date | None,
    approved_by: str | None,
    by: str | None,
    as_json: bool,
) -> None:
    """更正不在证书上的信息，经第二人批准 / Put right what stands on no certificate; a second person approves.

    What a certificate says is corrected by `certsvc certificate correct NUMBER`.
    """
    from certsvc.errors import Refused
    from certsvc.person.identity import Sex
    from certsvc.services.holders import contact
    from certsvc.services.persons import correct as desk

    services, identity = work.services(), work.identity(id_type, id_number)
    putting = desk.Putting(
        name=name,
        id_number=new_id_number,
        birth_date=birth_date,
        sex=None if sex is None else Sex.of(sex),
        institution=institution,
        batch=batch,
        registered_on=registered_on,
    )
    if phone is not None:
        if putting != desk.Putting():
            raise Refused("电话须单独申请更改", "the telephone is changed by a request of its own", where="phone")
        if approved_by is None:
            done = contact.propose(services, identity, phone, reason=reason, by=work.person(by))
        else:
            second = work.named(approved_by)
            done = contact.change(services, identity, phone, reason=reason, by=work.person(by), approved_by=second)
        tell_contact(done, as_json=as_json)
    elif approved_by is None:
        tell_put_right(desk.propose(services, identity, putting, reason=reason, by=work.person(by)), as_json=as_json)
    else:
        second = work.named(approved_by)
        tell_put_right(
            desk.correct(services, identity, putting, reason=reason, by=work.person(by), approved_by=second),
            as_json=as_json,
        )


@person.command()
@id_number_option("证件号码 / the number of the document that was shown.", required=False)
@id_type_option
@click.option("--reason", default=None, help="原因（只供内部） / why; kept inside.")
@click.option(
    "--keep-certificate",
    is_flag=True,
    help="依法留存的证书留下，其余抹除 / keep the certificates that the law has us keep, and erase the rest.",
)
@click.option(
    "--again",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="恢复旧备份后，按名单再次抹除 / after an older backup was restored: erase again those on this list.",
)
@_APPROVED_BY
@by_option
@json_option
def erase(
    *,
    id_number: str | None,
    id_type: str,
    reason: str | None,
    keep_certificate: bool,
    again: Path | None,
    approved_by: str | None,
    by: str | None,
    as_json: bool,
) -> None:
    """应本人要求抹除，经第二人批准；不能恢复 / Erase at the person's wish; a second person approves. For good.

    Each erasure is also written to erasures.jsonl in the home: keep a copy with the keys, for --again.
    """
    from certsvc.services.persons import erase as desk

    if again is not None:
        if id_number is not None or reason is not None:
            raise click.UsageError("--again 不带 --id-number 与 --reason / --again takes neither")
        told = desk.erase_again(work.services(), again, by=work.person(by))
        if as_json:
            tell(told.as_json())
            return
        say(f"再次抹除 {told.erased} 人次，已无记录 {told.already} / erased again {told.erased}, gone {told.already}")
        return
    if id_number is None or reason is None:
        raise click.UsageError("缺少 --id-number 或 --reason / --id-number and --reason are due")
    services, identity = work.services(), work.identity(id_type, id_number)
    if approved_by is None:
        done = desk.propose(services, identity, reason=reason, by=work.person(by), keep_certificate=keep_certificate)
    else:
        second = work.named(approved_by)
        done = desk.erase(
            services,
            identity,
            reason=reason,
            by=work.person(by),
            approved_by=second,
            keep_certificate=keep_certificate,
        )
    tell_erasure(done, as_json=as_json)


@person.command()
@click.option("--dry-run", is_flag=True, help="只说会抹除什么 / only say what would go.")
@by_option
@json_option
def sweep(*, dry_run: bool, by: str | None, as_json: bool) -> None:
    """执行各方案的保存期限，可每日运行 / Carry out the schemes' retention schedules; may run daily."""
    from certsvc.services.persons.sweep import sweep as run

    done = run(work.services(), by=work.person(by, mapped=False), dry_run=dry_run)  # a timer's account is no one's
    if as_json:
        tell(done.as_json())
        return
    would = "将" if done.dry_run else "已"
    say(
        f"{would}抹除：照片 {done.portraits}，报名 {done.registrations}，人 {done.persons}，"
        f"留存期满的证书 {done.certificates}"
    )
    say(
        f"{'would erase' if done.dry_run else 'erased'}: {done.portraits} portraits, {done.registrations} "
        f"registrations, {done.persons} people, {done.certificates} certificates whose term is over"
    )
