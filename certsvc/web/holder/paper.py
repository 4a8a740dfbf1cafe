"""`/my/paper`: a holder of paper applies from home for the electronic reissue, and follows what becomes of it (R8.2).

No one needs to sign in, so these pages tell nothing of the register: every well-formed application gets the same
answer, with a reference; where it stands is told to those who have the reference and know the telephone it named (R10).
What is wrong stands beside its field, and what was typed stays; browsers forget the pictures, and the page says so.
Not here: what an application is and what it may use up (`services.certificates.home`), what a picture must be
(`pictures.copies`).
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from certsvc.errors import PictureRefused, Refused
from certsvc.person.characters import is_dash, is_unseen
from certsvc.person.identity import IdType, parse_identity
from certsvc.pictures.copies import LARGEST_BYTES, plain_copy
from certsvc.services.certificates import home
from certsvc.services.certificates.home import Application, NoRoom, Picture, PicturesRefused, Shows
from certsvc.services.certificates.reissue_request import Loss
from certsvc.services.holders.sign_in import codes_are_sent
from certsvc.web.answers import HTML, Answer
from certsvc.web.gate import Busy
from certsvc.web.holder import session
from certsvc.web.holder.page import minute
from certsvc.web.languages import LANGUAGES
from certsvc.web.limits import Kind
from certsvc.web.problems import TooMany, problem_answer, status_of
from certsvc.web.public.record import language_cookie
from certsvc.web.requests import address, back_to, language, respond, wants_json
from certsvc.web.site import Site, site

blueprint = Blueprint("holder_paper", __name__)

_FIELDS: Final = ("number", "name", "id_type", "id_number", "phone", "reason", "said", "once")
_LONGEST_FIELD: Final = 400
_ONCE_BYTES: Final = 16


class TooLarge(Refused):
    """More was sent than one request may have; nothing of it was read."""

    code = "too-large"

    def __init__(self, most_mb: int) -> None:
        super().__init__(
            f"照片合起来超过 {most_mb} MB，没有收到，其余内容也请重新填写",
            f"the pictures exceed {most_mb} MB together; nothing was taken in, please fill in the form again",
        )


class TooManyApplications(TooMany):
    def __init__(self) -> None:
        super().__init__()
        self.zh = "从这里提交的申请太多了，请明天再来，或带身份证件到发证机构柜台办理"
        self.en = "too many applications came from here: come again tomorrow, or to the issuing authority's counter"


class _Wrong(Exception):
    """The form cannot be taken: what is wrong by field; "" for what is about all of it."""

    def __init__(self, errors: Mapping[str, Refused]) -> None:
        super().__init__()
        self.errors = errors


@blueprint.get("/my/paper")
def form() -> Response:
    return _with_language(_form(site(), {}, {}))


@blueprint.post("/my/paper")
def apply() -> Response:
    here = site()
    session.check_origin(here)
    typed: dict[str, str] = {}
    try:
        # The form is taken apart within a turn at the gate, not before.
        with here.gate.turn(address()):
            typed = {field: request.form.get(field, "")[:_LONGEST_FIELD] for field in _FIELDS}
            application = _application(typed)
            _count(here, Kind.APPLY)
            pictures = _pictures(here)
        reference = home.reference_of(here.key, typed["once"], application)
        home.apply(here.services, application, pictures, reference)
    except _Wrong as wrong:
        return _form(here, typed, wrong.errors)
    except RequestEntityTooLarge:
        return _form(here, {}, {"document": TooLarge(here.max_upload_bytes >> 20)})
    except (Busy, NoRoom, TooMany) as error:
        return _form(here, typed, {"": error})
    return _page(
        here,
        "holder/paper_received.html",
        reference=home.written(reference),
        last_four=_last_four(application.phone),
        sends=codes_are_sent(here.services),
    )


@blueprint.get("/my/paper/state")
def ask_for_state() -> Response:
    return _with_language(_page(site(), "holder/paper_state.html", found=None, error=None, typed=_typed_state()))


@blueprint.get("/my/paper/more")
def more_again() -> Response:
    """A reload: what was sent is in no address."""
    return back_to("/my/paper/state")


@blueprint.post("/my/paper/state")
def state() -> Response:
    here = site()
    session.check_origin(here)
    _count(here, Kind.SIGN_IN)
    return _state(here)


@blueprint.post("/my/paper/more")
def more() -> Response:
    """The pictures that were missing."""
    here = site()
    session.check_origin(here)
    try:
        _count(here, Kind.SIGN_IN)
        with here.gate.turn(address()):
            typed, said = _typed_state(), request.form.get("said", "")[:_LONGEST_FIELD]
            # A stranger without such an application costs no picture's work.
            if home.state_of(here.services, *typed) is None:
                return _state(here)
            pictures = _pictures(here, at_least=1)
        sent = home.send_more(here.services, *typed, pictures=pictures, said=said)
    except _Wrong as wrong:
        return _state(here, next(iter(wrong.errors.values())))
    except RequestEntityTooLarge:
        error = TooLarge(here.max_upload_bytes >> 20)
        answer = _page(here, "holder/paper_state.html", found=None, error=error, typed=("", ""))
        answer.status_code = status_of(error)
        return answer
    except (Busy, NoRoom, PicturesRefused) as error:
        return _state(here, error)
    return _state(here, sent=sent)


def _application(typed: Mapping[str, str]) -> Application:
    """What was typed, and whether the pictures that are due were chosen. Raises `_Wrong` with all that is wrong."""
    errors: dict[str, Refused] = {}
    reason = next((one for one in Loss if one.value == typed["reason"]), None)
    if reason is None:
        errors["reason"] = Refused("请选择遗失或损毁", "choose lost or damaged", where="reason")
    identity = None
    try:
        identity = parse_identity(IdType.known(typed["id_type"]) or IdType.RESIDENT_ID, _id_number(typed["id_number"]))
    except Refused as error:
        errors["id_number"] = error
    shown = [shows for shows, _ in _chosen()]
    checks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("number", lambda: home.check_number(typed["number"])),
        ("name", lambda: home.check_name(typed["name"])),
        ("phone", lambda: home.check_phone(_digits(typed["phone"]))),
    )
    for field, check in checks:
        try:
            check()
        except Refused as error:
            errors[field] = error
    for shows in Shows:
        try:
            home.check_pictures(shown, shows, reason)
        except PicturesRefused as error:
            errors[shows.value] = error
    if errors or identity is None or reason is None:
        raise _Wrong(errors)
    return home.well_formed(
        typed["number"], typed["name"], identity, phone=_digits(typed["phone"]), reason=reason, said=typed["said"]
    )


def _chosen() -> Iterator[tuple[Shows, bytes]]:
    for shows in Shows:
        for upload in request.files.getlist(shows.value):
            if upload.filename:
                upload.stream.seek(0)
                yield shows, upload.stream.read(LARGEST_BYTES + 1)


def _pictures(here: Site, *, at_least: int = 0) -> list[Picture]:
    """The pictures of this request, drawn again. Raises `_Wrong`."""
    pictures = []
    for at, (shows, content) in enumerate(_chosen(), 1):
        if at > home.AT_ONCE or not here.limits.allow(Kind.FILE, address()):
            raise _Wrong({shows.value: TooManyApplications()})
        try:
            pictures.append(Picture(shows, plain_copy(content)))
        except PictureRefused as error:
            raise _Wrong({shows.value: error}) from error
    if len(pictures) < at_least:
        raise _Wrong({"document": PicturesRefused("请选择照片", "choose a picture", where="document")})
    return pictures


def _id_number(text: str) -> str:
    """Chinese keyboards type wide digits; people copy numbers in groups (R9)."""
    return "".join(one for one in unicodedata.normalize("NFKC", text) if not is_unseen(one) and not is_dash(one))


def _digits(text: str) -> str:
    return _id_number(text).replace("+", "")


def _last_four(phone: str) -> str:
    return phone[-4:]


def _typed_state() -> tuple[str, str]:
    return request.form.get("reference", "")[:40], _digits(request.form.get("last_four", "")[:20])


def _count(here: Site, kind: Kind) -> None:
    """Count one attempt by this address. Raises `TooManyApplications`, and `TooMany` for questions."""
    if not here.limits.allow(kind, address()):
        raise TooManyApplications if kind is Kind.APPLY else TooMany


def _state(here: Site, error: Refused | None = None, *, sent: bool = False) -> Response:
    typed = _typed_state()
    found = home.state_of(here.services, *typed)
    status = 404 if found is None else 200 if error is None else status_of(error)
    answer = _page(
        here,
        "holder/paper_state.html",
        found=found,
        error=error,
        typed=typed,
        asked=True,
        sent=sent,
        minute=minute,
        largest_mb=LARGEST_BYTES >> 20,
        total_mb=here.max_upload_bytes >> 20,
        at_once=home.AT_ONCE // 2,
    )
    answer.status_code = status
    return answer


def _form(here: Site, typed: Mapping[str, str], errors: Mapping[str, Refused]) -> Response:
    if errors and wants_json():
        return respond(problem_answer(next(iter(errors.values()))))
    answer = _page(
        here,
        "holder/paper_apply.html",
        typed={field: typed.get(field, "") for field in _FIELDS}
        | {"once": typed.get("once") or secrets.token_urlsafe(_ONCE_BYTES)},
        errors=errors,
        id_types=tuple(IdType),
        largest_mb=LARGEST_BYTES >> 20,
        total_mb=here.max_upload_bytes >> 20,
        at_once=home.AT_ONCE // 2,
        longest_said=home.LONGEST_SAID,
        days=here.services.evidence_days,
    )
    if errors:
        answer.status_code = max(status_of(error) for error in errors.values())
    return answer


def _page(here: Site, template: str, **values: object) -> Response:
    return respond(Answer(200, HTML, here.pages.render(template, language(), **values).encode("utf-8", "replace")))


def _with_language(answer: Response) -> Response:
    if request.args.get("lang") in LANGUAGES:
        answer.headers.add("Set-Cookie", language_cookie(request.args["lang"], https=site().https))
    return answer
