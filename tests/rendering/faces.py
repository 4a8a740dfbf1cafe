"""Made-up people and certificates to draw, each hard in its own way."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import replace
from datetime import date

from PIL import Image, ImageDraw

from certsvc.rendering.face import CertificateFace, FaceRow, date_en, date_zh
from certsvc.rendering.layout import Layout
from certsvc.rendering.layout_file import load_layout

TITLE = ("职业技能等级证书", "Certificate of Vocational Skill Level")
STATEMENT = (
    "经考核，持证人已达到应急救援员国家职业标准所规定的五级/初级工技能要求，成绩合格，特发此证。",
    "The holder has been examined, meets the requirements of level five of the national occupational standard "
    "for emergency rescuers, and is awarded this certificate.",
)
VALUES = {
    "name": ("张伟", ""),
    "id_type": ("居民身份证", "Resident identity card"),
    "id_number": ("11010519491231002X", ""),
    "occupation": ("应急救援员", "Emergency Rescuer"),
    "direction": ("--", ""),
    "level": ("五级/初级工", "Level 5 / Junior Worker"),
    "number": ("2563010001500001", ""),
    "issued_on": ("2025年4月13日", "13 April 2025"),
    "issuer": ("示例职业技能鉴定中心", "Example Vocational Skill Assessment Centre"),
}

RARE_NAMES = (
    "𠮷田䶮",
    "李𬭎",
    "王㛃",
    "陈𫖯",
    "赵𬀩",
    "刘䶮𪻐",
    "周𨱏",
    "吴𬎆𠅤",
    "郑㐂",
    "欧阳𬶮",
)
NAMES = {
    "two": "张伟",
    "uyghur": "阿卜杜热西提·买买提依明·吐尔逊江",
    "latin": "Maximiliana Konstantinopolska-O'Shaughnessy van den Heuvel Jr",
    "rare": "欧阳𬶮",
    "longest": "古丽米热·阿布都克里木" * 9 + "江",
}


def portrait(seed: int = 1) -> bytes:
    """A drawn portrait of no one, 295 × 413 pixels."""
    image = Image.new("RGB", (295, 413), (70, 130, 190))
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 300, 275, 560), fill=(40, 48 + seed % 60, 66))
    draw.rectangle((122, 240, 173, 330), fill=(225, 188, 160))
    draw.ellipse((82, 80, 213, 275), fill=(233, 198, 170))
    draw.pieslice((76, 62, 219, 235), 180, 360, fill=(30, 26, 25))
    written = io.BytesIO()
    image.save(written, "JPEG", quality=88)
    return written.getvalue()


def qr_text(seed: str = "one", host: str = "CERTSVC.EXAMPLE") -> str:
    digest = hashlib.sha512(seed.encode()).digest() * 3
    token = base64.b32encode(digest[:16]).decode().rstrip("=")
    payload = base64.b32encode(digest[16:146]).decode().rstrip("=")
    return f"HTTPS://{host}/V/{token}#{payload}"


def face(
    name: str = "张伟",
    *,
    layout: Layout | None = None,
    photo: bytes | None = b"",
    sample: bool = True,
    more: dict[str, tuple[str, str]] | None = None,
    seed: str = "one",
) -> CertificateFace:
    """A face with every field of R7.2; `more` adds or changes values by key."""
    layout = layout or load_layout()
    values = {**VALUES, "name": (name, ""), **(more or {})}
    rows = tuple(
        FaceRow(entry.key, entry.zh, entry.en, *values[entry.key]) for entry in layout.field if entry.key in values
    )
    return CertificateFace(
        title_zh=TITLE[0],
        title_en=TITLE[1],
        statement_zh=STATEMENT[0],
        statement_en=STATEMENT[1],
        rows=rows,
        number=values["number"][0],
        holder=name,
        issuer_zh=values["issuer"][0],
        qr_text=qr_text(seed),
        domain="certsvc.example",
        issued_on=date(2025, 4, 13),
        portrait=portrait() if photo == b"" else photo,
        sample=sample,
    )


UNTIL = {"valid_until": (f"至{date_zh(date(2029, 4, 12))}", f"until {date_en(date(2029, 4, 12))}")}
EVERYTHING = {
    **UNTIL,
    "sex": ("男", "Male"),
    "birth_date": ("1949年12月31日", "31 December 1949"),
    "scores": ("理论知识考试 85.5  技能考核 92", "theory 85.5, practical 92"),
    "identifier": ("1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U", ""),
    "reissued_on": ("2026年1月5日", "5 January 2026"),
}

__all__ = ["EVERYTHING", "NAMES", "RARE_NAMES", "UNTIL", "face", "portrait", "qr_text", "replace"]
