"""What a newcomer to the demo can try: certificates in every state, files to drop into the check, people to sign in as.

`seed` brings the register into those states by the commands staff use; a second run finds them and changes nothing.
`write` makes the files and one page that leads to all of it. Development only: the people are made up, their access
codes stand on the page. Not here: the roll and what is issued for it (`examples.demo`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any, Final

import jinja2
import pikepdf
import pypdfium2
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.credential.wording import Wording, say
from certsvc.person.identity import IdType
from certsvc.resources import fonts_folder
from certsvc.roster import candidates, results
from certsvc.roster.photo import PHOTO_FOLDER
from certsvc.services.certificates.give_out import write_pdf
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing.issue import issue
from certsvc.services.issuing.render import render, waiting
from certsvc.services.operation.init import initialise
from certsvc.services.records.schemes import add_file
from certsvc.services.registration.import_roster import import_candidates
from certsvc.services.staff.second_factor import address_of
from certsvc.store import open_database
from certsvc.web.qr_picture import draw
from examples import desks, made_up_roll
from examples.made_up_roll import Enrolled
from examples.people import make_person
from examples.staff import join_all
from examples.stories import STORIES

MAKER, APPROVER = desks.MAKER, "李建国（演示）"
APPLICANTS_PHONE: Final = "12000001234"  # no network has it
EXPIRED_FROM_INDEX: Final = 20_000_000  # the person is neither on the roll nor on the paper register
EXPIRED_ISSUED_DAYS_AGO: Final = 70
FORGERS_FONT: Final = "LXGWWenKai-Regular"
SHORT_SCHEME: Final = "emergency-rescuer-5/demo-short"

Run = Callable[..., None]
Ask = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Link:
    zh: str
    en: str
    path: str


@dataclass(frozen=True, slots=True)
class Drop:
    """A file to drop into the check, and what `certsvc verify` says of it here: the state, and its words."""

    file: str
    zh: str
    en: str
    verdict: str
    says: Wording | None


@dataclass(frozen=True, slots=True)
class SignIn:
    """`again` makes the next code: one is good once, and a new one ends the former."""

    zh: str
    en: str
    name: str
    id_type: str
    id_number: str
    code: str
    again: str


@dataclass(frozen=True, slots=True)
class States:
    """A certificate's record for each state, by its entry in the register; `to_change` is left for the visitor, and
    `applicant` holds paper and has asked for nothing yet."""

    valid: Mapping[str, Any]
    suspended: Mapping[str, Any]
    revoked: Mapping[str, Any]
    superseded: Mapping[str, Any]
    expired: Mapping[str, Any] | None
    paper: Mapping[str, Any]
    paper_replaced: Mapping[str, Any]
    paper_waiting: Mapping[str, Any]
    to_change: Mapping[str, Any]
    applicant: Mapping[str, str]


def issue_what_has_expired(folder: Path) -> None:
    """A certificate of a scheme whose certificates last one month, issued before anything else, ten weeks ago.

    Only in a home that is not there yet: the register, its keys and its log begin on that day, so that the order of
    all that is signed stays true. The clock is this function's own; nothing but the demo may set it.
    """
    settings = Settings.from_environment()
    database = open_database(settings.database_url)
    if settings.keys.exists() or database.sqlite_file is None or database.sqlite_file.exists():
        return
    database.close()
    then = datetime.now(UTC) - timedelta(days=EXPIRED_ISSUED_DAYS_AGO)
    services = open_services(settings, now=lambda: then)
    initialise(services)
    services.database.close()
    services = open_services(settings, now=lambda: then)  # the keys are there only now, and so the sample's mark
    folder.mkdir(parents=True, exist_ok=True)
    shipped = (files("certsvc.schemes") / "emergency-rescuer-5" / "qinghai-2025.toml").read_text("utf-8")
    scheme = folder / "short.toml"
    # A region of its own, or the roll would fall under it too (R0).
    changes = {"emergency-rescuer-5/qinghai-2025": SHORT_SCHEME, "630000": "980000", "青海省": "演示省（虚构）"}
    for before, after in changes.items():
        shipped = shipped.replace(before, after)
    scheme.write_text(f"{shipped}\n[validity]\nmonths = 1\n", encoding="utf-8")
    add_file(services, scheme, by=MAKER)
    on = then.date()
    random = Random("expired")  # noqa: S311 (made-up data, no secret)
    person = make_person(EXPIRED_FROM_INDEX, random, on - timedelta(days=400))
    enrolled = Enrolled(EXPIRED_FROM_INDEX, person, STORIES[0])
    row = made_up_roll.candidate_cells(enrolled, on) | {"photo": ""}
    roster = made_up_roll.write_rows(folder / "earlier-candidates.csv", candidates.COLUMNS, [row])
    import_candidates(services, roster, by=MAKER, scheme_key=SHORT_SCHEME)
    sat = made_up_roll.write_rows(
        folder / "earlier-results.csv", results.COLUMNS, made_up_roll.result_cells(enrolled, on)
    )
    import_results(services, sat, by=MAKER)
    issue(services, by=MAKER)
    with services.database.reading() as session:
        undrawn = waiting(session)
    render(services, undrawn)
    services.database.close()


def seed(run: Run, ask: Ask, folder: Path) -> States:
    """Suspends, revokes, corrects and reissues, where that was not done yet."""
    register = ask("certificate", "list", "--paper")
    electronic = [entry for entry in register if entry["carrier"] == "electronic"]
    reissued = {entry["number"] for entry in register if entry["carrier"] == "paper"}
    of_roll = sorted({entry["number"] for entry in electronic if entry["valid_until"] is None} - reissued)
    newest = {entry["number"]: entry for entry in sorted(electronic, key=lambda entry: entry["version"])}
    valid, suspended, revoked = (newest[number] for number in of_roll[:3])
    if suspended["status"] == "valid":
        run("certificate", "suspend", suspended["number"], "--reason", "演示：资格复核中", "--by", MAKER)
    if revoked["status"] == "valid":
        run("certificate", "revoke", revoked["number"], "--reason", "演示：冒名报考", "--code", "fraud", "--by", MAKER)
    with (folder / made_up_roll.PAPER).open(encoding="utf-8-sig") as file:
        paper = list(csv.DictReader(file))
    # Corrected is a name of the paper register: a roll that says otherwise than the record could not come in again.
    replaced, waiting, corrected, untouched, doubted = paper[:5]
    known = {request["number"]: request for request in ask("reissue", "list")}
    for row in (replaced, waiting, corrected, doubted):
        if row["证书编号"] not in known:
            holder = ("--name", row["姓名"], "--id-number", row["证件号码"], "--id-type", _id_type(row["证件类型"]))
            run("reissue", "apply", "--number", row["证书编号"], *holder, "--reason", "lost", "--by", MAKER)
    known = {request["number"]: request for request in ask("reissue", "list")}
    for row in (replaced, corrected, doubted):
        if known[row["证书编号"]]["state"] == "applied":
            run("reissue", "approve", str(known[row["证书编号"]]["id"]), "--by", APPROVER)
    if not any(entry["number"] == corrected["证书编号"] and entry["version"] == 3 for entry in electronic):
        run("certificate", "correct", *_other_name(corrected), "--approved-by", APPROVER)
    if not any(one["object"] == doubted["证书编号"] for one in ask("approval", "list", "--state", "all")):
        run("certificate", "correct", *_other_name(doubted))
    desks.seed(run, ask, folder / "desks")
    electronic = [entry for entry in ask("certificate", "list") if entry["carrier"] == "electronic"]
    return States(
        valid=valid,
        suspended=suspended,
        revoked=revoked,
        superseded=next(entry for entry in electronic if entry["status"] == "superseded"),
        expired=next((entry for entry in electronic if entry["status"] == "expired"), None),
        paper=untouched,
        paper_replaced=replaced,
        paper_waiting=waiting,
        to_change=newest[of_roll[3]],
        applicant=_applicant(paper[5:], {request["number"] for request in ask("reissue", "list")}),
    )


def _other_name(row: Mapping[str, str]) -> tuple[str, ...]:
    """What `certsvc certificate correct` is told to change the family name."""
    name = ("李" if row["姓名"][0] != "李" else "王") + row["姓名"][1:]
    return row["证书编号"], "--name", name, "--reason", "演示：登记册误写", "--by", MAKER


def _applicant(paper: Sequence[Mapping[str, str]], known: Collection[str]) -> Mapping[str, str]:
    """One with an identity card and a name that any keyboard types, for whom no reissue was asked."""
    plain = [row for row in paper if row["证件类型"] == IdType.RESIDENT_ID.zh and max(row["姓名"]) < "\uffff"]
    return next((row for row in plain if row["证书编号"] not in known), plain[0])


def write(folder: Path, states: States, roll: Path, *, base: str, ask: Ask, verify: Callable[[Path], str]) -> Path:
    """The files to drop and the page, made again each time, since an access code is good once and for seven days."""
    drops_folder = folder / "files"
    drops_folder.mkdir(parents=True, exist_ok=True)
    desks.write_samples(folder / "samples", states.applicant)
    drops = [_told(path, zh, en, verify) for path, zh, en in _drops(drops_folder, states)]
    staff = join_all(roll)
    page = (
        jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
        )
        .get_template("tour.html.jinja")
        .render(
            base=base,
            states=_links(states),
            doors=DOORS,
            drops=drops,
            people=_people(states, roll, ask),
            staff=staff,
            by_role={one.role: one for one in staff},
            codes={one.name: draw(address_of(one.secret, one.name, base.partition("//")[2])) for one in staff},
            phone=APPLICANTS_PHONE,
            photos=sorted(path.name for path in (folder / "samples" / PHOTO_FOLDER).iterdir()),
            s=states,
        )
    )
    target = folder / "index.html"
    target.write_text(page, encoding="utf-8")
    return target


def _told(path: Path, zh: str, en: str, verify: Callable[[Path], str]) -> Drop:
    """A list has no verdict of its own."""
    verdict = "" if path.suffix == ".csv" else verify(path)
    return Drop(path.name, zh, en, verdict, say(verdict) if verdict else None)


DOORS: Final = (
    Link("首页", "front page", "/"),
    Link("查验：扫码、文件、照片、名单、编号和姓名", "check: code, file, picture, list, number and name", "/verify"),
    Link("我的成绩与证书（用下面的登录码）", "my scores and certificate (codes below)", "/my"),
    Link("机构和工作人员（用下面的账户）", "institutions and staff (accounts below)", "/console"),
)


def _links(states: States) -> list[Link]:
    shown = [
        ("有效", "valid", states.valid),
        ("暂停使用", "suspended", states.suspended),
        ("已撤销", "revoked", states.revoked),
        ("已被更正后的版本取代", "superseded by a corrected version", states.superseded),
        ("已过有效期", "expired", states.expired),
    ]
    return [Link(zh, en, f"/v/{entry['token']}") for zh, en, entry in shown if entry is not None]


def _people(states: States, roll: Path, ask: Ask) -> list[SignIn]:
    """Each with an access code, as staff make one for a person who showed the document."""
    by_name = {decision["name"]: decision for decision in ask("decide")}
    with (roll / made_up_roll.CANDIDATES).open(encoding="utf-8-sig") as file:
        rows = {row["姓名"]: row for row in csv.DictReader(file)}
    retake = next(name for name, decision in by_name.items() if decision["state"] == "retake_open" and name in rows)
    people = [
        ("持证人，可下载证书", "a holder: download the certificate", rows[states.valid["name"]]),
        ("可参加补考的考生，可查成绩", "a candidate with a retake open: the scores", rows[retake]),
        ("纸质证书遗失、补发待批", "paper lost, its reissue waits", states.paper_waiting),
        ("纸质证书遗失、已补发电子证书", "paper lost, replaced by an electronic one", states.paper_replaced),
    ]
    signed = []
    for zh, en, row in people:
        number, kind = row["证件号码"], _id_type(row["证件类型"])
        made = ask("holder", "code", "--id-number", number, "--id-type", kind, "--by", MAKER)
        again = f"certsvc holder code --id-number {number}"
        again += "" if kind == IdType.RESIDENT_ID.value else f" --id-type {kind}"
        signed.append(SignIn(zh, en, row["姓名"], row["证件类型"], number, made["code"], again))
    return signed


def _drops(folder: Path, states: States) -> list[tuple[Path, str, str]]:
    services = open_services(Settings.from_environment())
    genuine = folder / "1-genuine.pdf"
    write_pdf(services, states.valid["number"], genuine, None)
    services.database.close()
    pdf = genuine.read_bytes()
    picture = pypdfium2.PdfDocument(pdf)[0].render(scale=2).to_pil().convert("RGB")
    photo = io.BytesIO()
    picture.rotate(4, Image.Resampling.BICUBIC, expand=True, fillcolor=(90, 90, 90)).save(photo, "JPEG", quality=60)
    scan = io.BytesIO()
    picture.save(scan, "PDF", resolution=144)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        credential = opened.attachments["credential.json"].get_file().read_bytes()
    listed = [("证书编号", "姓名")]
    listed += [(one["number"], one["name"]) for one in (states.valid, states.suspended, states.revoked)]
    listed += [(states.paper["证书编号"], states.paper["姓名"]), ("1234567890123456", "查无此人")]
    made = (
        (genuine, pdf, "电子证书原件", "the certificate as issued"),
        ("2-touched-by-mail.pdf", pdf + b"\r\n", "邮件网关在末尾加了一行", "a mail gateway added a line"),
        ("3-forged.pdf", forged(pdf, states.valid["name"]), "伪造：改了姓名", "forged: another name"),
        ("4-photo.jpg", photo.getvalue(), "手机拍的证书", "a photograph of it"),
        ("5-scanned.pdf", scan.getvalue(), "打印后又扫描", "printed and scanned"),
        ("6-credential.json", credential, "签名数据（JSON）", "the signed data"),
        ("7-list.csv", b"\xef\xbb\xbf" + "".join(f"{a},{b}\r\n" for a, b in listed).encode(), "名单", "a list"),
        ("8-something-else.pdf", _unrelated(), "不相干的文件", "a file of something else"),
    )
    drops = []
    for name, content, zh, en in made:
        path = name if isinstance(name, Path) else folder / name
        path.write_bytes(content)
        drops.append((path, zh, en))
    return drops


def forged(pdf: bytes, name: str) -> bytes:
    """Another name painted over the holder's, and written into the signed data within: neither signature fits."""
    other = "张三" if name != "张三" else "李四"
    with pikepdf.open(io.BytesIO(pdf)) as opened, pikepdf.open(_painted_over(pdf, name, other)) as paint:
        document = json.loads(opened.attachments["credential.json"].get_file().read_bytes())
        document["credentialSubject"]["name"] = other
        changed = json.dumps(document, ensure_ascii=False).encode()
        del opened.attachments["credential.json"]
        opened.attachments["credential.json"] = pikepdf.AttachedFileSpec(opened, changed)
        opened.pages[0].add_overlay(paint.pages[0])
        target = io.BytesIO()
        opened.save(target)
    return target.getvalue()


def _painted_over(pdf: bytes, name: str, other: str) -> io.BytesIO:
    """A page with nothing but a patch over the name and another name on it."""
    with pypdfium2.PdfDocument(pdf) as document:
        page = document[0]
        text, (width, height) = page.get_textpage(), page.get_size()
        found = text.search(name, match_case=True).get_next()
        if found is None:
            raise ValueError("the certificate does not show the name that it was asked to change")
        left, bottom, right, top = text.get_charbox(found[0], loose=True)
        for at in range(found[0], sum(found)):
            _, lower, right, upper = text.get_charbox(at, loose=True)
            bottom, top = min(bottom, lower), max(top, upper)
    pdfmetrics.registerFont(TTFont(FORGERS_FONT, str(fonts_folder() / f"{FORGERS_FONT}.ttf")))
    target = io.BytesIO()
    patch, size = canvas.Canvas(target, pagesize=(width, height)), (top - bottom) * 0.8
    wide = max(right - left, size * len(other))
    patch.setFillGray(1)
    patch.rect(left - 1, bottom - 3, wide + 2, top - bottom + 4, stroke=0, fill=1)
    patch.setFillGray(0)
    patch.setFont(FORGERS_FONT, size)
    patch.drawString(left, bottom + (top - bottom) * 0.22, other)
    patch.save()
    target.seek(0)
    return target


def _unrelated() -> bytes:
    target = io.BytesIO()
    page = canvas.Canvas(target, pagesize=A4)
    page.drawString(100, 700, "A letter that has nothing to do with any certificate")
    page.save()
    return target.getvalue()


def _id_type(zh: str) -> str:
    return next(kind.value for kind in IdType if kind.zh == zh)
