"""No line of the page touches another, its neighbours' box, the QR or the portrait, whatever a record holds.

Boxes are the ink of each stretch of text as pdfium measures it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import pypdfium2
import pypdfium2.raw
import pytest

from certsvc.rendering.face import CertificateFace
from certsvc.rendering.layout import Layout
from certsvc.rendering.layout_file import load_layout, parse_layout
from certsvc.rendering.press import Press, open_press
from certsvc.rendering.qr import QUIET_MODULES
from certsvc.rendering.typeset import MM
from certsvc.resources import templates_folder
from tests.rendering.faces import EVERYTHING, NAMES, UNTIL, face

Box = tuple[float, float, float, float]

LATIN = "Maximiliana Konstantinopolska-O'Shaughnessy van den Heuvel de la Santísima Trinidad y Ruiz-Picassoy Jr"
ISSUER = {
    "issuer": (
        "中华人民共和国人力资源和社会保障部职业技能鉴定中心青海省海西蒙古族藏族自治州应急救援职业技能等级认定分中心",
        "First Branch of the Emergency Rescue Vocational Skill Level Recognition Centre of the Haixi Mongol and "
        "Tibetan Autonomous Prefecture, Qinghai Province",
    )
}
OCCUPATION = {
    "occupation": (
        "城市轨道交通信号设备与综合监控系统维护检修及应急抢险救援指挥调度作业员（地下工程与高架区间）",
        "Urban rail transit signalling equipment and integrated supervision system maintenance, overhaul and emergency "
        "rescue dispatching operator",
    ),
    "direction": ("地下工程与高架区间信号设备维护检修及应急抢险救援指挥调度（含无人驾驶线路）", ""),
    "level": ("一级/高级技师（特级评聘贯通）", "Level 1 / Senior Technician (with transition to special-grade)"),
    "id_type": ("港澳台居民居住证", "Residence permit for Hong Kong, Macau and Taiwan"),
}
LONGEST_IDENTIFIER = "1.2.156.3005.2.11990000MB0000042W005.11990000MB0000042W.S004299000107265000001.001.S"
ALL = {**EVERYTHING, **ISSUER, **OCCUPATION, "identifier": (LONGEST_IDENTIFIER, "")}
HOST = "certificates.skills.human-resources.a-long-province.gov.example.cn"
LONG_WORDS = {
    "title_zh": "城市轨道交通信号设备维护检修作业员职业技能等级证书",
    "title_en": "Certificate of the Vocational Skill Level of Urban Rail Transit Signalling Equipment Operators",
    "statement_zh": "经考核，持证人已达到国家职业标准所规定的技能要求，成绩合格，特发此证。" * 5,
    "statement_en": "The holder has been examined, meets the requirements, and is awarded this certificate. " * 6,
}

RECORDS: dict[str, CertificateFace] = {
    "plain": face(),
    "no photo": face(photo=None, sample=False),
    "two characters and all fields": face(more=EVERYTHING),
    "validity alone": face(more=UNTIL, sample=False),
    "50 Han": face("古丽米热·阿布都克里木" * 4 + "古丽米热·艾", more=EVERYTHING),
    "100 Han": face(NAMES["longest"][:100], more=EVERYTHING, sample=False),
    "100 Latin": face(LATIN[:100], more=EVERYTHING),
    "100 without a blank": face("W" * 100, more=EVERYTHING),
    "long occupation": face(more=OCCUPATION, sample=False),
    "long issuer": face(more=ISSUER),
    "all of it": replace(face(LATIN[:100], more=ALL), domain=HOST),
    "all of it, long title and statement": replace(face("古" * 100, more=ALL, photo=None), domain=HOST, **LONG_WORDS),
    "hardly believable": face(
        "欧阳𬶮", more={**ALL, "occupation": ("救援" * 120, "Rescue " * 60), "issuer": ("鉴定" * 100, "Centre " * 50)}
    ),
}


def older_layout() -> Layout:
    """As layouts were before there was a place for issuer and date over the seal, and their domain small."""
    text = (templates_folder() / "certificate" / "default" / "layout.toml").read_text("utf-8")
    start = text.index("[closing]")
    text = text[:start] + text[text.index("[grid]", start) :]
    for line in (
        'seal = "#DC6E64"\n',
        "domain_pt = 17\n",
        'no_portrait_zh = "无照片"\n',
        'no_portrait_en = "No photo"\n',
    ):
        assert line in text
        text = text.replace(line, "")
    text = text.replace('signed_zh = "电子签章"', 'zh = "签章处"\nen = "SEAL"\nsigned_zh = "电子签章"')
    # The issuer and the date as they stood, in the first column, beside the seal.
    text = text.replace('en = "Issuing authority"\ncolumn = 2', 'en = "Issuing authority"\ncolumn = 1')
    text = text.replace('en = "Date of issue"\ncolumn = 2', 'en = "Date of issue"\ncolumn = 1')
    return parse_layout(text, templates_folder() / "certificate" / "default")


LAYOUTS = {"default": load_layout(), "older": older_layout()}


@pytest.fixture(scope="module")
def presses() -> dict[str, Press]:
    return {name: open_press(layout) for name, layout in LAYOUTS.items()}


def stretches(pdf: bytes) -> Iterator[tuple[float, Box, str]]:
    """Baseline, ink and text of each stretch of one font that the page draws."""
    with pypdfium2.PdfDocument(pdf) as document:
        page = document[0]
        texts = page.get_textpage()
        for drawn in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_TEXT]):
            box = drawn.get_bounds()
            if box[2] - box[0] > 0.01 and box[3] - box[1] > 0.01:
                yield drawn.get_matrix().f, box, texts.get_text_bounded(*box)


def meet(one: Box, other: Box, apart: float) -> bool:
    return (
        one[0] < other[2] + apart
        and other[0] < one[2] + apart
        and one[1] < other[3] + apart
        and other[1] < one[3] + apart
    )


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_line_touches_another(presses: dict[str, Press], layout: str, record: str) -> None:
    drawn = list(stretches(presses[layout].press(RECORDS[record], [])))
    assert len(drawn) > 30
    for (base, box, text), (other_base, other, other_text) in combinations(drawn, 2):
        # On one line a stretch may begin where the one before ends; lines are apart.
        apart = -0.5 if abs(base - other_base) < 0.01 else 0.0
        assert not meet(box, other, apart), f"{text!r} {box} and {other_text!r} {other}"


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_line_stays_within_the_frame_and_off_the_qr_and_the_portrait(
    presses: dict[str, Press], layout: str, record: str
) -> None:
    said, page = LAYOUTS[layout], LAYOUTS[layout].page
    inset = (said.frame.margin_mm + said.frame.band_mm) * MM + 2.2

    def box(x: float, y: float, width: float, height: float) -> Box:
        return x * MM, (page.height_mm - y - height) * MM, (x + width) * MM, (page.height_mm - y) * MM

    code, place = said.code, said.portrait
    kept_free = [box(code.x_mm, code.y_mm, code.side_mm, code.side_mm)]
    quiet = QUIET_MODULES * code.side_mm / 57 * MM
    kept_free = [(left - quiet, low - quiet, right + quiet, high + quiet) for left, low, right, high in kept_free]
    if RECORDS[record].portrait is not None:
        kept_free.append(box(place.x_mm, place.y_mm, place.width_mm, place.height_mm))
    for _, ink, text in stretches(presses[layout].press(RECORDS[record], [])):
        assert ink[0] > inset, text
        assert ink[1] > inset, text
        assert ink[2] < page.width_mm * MM - inset, text
        assert ink[3] < page.height_mm * MM - inset, text
        assert not any(meet(ink, free, 0) for free in kept_free), text


@pytest.mark.parametrize("record", RECORDS)
def test_every_value_is_still_there_whole(presses: dict[str, Press], record: str) -> None:
    drawn = RECORDS[record]
    with pypdfium2.PdfDocument(presses["default"].press(drawn, [])) as document:
        text = "".join(str(document[0].get_textpage().get_text_range()).split())
    for row in drawn.rows:
        for part in (row.value, row.value_en):
            assert "".join(part.split()) in text, part
    assert drawn.domain in text


def test_the_hundred_characters_of_a_name_can_be_read(presses: dict[str, Press]) -> None:
    for record in ("100 Han", "100 Latin", "50 Han"):
        name = RECORDS[record].holder[:4]
        heights = [
            box[3] - box[1] for _, box, text in stretches(presses["default"].press(RECORDS[record], [])) if name in text
        ]
        assert max(heights) > 6.5, record
