"""For whoever runs the site: alive, ready, and numbers to watch (Prometheus text format 0.0.4)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flask import Blueprint, Response
from sqlalchemy import func, select

from certsvc.errors import CertsvcError, Unavailable
from certsvc.services.messages_send import queue
from certsvc.services.publish_static import lists_valid_until, published_folder
from certsvc.store import ISSUED, CertificateRecord, LogHeadRecord
from certsvc.store.migrate import require_head
from certsvc.web.answers import json_answer
from certsvc.web.requests import respond
from certsvc.web.site import site

blueprint = Blueprint("operation", __name__)
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
    """Certificates by stored status, and the log's size. Nothing here names a certificate or a person."""
    lines = []
    try:
        with site().services.database.reading() as session:
            counted = session.execute(
                select(CertificateRecord.status, func.count())
                .where(CertificateRecord.stage == ISSUED)
                .group_by(CertificateRecord.status)
            ).all()
            size = session.scalar(select(LogHeadRecord.size)) or 0
        lines.append("# HELP certsvc_certificates Certificate versions in the register, by stored status.")
        lines.append("# TYPE certsvc_certificates gauge")
        lines += [f'certsvc_certificates{{status="{status}"}} {count}' for status, count in counted]
        lines += ["# HELP certsvc_log_leaves Leaves in the log.", "# TYPE certsvc_log_leaves gauge"]
        lines.append(f"certsvc_log_leaves {size}")
        lines += ["# HELP certsvc_messages Messages with holders' codes of about a day, by state."]
        lines.append("# TYPE certsvc_messages gauge")
        lines += [
            f'certsvc_messages{{state="{state}"}} {count}' for state, count in queue(site().services).counts.items()
        ]
        up = 1
    except Unavailable:
        up = 0
    until = _lists_valid_until()
    if until is not None:
        name = "certsvc_status_lists_valid_until_timestamp_seconds"
        lines += [f"# HELP {name} When the first published status list runs out.", f"# TYPE {name} gauge"]
        lines.append(f"{name} {until.timestamp():.0f}")
    lines += ["# HELP certsvc_database_up Whether the database answers.", "# TYPE certsvc_database_up gauge"]
    lines.append(f"certsvc_database_up {up}")
    return Response("\n".join(lines) + "\n", content_type=_METRICS)


def _lists_valid_until() -> datetime | None:
    try:
        return lists_valid_until(published_folder(site().services))
    except (OSError, ValueError, KeyError):
        return None  # a missing figure raises the alarm that a wrong one would hide
