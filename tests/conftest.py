"""Shared settings of the tests: Hypothesis profiles, that CI skips nothing, and what coverage is counted in."""

from __future__ import annotations

import os
from collections.abc import Generator
from collections.abc import Set as AbstractSet
from pathlib import Path
from sqlite3.dump import _iterdump

import pytest
from argon2 import PasswordHasher
from coverage import Coverage
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection, inspect

from certsvc.services.staff import passwords
from certsvc.store import migrate

IN_CI = bool(os.environ.get("CI"))
LONG = {"slow", "conformance"}

settings.register_profile("default", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if IN_CI else "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of the files that take longest."""
    here = Path(__file__).parent
    lines = (here / "long_files.txt").read_text("utf-8").splitlines()
    long = {here.parent / line for line in lines if not line.startswith("#")}
    for item in items:
        if item.path in long:
            item.add_marker(pytest.mark.long)


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A set has another order in each process: the workers would collect different tests, and none would run."""
    for mark in metafunc.definition.iter_markers("parametrize"):
        values = mark.args[1] if len(mark.args) > 1 else mark.kwargs.get("argvalues")
        if isinstance(values, AbstractSet):
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: its cases are a set; use `sorted`.")


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


@pytest.fixture(scope="session", autouse=True)
def _migrated_once() -> Generator[None]:
    """The migrations of an empty SQLite database run once a process; each further one gets the tables they made.

    They were a third of the time of the tests. Every other way (from an earlier revision, PostgreSQL, another process)
    goes through the migrations themselves.
    """
    by_migrations, made = migrate.bring, list[str]()

    def bring(connection: Connection, to: str) -> None:
        if connection.dialect.name != "sqlite" or to != migrate.head() or inspect(connection).get_table_names():
            by_migrations(connection, to)
        elif made:
            for statement in made:
                connection.exec_driver_sql(statement)
        else:
            by_migrations(connection, to)
            written = _iterdump(connection.connection.driver_connection)
            made.extend(line for line in written if line not in {"BEGIN TRANSACTION;", "COMMIT;"})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "bring", bring)
        yield


@pytest.fixture(scope="session", autouse=True)
def _passwords_hashed_lightly() -> Generator[None]:
    """A hash as it is shipped takes a fifth of a second, and each member of the staff needs several; those that are
    shipped are tested in `services/staff/test_passwords.py`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield
