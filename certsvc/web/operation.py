"""For anyone who runs the site: alive, ready, and numbers to watch (Prometheus text format 0.0.4)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from flask import Blueprint, Response
from sqlalchemy import func, select

from certsvc.credential.status import Status
from certsvc.credential.wording import RECORD_STATES
from certsvc.errors import CertsvcError, Unavailable
from certsvc.services.notices import listing
from certsvc.services.notices.send import queue
from certsvc.services.operation import answer_counts
from certsvc.services.operation.answer_counts import Figure
from certsvc.services.publishing.static import lists_valid_until
from certsvc.services.records import number_ranges
from certsvc.store import RESERVED, CertificateRecord, LogHeadRecord
from certsvc.store.migrate import require_head
from certsvc.web.answers import json_answer
from certsvc.web.figures import ANSWERS, BUCKETS, CONTRADICTED, LIMITED, MICROSECONDS, OVER, SCAN, SECONDS
from certsvc.web.limits import Kind
from certsvc.web.requests import respond
from certsvc.web.site import site

blueprint = Blueprint("operation", __name__)
_SCANNED: Final = tuple(state for state in RECORD_STATES if not state.startswith("paper"))
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"


@blueprint.get("/healthz")
def alive() -> Response:
    """The process answers; nothing else is asked."""
    return respond(json_answer({"status": "alive"}))


@blueprint.get("/readyz")
def ready() -> Response:
    """The database answers and has this program's shape."""
    try:
        require_head(site().services.database)
    except CertsvcError as error:
        return respond(json_answer({"status": "not ready", "why": error.code}, 503))
    except Exception as error:  # whatever the driver raises, the answer is "not ready"
        return respond(json_answer({"status": "not ready", "why": type(error).__name__}, 503))
    return respond(json_answer({"status": "ready"}))


@blueprint.get("/metrics")
def metrics() -> Response:
    """The register's, the log's and the site's figures. Nothing here names a certificate, a person or an address."""
    site().figures.flush()
    lines: list[str] = []
    up = 1
    try:
        lines += _register() + _messages() + _answers()
    except Unavailable:
        up = 0
    lines += _published()
    lines += _metric("database_up", "gauge", "Whether the database answers.", {"": up})
    return Response("\n".join(lines) + "\n", content_type=_METRICS)


def _metric(name: str, kind: str, what: str, values: Mapping[str, float]) -> list[str]:
    """One metric's lines; `values` by their labels, written out."""
    head = [f"# HELP certsvc_{name} {what}", f"# TYPE certsvc_{name} {kind}"]
    return [*head, *(f"certsvc_{name}{labels} {value:.10g}" for labels, value in values.items())]


def _register() -> list[str]:
    with site().services.database.reading() as session:
        # By two indexes: what is asked of rows themselves reads the signed bytes in them past.
        status, stage = CertificateRecord.status, CertificateRecord.stage
        counted = dict(session.execute(select(status, func.count()).group_by(status)).all())
        reserved = session.execute(select(func.count()).where(stage == RESERVED)).scalar_one()
        size = session.scalar(select(LogHeadRecord.size)) or 0
        used = list(number_ranges.uses(session, site().services.today().year))
    # A version is any text; a key has a form that needs no escaping. Of several versions, the one that ends first.
    left = {f'{{scheme="{one.key}"}}': one.left for one in sorted(used, key=lambda one: one.left, reverse=True)}
    short = sum(one.is_short for one in used)
    counted[Status.VALID.value] = counted.get(Status.VALID.value, 0) - reserved
    by_status = {f'{{status="{status}"}}': count for status, count in counted.items() if count}
    return [
        *_metric("certificates", "gauge", "Certificate versions in the register, by stored status.", by_status),
        *_metric("log_leaves", "gauge", "Leaves in the log.", {"": size}),
        *_metric("numbers_left", "gauge", "Certificate numbers left this year, by scheme.", left),
        *_metric("numbers_short", "gauge", "Schemes with less than a fifth of their numbers left.", {"": short}),
    ]


def _messages() -> list[str]:
    counts = {f'{{state="{state}"}}': count for state, count in queue(site().services).counts.items()}
    lines = _metric("messages", "gauge", "Messages with holders' codes of about a day, by state.", counts)
    notices = {f'{{state="{state}"}}': count for state, count in listing.counts(site().services).items()}
    return lines + _metric("notices", "gauge", "Notices to candidates and holders, by state.", notices)


def _answers() -> list[str]:
    # A counter that is not there yet has no increase: each that an alarm may go by begins at 0.
    expected = [Figure(ANSWERS, SCAN, state) for state in _SCANNED] + [Figure(LIMITED, kind) for kind in Kind]
    found = dict.fromkeys(expected, 0) | answer_counts.read(site().services.database)
    answers = {f'{{way="{f.first}",state="{f.second}"}}': n for f, n in sorted(found.items()) if f.name == ANSWERS}
    limited = {f'{{kind="{f.first}"}}': n for f, n in sorted(found.items()) if f.name == LIMITED}
    lines = _metric("answers_total", "counter", "Answers given, by way and state.", answers)
    withheld = found.get(Figure(CONTRADICTED, "register"), 0)
    what = "Answers withheld, since the row contradicts the log."
    lines += _metric("contradicted_total", "counter", what, {"": withheld})
    lines += _metric("limited_total", "counter", "Attempts refused for asking too often, by limit.", limited)
    name = "answer_seconds"
    lines += [f"# HELP certsvc_{name} Time to an answer, by way.", f"# TYPE certsvc_{name} histogram"]
    for way in sorted({f.first for f in found if f.name == SECONDS}):
        seen = 0
        for bound in (*map(str, BUCKETS), OVER):
            seen += found.get(Figure(SECONDS, way, bound), 0)
            lines.append(f'certsvc_{name}_bucket{{way="{way}",le="{bound}"}} {seen}')
        spent = found.get(Figure(MICROSECONDS, way), 0) / 1e6
        lines += [f'certsvc_{name}_sum{{way="{way}"}} {spent}', f'certsvc_{name}_count{{way="{way}"}} {seen}']
    return lines


def _published() -> list[str]:
    """What verifiers elsewhere have: a figure that cannot be read is missing, which raises the alarm."""
    folder = site().services.folders.published
    lines: list[str] = []
    with suppress(OSError, ValueError, KeyError):
        until = lists_valid_until(folder)
        if until is not None:
            name, what = "status_lists_valid_until_timestamp_seconds", "When the first published status list runs out."
            lines += _metric(name, "gauge", what, {"": round(until.timestamp())})
    with suppress(OSError, ValueError, IndexError):
        checkpoint = folder / "log" / "checkpoint"
        size = int(checkpoint.read_text("utf-8").split("\n")[1])
        lines += _metric("log_published_leaves", "gauge", "Leaves under the published head of the log.", {"": size})
        name, what = "log_published_timestamp_seconds", "When the published head of the log was written."
        lines += _metric(name, "gauge", what, {"": round(checkpoint.stat().st_mtime)})
    return lines
