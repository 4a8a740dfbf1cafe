"""The figures that an operator's alarms go by (docs/deploy/prometheus.yml)."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from certsvc.app import create_app
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.holders.codes_by_message import send_due
from certsvc.services.holders.sign_in import request_code
from certsvc.services.publishing.static import publish_static
from certsvc.services.publishing.status_lists import LIFE
from tests.builders.site import Register

RULES = Path(__file__).parents[2] / "docs" / "deploy" / "prometheus.yml"


def figures(register: Register) -> dict[str, float]:
    client = create_app(register.settings, services=register.services).test_client()
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.split() for line in lines if not line.startswith("#"))}


def test_the_figures_say_how_long_verifiers_still_know_the_status(own: Register) -> None:
    publish_static(own.services)
    until = figures(own)["certsvc_status_lists_valid_until_timestamp_seconds"]
    assert timedelta(0) <= own.services.now() + LIFE - datetime.fromtimestamp(until, UTC) <= LIFE / 2


def test_a_code_that_was_asked_for_is_counted_until_it_is_sent(own: Register) -> None:
    held = own.valid
    request_code(own.services, held.name, IdentityDocument(IdType.RESIDENT_ID, held.id_number))
    assert figures(own)['certsvc_messages{state="asked"}'] == 1
    send_due(own.services)
    after = figures(own)
    assert (after['certsvc_messages{state="asked"}'], after['certsvc_messages{state="sent"}']) == (0, 1)
    assert after['certsvc_notices{state="failed"}'] == 0


def test_without_published_lists_the_figure_is_missing_so_that_its_absence_alarms(own: Register) -> None:
    shutil.rmtree(own.services.folders.published, ignore_errors=True)
    assert "certsvc_status_lists_valid_until_timestamp_seconds" not in figures(own)


def test_every_figure_an_alarm_goes_by_is_there(own: Register) -> None:
    publish_static(own.services)
    named = set(re.findall(r"certsvc_[a-z_]+", "\n".join(re.findall(r"expr: (.*)", RULES.read_text("utf-8")))))
    assert named
    assert named <= {name.split("{")[0] for name in figures(own)}
