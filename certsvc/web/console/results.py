"""Results: what is in, seen and late by exam; a file handed in; published; put right by two people (R2.2 to R2.7, R6).

What a correction, an annulment or a withdrawal would bring is shown before it is asked for, and asked for only as it
was shown. Not here: entitlement and scores (`rules`), what follows from a change (`services.results.follows`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from flask import Response, request

from certsvc.brought.names import plain_name
from certsvc.errors import CellError, ImportRefused, NotFound, Refused
from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.rules.result_correction import CorrectionReason
from certsvc.rules.terms import Subject
from certsvc.services.examination import exams as service
from certsvc.services.examination.exams import Exam
from certsvc.services.examination.import_results import import_results
from certsvc.services.examination.publish_results import publish_exam
from certsvc.services.imports import ImportReport
from certsvc.services.results import candidate, correct, one, sitting
from certsvc.services.results.follows import Follows
from certsvc.services.results.one import Correction, ToCorrect
from certsvc.services.results.sitting import NO_ROLL, Sitting
from certsvc.services.staff.roles import Deed
from certsvc.transparency.leaf import Act
from certsvc.web.console.desk import Desk, go, render, staff, typed, words
from certsvc.web.console.periods import period
from certsvc.web.problems import status_of
from certsvc.web.requests import address
from certsvc.web.site import site

desk = Desk("results", __name__)

PAGE: Final = 50
STATES: Final = ("overdue", "entered", "awaited", "published")
LARGEST_CORRECTIONS: Final = 256 * 1024  # carried by the page between looking and asking; a form holds 500 KB
_USUAL_DAYS: Final = 180
_MOST_SHOWN: Final = 200
_LARGEST_ID: Final = 2**31 - 1
_ACTS: Final = {"annul": Act.ANNULLED, "withdraw": Act.WITHDRAWN}


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would follow, as it is shown, and a digest of it: what is asked for is what was seen."""

    follows: dict[str, object]
    seen: str

    @classmethod
    def of(cls, follows: Follows) -> Foreseen:
        said = follows.as_json()
        return cls(said, hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest())

    def require_seen(self) -> None:
        """Raises `Refused` where the form was made of another foresight."""
        if typed("seen", 64) != self.seen:
            raise Refused(
                "后果与您看到的不一致，请再看一遍",
                "what would follow is not what you have seen; look again",
                rule="R2.5",
            )


@desk.page("/console/results", Deed.READ_RESULTS)
def list_() -> Response:
    """The exams of a period; by the address those in one state alone."""
    since, until = period(*_usual())
    found = service.exams(site().services, since, until)
    wanted = request.args.get("state", "")
    counts = {state: sum(one.state == state for one in found) for state in STATES}
    shown = [one for one in found if wanted not in STATES or one.state == wanted]
    return render(
        "results.html",
        found=shown[:_MOST_SHOWN],
        left=max(0, len(shown) - _MOST_SHOWN),
        counts=counts,
        state=wanted,
        states=STATES,
        since=since,
        until=until,
    )


@desk.page("/console/results/exam", Deed.READ_RESULTS)
def show() -> Response:
    return _exam_page(_exam(request.args))


@desk.form("/console/results/publish", Deed.PUBLISH_RESULTS, again=True)
def publish() -> Response:
    """Let the candidates see an exam's results, all that are on record."""
    exam = _exam(request.form)
    try:
        count = publish_exam(site().services, exam, by=staff().name)
    except Refused as error:
        return _exam_page(exam, error=words(error), status=status_of(error))
    return go(f"{_address(exam)}&published={count}")


@desk.form("/console/results/exam/look", Deed.PROPOSE_RESULTS)
def look_at_exam() -> Response:
    """What an annulment or a withdrawal of a whole exam would bring."""
    exam = _exam(request.form)
    try:
        foreseen = _foresee_exam(exam)
    except Refused as error:
        return _exam_page(exam, error=words(error), status=status_of(error))
    return _exam_page(exam, foreseen=foreseen)


@desk.form("/console/results/exam/propose", Deed.PROPOSE_RESULTS, again=True)
def propose_exam() -> Response:
    """Ask for it, as it was seen."""
    exam = _exam(request.form)
    foreseen = None
    try:
        foreseen = _foresee_exam(exam)
        foreseen.require_seen()
        asked = sitting.propose(
            site().services,
            _act(),
            _sitting_of(exam),
            reason=typed("reason", 600),
            evidence=typed("evidence", 200),
            by=staff().name,
        )
    except Refused as error:
        return _exam_page(exam, error=words(error), foreseen=foreseen, status=status_of(error))
    return go(f"/console/approvals/{asked.approval_id}")


@desk.page("/console/results/new", Deed.ENTER_RESULTS)
def new() -> Response:
    return _upload_page()


@desk.form("/console/results/new", Deed.ENTER_RESULTS)
def upload() -> Response:
    """A file of results: recorded, all of it or nothing; or checked alone."""
    here = site()
    try:
        with here.gate.turn(address()), _brought("results-") as path:
            report = import_results(here.services, path, by=staff().name, dry_run="check" in request.form)
    except ImportRefused as error:
        return _upload_page(error=words(error), cells=error, status=422)
    except Refused as error:
        return _upload_page(error=words(error), status=status_of(error))
    return _upload_page(report=report)


@desk.form("/console/results/find", Deed.READ_RESULTS)
def find() -> Response:
    """A candidate by identity number or name; by a form, since no identity number stands in an address."""
    id_number, name = typed("id_number", 60), typed("name", 100)
    found = candidate.find(site().services, id_number=id_number, name=name, most=PAGE) if id_number or name else []
    return render("candidates.html", found=found, id_number=id_number, name=name)


@desk.page("/console/results/of/<int(max=2147483647):enrolment_id>", Deed.READ_RESULTS)
def of(enrolment_id: int) -> Response:
    return render("candidate.html", it=candidate.results(site().services, enrolment_id))


@desk.page("/console/results/correct", Deed.PROPOSE_RESULTS)
def correction() -> Response:
    return _correction_page(_to_correct(request.args.get("attempt", "")))


@desk.form("/console/results/correct", Deed.PROPOSE_RESULTS)
def look_at_correction() -> Response:
    """What the correction of one result would bring."""
    it = _to_correct(typed("attempt", 12))
    try:
        foreseen = Foreseen.of(one.foresee(site().services, it.attempt_id, _wanted(it)))
    except Refused as error:
        return _correction_page(it, error=error)
    return _correction_page(it, foreseen=foreseen)


@desk.form("/console/results/correct/propose", Deed.PROPOSE_RESULTS, again=True)
def propose_correction() -> Response:
    """Ask for it, as it was seen."""
    it = _to_correct(typed("attempt", 12))
    services, foreseen = site().services, None
    try:
        wanted = _wanted(it)
        foreseen = Foreseen.of(one.foresee(services, it.attempt_id, wanted))
        foreseen.require_seen()
        asked = one.propose(services, it.attempt_id, wanted, by=staff().name)
    except Refused as error:
        return _correction_page(it, error=error, foreseen=foreseen)
    return go(f"/console/approvals/{asked.approval_id}")


@desk.page("/console/results/corrections", Deed.PROPOSE_RESULTS)
def corrections() -> Response:
    return _corrections_page()


@desk.form("/console/results/corrections", Deed.PROPOSE_RESULTS)
def look_at_corrections() -> Response:
    """What a file of corrections would bring; the page carries it until it is asked for."""
    here = site()
    try:
        with here.gate.turn(address()), _brought("") as path:
            content = _small_enough(path)
            foreseen, warnings = _foresee_file(path)
    except ImportRefused as error:
        return _corrections_page(error=words(error), cells=error, status=422)
    except Refused as error:
        return _corrections_page(error=words(error), status=status_of(error))
    kept = {"name": path.name, "file": base64.b64encode(content).decode()}
    return _corrections_page(foreseen=foreseen, warnings=warnings, kept=kept)


@desk.form("/console/results/corrections/propose", Deed.PROPOSE_RESULTS, again=True)
def propose_corrections() -> Response:
    """Ask for it, as it was seen."""
    kept = {"name": plain_name(typed("name", 200)), "file": request.form.get("file", "")}
    foreseen = None
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = _beside(Path(folder), kept["name"])
            path.write_bytes(base64.b64decode(kept["file"], validate=True))
            foreseen, _ = _foresee_file(path)
            if foreseen is not None:
                foreseen.require_seen()
            done = correct.propose(site().services, path, by=staff().name)
    except binascii.Error:
        return _corrections_page(error=words(_no_file()), status=422)
    except ImportRefused as error:
        return _corrections_page(error=words(error), cells=error, status=422)
    except Refused as error:
        return _corrections_page(error=words(error), foreseen=foreseen, kept=kept, status=status_of(error))
    if done.request is None:
        return _corrections_page(kept=kept)
    return go(f"/console/approvals/{done.request.approval_id}")


def _exam(given: Mapping[str, str]) -> Exam:
    """The exam that an address or a form names. Raises `NotFound`."""
    subject = Subject.known(given.get("subject", ""))
    number = given.get("sitting", "") or "0"
    try:
        day = date.fromisoformat(given.get("day", "")[:10])
    except ValueError:
        day = date.min
    plain = number.isascii() and number.isdigit() and int(number[:12]) <= _LARGEST_ID
    if subject is None or not plain or day == date.min:
        raise NotFound("没有该场考试", "there is no such exam", rule="R6")
    return Exam(day, subject, int(number) or None)


def _address(exam: Exam) -> str:
    return f"/console/results/exam?day={exam.day}&subject={exam.subject.value}&sitting={exam.sitting or 0}"


def _sitting_of(exam: Exam) -> Sitting:
    return Sitting(exam.day, exam.subject, roll=exam.sitting or NO_ROLL)


def _act() -> Act:
    """Raises `Refused`."""
    act = _ACTS.get(typed("act", 12))
    if act is None:
        raise Refused("请选择作废或撤回", "choose: annul or withdraw", where="act")
    return act


def _foresee_exam(exam: Exam) -> Foreseen:
    act = _act()
    if not typed("reason", 600):
        raise Refused("须写明原因", "say why", where="reason")
    return Foreseen.of(sitting.foresee(site().services, act, _sitting_of(exam)))


def _exam_page(exam: Exam, *, error: str = "", foreseen: Foreseen | None = None, status: int = 200) -> Response:
    after = request.args.get("after", "0")
    start = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
    shown, found = service.results_of(site().services, exam, after=start, most=PAGE + 1)
    published = request.args.get("published", "")
    fields = ("act", "reason", "evidence")
    return render(
        "exam.html",
        status=status,
        it=shown,
        address=_address(exam),
        found=found[:PAGE],
        more=found[PAGE - 1].attempt_id if len(found) > PAGE else None,
        start=start,
        error=error,
        foreseen=foreseen,
        kept={name: typed(name, 600) if request.method == "POST" else "" for name in fields},
        fields=_fields_of(exam) | {name: typed(name, 600) for name in fields},
        published=published if published.isascii() and published.isdigit() else "",
    )


def _fields_of(exam: Exam) -> dict[str, str]:
    return {"day": exam.day.isoformat(), "subject": exam.subject.value, "sitting": str(exam.sitting or 0)}


def _to_correct(text: str) -> ToCorrect:
    """Raises `NotFound`."""
    plain = text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= _LARGEST_ID
    return one.to_correct(site().services, int(text) if plain else 0)


def _wanted(it: ToCorrect) -> Correction:
    """What was typed. Raises `Refused`."""
    outcome = Outcome.known(typed("outcome", 20))
    code = CorrectionReason.known(typed("code", 20))
    if outcome is None or code is None:
        raise Refused("请选择结果和原因", "choose the outcome and the reason", where="outcome")
    items = {item.code: typed(f"item-{item.code}", 20) for item in it.items}
    return Correction(outcome, typed("score", 20), items, code, typed("reason", 600), typed("evidence", 200))


def _correction_page(it: ToCorrect, *, error: Refused | None = None, foreseen: Foreseen | None = None) -> Response:
    said = it.says.as_json()
    items = said["items"]
    assert isinstance(items, dict)
    on_record = {"outcome": it.says.outcome, "score": "" if items else said["score"] or ""}
    on_record |= {f"item-{item.code}": items.get(item.code, "") for item in it.items}
    kept = {name: typed(name, 600) if request.method == "POST" else text for name, text in on_record.items()}
    kept |= {name: typed(name, 600) for name in ("code", "reason", "evidence")}
    return render(
        "correction.html",
        status=200 if error is None else status_of(error),
        it=it,
        kind=AttemptKind.of(it.kind),
        was=said,
        outcomes=tuple(Outcome),
        codes=tuple(CorrectionReason),
        kept=kept,
        error="" if error is None else words(error),
        where="" if error is None else error.where or "",
        foreseen=foreseen,
        fields={"attempt": str(it.attempt_id)} | kept,
    )


def _foresee_file(path: Path) -> tuple[Foreseen | None, tuple[CellError, ...]]:
    """What a file of corrections would bring; None where every row says what is on record."""
    looked = correct.propose(site().services, path, by=staff().name, dry_run=True)
    return None if looked.request is None else Foreseen.of(looked.request.follows), looked.warnings


def _corrections_page(
    *,
    error: str = "",
    cells: ImportRefused | None = None,
    foreseen: Foreseen | None = None,
    warnings: tuple[CellError, ...] = (),
    kept: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    faults = () if cells is None else cells.errors
    return render(
        "corrections.html",
        status=status,
        error=error,
        faults=faults[:_MOST_SHOWN],
        left=max(0, len(faults) - _MOST_SHOWN),
        warnings=warnings[:_MOST_SHOWN],
        foreseen=foreseen,
        fields=kept or {},
        unchanged=kept is not None and foreseen is None and not error,
    )


def _upload_page(
    *, error: str = "", cells: ImportRefused | None = None, report: ImportReport | None = None, status: int = 200
) -> Response:
    faults = () if cells is None else cells.errors
    return render(
        "results_file.html",
        status=status,
        error=error,
        faults=faults[:_MOST_SHOWN],
        left=max(0, len(faults) - _MOST_SHOWN),
        report=report,
    )


@contextmanager
def _brought(prefix: str) -> Iterator[Path]:
    """The file that was sent, under its own name, for as long as it is read. Raises `Refused` for none."""
    brought = request.files.get("file")
    if brought is None or not brought.filename:
        raise _no_file()
    with tempfile.TemporaryDirectory() as folder:
        path = _beside(Path(folder), prefix + plain_name(brought.filename))
        brought.save(path)
        yield path


def _small_enough(path: Path) -> bytes:
    """What the page can carry. Raises `Refused`."""
    if path.stat().st_size > LARGEST_CORRECTIONS:
        raise Refused(
            "文件超过 256 KB，请拆开，或用命令 certsvc results correct",
            "the file is over 256 KB: split it, or use certsvc results correct",
            where="file",
        )
    return path.read_bytes()


def _no_file() -> Refused:
    return Refused("请选择文件", "choose a file", where="file")


def _beside(folder: Path, name: str) -> Path:
    """A place in the folder; a name that leads out of it has lost its folders before (`plain_name`)."""
    return folder / (name if name not in {"", ".", ".."} else "_")


def _usual() -> tuple[date, date]:
    today = site().services.today()
    return today - timedelta(days=_USUAL_DAYS), today


def overdue_now() -> int:
    """How many exams of the usual period are overdue."""
    return service.overdue_exams(site().services, *_usual())
