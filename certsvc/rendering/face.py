"""What stands on a certificate's face, as strings (R7.2): the last step before ink, with nothing left to decide.

Strings are drawn as they are: a name is never markup. The identity number is not in the credential in clear, so it is
given beside the claims. Not here: positions (`layout`), drawing (`press`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from certsvc.credential.document import CertificateClaims
from certsvc.person.identity import mask_id_number
from certsvc.rendering.layout import Layout

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_SUBJECTS = {"theory": ("理论知识考试", "theory"), "practical": ("技能考核", "practical")}


@dataclass(frozen=True, slots=True)
class FaceRow:
    """One field, labelled in both languages; `value_en` stands beneath the value and may be empty."""

    key: str
    label_zh: str
    label_en: str
    value: str
    value_en: str = ""


@dataclass(frozen=True, slots=True)
class CertificateFace:
    """Everything drawn. `portrait` is a JPEG or None (its place is then framed and empty); `sample` is R7.6's mark."""

    title_zh: str
    title_en: str
    statement_zh: str
    statement_en: str
    rows: tuple[FaceRow, ...]
    number: str
    holder: str
    issuer_zh: str
    qr_text: str
    domain: str
    issued_on: date
    portrait: bytes | None
    sample: bool

    def texts(self) -> Iterator[str]:
        """Every string that must find its glyphs."""
        yield from (self.title_zh, self.title_en, self.statement_zh, self.statement_en, self.domain)
        for row in self.rows:
            yield from (row.label_zh, row.label_en, row.value, row.value_en)


def date_zh(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def date_en(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def face_of(
    claims: CertificateClaims,
    *,
    id_number: str,
    portrait: bytes | None,
    qr_text: str,
    mask_id: bool,
    layout: Layout,
) -> CertificateFace:
    """The face of these claims in this layout's field order; `id_number` is drawn in full unless `mask_id` (R7.2)."""
    values = _values(claims, mask_id_number(id_number) if mask_id else id_number, layout)
    rows = tuple(
        FaceRow(field.key, field.zh, field.en, *values[field.key]) for field in layout.field if field.key in values
    )
    return CertificateFace(
        title_zh=claims.title_zh,
        title_en=claims.title_en,
        statement_zh=claims.statement_zh,
        statement_en=claims.statement_en,
        rows=rows,
        number=claims.number,
        holder=claims.holder_name,
        issuer_zh=claims.issuer.name_zh,
        qr_text=qr_text,
        domain=claims.base_url.split("://", 1)[-1].rstrip("/"),
        issued_on=claims.reissued_on or claims.issued_on,
        portrait=portrait,
        sample=claims.issuer.sample,
    )


def _values(claims: CertificateClaims, id_number: str, layout: Layout) -> dict[str, tuple[str, str]]:
    """Key → (value, English beneath); a key that this certificate does not have is absent."""
    words = layout.words
    values = {
        "name": (claims.holder_name, ""),
        "id_type": (claims.id_type.zh, claims.id_type.en),
        "id_number": (id_number, ""),
        "occupation": (claims.occupation_zh, claims.occupation_en),
        "direction": (claims.direction or words.no_direction, ""),
        "level": (claims.level_zh, claims.level_en),
        "number": (claims.number, ""),
        "issued_on": (date_zh(claims.issued_on), date_en(claims.issued_on)),
        "issuer": (claims.issuer.name_zh, claims.issuer.name_en),
    }
    if claims.identifier:
        values["identifier"] = (claims.identifier, "")
    if claims.sex:
        values["sex"] = (claims.sex.zh, claims.sex.value.capitalize())
    if claims.birth_date:
        values["birth_date"] = (date_zh(claims.birth_date), date_en(claims.birth_date))
    if claims.scores:
        # In the order of the exam: the signed document has its members sorted by name.
        keys = [
            *(key for key in _SUBJECTS if key in claims.scores),
            *(key for key in claims.scores if key not in _SUBJECTS),
        ]
        named = [(_SUBJECTS.get(key, (key, key)), claims.scores[key]) for key in keys]
        values["scores"] = (
            "  ".join(f"{zh} {score}" for (zh, _), score in named),
            ", ".join(f"{en} {score}" for (_, en), score in named),
        )
    if claims.reissued_on:
        values["reissued_on"] = (date_zh(claims.reissued_on), date_en(claims.reissued_on))
    if claims.valid_until:
        values["valid_until"] = (
            words.until_zh.format(date=date_zh(claims.valid_until)),
            words.until_en.format(date=date_en(claims.valid_until)),
        )
    return values
