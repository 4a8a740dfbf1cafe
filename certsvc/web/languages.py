"""Which language a page is in: the switch, then the cookie it left, then Accept-Language, then Chinese.

Source strings are Chinese; English comes from the catalogue in `certsvc/web/translations`. Not here: the words of a
state, which are the domain's (`credential.wording`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from babel.support import NullTranslations, Translations

from certsvc.resources import PACKAGE

LANGUAGES: Final = ("zh", "en")
COOKIE: Final = "certsvc_language"
COOKIE_SECONDS: Final = 365 * 24 * 3600
TRANSLATIONS: Final = PACKAGE / "web" / "translations"


def translations(language: str) -> NullTranslations:
    """The catalogue of a language, the Chinese source strings standing in for what it lacks."""
    return Translations.load(str(TRANSLATIONS), [language])


def choose_language(*, switch: str | None, cookie: str | None, accept: str | None) -> str:
    """One of LANGUAGES; anything unheard of counts as absent, and Chinese comes first."""
    for wish in (switch, cookie):
        if wish in LANGUAGES:
            return wish
    return _best((accept or "")[:200])  # cut before it is kept: a header may have 400 KB


@lru_cache(maxsize=1000)
def _best(accept: str) -> str:
    # RFC 9110 §12.5.4, as far as two languages need it: greatest q wins, earlier wins a tie.
    best, best_q = "zh", 0.0
    for part in accept.split(","):
        tag, _, weight = part.partition(";")
        primary = tag.strip().lower().split("-")[0]
        if primary not in LANGUAGES:
            continue
        try:
            q = float(weight.split("=", 1)[1]) if "=" in weight else 1.0
        except ValueError:
            q = 0.0
        if q > best_q:
            best, best_q = primary, q
    return best
