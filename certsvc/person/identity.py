"""Identity documents: their numbers and every check they allow.

Not here: who holds one, and how numbers rest encrypted (store). The region code is never refused: codes are retired.
Source: R9; GB 11643 (resident identity number), ISO 7064 MOD 11-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from certsvc.errors import InvalidIdentity
from certsvc.person.characters import without_blanks
from certsvc.person.words import Worded

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = "10X98765432"
RESIDENT_LENGTH = 18
OLD_FOREIGN_LENGTH = 15
HMT_PREFIXES = ("810000", "820000", "830000")
PASSPORT_LENGTHS = range(5, 21)
UPPER_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
DIGITS = frozenset("0123456789")


class IdType(Worded):
    RESIDENT_ID = "resident_id", "居民身份证", "Resident identity card"
    HMT_RESIDENCE_PERMIT = (
        "hmt_residence_permit",
        "港澳台居民居住证",
        "Residence permit for Hong Kong, Macau and Taiwan",
    )
    FOREIGN_PERMANENT_RESIDENT = (
        "foreign_permanent_resident",
        "外国人永久居留身份证",
        "Foreign permanent resident identity card",
    )
    PASSPORT = "passport", "护照", "Passport"


class Sex(Worded):
    MALE = "male", "男", "male"
    FEMALE = "female", "女", "female"


@dataclass(frozen=True, slots=True)
class IdentityDocument:
    """A document whose number passed the checks of its type; the number is in upper case, without blanks."""

    type: IdType
    number: str


def parse_identity(
    id_type: IdType, text: str, *, birth_date: date | None = None, sex: Sex | None = None
) -> IdentityDocument:
    """The checked document; birth date and sex, where given, must be those the number holds.

    Raises InvalidIdentity naming the position (from 1) or the part that is wrong.
    """
    number = normalise_id_number(text)
    match id_type:
        case IdType.RESIDENT_ID:
            _check_resident(number, birth_date, sex)
        case IdType.HMT_RESIDENCE_PERMIT:
            _check_hmt_permit(number, birth_date, sex)
        case IdType.FOREIGN_PERMANENT_RESIDENT:
            _check_foreign_permanent(number, birth_date, sex)
        case _:  # a passport
            _check_passport(number)
    return IdentityDocument(id_type, number)


def normalise_id_number(text: str) -> str:
    """The number as it is compared (R9): in the usual width, capitals, without blanks."""
    number = without_blanks(text)
    return number.upper() if number.isascii() else number  # ı and ſ have capitals of ASCII, and are none of its letters


def resident_check_character(first17: str) -> str:
    """The eighteenth character for seventeen digits (ISO 7064 MOD 11-2): "1".."9", "0" or "X"."""
    total = sum(weight * int(digit) for weight, digit in zip(WEIGHTS, first17, strict=True))
    return CHECK_CHARACTERS[total % 11]


def mask_id_number(number: str) -> str:
    """The number with its middle hidden: two characters stay at each end, one where it is shorter than 15.

    More would give the whole number away beside a birth date (R10).
    """
    kept = 2 if len(number) >= OLD_FOREIGN_LENGTH else 1
    return number[:kept] + "*" * (len(number) - 2 * kept) + number[-kept:]


def _check_resident(number: str, birth_date: date | None, sex: Sex | None) -> None:
    """GB 11643: eighteen characters, a real date of birth, the sex in the seventeenth, the check character."""
    _check_length(number)
    _check_digits(number[:17])
    if number[17] not in CHECK_CHARACTERS:
        raise _refused_at(18, number[17], "应为数字或 X", "a digit or X is due")
    due = resident_check_character(number[:17])
    if number[17] != due:
        raise _refused("校验码不符，号码有误", "the check character does not match: the number is mistyped")
    born = _real_date(number[6:14], number[6:10], number[10:12], number[12:14])
    if birth_date is not None and birth_date != born:
        raise _birth_date_differs(born.isoformat(), birth_date)
    holds = Sex.MALE if int(number[16]) % 2 else Sex.FEMALE
    if sex is not None and sex is not holds:
        raise _refused(
            f"第 17 位表示{holds.zh}，与所填性别{sex.zh}不符",
            f"character 17 says {holds.en}, the sex given is {sex.en}",
        )


def _check_hmt_permit(number: str, birth_date: date | None, sex: Sex | None) -> None:
    _check_resident(number, birth_date, sex)
    if not number.startswith(HMT_PREFIXES):
        raise _refused(
            "港澳台居民居住证号码应以 810000、820000 或 830000 开头",
            "a residence permit number begins with 810000, 820000 or 830000",
        )


def _check_foreign_permanent(number: str, birth_date: date | None, sex: Sex | None) -> None:
    """The card of today has 18 characters and begins with 9; the old one has 15 and no check digit we can rely on."""
    if len(number) == OLD_FOREIGN_LENGTH:
        _check_old_foreign_permanent(number, birth_date)
        return
    _check_resident(number, birth_date, sex)
    if not number.startswith("9"):
        raise _refused_at(1, number[0], "18 位永久居留证号码应以 9 开头", "the 18-character number begins with 9")


def _check_old_foreign_permanent(number: str, birth_date: date | None) -> None:
    """Three letters (nationality), four digits (place), YYMMDD, serial, check: the century is not in it."""
    for position, character in enumerate(number, start=1):
        if character not in (UPPER_LETTERS if position <= 3 else DIGITS):
            raise _refused_at(position, character, "应为 3 个字母加 12 个数字", "three letters, then twelve digits")
    year, month, day = number[7:9], number[9:11], number[11:13]
    # The century is unknown: 02-29 is real if it is so in one of the two.
    centuries = ("19", "20") if birth_date is None else (f"{birth_date.year:04d}"[:2],)
    if birth_date is not None and number[7:13] != birth_date.strftime("%y%m%d"):
        raise _birth_date_differs(number[7:13], birth_date)
    if not any(_is_real_date(century + year, month, day) for century in centuries):
        raise _no_such_date(number[7:13])


def _check_passport(number: str) -> None:
    """A passport number has no check; letters and digits only."""
    if len(number) not in PASSPORT_LENGTHS:
        raise _refused(
            f"护照号码应为 {PASSPORT_LENGTHS[0]}–{PASSPORT_LENGTHS[-1]} 个字符，现有 {len(number)} 个",
            f"a passport number has {PASSPORT_LENGTHS[0]} to {PASSPORT_LENGTHS[-1]} characters, not {len(number)}",
        )
    for position, character in enumerate(number, start=1):
        if character not in UPPER_LETTERS and character not in DIGITS:
            raise _refused_at(position, character, "护照号码只含字母和数字", "a passport number has letters and digits")


def _check_length(number: str) -> None:
    if len(number) != RESIDENT_LENGTH:
        raise _refused(
            f"证件号码应为 {RESIDENT_LENGTH} 位，现有 {len(number)} 位",
            f"the number has {RESIDENT_LENGTH} characters, not {len(number)}",
        )


def _check_digits(part: str) -> None:
    for position, character in enumerate(part, start=1):
        if character not in DIGITS:
            raise _refused_at(position, character, "应为数字", "a digit is due")


def _real_date(shown: str, year: str, month: str, day: str) -> date:
    if not _is_real_date(year, month, day):
        raise _no_such_date(shown)
    return date(int(year), int(month), int(day))


def _is_real_date(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _no_such_date(shown: str) -> InvalidIdentity:
    return _refused(f"号码中的出生日期 {shown} 不存在", f"the date of birth in the number, {shown}, does not exist")


def _birth_date_differs(held: str, given: date) -> InvalidIdentity:
    return _refused(
        f"号码中的出生日期 {held} 与所填 {given.isoformat()} 不符",
        f"the number says born {held}, the birth date given is {given.isoformat()}",
    )


def _refused(zh: str, en: str) -> InvalidIdentity:
    return InvalidIdentity(zh, en, rule="R9", where="id_number")


def _refused_at(position: int, character: str, zh: str, en: str) -> InvalidIdentity:
    shown = f"“{character}”" if character.isprintable() else f"U+{ord(character):04X}"
    return _refused(f"证件号码第 {position} 位 {shown}:{zh}", f"character {position} {shown}: {en}")
