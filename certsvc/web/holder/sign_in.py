"""Signing in: who one is, then a code (from a message, or from the counter).

No one can tell from these pages whether a person is known (R10): every well-formed request gets the same page after the
same time, every refused code the same page again. That a number is not well-formed is said at once; it tells nothing of
the register. Not here: codes and sessions (`services.holders`), what carries the first step's fields (`carried`).
"""

from __future__ import annotations

import time
import unicodedata
from typing import Final

from flask import Blueprint, Response, redirect, request

from certsvc.errors import InvalidIdentity, InvalidName, Refused
from certsvc.person.characters import is_dash, is_unseen
from certsvc.person.identity import IdType, parse_identity
from certsvc.person.name import fold, parse_name
from certsvc.services.holders.codes import can_be_guessed
from certsvc.services.holders.sign_in import codes_are_sent, request_code
from certsvc.services.holders.sign_in import sign_in as begin_session
from certsvc.web.answers import HTML, Answer
from certsvc.web.holder import carried, session
from certsvc.web.holder.carried import Claimed
from certsvc.web.limits import Kind
from certsvc.web.problems import TooMany, problem_answer, status_of
from certsvc.web.requests import address, back_to, language, respond, wants_json
from certsvc.web.site import Site, site

blueprint = Blueprint("holder_sign_in", __name__)

# R10: longer than the look-up of a known person takes, so that known and unknown leave together.
UNIFORM_SECONDS: Final = 0.25
_LONGEST_FIELD: Final = 400


class CodeRefused(Refused):
    """One answer for a wrong, used or expired code, and for a person who is not known."""

    code = "code-refused"

    def __init__(self) -> None:
        super().__init__("验证码不对或已失效", "the code is wrong or no longer good", rule="R10")


class TooManyTries(TooMany):
    """By this address or about this person, known or not."""

    def __init__(self) -> None:
        super().__init__()
        self.zh = "试的次数太多了，请一小时后再来；急用请到发证机构柜台"
        self.en = "too many attempts: come back in an hour, or ask at the issuing authority's counter"


@blueprint.errorhandler(TooManyTries)
def come_back_later(error: TooManyTries) -> Response:
    if wants_json():
        return respond(problem_answer(error))
    answer = first_step(site(), error=error)
    answer.headers["Retry-After"] = "3600"
    return answer


@blueprint.get("/my/code")
@blueprint.get("/my/sign-in")
def start_again() -> Response:
    """A reload: back to the form, since what was typed is in no address."""
    return back_to("/my")


@blueprint.post("/my/code")
def ask_for_code() -> Response:
    """The first step, and "send another" of the second."""
    here = site()
    session.check_origin(here)
    leaves_at = time.monotonic() + UNIFORM_SECONDS
    try:
        claimed = _carried(here) if "carried" in request.form else _typed()
    except (InvalidName, InvalidIdentity) as error:
        return _form_refused(here, error)
    if claimed is None:
        return first_step(here, expired=True)
    _count_address(here)
    # Beyond the limit nothing is sent, but the way to the second step stays open: no stranger who knows a name and a
    # number can shut their owner out who has a code from the counter.
    sends = _may_try(here, "code", claimed) and codes_are_sent(here.services)
    if sends:
        request_code(here.services, claimed.name, claimed.identity)
    _leave(leaves_at)
    answer = _second_step(here, claimed, sends=sends)
    answer.call_on_close(here.sender.wake)  # what sending costs falls after the answer
    return answer


@blueprint.post("/my/sign-in")
def sign_in() -> Response:
    """The second step."""
    here = site()
    session.check_origin(here)
    leaves_at = time.monotonic() + UNIFORM_SECONDS
    claimed = _carried(here)
    if claimed is None:
        return first_step(here, expired=True)
    _count_address(here)
    code = unicodedata.normalize("NFKC", request.form.get("code", "")[:_LONGEST_FIELD])
    # Six digits could be guessed; a code from the counter cannot, and its owner shall not wait for strangers' tries.
    if can_be_guessed(code) and not _may_try(here, "try", claimed):
        raise TooManyTries
    signed_in = begin_session(here.services, claimed.name, claimed.identity, code)
    if signed_in is None:
        _leave(leaves_at)
        if wants_json():
            return respond(problem_answer(CodeRefused()))
        return _second_step(here, claimed, refused=True, sends=codes_are_sent(here.services))
    answer: Response = redirect("/my", 303)  # type: ignore[assignment]  # werkzeug's response
    session.keep(here, answer, session.SESSION, signed_in.secret)
    session.drop(here, answer, session.CARRIER)
    return answer


def first_step(here: Site, *, error: Refused | None = None, expired: bool = False, ended: bool = False) -> Response:
    """The page of one who is not signed in. `expired`: the second step came too late; `ended`: the session did.

    What is no name or no number comes back to be put right in its place, beside what is wrong with it; in this one
    answer, which is kept by no cache.
    """
    typed = request.form if isinstance(error, (InvalidName, InvalidIdentity)) else {}
    text = here.pages.render(
        "holder/sign_in.html",
        language(),
        error=error,
        wrong="name" if isinstance(error, InvalidName) else "number" if isinstance(error, InvalidIdentity) else "",
        typed={field: typed.get(field, "")[:_LONGEST_FIELD] for field in ("name", "id_type", "id_number")},
        expired=expired,
        ended=ended,
        id_types=tuple(IdType),
        sends=codes_are_sent(here.services),
    )
    return respond(Answer(200 if error is None else status_of(error), HTML, text.encode("utf-8", "replace")))


def _second_step(here: Site, claimed: Claimed, *, sends: bool, refused: bool = False) -> Response:
    carrier = session.cookie(here, session.CARRIER) or carried.new_carrier()
    text = here.pages.render(
        "holder/code.html",
        language(),
        carried=carried.seal(here.key, carrier, claimed, here.services.now()),
        refused=refused,
        sends=sends,
        development=here.services.keystore.development and here.services.gateway is None,
    )
    answer = respond(Answer(422 if refused else 200, HTML, text.encode()))
    session.keep(here, answer, session.CARRIER, carrier)
    return answer


def _form_refused(here: Site, error: Refused) -> Response:
    return respond(problem_answer(error)) if wants_json() else first_step(here, error=error)


def _typed() -> Claimed:
    """The fields of the first step. Raises `InvalidName`, `InvalidIdentity`."""
    kind = IdType.known(request.form.get("id_type", "")) or IdType.RESIDENT_ID
    # Chinese keyboards type wide digits; people copy numbers in groups, with blanks or dashes between (R9).
    typed = unicodedata.normalize("NFKC", request.form.get("id_number", "")[:_LONGEST_FIELD])
    number = "".join(character for character in typed if not is_unseen(character) and not is_dash(character))
    # Compared folded (R9), so it is folded first: what is no name even then is said at once.
    name = parse_name(fold(request.form.get("name", "")[:_LONGEST_FIELD])).text
    return Claimed(name, parse_identity(kind, number))


def _carried(here: Site) -> Claimed | None:
    field = request.form.get("carried", "")[:4096]
    return carried.unseal(here.key, session.cookie(here, session.CARRIER), field, here.services.now())


def _count_address(here: Site) -> None:
    """Count one attempt by this address. Raises `TooManyTries`."""
    if not here.limits.allow(Kind.SIGN_IN, address()):
        raise TooManyTries


def _may_try(here: Site, step: str, claimed: Claimed) -> bool:
    """Count one attempt about this person, known or not; False where there were too many."""
    return here.limits.allow(Kind.PERSON, f"{step}\0{claimed.identity.type.value}\0{claimed.identity.number}")


def _leave(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))
