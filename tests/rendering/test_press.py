"""The pressed page, by the tools of others: text copies out exactly, the QR is read, the file is sound."""

from __future__ import annotations

import io
import pickle
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from certsvc.errors import DocumentRefused, InvalidLayout, MissingGlyph, PhotoRefused
from certsvc.rendering.grid import places
from certsvc.rendering.layout_file import load_layout
from certsvc.rendering.press import Attachment, Press, TemplatePress, open_press
from certsvc.resources import templates_folder
from tests.rendering.faces import EVERYTHING, NAMES, RARE_NAMES, UNTIL, VALUES, face, portrait, qr_text
from tests.rendering.tools import picture, run

CREDENTIAL = Attachment("credential.json", "application/ld+json", b'{"a":1}', "Source")
HOSTILE = ("<img src=/etc/hostname/>", "</b>张", "O'Brien & <b>Sons", "%s{0}\\(", "张)Tj ET(")


def pdfium_text(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return str(document[0].get_textpage().get_text_range())


@pytest.mark.parametrize("name", [*RARE_NAMES, *HOSTILE, "张伟", NAMES["uyghur"], NAMES["latin"]])
def test_a_name_copies_out_exactly(press: Press, tmp_path: Path, name: str) -> None:
    pdf = press.press(face(name), [])
    assert name in pdfium_text(pdf).splitlines()
    file = tmp_path / "page.pdf"
    file.write_bytes(pdf)
    assert name in run("pdftotext", "-raw", file, "-").splitlines()


def test_a_name_of_a_hundred_characters_copies_out_whole(press: Press) -> None:
    name = NAMES["longest"][:100]
    assert len(name) == 100
    text = pdfium_text(press.press(face(name, more=EVERYTHING), []))
    assert name in re.sub(r"\s", "", text)


def test_every_value_and_label_is_on_the_page(press: Press) -> None:
    drawn = face(more=EVERYTHING)
    text = pdfium_text(press.press(drawn, []))
    for row in drawn.rows:
        for part in (row.label_zh, row.label_en, row.value, row.value_en):
            assert " ".join(part.split()) in " ".join(text.split()), part


@pytest.mark.parametrize("more", [{}, UNTIL, EVERYTHING])
def test_zbar_and_zxing_read_the_qr_at_200_dpi(press: Press, tmp_path: Path, more: dict[str, tuple[str, str]]) -> None:
    drawn = face(more=more)
    png = picture(press.press(drawn, []), tmp_path)
    with Image.open(png) as image:
        assert [found.text for found in zxingcpp.read_barcodes(image)] == [drawn.qr_text]
    assert run("zbarimg", "--quiet", "--raw", png).strip() == drawn.qr_text


def test_the_qr_is_read_where_a_long_host_makes_it_denser(press: Press, tmp_path: Path) -> None:
    text = qr_text(host="CERTIFICATES.SKILLS.HUMAN-RESOURCES.A-LONG-PROVINCE.GOV.EXAMPLE.CN")
    with Image.open(picture(press.press(replace(face(), qr_text=text), []), tmp_path)) as image:
        assert [found.text for found in zxingcpp.read_barcodes(image)] == [text]


def test_qpdf_finds_no_fault(press: Press, tmp_path: Path) -> None:
    file = tmp_path / "page.pdf"
    file.write_bytes(press.press(face(), [CREDENTIAL]))
    assert "No syntax or stream encoding errors" in run("qpdf", "--check", file)


def test_fonts_are_embedded_subsets_with_unicode(press: Press, tmp_path: Path) -> None:
    file = tmp_path / "page.pdf"
    file.write_bytes(press.press(face("欧阳𬶮"), []))
    rows = [line.split() for line in run("pdffonts", file).splitlines()[2:]]
    assert {row[0].split("+")[1] for row in rows} == {"CertsvcSong-Bold", "CertsvcSong-Regular", "LXGWWenKai-Regular"}
    assert all(row[-5:-2] == ["yes", "yes", "yes"] for row in rows)


def test_the_same_face_gives_the_same_bytes_and_another_does_not(press: Press) -> None:
    first = press.press(face(), [CREDENTIAL])
    assert open_press().press(face(), [CREDENTIAL]) == first
    assert press.press(face("张玮"), [CREDENTIAL]) != first


def test_a_press_crosses_to_a_worker_process(press: Press) -> None:
    assert pickle.loads(pickle.dumps(press)).press(face(), []) == press.press(face(), [])


def test_the_page_is_one_a4_tagged_in_chinese_with_its_files_attached(press: Press) -> None:
    more = Attachment("opening.json", "application/json", "{盐}".encode(), "Supplement")
    with pikepdf.open(io.BytesIO(press.press(face(), [more, CREDENTIAL]))) as pdf:
        assert len(pdf.pages) == 1
        assert [round(float(edge) * 25.4 / 72) for edge in pdf.pages[0].MediaBox] == [0, 0, 297, 210]
        assert pdf.Root.Lang == "zh-CN"
        assert pdf.Root.MarkInfo.Marked
        tags = [str(kid.S) for kid in pdf.Root.StructTreeRoot.K.K]
        assert {"/H1", "/P", "/Figure", "/Link", "/Form"} <= set(tags)
        figure = next(kid for kid in pdf.Root.StructTreeRoot.K.K if kid.S == "/Figure")
        assert "照片" in str(figure.Alt)
        assert {name: file.get_file().read_bytes() for name, file in pdf.attachments.items()} == {
            "credential.json": CREDENTIAL.content,
            "opening.json": more.content,
        }
        assert [str(spec.AFRelationship) for spec in pdf.Root.AF] == ["/Source", "/Supplement"]
        assert "/Info" not in pdf.trailer
        with pdf.open_metadata() as metadata:
            assert metadata.pdfa_status == "3U"


def test_an_empty_frame_says_that_there_is_no_photo(press: Press) -> None:
    text = pdfium_text(press.press(face(photo=None), [])).splitlines()
    assert {"无照片", "No photo"} <= set(text)
    assert "照片" not in pdfium_text(press.press(face(), []))


def test_a_missing_portrait_leaves_no_picture_and_a_present_one_is_passed_through(press: Press) -> None:
    photo = portrait(7)
    with pikepdf.open(io.BytesIO(press.press(face(photo=photo), []))) as pdf:
        assert pdf.pages[0].Resources.XObject.Portrait.read_raw_bytes() == photo
    with pikepdf.open(io.BytesIO(press.press(face(photo=None), []))) as pdf:
        assert "/Portrait" not in pdf.pages[0].Resources.XObject


@pytest.mark.parametrize(
    "photo",
    [
        b"\xff\xd8",
        b"GIF89a",
        b"\xff\xd8\xff\xe0\x00",
        b"\xff\xd8\x00\xc0" + bytes(20),
        b"\xff\xd8\xff\xc0\0\x11\x08" + bytes(20),
    ],
)
def test_what_is_not_a_jpeg_is_refused_as_portrait(press: Press, photo: bytes) -> None:
    with pytest.raises(PhotoRefused):
        press.press(face(photo=photo), [])


def test_a_cmyk_portrait_is_refused(press: Press) -> None:
    written = io.BytesIO()
    Image.new("CMYK", (25, 35)).save(written, "JPEG")
    with pytest.raises(PhotoRefused):
        press.press(face(photo=written.getvalue()), [])


def test_a_missing_glyph_stops_the_certificate_by_name(press: Press) -> None:
    with pytest.raises(MissingGlyph, match=r"U\+E123"):
        press.press(face("张\ue123"), [])


def test_a_qr_that_would_not_print_stops_the_certificate(press: Press) -> None:
    with pytest.raises(DocumentRefused):
        press.press(replace(face(), qr_text="HTTPS://A.EXAMPLE/V/" + "A" * 500), [])


def test_a_sample_says_so_and_a_real_one_does_not(press: Press) -> None:
    assert "样例 SAMPLE" in pdfium_text(press.press(face(), []))
    text = pdfium_text(press.press(face(sample=False), []))
    assert "样例" not in text
    assert "SAMPLE" not in text


def test_the_large_sample_mark_is_ink_and_not_text(press: Press) -> None:
    # Once beside the title; the seal place says nothing of it. Beneath the fields it would break into what is copied.
    text = pdfium_text(press.press(face(), []))
    assert [text.count(mark) for mark in ("样", "例", "SAMPLE")] == [1, 1 + "示例职业技能鉴定中心".count("例"), 1]


def test_a_row_that_ends_beside_the_seal_does_not_press_the_others_together(press: Press) -> None:
    assert isinstance(press, TemplatePress)
    stand = places(press.layout, [*VALUES, *(key for key in EVERYTHING if key != "birth_date")])
    assert stand["name"].slot.size > 20
    assert stand["id_number"].slot.size > 13


def test_an_identifier_is_never_broken_over_two_lines(press: Press) -> None:
    longest = "1.2.156.3005.2.11990000MB0000042W005.11990000MB0000042W.S004299000107265000001.001.S"
    text = pdfium_text(press.press(face(more={**EVERYTHING, "identifier": (longest, "")}), []))
    assert longest in text


def test_a_preview_has_no_signature_field(press: Press) -> None:
    with pikepdf.open(io.BytesIO(press.press(face(), [], sealable=False))) as pdf:
        assert "/AcroForm" not in pdf.Root
        assert [str(note.Subtype) for note in pdf.pages[0].Annots] == ["/Link"]


def with_seal_image(folder: Path, content: bytes) -> Press:
    shutil.copy(templates_folder() / "certificate" / "default" / "layout.toml", folder)
    file = folder / "layout.toml"
    file.write_text(file.read_text("utf-8").replace('image = ""', 'image = "seal.png"'), "utf-8")
    (folder / "seal.png").write_bytes(content)
    return open_press(load_layout(folder))


def test_an_issuers_own_seal_image_is_the_signatures_appearance(tmp_path: Path) -> None:
    written = io.BytesIO()
    Image.new("RGBA", (40, 40), (200, 30, 30, 128)).save(written, "PNG")
    pressed = with_seal_image(tmp_path, written.getvalue())
    with pikepdf.open(io.BytesIO(pressed.press(face(sample=False), []))) as pdf:
        assert "/SMask" in pdf.Root.AcroForm.Fields[0].AP.N.Resources.XObject.Seal
    with pikepdf.open(io.BytesIO(pressed.press(face(), []))) as pdf:
        assert "/XObject" not in pdf.Root.AcroForm.Fields[0].AP.N.Resources, "a SAMPLE shows no seal (R7.6)"


def test_a_seal_image_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidLayout, match="seal image"):
        with_seal_image(tmp_path, b"not a picture").press(face(sample=False), [])


def test_a_seal_image_of_too_many_pixels_is_refused(tmp_path: Path) -> None:
    written = io.BytesIO()
    Image.new("L", (4000, 4000)).save(written, "PNG")
    with pytest.raises(InvalidLayout, match="pixels"):
        with_seal_image(tmp_path, written.getvalue()).press(face(sample=False), [])
