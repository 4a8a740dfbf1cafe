"""Templates, compiled once for each language and written out without a request at hand.

One environment per language, so that the front (`web.front`) writes a page without Flask's machinery and the views
write theirs the same way. Autoescape is always on. Styles stand in the page and are allowed by their hash: the first
visit needs no second request.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from certsvc.resources import PACKAGE, templates_folder
from certsvc.web.languages import LANGUAGES, translations
from certsvc.web.prebuilt import Prebuilt, is_marker, marked

STATIC: Final = PACKAGE / "web" / "static"
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
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
    return Markup("").join(Markup("<span>{}</span>").format(number[i : i + 4]) for i in range(0, len(number), 4))


def dated(text: str) -> Markup:
    """A sentence whose dates do not break at the end of a line."""
    if is_marker(text):
        return Markup.escape(marked(text, "dated"))
    return Markup(_DAY.sub(r'<span class="nb">\g<0></span>', str(Markup.escape(text))))  # noqa: S704 - escaped before


def numbered(number: str) -> Markup:
    """`grouped`, marked as a number."""
    return Markup('<b class="number">{}</b>').format(grouped(number))


def beijing(moment: datetime) -> str:
    """A moment as wall-clock time in Asia/Shanghai, to the second."""
    return moment.astimezone(_SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


class Pages:
    """Writes pages: `style_source` is the CSP source that allows the inline style."""

    def __init__(self, *, host: str, base_url: str) -> None:
        style = _compact(STATIC.joinpath("site.css").read_text(encoding="utf-8"))
        self.style_source = "'sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() + "'"
        # Our own file, not a reader's words.
        shared: dict[str, object] = {"host": host, "base_url": base_url, "style": Markup(style), "asset": asset}  # noqa: S704
        shared["domain"] = Markup('<b class="domain">{}</b>').format(host)
        shared["as_of"] = Markup("<time data-as-of></time>")
        self.prebuilt = Prebuilt()
        self._environments: Mapping[str, Environment] = {
            language: _environment(language, shared) for language in LANGUAGES
        }

    def render(self, template: str, language: str, **values: object) -> str:
        return self._environments[language].get_template(template).render(values)


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
    environment.filters.update(dated=dated, grouped=grouped, numbered=numbered)
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
