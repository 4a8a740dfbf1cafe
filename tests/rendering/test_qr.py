"""The QR: version 10, mixed modes, a module that prints, refused when it would not."""

from __future__ import annotations

import pytest

from certsvc.errors import DocumentRefused
from certsvc.rendering.qr import draw_matrix, path_of, side_mm
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
    for line in path_of(matrix).decode().splitlines()[:-1]:
        x, y, width, _, _ = line.split()
        covered |= {(int(x) + step, matrix.side - 1 - int(y)) for step in range(int(width))}
    dark = {(x, y) for y, row in enumerate(matrix.rows) for x, module in enumerate(row) if module}
    assert covered == dark
