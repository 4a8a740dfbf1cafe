"""A desk: a blueprint whose routes each name the deed they do, and one guard before all of them.

The guard knows who is signed in, whether the role may do the deed, and for what is posted whether the form is this
session's own and the second factor was shown lately. A route without a deed is refused when the site is made. Not here:
which role may do what (`services.staff.roles`), what a page says (`templates/console`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from flask import Blueprint, Response, g, redirect, request

from certsvc.errors import Refused
from certsvc.person.identity import IdType, Sex
from certsvc.person.words import Worded
from certsvc.rules.course import Standing
from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.rules.progress import EnrolmentState
from certsvc.rules.result_correction import CorrectionReason
from certsvc.rules.terms import Subject
from certsvc.services.context import SHANGHAI
from certsvc.services.staff import second_factor, sessions
from certsvc.services.staff.roles import SCOPED, Deed, may
from certsvc.services.staff.sessions import SignInOver, Staff
from certsvc.store.paper import FROM_HOME
from certsvc.web.answers import HTML, Answer
from certsvc.web.console import session
from certsvc.web.console.session import ConfirmAgain, StaffRequired
from certsvc.web.languages import LANGUAGES
from certsvc.web.problems import status_of
from certsvc.web.public.record import language_cookie
from certsvc.web.requests import language, respond
from certsvc.web.site import site

View = TypeVar("View", bound=Callable[..., Any])
OPEN: Final = "open"
"""In place of a deed: signing in, for one whom no one knows yet."""
_LONGEST_ADDRESS: Final = 500


class NotYours(Refused):
    """The role may not do this."""

    code = "not-yours"

    def __init__(self) -> None:
        super().__init__("您的角色不办理这一项", "your role does not do this", rule="R1.6")


class Desk(Blueprint):
    """Routes of one desk. `again`: the second factor is asked for again before what is posted is done."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(f"console_{name}", import_name)
        self.before_request(_guard)
        self.after_request(_remember_language)
        self.after_request(_wake_sender)
        self.register_error_handler(StaffRequired, _ask_to_sign_in)
        self.register_error_handler(SignInOver, _ask_to_sign_in)
        self.register_error_handler(ConfirmAgain, _ask_again)
        self.register_error_handler(Refused, _refused)

    def page(self, rule: str, deed: Deed | str) -> Callable[[View], View]:
        """A page to be looked at."""
        return self._route(rule, "GET", deed, again=False)

    def form(self, rule: str, deed: Deed | str, *, again: bool = False) -> Callable[[View], View]:
        """A form that is sent."""
        return self._route(rule, "POST", deed, again=again)

    def _route(self, rule: str, method: str, deed: Deed | str, *, again: bool) -> Callable[[View], View]:
        def named(view: View) -> View:
            endpoint = view.__name__
            self.add_url_rule(rule, endpoint, view, methods=[method])
            DEEDS[f"{self.name}.{endpoint}"] = deed
            if again:
                AGAIN.add(f"{self.name}.{endpoint}")
            return view

        return named


DEEDS: Final[dict[str, Deed | str]] = {}
"""What each route of the console does, by its endpoint."""
AGAIN: Final[set[str]] = set()
"""Endpoints that ask for the second factor again."""


def staff() -> Staff:
    """Who is signed in; behind the guard there is always someone."""
    found: Staff = g.staff
    return found


def scope() -> str | None:
    """The institution or station whose people alone are seen; None for the whole register. An account that lacks its
    own sees no one's."""
    someone = staff()
    return (someone.scope or "") if someone.role in SCOPED else None


def render(template: str, *, status: int = 200, **values: object) -> Response:
    """A page of the console, with what every page of it needs."""
    here = site()
    someone: Staff | None = g.get("staff")
    text = here.pages.render(
        f"console/{template}",
        language(),
        staff=someone,
        form="" if someone is None else session.form_key(someone),
        may=lambda deed: someone is not None and may(someone.role, Deed(deed)),
        path=request.path,
        minute=minute,
        word=word,
        home=FROM_HOME,
        development=here.services.keystore.development,
        **values,
    )
    return respond(Answer(status, HTML, text.encode("utf-8", "replace")))


def word(kind: str, value: str) -> str:
    """What a value of one of our enumerations says, in the language of the page; the value itself for another's."""
    found = _WORDED[kind].known(value)
    if found is None:
        return value
    return found.zh if language() == "zh" else found.en


_WORDED: Final[Mapping[str, type[Worded]]] = {
    "subject": Subject,
    "kind": AttemptKind,
    "outcome": Outcome,
    "state": EnrolmentState,
    "standing": Standing,
    "why": CorrectionReason,
    "id_type": IdType,
    "sex": Sex,
}


def minute(moment: datetime | str) -> str:
    """Wall-clock time in Beijing, to the minute; of a moment, or of one as ISO 8601."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def go(path: str) -> Response:
    """On to a page, after a form."""
    return redirect(path, 303)  # type: ignore[return-value]  # werkzeug's response


def words(error: Refused) -> str:
    """A refusal in the language of the page, as a sentence."""
    said = error.zh if language() == "zh" else error.en[:1].upper() + error.en[1:]
    return f"{said} ({error.rule})" if error.rule else said


def typed(name: str, longest: int = 500) -> str:
    """A field of the form, cut at its longest."""
    return request.form.get(name, "")[:longest].strip()


def _guard() -> None:
    here, deed = site(), DEEDS.get(request.endpoint or "")
    if deed == OPEN:
        return
    someone = session.current(here)
    if someone is None or not someone.signed_in:
        raise StaffRequired
    g.staff = someone
    if not isinstance(deed, Deed) or not may(someone.role, deed):
        raise NotYours
    if request.method == "POST":
        session.check_form(here, someone)
        if request.endpoint in AGAIN:
            session.confirm(here, someone)


def _ask_to_sign_in(error: Refused) -> Response:
    """To the form, and from there back to the page; what was sent by a form was not done, and that is said."""
    here = site()
    if request.method == "POST":
        g.pop("staff", None)
        return session.end(here, render("ended.html", status=401, error=error))
    to = request.full_path.rstrip("?")[:_LONGEST_ADDRESS]
    ended = session.secret_of(here) is not None
    answer = sign_in_page(status=401, to=to if to != "/console" else "", ended=ended)
    return session.end(here, answer) if ended and session.current(here) is None else answer


def sign_in_page(*, status: int = 200, to: str = "", name: str = "", error: str = "", ended: bool = False) -> Response:
    """The form of the first step. `to`: where one comes back to; `ended`: there was a session."""
    directory = site().directory is not None
    return render("sign_in.html", status=status, to=to, typed=name, error=error, ended=ended, directory=directory)


def _ask_again(error: ConfirmAgain) -> Response:
    """The form once more, every field kept, with a place for the second factor."""
    here, someone = site(), staff()
    with here.services.database.reading() as opened:
        keys = second_factor.passkeys_of(opened, someone.account_id)
    options = second_factor.assertion_options(here.services, keys, error.challenge) if keys else ""
    return render(
        "again.html",
        status=422,
        fields=session.fields(),
        wrong=error.wrong,
        options=options,
        action=request.path,
        directory=here.directory is not None
        and sessions.is_vouched_for(here.services, someone.account_id, here.directory.issuer),
    )


def _refused(error: Refused) -> Response:
    return render("refused.html", status=status_of(error), said=words(error))


def _wake_sender(response: Response) -> Response:
    """Whom a deed is told to hears of it now."""
    if request.method == "POST" and site().services.notices_on:
        site().teller.wake()
    return response


def _remember_language(response: Response) -> Response:
    if request.args.get("lang") in LANGUAGES:
        response.headers.add("Set-Cookie", language_cookie(request.args["lang"], https=site().https))
    return response
