"""Shared settings of the tests: Hypothesis profiles, that CI skips nothing, and what coverage is counted in."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings

IN_CI = bool(os.environ.get("CI"))
LONG = {"slow", "conformance"}

settings.register_profile("default", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if IN_CI else "default")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """The long campaigns are not counted: the rules are covered by the quick tests, or they are not stated."""
    measuring = Coverage.current()
    if measuring is None or not LONG.intersection(mark.name for mark in item.iter_markers()):
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that is skipped has failed in CI, whatever it lacked: there everything must be there."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"CI must run this test. {_why(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a file of tests that leaves itself out (`importorskip`)."""
    report = yield
    if IN_CI and report.skipped:
        report.outcome, report.longrepr = "failed", f"CI must run these tests. {_why(report)}"
    return report


def _why(report: pytest.TestReport | pytest.CollectReport) -> str:
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
