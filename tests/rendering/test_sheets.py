"""The papers of a sitting: every name on them, as many pages as it needs, the same bytes each time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pypdfium2
import zxingcpp

from certsvc.person.identity import Sex
from certsvc.rendering.sheets import SeatFace, SittingFace, admission_tickets, check_in_list
from examples.portraits import draw_portrait

SITTING = SittingFace(
    12,
    date(2026, 12, 5),
    "09:00",
    "示例鉴定站",
    "实训楼",
    ("技能考核", "practical test"),
    ("示例机构", "Example"),
    True,
)
KIND = ("初考", "first attempt")


def seats(count: int, name: str = "欧阳明月") -> list[SeatFace]:
    return [SeatFace(n, f"261205-0012-{n:03d}", name, "6328************12", KIND) for n in range(1, count + 1)]


def pages(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def test_a_list_has_a_page_for_each_fourteen_and_one_for_none() -> None:
    assert [len(pages(check_in_list(SITTING, seats(count)))) for count in (0, 14, 15, 29)] == [1, 1, 2, 3]


def test_everyone_is_on_it_once() -> None:
    text = "".join(pages(check_in_list(SITTING, seats(20))))
    assert [text.count(one.ticket) for one in seats(20)] == [1] * 20


def test_a_ticket_says_what_and_where_and_its_code_holds_the_number_alone() -> None:
    face = replace(seats(1)[0], portrait=draw_portrait(1, Sex.MALE))
    pdf = admission_tickets(SITTING, [face])
    (text,) = pages(pdf)
    for word in (
        "准考证",
        "欧阳明月",
        "261205-0012-001",
        "6328************12",
        "示例鉴定站",
        "2026 年 12 月 5 日 09:00",
    ):
        assert word in text
    assert "抽考项目" in text
    assert "抽考项目" not in pages(admission_tickets(replace(SITTING, draws=False), [face]))[0]
    picture = pypdfium2.PdfDocument(pdf)[0].render(scale=2).to_pil()
    assert [code.text for code in zxingcpp.read_barcodes(picture)] == ["261205-0012-001"]


def test_a_character_that_no_font_draws_holds_up_nothing() -> None:
    rare = seats(1, "陈\U000e0101小")  # a variation selector: no font draws it
    assert "陈〓小" in pages(check_in_list(SITTING, rare))[0]
    assert "陈〓小" in pages(admission_tickets(SITTING, [rare[0]]))[0]


def test_the_longest_name_stays_in_its_place() -> None:
    name = "艾合买提江·阿卜杜热西提·" * 8
    (text,) = pages(admission_tickets(SITTING, seats(1, name[:100])))
    assert name[:100] in text.replace("\r", "").replace("\n", "")


def test_the_same_roll_gives_the_same_bytes() -> None:
    assert check_in_list(SITTING, seats(3)) == check_in_list(SITTING, seats(3))
