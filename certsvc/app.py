"""The one place where parts are joined: settings → services (for `cli` and the site) → the site.

Not here: what any part does. `open_services` creates nothing on disk; `certsvc init` does. The parts of the site are
imported where the site is made: every command imports this module, and few of them serve.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from certsvc.config import Settings
from certsvc.credential.document import Issuer, did_web
from certsvc.errors import KeyRefused, Refused
from certsvc.services.context import Folders, Services
from certsvc.services.operation.own_keys import require_own_keys
from certsvc.signing.keystore import Keystore, Purpose
from certsvc.store import open_database
from certsvc.store.migrate import require_head

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from cryptography.x509 import Certificate
    from flask import Flask

    from certsvc.delivery.mail import Mailer
    from certsvc.delivery.sms import Messenger
    from certsvc.directory.oidc import Provider
    from certsvc.signing.stamp_authority import StampAuthority
    from certsvc.web.asgi import AsgiSite
    from certsvc.web.site import Site

_SAMPLE_NAME_ZH = "示例发证机构（样例）"
_SAMPLE_NAME_EN = "Sample Issuing Authority"


def open_services(
    settings: Settings, *, now: Callable[[], datetime] | None = None, clock_is_right: bool = False
) -> Services:
    """Join database, keys and issuer. `clock_is_right` allows a leap of the clock (`log.clock`).

    Raises `KeyRefused`, and `Refused` for a strange database address.
    """
    clock = now or (lambda: datetime.now(UTC))
    keystore = Keystore.open(settings.keys, _passphrase(settings), clock)
    host = settings.host
    stamps, stamp_roots = _open_stamps(settings)
    issuer = Issuer(
        did=did_web(host),
        name_zh=settings.issuer_name or _SAMPLE_NAME_ZH,
        name_en=settings.issuer_name_en or settings.issuer_name or _SAMPLE_NAME_EN,
        # R7.6: real only when both the name and the keys are.
        sample=settings.issuer_name is None or keystore.development or not keystore.records(),
    )
    return Services(
        database=open_database(settings.database_url),
        keystore=keystore,
        issuer=issuer,
        folders=Folders(settings.home),
        base_url=settings.base_url,
        now=clock,
        stamps=stamps,
        stamp_roots=stamp_roots,
        pdf_level=settings.pdf_level,
        renew_days=settings.pdf_renew_days,
        evidence_days=settings.evidence_days,
        gateway=_open_gateway(settings),
        mailer=_open_mailer(settings),
        notices_on=bool(settings.sms_url or settings.smtp_url) if settings.notices is None else settings.notices,
        clock_is_right=clock_is_right,
    )


def _open_gateway(settings: Settings) -> Messenger | None:
    if settings.sms_url is None:
        return None
    if settings.sms_secret_file is None:
        raise Refused(
            "使用短信网关须给出签名密钥文件", "a gateway needs the file of its secret", where="CERTSVC_SMS_SECRET_FILE"
        )
    from certsvc.delivery.sms import HttpMessenger

    return HttpMessenger(settings.sms_url, settings.sms_secret_file)


def _open_mailer(settings: Settings) -> Mailer | None:
    # The public site (CERTSVC_CONSOLE=off) hands no mail over, and need not read the password.
    if settings.smtp_url is None or not settings.console:
        return None
    from certsvc.delivery.mail import SmtpMailer

    return SmtpMailer(settings.smtp_url, settings.mail_from or "", settings.smtp_password_file)


def _open_stamps(settings: Settings) -> tuple[StampAuthority | None, tuple[Certificate, ...]]:
    """The time-stamp authority in use, if any, and the pinned roots of all that ever were."""
    if settings.tsa_url is None and settings.tsa_roots is None:
        return None, ()
    from certsvc.signing.stamp_authority import StampAuthority, load_roots

    try:
        roots = load_roots(settings.tsa_roots.read_bytes()) if settings.tsa_roots is not None else ()
    except OSError as error:
        raise Refused("无法读取", "cannot be read", where="CERTSVC_TSA_ROOTS") from error
    return StampAuthority(settings.tsa_url, roots) if settings.tsa_url is not None else None, roots


def create_app(settings: Settings | None = None, *, services: Services | None = None, front: bool = True) -> Flask:
    """The site. `front` off sends every request through Flask: the same answers, slower (benchmarks/serve.py)."""
    from flask import Flask

    from certsvc.web.attach import attach
    from certsvc.web.front import Front
    from certsvc.web.scans import Scans

    settings = settings or Settings.from_environment()
    services = services or open_services(settings)
    require_head(services.database)
    require_own_keys(services)
    app = Flask("certsvc.web", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_upload_bytes,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        MAX_FORM_PARTS=100,
        TRUSTED_HOSTS=list(settings.trusted_hosts),
    )
    site = open_site(settings, services)
    attach(app, site, with_console=settings.console)
    if front:
        app.wsgi_app = Front(app.wsgi_app, Scans(site, settings.trusted_hosts))  # type: ignore[method-assign]
    app.wsgi_app = _way_in(app.wsgi_app, settings)  # type: ignore[assignment, method-assign]
    return app


def create_asgi(settings: Settings | None = None, *, services: Services | None = None) -> AsgiSite:
    """The site for an ASGI server, which `certsvc serve` starts: the same answers, and scans wait for no one."""
    from certsvc.web.asgi import AsgiSite
    from certsvc.web.scans import Scans
    from certsvc.web.site import EXTENSION

    settings = settings or Settings.from_environment()
    app = create_app(settings, services=services)
    scans = Scans(app.extensions[EXTENSION], settings.trusted_hosts)
    way_in = _way_in(lambda _environ, _start_response: (), settings)
    return AsgiSite(app.wsgi_app, scans, way_in, settings.max_upload_bytes)


def _way_in(behind: WSGIApplication, settings: Settings) -> WSGIApplication:
    """What undoes the proxies and the letter case of the host before anybody looks at a request."""
    from werkzeug.middleware.proxy_fix import ProxyFix

    from certsvc.web.requests import with_plain_host, without_origin

    hops = settings.trusted_proxies
    # Exactly so many: one more believes a forged address, one fewer makes everyone share a limit.
    known = ProxyFix(behind, x_for=hops, x_proto=hops, x_host=0, x_prefix=0) if hops else without_origin(behind)
    return with_plain_host(known)


def open_site(settings: Settings, services: Services) -> Site:
    """What the pages are made with."""
    from certsvc.jobs.sender import Sender
    from certsvc.services.notices.deliver import deliver
    from certsvc.web.figures import Figures
    from certsvc.web.gate import Gate
    from certsvc.web.limits import Allowance, Limits
    from certsvc.web.pages import Pages
    from certsvc.web.site import Site

    key = services.keystore.secret(Purpose.SESSION)
    figures = Figures(services.database, services.today)
    atexit.register(figures.flush)
    allowance = Allowance(
        page=settings.limit_page,
        guess=settings.limit_guess,
        record=settings.limit_record,
        file=settings.limit_file,
        sign_in=settings.limit_sign_in,
        person=settings.limit_person,
        apply=settings.limit_apply,
    )
    return Site(
        services=services,
        pages=Pages(
            host=settings.host,
            base_url=settings.base_url,
            contact=settings.issuer_contact,
            issuer={"zh": services.issuer.name_zh, "en": services.issuer.name_en},
        ),
        limits=Limits(services.database, key, allowance, services.now, figures.limited),
        gate=Gate(),
        figures=figures,
        sender=Sender(services),
        teller=Sender(services, deliver, "certsvc-notices"),
        host=settings.host,
        https=settings.base_url.startswith("https://"),
        key=key,
        max_upload_bytes=settings.max_upload_bytes,
        directory=_open_directory(settings) if settings.console else None,
    )


def _open_directory(settings: Settings) -> Provider | None:
    """The directory that staff sign in at, where there is one."""
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_secret_file is None:
        raise Refused("须给出客户端密钥文件", "the client's secret needs a file", where="CERTSVC_OIDC_SECRET_FILE")
    from certsvc.directory.oidc import Provider

    back = f"{settings.base_url}/console/directory/back"
    return Provider(settings.oidc_issuer, settings.oidc_client_id or "", settings.oidc_secret_file, back)


def _passphrase(settings: Settings) -> bytes | None:
    if settings.key_passphrase_file is None:
        return None
    try:
        return settings.key_passphrase_file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise KeyRefused(
            "读不到口令文件", "the passphrase file cannot be read", where="CERTSVC_KEY_PASSPHRASE_FILE"
        ) from error
