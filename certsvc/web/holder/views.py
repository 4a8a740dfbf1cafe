"""The pages of a holder who is signed in: one's record whole, the PDF, share links, the reissue of a paper (R8, R10).

Each view parses, asks a service, and hands the result to a page. A certificate that is another's is one that is not
there. Not here: signing in (`sign_in`), what the page makes of a view (`page`), the shared record (`shared`).
"""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Response, redirect, request

from certsvc.services.holders import own_record, sign_in
from certsvc.services.holders.share_links import Shows
from certsvc.services.holders.shown import CertificateView
from certsvc.services.holders.sign_in import Holder
from certsvc.web.answers import HTML, Answer
from certsvc.web.holder import session
from certsvc.web.holder.page import SHARE_DAYS, minute, values_of, words_of
from certsvc.web.holder.session import SignInRequired
from certsvc.web.holder.sign_in import first_step
from certsvc.web.languages import LANGUAGES
from certsvc.web.problems import BadRequest, problem_answer
from certsvc.web.public.record import language_cookie
from certsvc.web.qr_picture import draw
from certsvc.web.requests import back_to, language, respond, wants_json
from certsvc.web.site import Site, site

blueprint = Blueprint("holder", __name__)


@blueprint.errorhandler(SignInRequired)
def ask_to_sign_in(error: SignInRequired) -> Response:
    """A person is led to the form, a program is told."""
    if wants_json():
        return respond(problem_answer(error))
    return redirect("/my", 303)  # type: ignore[return-value]  # werkzeug's response


@blueprint.get("/my")
def my() -> Response:
    here = site()
    holder = session.current(here)
    had_session = session.cookie(here, session.SESSION) is not None
    if holder is None:
        if wants_json():
            raise SignInRequired
        answer = first_step(here, ended=had_session)
        if had_session:
            session.drop(here, answer, session.SESSION)
    else:
        here.figures.flush()  # what was counted in this process a moment ago belongs to the answer
        view = own_record.view(here.services, holder)
        answer = _page(here, "holder/my.html", form=session.form_key(holder), **values_of(here, view, language()))
    if request.args.get("lang") in LANGUAGES:
        answer.headers.add("Set-Cookie", language_cookie(request.args["lang"], https=here.https))
    return answer


@blueprint.get("/my/certificates/<number>/<int(max=9999):version>.pdf")
def pdf(number: str, version: int) -> Response:
    """The same bytes as ever (R8.5), to be kept as a file."""
    here = site()
    kept = own_record.pdf_of(here.services, session.signed_in(here), number, version)
    return _file(kept, "application/pdf", f"{number}-v{version}.pdf")


@blueprint.get("/my/certificates/<number>/<int(max=9999):version>.json")
def credential(number: str, version: int) -> Response:
    """The signed data, verbatim, for programs that check it."""
    here = site()
    kept = own_record.credential_of(here.services, session.signed_in(here), number, version)
    return _file(kept, "application/json", f"{number}-v{version}.json")


@blueprint.get("/my/certificates/<number>/<int(max=9999):version>.jpg")
def picture(number: str, version: int) -> Response:
    """The certificate's page, to look at here; kept as a file where `keep` stands in the address."""
    here = site()
    kept = own_record.picture_of(here.services, session.signed_in(here), number, version)
    return _file(kept, "image/jpeg", f"{number}-v{version}.jpg", inline="keep" not in request.args)


@blueprint.get("/my/certificates/<number>/<int(max=9999):version>/card")
def card(number: str, version: int) -> Response:
    """The certificate at the size of a bank card, to be printed and cut out."""
    here = site()
    holder = session.signed_in(here)
    code = draw(own_record.qr_text_of(here.services, holder, number, version))
    return _page(here, "holder/card.html", it=_seen(here, holder, number, version), code=code)


@blueprint.get("/my/certificates/<number>/<int(max=9999):version>")
def show(number: str, version: int) -> Response:
    """One certificate to hold out to somebody: its QR code, large."""
    here = site()
    holder = session.signed_in(here)
    code = draw(own_record.qr_text_of(here.services, holder, number, version))
    found = _seen(here, holder, number, version)
    return _page(here, "holder/show.html", it=found, says=words_of(found), code=code)


@blueprint.post("/my/certificates/<number>/shares")
def share(number: str) -> Response:
    """A new link; its address is on this one answer and nowhere else."""
    here = site()
    holder = session.submitted(here)
    days = {str(days): days for days in SHARE_DAYS}.get(request.form.get("days", ""))
    if days is None:
        raise BadRequest("请选择有效天数", "choose how many days", rule="R10", where="days")
    shows = Shows(name="name" in request.form, portrait="portrait" in request.form)
    made = own_record.create_share(here.services, holder, number, days, shows)
    assert made.secret is not None
    return _page(
        here,
        "holder/share.html",
        address=f"{here.services.base_url}/s/{made.secret}",
        number=number,
        expires_at=minute(made.expires_at),
        shows=shows,
    )


@blueprint.get("/my/certificates/<number>/shares")
def shares_again(number: str) -> Response:  # noqa: ARG001 - whatever stands in the address, it does not come back
    """A reload of the link's page: a secret is not told twice."""
    return back_to("/my")


@blueprint.post("/my/certificates/<number>/shares/<int(max=2147483647):share_id>/withdraw")
def withdraw(number: str, share_id: int) -> Response:
    here = site()
    own_record.withdraw_share(here.services, session.submitted(here), share_id)
    return _back(f"s-{number}")


@blueprint.post("/my/papers/<number>/reissue")
def reissue(number: str) -> Response:
    """Apply (R8.2); asking again leads to the existing request (R8.3)."""
    here = site()
    holder = session.submitted(here)
    own_record.apply_for_reissue(here.services, holder, number, request.form.get("reason", "")[:20])
    return _back(f"p-{number}")


@blueprint.post("/my/sign-out")
def sign_out() -> Response:
    here = site()
    session.check_origin(here)
    secret = session.cookie(here, session.SESSION)
    if session.current(here) is not None:
        session.submitted(here)
    if secret is not None:
        sign_in.sign_out(here.services, secret)
    answer = _page(here, "holder/signed_out.html")
    session.drop(here, answer, session.SESSION)
    session.drop(here, answer, session.CARRIER)
    return answer


def _seen(here: Site, holder: Holder, number: str, version: int) -> CertificateView:
    shown = own_record.view(here.services, holder).certificates
    return next(each for each in shown if (each.number, each.version) == (number, version))


def _file(kept: own_record.Download, media_type: str, plain_name: str, *, inline: bool = False) -> Response:
    """A file under its own name; `plain_name` is for programs that read ASCII alone (RFC 6266, appendix D)."""
    way = "inline" if inline else "attachment"
    named = f"{way}; filename=\"{plain_name}\"; filename*=UTF-8''{quote(kept.name, safe='')}"
    headers = (("Content-Disposition", named), ("Cross-Origin-Resource-Policy", "same-origin"))
    return respond(Answer(200, media_type, kept.content, headers))


def _back(place: str) -> Response:
    return redirect("/my#" + quote(place, safe=""), 303)  # type: ignore[return-value]  # werkzeug's response


def _page(here: Site, template: str, **values: object) -> Response:
    return respond(Answer(200, HTML, here.pages.render(template, language(), **values).encode("utf-8", "replace")))
