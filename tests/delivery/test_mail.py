"""Handing one mail over to a real server: over TLS, with a password, once; and no error names an address (R10)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.delivery.mail import UNSURE, Mail, SmtpMailer
from certsvc.delivery.sms import NotSent
from certsvc.errors import Refused
from tests.builders.gateway import tls_for_this_machine
from tests.builders.post_office import PASSWORD, USER, PostOffice, post_office

__all__ = ["post_office"]  # fixture
AT = datetime(2026, 11, 28, 4, 0, tzinfo=UTC)
TO = "holder@example.org"
MAIL = Mail("ab" * 16, TO, "示例机构：通知 Notice", "您的成绩已可查询。\n\n.leading dot\nYour results are out.\n")
FROM = "notices@authority.example"


def test_a_mail_arrives_whole_with_an_id_that_stays(post_office: PostOffice) -> None:
    mailer = SmtpMailer(post_office.url, FROM)
    mailer.send(MAIL, AT)
    mailer.send(MAIL, AT)
    first, second = post_office.taken
    assert (first["subject"], first["from"], first["to"]) == (MAIL.subject, FROM, TO)
    assert first.get_content().splitlines() == MAIL.text.splitlines()
    assert first["message-id"] == second["message-id"] == f"<{MAIL.id}@authority.example>"
    assert first["auto-submitted"] == "auto-generated"
    assert post_office.recipients == [TO, TO]


def test_the_line_is_encrypted_and_the_password_shown_where_the_server_asks(
    socket_enabled: None, tmp_path: Path
) -> None:
    server, client = tls_for_this_machine(tmp_path)
    office = PostOffice(server, with_password=True)
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n", "utf-8")
    try:
        url = office.url.replace("smtp://", f"smtp://{USER}@")
        SmtpMailer(url, FROM, password, client).send(MAIL, AT)
        assert office.encrypted == [True]
        with pytest.raises(NotSent) as strange:
            SmtpMailer(url, FROM, password).send(MAIL, AT)  # no one vouches for the server
        assert (strange.value.fault, strange.value.again) == ("tls", True)
        password.write_text("another\n", "utf-8")
        with pytest.raises(NotSent) as wrong:
            SmtpMailer(url, FROM, password, client).send(MAIL, AT)
        assert (wrong.value.fault, wrong.value.again) == ("sign-in", True)
    finally:
        office.close()
    assert len(office.taken) == 1


@pytest.mark.parametrize(("answer", "again"), [("451 later", True), ("554 never", False)])
def test_what_the_server_says_tells_whether_another_try_helps(
    post_office: PostOffice, answer: str, again: bool
) -> None:
    post_office.answers = [answer]
    with pytest.raises(NotSent) as refused:
        SmtpMailer(post_office.url, FROM).send(MAIL, AT)
    assert (refused.value.fault, refused.value.again) == (f"smtp-{answer[:3]}", again)


def test_a_mailbox_that_is_not_there_is_given_up_and_not_named(post_office: PostOffice) -> None:
    post_office.refuses_recipients = True
    with pytest.raises(NotSent) as refused:
        SmtpMailer(post_office.url, FROM).send(MAIL, AT)
    assert (refused.value.fault, refused.value.again) == ("smtp-550", False)
    assert TO not in str(refused.value) + repr(refused.value) + repr(MAIL)


def test_one_that_may_have_been_taken_is_not_tried_again(post_office: PostOffice) -> None:
    post_office.hangs_up = True
    with pytest.raises(NotSent) as unsure:
        SmtpMailer(post_office.url, FROM).send(MAIL, AT)
    assert (unsure.value.fault, unsure.value.again) == (UNSURE, False)
    assert len(post_office.taken) == 1


def test_no_server_is_told_as_that(socket_enabled: None) -> None:
    with pytest.raises(NotSent) as gone:
        SmtpMailer("smtp://127.0.0.1:9", FROM).send(MAIL, AT)
    assert (gone.value.fault, gone.value.again) == ("unreachable", True)


@pytest.mark.parametrize(
    ("url", "sender", "where"),
    [
        ("https://mail.example", FROM, "CERTSVC_SMTP_URL"),
        ("smtps://user:secret@mail.example", FROM, "CERTSVC_SMTP_URL"),
        ("smtps://", FROM, "CERTSVC_SMTP_URL"),
        ("smtps://mail.example", "", "CERTSVC_MAIL_FROM"),
        ("smtps://mail.example", "two@a.example, b@a.example", "CERTSVC_MAIL_FROM"),
        ("smtps://user@mail.example", FROM, "CERTSVC_SMTP_PASSWORD_FILE"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(url: str, sender: str, where: str) -> None:
    with pytest.raises(Refused) as refused:
        SmtpMailer(url, sender)
    assert refused.value.where == where


def test_settings_name_the_server_and_say_whether_people_are_told(tmp_path: Path) -> None:
    environment = {"CERTSVC_HOME": str(tmp_path)}
    nothing = open_services(Settings.from_environment(environment))
    assert (nothing.mailer, nothing.notices_on) == (None, False)
    environment |= {"CERTSVC_SMTP_URL": "smtps://mail.example", "CERTSVC_MAIL_FROM": FROM}
    services = open_services(Settings.from_environment(environment))
    assert services.mailer == SmtpMailer("smtps://mail.example", FROM)
    assert (services.notices_on, services.reaches) == (True, True)
    off = open_services(Settings.from_environment(environment | {"CERTSVC_NOTICES": "off"}))
    assert not off.notices_on
    site = open_services(Settings.from_environment(environment | {"CERTSVC_CONSOLE": "off"}))
    assert site.mailer is None, "the public site sends no mail, and need not read its password"
    with pytest.raises(Refused, match="CERTSVC_MAIL_FROM"):
        open_services(Settings.from_environment(environment | {"CERTSVC_MAIL_FROM": ""}))
