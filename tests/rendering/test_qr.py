"""The QR: version 10, mixed modes, a module that prints, refused when it would not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode
from qrcode.util import MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData

from certsvc.errors import DocumentRefused
from certsvc.rendering.qr import draw_matrix, encode_bits, path_of, side_mm
from certsvc.rendering.qr_table import symbol
from tests.rendering.faces import qr_text


def test_a_full_payload_fits_version_ten_with_a_module_over_half_a_millimetre() -> None:
    matrix = draw_matrix(qr_text())
    assert matrix.side == 57
    assert side_mm(matrix, 33) == 33
    assert side_mm(matrix, 33) / matrix.side >= 0.5


def test_a_long_host_takes_a_larger_version_still_within_35_mm() -> None:
    matrix = draw_matrix(qr_text(host="CERTIFICATES.SKILLS.HUMAN-RESOURCES.A-LONG-PROVINCE.GOV.EXAMPLE.CN"))
    assert 57 < matrix.side <= 69
    assert 0.5 * matrix.side <= side_mm(matrix, 33) <= 35


@pytest.mark.parametrize("length", [500, 5000])
def test_what_would_need_a_smaller_module_is_refused(length: int) -> None:
    with pytest.raises(DocumentRefused, match="QR") as refused:
        draw_matrix("HTTPS://A.EXAMPLE/V/" + "A" * length)
    assert refused.value.rule == "R7.2"


def test_the_path_covers_the_dark_modules_and_no_others() -> None:
    matrix = draw_matrix(qr_text())
    covered = set()
    for line in path_of(matrix).splitlines()[:-1]:
        x, y, width, _, _ = line.split()
        covered |= {(int(x) + step, matrix.side - 1 - int(y)) for step in range(int(width))}
    dark = {(x, y) for y, row in enumerate(matrix.rows) for x, module in enumerate(row) if module == "1"}
    assert covered == dark


def by_the_library(text: str, version: int) -> str:
    code = QRCode(version=version, error_correction=ERROR_CORRECT_M, mask_pattern=2, border=0)
    address, _, payload = text.partition("#")
    for part, mode in ((address, MODE_ALPHA_NUM), ("#", MODE_8BIT_BYTE), (payload, MODE_ALPHA_NUM)):
        code.add_data(QRData(part.encode(), mode=mode, check_data=False), optimize=0)
    code.make(fit=False)
    return "".join("01"[bool(module)] for row in code.modules for module in row)


@pytest.mark.parametrize("version", [10, 11, 12, 13])
@given(payload=st.text(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), min_size=1, max_size=220))
def test_the_table_draws_what_the_qrcode_library_draws(version: int, payload: str) -> None:
    text = f"HTTPS://CERTSVC.EXAMPLE/V/{'A' * 26}#{payload}"
    assert symbol(version, 2).draw(encode_bits(text)) == by_the_library(text, version)


def test_a_stream_that_fills_the_symbol_is_drawn_and_one_more_bit_is_not() -> None:
    smallest = symbol(10, 2)
    assert smallest.draw("0" * 8 * smallest.data_bytes) is not None
    assert smallest.draw("0" * (8 * smallest.data_bytes + 1)) is None
