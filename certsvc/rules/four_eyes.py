"""Four eyes: whether the one who decides is another person than those who recorded (R1.6, R8.1a, R8.4a).

Where all that is known of a person is the name that was given, two spellings of one name are one person: letters' case
and width, accents, blanks, punctuation, characters that no one sees, and letters of other alphabets that look like
Latin ones make no second person. Two people whose names differ in nothing else need accounts of their own names; that
is refused too often rather than too seldom.
Not here: which deed needs two (each verb asks), who is signed in (`services.staff`).
"""

from __future__ import annotations

import unicodedata
from typing import Final

# Letters, digits and symbols tell people apart; controls, accents, punctuation and blanks do not.
_TELL_NOTHING: Final = frozenset("CMPZ")
# Letters of Greek and Cyrillic that are drawn as Latin ones (confusables.txt of Unicode TS 39). Capitals are
# compared before case is folded, since a Greek capital may look Latin where its small letter does not.
_CAPITALS: Final = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТУХІЈЅ", "ABEZHIKMNOPTYXABEKMHOPCTYXIJS")
_SMALL: Final = str.maketrans("аеорсухіјѕһԛԝкαορνικτυ", "aeopcyxijshqwkaopviktu")


def hand(name: str) -> str:
    """A name as it is compared; empty where it names no one."""
    folded = unicodedata.normalize("NFKD", name).translate(_CAPITALS).casefold()
    plain = unicodedata.normalize("NFKD", folded).translate(_SMALL)
    return "".join(letter for letter in plain if unicodedata.category(letter)[0] not in _TELL_NOTHING)


def is_second_person(decides: str | None, *recorded: str) -> bool:
    """Whether `decides` names someone, and no one of those who recorded. No one on record is no one to differ from."""
    second = hand(decides or "")
    first = {hand(one) for one in recorded}
    return bool(second) and bool(first) and "" not in first and second not in first
