"""The certificate's QR code as a matrix and as vectors (formats.md, "The QR").

The text is HTTPS://HOST/V/TOKEN#PAYLOAD in capitals: alphanumeric mode on both sides of one '#' in byte mode. Version
10 or more at level M with a fixed mask: all eight are permitted, and trying them costs eight times as much. The module
is never below 0.5 mm, so what does not fit is refused. Not here: what the text says (`credential.compact`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from qrcode.constants import ERROR_CORRECT_M
from qrcode.exceptions import DataOverflowError
from qrcode.main import QRCode
from qrcode.util import MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData

from certsvc.errors import DocumentRefused

_ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
_SMALLEST_VERSION = 10
_LARGEST_VERSION = 13  # 69 modules of 0.507 mm make 35 mm
_MASK = 2
QUIET_MODULES = 4
SMALLEST_MODULE_MM = 0.5


@dataclass(frozen=True, slots=True)
class QrMatrix:
    """`rows` from the top, True for dark."""

    rows: tuple[tuple[bool, ...], ...]

    @property
    def side(self) -> int:
        """Modules along one side, without the quiet zone."""
        return len(self.rows)


def draw_matrix(text: str) -> QrMatrix:
    """The code for a text; raises `DocumentRefused` when it would need a module below 0.5 mm."""
    code: QRCode[object] = QRCode(
        version=_SMALLEST_VERSION, error_correction=ERROR_CORRECT_M, mask_pattern=_MASK, border=0
    )
    for alphanumeric, chars in groupby(text, key=_ALPHANUMERIC.__contains__):
        mode = MODE_ALPHA_NUM if alphanumeric else MODE_8BIT_BYTE
        code.add_data(QRData("".join(chars).encode(), mode=mode, check_data=False), optimize=0)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError) as error:
        raise _too_long(text) from error
    if code.version > _LARGEST_VERSION:
        raise _too_long(text)
    return QrMatrix(tuple(tuple(bool(module) for module in row) for row in code.modules))


def side_mm(matrix: QrMatrix, wanted_mm: float) -> float:
    """The printed side without quiet zone: as the layout asks, or as much larger as the smallest module needs."""
    return max(wanted_mm, matrix.side * SMALLEST_MODULE_MM)


def path_of(matrix: QrMatrix) -> bytes:
    """One PDF path in module units, origin at the lower left; runs of dark modules are single rectangles."""
    parts: list[str] = []
    for index, row in enumerate(matrix.rows):
        y = matrix.side - 1 - index
        x = 0
        for dark, run in groupby(row):
            length = sum(1 for _ in run)
            if dark:
                parts.append(f"{x} {y} {length} 1 re")
            x += length
    parts.append("f")
    return "\n".join(parts).encode()


def _too_long(text: str) -> DocumentRefused:
    return DocumentRefused(
        f"二维码内容过长({len(text)} 个字符),印出后无法可靠扫描",
        f"the QR text is too long to be read reliably in print ({len(text)} characters)",
        rule="R7.2",
    )
