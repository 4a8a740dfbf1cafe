"""The drawn seal is ink beneath issuer and date: it hides nothing, is no text, and is no one's real seal (R7.6)."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from PIL import Image, ImageChops

from certsvc.rendering.face import CertificateFace
from certsvc.rendering.layout import Layout
from certsvc.rendering.layout_file import load_layout
from certsvc.rendering.press import Press, open_press
from certsvc.rendering.typeset import MM
from tests.rendering.faces import VALUES, face
from tests.rendering.tools import run

RED = "#DC6E64"
DPI = 144


def page(press: Press, drawn: CertificateFace) -> Image.Image:
    with pypdfium2.PdfDocument(press.press(drawn, [])) as document:
        return document[0].render(scale=DPI / 72, draw_annots=False).to_pil().convert("RGB")


def of_colour(colour: str) -> Press:
    layout = load_layout()
    return open_press(replace(layout, colours=replace(layout.colours, seal=colour)))


def place(layout: Layout) -> tuple[int, int, int, int]:
    """The seal's box in pixels."""
    seal, scale = layout.seal, DPI / 25.4
    left, top = seal.x_mm * scale, seal.y_mm * scale
    return int(left), int(top), int(left + seal.width_mm * scale) + 1, int(top + seal.height_mm * scale) + 1


def reds(image: Image.Image) -> int:
    """How many pixels are of the seal's colour or between it and white."""
    red, green, blue = image.split()
    warm = ImageChops.subtract(red, ImageChops.lighter(green, blue))
    return sum(warm.histogram()[60:])


@pytest.mark.parametrize("sample", [True, False])
def test_a_red_round_seal_stands_over_issuer_and_date(press: Press, sample: bool) -> None:
    layout = load_layout()
    drawn = page(press, face(sample=sample)).crop(place(layout))
    assert reds(drawn) > 3000
    wide, high = drawn.size
    # Round: nothing of it in the corners, ink all around at the rim.
    for corner in ((0, 0), (wide - 12, 0), (0, high - 12), (wide - 12, high - 12)):
        assert reds(drawn.crop((*corner, corner[0] + 12, corner[1] + 12))) == 0
    for x, y in ((wide // 2, 2), (wide // 2, high - 4), (2, high // 2), (wide - 4, high // 2)):
        assert reds(drawn.crop((x - 6, y - 6, x + 6, y + 6))) > 0


@pytest.mark.parametrize("sample", [True, False])
def test_what_stands_on_the_seal_is_as_dark_as_without_it(sample: bool) -> None:
    box = place(load_layout())
    inked, blank = (page(of_colour(colour), face(sample=sample)).crop(box).convert("L") for colour in (RED, "#FFFFFF"))
    # Dark where the text is dark without a seal, and no darker anywhere than text or seal by themselves.
    dark = blank.point(lambda value: 255 if value < 90 else 0)
    assert sum(dark.histogram()[255:]) > 500
    lost = ImageChops.multiply(dark, inked.point(lambda value: 255 if value > 100 else 0))
    assert lost.getbbox() is None
    gained = ImageChops.multiply(
        blank.point(lambda value: 255 if value > 245 else 0), inked.point(lambda value: 255 if value < 100 else 0)
    )
    assert gained.getbbox() is None


@pytest.mark.parametrize("sample", [True, False])
def test_issuer_and_date_copy_out_once_and_whole(press: Press, tmp_path: Path, sample: bool) -> None:
    pdf = press.press(face(sample=sample), [])
    file = tmp_path / "page.pdf"
    file.write_bytes(pdf)
    with pypdfium2.PdfDocument(pdf) as document:
        lines = str(document[0].get_textpage().get_text_range()).splitlines()
    for said in (lines, run("pdftotext", "-raw", file, "-").splitlines()):
        assert {*VALUES["issuer"], *VALUES["issued_on"]} <= set(said)
        assert "\n".join(said).count(VALUES["issuer"][0]) == 1
        assert not any(word in line for line in said for word in ("签章", "E-SEAL"))


def test_a_sample_says_so_in_its_seal_and_a_real_one_what_it_is(press: Press) -> None:
    box = place(load_layout())
    middles = []
    for sample in (True, False):
        drawn = page(press, face(sample=sample)).crop(box)
        wide, high = drawn.size
        middles.append(drawn.crop((wide // 4, high // 3, 3 * wide // 4, 2 * high // 3)))
        assert reds(middles[-1]) > 300
    assert ImageChops.difference(*middles).getbbox()


def test_the_seal_is_of_the_issuer_named(press: Press) -> None:
    other = page(press, face(sample=False, more={"issuer": ("海岳省职业技能鉴定中心", "")})).crop(place(load_layout()))
    same = page(press, face(sample=False, more={"issuer": (VALUES["issuer"][0], "")})).crop(place(load_layout()))
    # The upper rim, where no line of text is.
    rim = (0, 0, other.width, other.height // 8)
    assert ImageChops.difference(other.crop(rim), same.crop(rim)).getbbox()


def test_the_longest_issuer_still_goes_around_within_the_rings() -> None:
    layout = load_layout()
    issuer = {"issuer": ("中华人民共和国人力资源和社会保障部职业技能鉴定中心青海省应急救援职业技能等级认定分中心", "")}
    drawn = page(of_colour("#FF0000"), face(sample=False, more=issuer))
    left, top, right, bottom = place(layout)
    ring = drawn.crop((left - 8, top - 8, right + 8, bottom + 8))
    inner = Image.new("RGB", (right - left, bottom - top), "white")
    ring.paste(inner, (8, 8))
    assert reds(ring) == 0


def test_the_seal_is_an_artifact_before_all_text_and_the_widget_over_it_is_bare(press: Press) -> None:
    with pikepdf.open(io.BytesIO(press.press(face(), []))) as pdf:
        steps = [str(step.operator) for step in pikepdf.parse_content_stream(pdf.pages[0])]
        marks = [step for step in pikepdf.parse_content_stream(pdf.pages[0]) if str(step.operator) in {"BMC", "BDC"}]
        assert [str(mark.operands[0]) for mark in marks[:3]] == ["/Artifact"] * 3  # pattern, SAMPLE, seal
        assert steps.index("BT") > [at for at, step in enumerate(steps) if step == "BMC"][2]
        widget = next(note for note in pdf.pages[0].Annots if note.Subtype == "/Widget")
        assert widget.AP.N.read_bytes().strip() == b""
        assert [float(edge) for edge in widget.Rect][2] == pytest.approx(266 * MM, abs=0.01)


def test_the_domain_is_printed_large_and_signed_in_the_signature(press: Press) -> None:
    with pypdfium2.PdfDocument(press.press(face(), [])) as document:
        texts = document[0].get_textpage()
        finder = texts.search("certsvc.example")
        at, count = finder.get_next()
        boxes = [texts.get_charbox(at + step) for step in range(count)]
        assert max(box[3] for box in boxes) - min(box[1] for box in boxes) > 10
    with pikepdf.open(io.BytesIO(press.press(face(), []))) as pdf:
        signature = pdf.Root.AcroForm.Fields[0].V
        assert str(signature.Location) == "certsvc.example"
        assert str(signature.ContactInfo) == "核验网址 check at: https://certsvc.example"
        assert "签发电子证书" in str(signature.Reason)
