"""Signing in at a directory on another site, in a real browser: cookies come along where they must, nowhere else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from certsvc.directory.oidc import Provider
from certsvc.services.staff import accounts
from certsvc.web.site import EXTENSION
from tests.browser.test_console import Console, serving
from tests.builders.provider import RunningProvider, provider
from tests.builders.site import make_register
from tests.web.conftest import GENEROUS

__all__ = ["provider"]  # a fixture
pytestmark = pytest.mark.browser
SUBJECT = "u-reviewer"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Console]:
    with serving(make_register(tmp_path_factory.mktemp("directory"), **GENEROUS)) as made:
        yield made


@pytest.fixture
def elsewhere(console: Console, provider: RunningProvider) -> Console:
    """The console at localhost, and its directory at 127.0.0.1, which is another site to a browser."""
    issuer = provider.issuer.replace("localhost", "127.0.0.1")
    app = console._server.app
    there = app.extensions[EXTENSION]  # type: ignore[attr-defined]
    directory = Provider(issuer, "certsvc", provider.secret_file, f"{console.base}/console/directory/back")
    app.extensions[EXTENSION] = dataclasses.replace(there, directory=directory)  # type: ignore[attr-defined]
    accounts.do_alone(
        console.services, accounts.binding(console.members["administrator"].name, issuer, SUBJECT), by="root"
    )
    return console


def at_the_directory(page: Page) -> None:
    page.wait_for_url("http://127.0.0.1:*/**")
    page.fill("input[name=sub]", SUBJECT)
    page.click("button[type=submit] >> nth=0")


def test_one_signs_in_there_and_again_for_a_deed(browser: Browser, elsewhere: Console) -> None:
    page = browser.new_context(locale="zh-CN").new_page()
    page.goto(f"{elsewhere.base}/console/accounts")
    page.click("text=用本机构的目录登录")
    at_the_directory(page)
    page.wait_for_url(f"{elsewhere.base}/console/accounts")
    assert elsewhere.members["administrator"].name in page.content()
    with elsewhere.services.database.writing() as session:  # five minutes pass
        session.connection().exec_driver_sql(
            "update staff_session set confirmed_at = '2020-01-01 00:00:00' where factor = 'directory'"
        )
    page.goto(f"{elsewhere.base}/console/accounts/maker1")
    page.click("form[action$=disable] button")
    with page.context.expect_page() as opened:
        page.click("text=到目录重新登录")
    other = opened.value
    at_the_directory(other)
    other.wait_for_url(f"{elsewhere.base}/console/directory/confirmed")
    assert "已重新验证" in other.content()
    page.click("text=已在目录验证，继续")
    page.wait_for_url(f"{elsewhere.base}/console/accounts/maker1")
    assert accounts.account_named(elsewhere.services, "maker1").disabled_at is not None
    accounts.enable(elsewhere.services, "maker1", by="root")
