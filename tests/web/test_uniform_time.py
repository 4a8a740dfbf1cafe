"""R10: unknown, wrong name and malformed take the same time, by a Kolmogorov–Smirnov test over 2,000 requests."""

from __future__ import annotations

import bisect
import itertools
import math
import random
import time

import pytest
from flask.testing import FlaskClient

from tests.builders.site import Register

REQUESTS = 2001
ROUNDS = 3


def _p_value(one: list[float], other: list[float]) -> float:
    """The two-sample Kolmogorov–Smirnov p-value, by the asymptotic series."""
    one, other = sorted(one), sorted(other)
    distance = max(
        abs(bisect.bisect_right(one, x) / len(one) - bisect.bisect_right(other, x) / len(other)) for x in one + other
    )
    effective = math.sqrt(len(one) * len(other) / (len(one) + len(other)))
    t = (effective + 0.12 + 0.11 / effective) * distance
    return min(1.0, max(0.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * t * t) for k in range(1, 101))))


def test_the_statistic_tells_distributions_apart() -> None:
    even = [i / 600 for i in range(600)]
    assert _p_value(even, [x + 0.0001 for x in even]) > 0.9
    assert _p_value(even, [x + 0.2 for x in even]) < 0.001


@pytest.mark.slow
def test_unknown_wrong_name_and_malformed_take_the_same_time(client: FlaskClient, register: Register) -> None:
    asked = {
        "unknown": {"number": "2563010009999999", "name": "张三"},
        "wrong name": {"number": register.valid.number, "name": "张三"},
        "malformed": {"number": "\x00 no number", "name": ""},
    }
    # Equal times too come out below 0.05 one time in eight, over three pairs; a difference does so every time.
    rounds = [_p_values(client, asked)]
    while min(rounds[-1].values()) <= 0.05 and len(rounds) < ROUNDS:
        rounds.append(_p_values(client, asked))
    assert min(rounds[-1].values()) > 0.05, rounds


def _p_values(client: FlaskClient, asked: dict[str, dict[str, str]]) -> dict[tuple[str, str], float]:
    """One round of requests, in an order that no rhythm of the machine's can follow."""
    kinds = random.sample([*asked] * (REQUESTS // len(asked)), REQUESTS)
    times: dict[str, list[float]] = {kind: [] for kind in asked}
    for kind in kinds:
        start = time.perf_counter()
        assert client.post("/api/v1/verifications", json=asked[kind]).status_code == 404
        times[kind].append(time.perf_counter() - start)
    return {(one, other): _p_value(times[one], times[other]) for one, other in itertools.combinations(asked, 2)}
