"""Settings: frozen, read once from the environment; joined into parts by `app` alone.

What each variable means stands beside its field. Every one has a default with which the embedded service works in
`./var`. Not here: scheme data (R0) and the issuer's layout, which are files, and secrets, which live in the keystore.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from certsvc.errors import Refused

PDF_LEVELS = {"t": "B-T", "lta": "B-LTA"}
"""The PAdES levels that files can be raised to, as they are asked for."""
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class _Ipv6Literal(str):
    """An IPv6 address in brackets, as a Host header names it.

    Werkzeug cuts each name it trusts at the first colon, to drop a port (`host_is_trusted`), so of "[::1]" it keeps "["
    and trusts no IPv6 address at all. This one has no port and stays whole.
    """

    __slots__ = ()

    def partition(self, sep: str, /) -> tuple[str, str, str]:
        return (self, "", "") if sep == ":" else super().partition(sep)


@dataclass(frozen=True, slots=True)
class Settings:
    home: Path  # CERTSVC_HOME: database, keys, published files
    database_url: str  # CERTSVC_DATABASE_URL: SQLAlchemy address
    base_url: str  # CERTSVC_BASE_URL: https://HOST, as drawn in the QR; no slash at the end
    issuer_name: str | None  # CERTSVC_ISSUER_NAME: absent means SAMPLE (R7.6)
    issuer_name_en: str | None  # CERTSVC_ISSUER_NAME_EN
    keys: Path  # CERTSVC_KEYS: the keystore's folder
    key_passphrase_file: Path | None  # CERTSVC_KEY_PASSPHRASE_FILE
    trusted_proxies: int  # CERTSVC_TRUSTED_PROXIES: exactly how many proxies stand before us
    trusted_hosts: tuple[str, ...]  # CERTSVC_TRUSTED_HOSTS: names answered to, comma separated
    max_upload_mb: int  # CERTSVC_MAX_UPLOAD_MB: the largest request body
    limit_page: str  # CERTSVC_LIMIT_PAGE: look-ups by token, per address
    limit_guess: str  # CERTSVC_LIMIT_GUESS: number and name, and match mode, per address (R10)
    limit_record: str  # CERTSVC_LIMIT_RECORD: match mode and number, per record (R10)
    limit_file: str  # CERTSVC_LIMIT_FILE: files examined, per address; 500 rows of a list are one
    issuer_contact: str | None = None  # CERTSVC_ISSUER_CONTACT: whom readers of the pages are told to ask
    tsa_url: str | None = None  # CERTSVC_TSA_URL: RFC 3161 authority; absent means PAdES B-B, no time stamps
    tsa_roots: Path | None = None  # CERTSVC_TSA_ROOTS: PEM, the roots of every authority ever used
    limit_sign_in: str = "30/minute;500/day"  # CERTSVC_LIMIT_SIGN_IN: codes asked for and tried, per address
    limit_person: str = "10/hour;30/day"  # CERTSVC_LIMIT_PERSON: the same per person, codes and tries apart
    sms_url: str | None = (
        None  # CERTSVC_SMS_URL: the gateway that carries holders' codes; absent means access codes alone
    )
    sms_secret_file: Path | None = None  # CERTSVC_SMS_SECRET_FILE: the secret requests to it are signed with
    smtp_url: str | None = None  # CERTSVC_SMTP_URL: the mail server that carries notices to mailboxes
    smtp_password_file: Path | None = None  # CERTSVC_SMTP_PASSWORD_FILE: the password of the user that it names
    mail_from: str | None = None  # CERTSVC_MAIL_FROM: the mailbox that they come from
    # CERTSVC_NOTICES, `on` or `off`: whether people are told; absent: where a gateway or a mail server is named
    notices: bool | None = None
    oidc_issuer: str | None = None  # CERTSVC_OIDC_ISSUER: the authority's own directory, that staff may sign in at
    oidc_client_id: str | None = None  # CERTSVC_OIDC_CLIENT_ID: our client there
    oidc_secret_file: Path | None = None  # CERTSVC_OIDC_SECRET_FILE: the client's secret
    pdf_level: str = "B-T"  # CERTSVC_PDF_LEVEL, `t` or `lta`: what `certificate archive` raises files to
    console: bool = True  # CERTSVC_CONSOLE, `on` or `off`: whether this process serves /console
    pdf_renew_days: int = 90  # CERTSVC_PDF_RENEW_DAYS: so long before their proof ends B-LTA files are renewed

    limit_apply: str = "5/hour;10/day"  # CERTSVC_LIMIT_APPLY: reissues applied for from home, per address
    evidence_days: int = 30  # CERTSVC_EVIDENCE_DAYS: so long after the decision their pictures are kept

    @property
    def host(self) -> str:
        """The domain a reader is told to look for."""
        return urlsplit(self.base_url).netloc

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mb * 1024 * 1024

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the CERTSVC_* variables; raises `Refused` naming the variable that makes no sense."""
        env = os.environ if environment is None else environment
        home = Path(env.get("CERTSVC_HOME") or "var").absolute()
        base_url = _base_url(env.get("CERTSVC_BASE_URL") or "https://certsvc.example")
        passphrase = env.get("CERTSVC_KEY_PASSPHRASE_FILE")
        hosts = [host for host in env.get("CERTSVC_TRUSTED_HOSTS", "").split(",") if host.strip()]
        return cls(
            home=home,
            database_url=env.get("CERTSVC_DATABASE_URL") or f"sqlite:///{home / 'certsvc.sqlite3'}",
            base_url=base_url,
            issuer_name=env.get("CERTSVC_ISSUER_NAME") or None,
            issuer_name_en=env.get("CERTSVC_ISSUER_NAME_EN") or None,
            issuer_contact=(env.get("CERTSVC_ISSUER_CONTACT") or "").strip()[:120] or None,
            keys=Path(env.get("CERTSVC_KEYS") or home / "keys").absolute(),
            key_passphrase_file=Path(passphrase) if passphrase else None,
            trusted_proxies=_whole(env, "CERTSVC_TRUSTED_PROXIES", 0, lowest=0),
            trusted_hosts=tuple(map(_trusted, hosts or (urlsplit(base_url).netloc.rpartition("@")[2], *_LOCAL_HOSTS))),
            max_upload_mb=_whole(env, "CERTSVC_MAX_UPLOAD_MB", 25, lowest=1),
            limit_page=env.get("CERTSVC_LIMIT_PAGE") or "120/minute",
            limit_guess=env.get("CERTSVC_LIMIT_GUESS") or "20/minute;200/day",
            limit_record=env.get("CERTSVC_LIMIT_RECORD") or "10/hour;30/day",
            limit_file=env.get("CERTSVC_LIMIT_FILE") or "30/minute;1000/day",
            pdf_level=_pdf_level(env.get("CERTSVC_PDF_LEVEL") or "t"),
            console=_switch(env, "CERTSVC_CONSOLE"),
            pdf_renew_days=_whole(env, "CERTSVC_PDF_RENEW_DAYS", 90, lowest=1),
            limit_sign_in=env.get("CERTSVC_LIMIT_SIGN_IN") or "30/minute;500/day",
            limit_person=env.get("CERTSVC_LIMIT_PERSON") or "10/hour;30/day",
            limit_apply=env.get("CERTSVC_LIMIT_APPLY") or "5/hour;10/day",
            evidence_days=_whole(env, "CERTSVC_EVIDENCE_DAYS", 30, lowest=1),
            sms_url=env.get("CERTSVC_SMS_URL") or None,
            sms_secret_file=Path(env["CERTSVC_SMS_SECRET_FILE"]) if env.get("CERTSVC_SMS_SECRET_FILE") else None,
            smtp_url=env.get("CERTSVC_SMTP_URL") or None,
            smtp_password_file=_path(env, "CERTSVC_SMTP_PASSWORD_FILE"),
            mail_from=env.get("CERTSVC_MAIL_FROM") or None,
            notices=_switch(env, "CERTSVC_NOTICES") if env.get("CERTSVC_NOTICES") else None,
            oidc_issuer=env.get("CERTSVC_OIDC_ISSUER") or None,
            oidc_client_id=env.get("CERTSVC_OIDC_CLIENT_ID") or None,
            oidc_secret_file=_path(env, "CERTSVC_OIDC_SECRET_FILE"),
            tsa_url=env.get("CERTSVC_TSA_URL") or None,
            tsa_roots=Path(env["CERTSVC_TSA_ROOTS"]).absolute() if env.get("CERTSVC_TSA_ROOTS") else None,
        )


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.path not in {"", "/"} or parts.query:
        raise Refused("应为 https://域名", "expected https://HOST", where="CERTSVC_BASE_URL")
    return f"{parts.scheme}://{parts.netloc}"


def _trusted(host: str) -> str:
    """A name as `with_plain_host` leaves that of a request, lower case; a port says nothing."""
    name = host.strip().lower()
    return _Ipv6Literal(name.partition("]")[0] + "]") if name.startswith("[") else name.partition(":")[0]


def _pdf_level(text: str) -> str:
    level = PDF_LEVELS.get(text.lower())
    if level is None:
        raise Refused("应为 t 或 lta", "expected t or lta", where="CERTSVC_PDF_LEVEL")
    return level


def _path(env: Mapping[str, str], variable: str) -> Path | None:
    return Path(env[variable]) if env.get(variable) else None


def _switch(env: Mapping[str, str], variable: str) -> bool:
    text = (env.get(variable) or "on").lower()
    if text not in {"on", "off"}:
        raise Refused("应为 on 或 off", "expected on or off", where=variable)
    return text == "on"


def _whole(env: Mapping[str, str], variable: str, default: int, *, lowest: int) -> int:
    text = env.get(variable) or str(default)
    if not (text.isascii() and text.isdigit() and int(text) >= lowest):
        raise Refused(f"应为不小于 {lowest} 的整数", f"expected a whole number, at least {lowest}", where=variable)
    return int(text)
