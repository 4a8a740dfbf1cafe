"""schemathesis, which others wrote, asks the API what its own description allows and much that it does not.

Both kinds of input, good and bad, and our own corpora of hostile text: no answer is a fault of ours, each has a status,
a media type and a body that the description names. Bounded and derandomised: the same requests each time.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi import checks as openapi

from tests.builders.site import PAPER_NAME, PAPER_NUMBER, Register
from tests.web.test_hostile import NAMES, TOKENS

EXAMPLES = 60
HOSTILE = [
    *NAMES,
    "\ufeff",
    "\u202e\u2066",
    "%00",
    "A" * 100_000,
    "１２３４",
    "1e400",
    "-0",
    "null",
    "=cmd|' /C calc'!A0",
    "%s%n%x",
    "\r\nSet-Cookie: a=b",
    "🧑‍🚒" * 50,
]
OPERATIONS = [
    ("/api/v1/certificates/{token}", "GET"),
    ("/api/v1/verifications", "POST"),
    ("/api/v1/results", "POST"),
]
CHECKS = (
    schemathesis.checks.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
    openapi.negative_data_rejection,
)


@pytest.fixture(scope="module")
def described(app: Flask) -> Any:
    """The API as schemathesis reads it from its own address."""
    generation = GenerationConfig(
        modes=[schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE],
        max_examples=EXAMPLES,
        deterministic=True,
    )
    config = SchemathesisConfig(seed=1, projects=ProjectsConfig(default=ProjectConfig(generation=generation)))
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=config)


def _bounded(test: Any) -> Any:
    return settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(test)


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_the_description_names(described: Any, path: str, method: str, mode: Any) -> None:
    operation = described[path][method]

    @_bounded
    @given(case=operation.as_strategy(generation_mode=mode))
    def asked(case: Any) -> None:
        # In a form every value is text: what should have been a list arrives as a file with that text. No fault.
        in_form = case.media_type == "multipart/form-data"
        case.call_and_validate(checks=CHECKS[:-1] if in_form else CHECKS)

    asked()


@pytest.mark.parametrize("text", [*HOSTILE, *TOKENS], ids=range(len(HOSTILE) + len(TOKENS)))
def test_hostile_text_gets_an_answer_the_description_names(described: Any, register: Register, text: str) -> None:
    reading, asking = (described[path][method] for path, method in OPERATIONS[:2])
    if text:  # an empty path is another address
        reading.Case(path_parameters={"token": text}).call_and_validate(checks=CHECKS)
    bodies: list[object] = [
        {"number": text, "name": text},
        {"number": register.valid.number, "name": text},
        {"number": text, "name": PAPER_NAME},
        {"rows": [{"number": PAPER_NUMBER, "name": text}, {"number": text, "name": PAPER_NAME}]},
        {"number": text},
        {text: text},
        [text],
        text,
    ]
    for body in bodies:
        asking.Case(body=body, media_type="application/json").call_and_validate(checks=CHECKS)
    for name in ("file", "list"):
        sent = {name: text.encode("utf-8", "replace")}
        asking.Case(body=sent, media_type="multipart/form-data").call_and_validate(checks=CHECKS)


@_bounded
@given(secret=st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60))
def _no_key_is_a_fault(described: Any, secret: str) -> None:
    operation = described[OPERATIONS[0][0]]["GET"]
    case = operation.Case(path_parameters={"token": "a" * 26}, headers={"Authorization": f"Bearer {secret}"})
    case.call_and_validate(checks=CHECKS)


def test_no_key_is_a_fault(described: Any) -> None:
    _no_key_is_a_fault(described)
