"""Templates, compiled once for each language and written out without a request at hand.

One environment per language, so that the front (`web.front`) writes a page without Flask's machinery and the views
write theirs the same way. Autoescape is always on. Styles stand in the page and are allowed by their hash: the first
visit needs no second request.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from certsvc.credential.reasons import reason_of
from certsvc.resources import PACKAGE, templates_folder
from certsvc.web.languages import LANGUAGES, translations
from certsvc.web.prebuilt import Prebuilt, is_marker, marked

STATIC: Final = PACKAGE / "web" / "static"
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_UNBROKEN: Final = re.compile(r"\d{4}-\d\d-\d\d|[A-Z0-9]{8,22}")
# Where a state's words turn from the answer to its details.
_TURN: Final = re.compile(r"\s?[(;:]\s?|[（；：]|(?<=[\u4e00-\u9fff])[,，]")
_FELLOWS: Final = MappingProxyType({"(": ")", "（": "）"})
_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")


@lru_cache(maxsize=64)
def asset(name: str) -> str:
    """The address of a static file, with a piece of its hash, so that it can be cached for good."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:8]
    return f"/static/{name}?{digest}"


def grouped(number: str) -> Markup:
    """A certificate number in fours for the eye; copied, it is the number without gaps."""
    if is_marker(number):
        return Markup.escape(marked(number, "grouped"))
    if not number.isalnum():
        return Markup.escape(number)
    spans = "".join(f"<span>{number[i : i + 4]}</span>" for i in range(0, len(number), 4))
    return Markup(spans)  # noqa: S704 - letters and digits alone


def dated(text: str) -> Markup:
    """A sentence whose dates do not break at the end of a line."""
    if is_marker(text):
        return Markup.escape(marked(text, "dated"))
    return Markup(_DAY.sub(r'<span class="nb">\g<0></span>', str(Markup.escape(text))))  # noqa: S704 - escaped before


def why(language: str, code: str) -> str:
    """A reason's code in words (`credential.reasons`)."""
    reason = reason_of(code)
    if is_marker(code) or reason is None:
        return code
    return reason.zh if language == "zh" else reason.en


@lru_cache(maxsize=256)  # most answers say one of a few sentences
def headline(text: str, _state: str = "") -> Markup:
    """A state's words as a heading: what is read at a glance, then the details, set smaller; text unchanged.

    No date and no number breaks at the end of a line.
    """
    if is_marker(text):
        return Markup.escape(marked(text, "headline"))
    turn = _TURN.search(text)
    if turn is None:
        return _unbroken(text)
    mark = Markup('<span class="turn">{}</span>')
    details = _unbroken(text[turn.end() :])
    fellow = _FELLOWS.get(turn[0].strip())
    if fellow is not None:  # it is not shown either
        before, closing, after = text[turn.end() :].partition(fellow)
        details = _unbroken(before) + (mark.format(closing) if closing else "") + _unbroken(after)
    more = Markup('<span class="more">{}{}</span>').format(mark.format(turn[0]), details)
    return _unbroken(text[: turn.start()]) + more


def _unbroken(text: str) -> Markup:
    return Markup(_UNBROKEN.sub(r'<span class="nb">\g<0></span>', str(Markup.escape(text))))  # noqa: S704 - escaped before


def numbered(number: str) -> Markup:
    """`grouped`, marked as a number."""
    return Markup('<b class="number">{}</b>').format(grouped(number))


def beijing(moment: datetime) -> str:
    """A moment as wall-clock time in Asia/Shanghai, to the second."""
    return _beijing(int(moment.timestamp()))


@lru_cache(maxsize=4)  # many are answered in each second
def _beijing(second: int) -> str:
    return datetime.fromtimestamp(second, _SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Shell:
    """A page that never changes while the process runs, and the same packed."""

    text: bytes
    packed: bytes
    digest: str


class Pages:
    """Writes pages: `style_source` is the CSP source that allows the inline style; `contact` is whom to ask."""

    def __init__(self, *, host: str, base_url: str, contact: str | None = None) -> None:
        style = _compact(STATIC.joinpath("site.css").read_text(encoding="utf-8"))
        self.style_source = "'sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() + "'"
        # Our own file, not a reader's words.
        shared: dict[str, object] = {"host": host, "base_url": base_url, "style": Markup(style), "asset": asset}  # noqa: S704
        shared["contact"] = contact
        shared["domain"] = Markup('<b class="domain">{}</b>').format(host)
        # What the script fills in, offline.
        shared["as_of"] = Markup("<time data-as-of></time>")
        shared["level_read"] = Markup('<span data-f="level"></span>')
        self._shells: dict[str, Shell] = {}
        self.prebuilt = Prebuilt()
        self._environments: Mapping[str, Environment] = {
            language: _environment(language, shared) for language in LANGUAGES
        }
        for language, environment in self._environments.items():
            environment.globals["shell_address"] = partial(self.shell_address, language)

    def render(self, template: str, language: str, **values: object) -> str:
        return self._environments[language].get_template(template).render(values)

    def shell(self, language: str) -> Shell:
        """The page that answers offline, whose words a record's page borrows; rendered once."""
        if language not in self._shells:
            text = self.render("public/offline.html", language).encode()
            self._shells[language] = Shell(text, gzip.compress(text, 9, mtime=0), hashlib.sha256(text).hexdigest()[:12])
        return self._shells[language]

    def shell_address(self, language: str) -> str:
        """Where the shell stands, with a piece of its hash, so that it can be cached for good."""
        return f"/offline?lang={language}&v={self.shell(language).digest}"


def _environment(language: str, shared: Mapping[str, object]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=True,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    environment.globals.update(shared, language=language, here="")
    environment.filters.update(dated=dated, grouped=grouped, headline=headline, numbered=numbered)
    environment.filters["why"] = partial(why, language)
    catalogue = translations(language)
    environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    return environment


def _compact(css: str) -> str:
    """The stylesheet without its comments and line ends: bytes a first visit need not carry."""
    kept = []
    while css:
        before, _, rest = css.partition("/*")
        kept.append(before)
        _, _, css = rest.partition("*/")
    return "".join(line.strip() for line in "".join(kept).splitlines())
