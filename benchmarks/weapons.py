"""Uploads made to hurt: each small to send and large to read. What `hostile` throws, fifty at once.

Not here: sending them and measuring what they do (`hostile`).
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Final

from openpyxl import Workbook

AT_ONCE: Final = 50


@dataclass(frozen=True)
class Upload:
    """One request as it is sent, body and all."""

    address: str
    content_type: str
    body: bytes


def hostile_uploads() -> dict[str, list[Upload]]:
    """Fifty uploads of each kind, and fifty of all kinds."""
    made = {
        "json": [_of_json(b'{"rows":[' + b'{"number":"1","name":"2"},' * (23 * 2**20 // 25) + b"{}]}")],
        "rows": [_of_json(b'{"rows":[' + b"{}," * 349_000 + b"{}]}"), _of_json(b"[" * 1_000_000)],
        "sheet": [_listed("list.xlsx", spreadsheet_that_expands())],
        "zip": [filed("a.zip", zip_of_many_entries(420_000)), filed("b.zip", zip_of_zeros())],
        "picture": [filed("a.png", png_bomb(30_000)), filed("a.tif", tiff_bomb(20_000))],
        "pdf": [
            filed("deep.pdf", deep_pdf(9 * 2**20)),
            filed("links.pdf", b"%PDF-1.7 " + b"/v/aaaaaaaaaaaaaaaaaaaaaaaaa!" * 300_000),
        ],
        "list": [_listed("list.csv", long_list())],
    }
    fifty = {kind: [each[i % len(each)] for i in range(AT_ONCE)] for kind, each in made.items()}
    mixed = [upload for place in range(AT_ONCE) for upload in [fifty[list(made)[place % len(made)]][place]]]
    random.Random(1).shuffle(mixed)
    return fifty | {"mixed": mixed}


def _of_json(body: bytes) -> Upload:
    return Upload("/api/v1/verifications", "application/json", body)


def filed(name: str, content: bytes) -> Upload:
    """A file as a browser sends it to the file check."""
    return Upload("/verify/file", *_form("file", name, content))


def _listed(name: str, content: bytes) -> Upload:
    return Upload("/verify/list", *_form("list", name, content))


def _form(field: str, name: str, content: bytes) -> tuple[str, bytes]:
    head = f'--x7x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return "multipart/form-data; boundary=x7x", head.encode() + content + b"\r\n--x7x--\r\n"


def spreadsheet_that_expands() -> bytes:
    """Some 200 KB: one string of 200 KB that a hundred thousand cells repeat."""
    out = io.BytesIO()
    book = Workbook()
    assert book.active is not None
    book.active.append(["证书编号", "姓名"])
    book.save(out)
    cells = "".join(f'<c r="{column}%d" t="s"><v>2</v></c>' for column in "ABCDEFGHIJKLMNOPQRST")
    rows = "".join(f'<row r="{row}">{cells.replace("%d", str(row))}</row>' for row in range(2, 5002))
    noise = random.Random(1).randbytes(60_000).hex()
    strings = "".join(f"<si><t>{text}</t></si>" for text in ("证书编号", "姓名", noise))
    namespace = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    head = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
    parts = {
        "xl/worksheets/sheet1.xml": f"<worksheet {namespace}><sheetData>{head}{rows}</sheetData></worksheet>",
        "xl/sharedStrings.xml": f"<sst {namespace}>{strings}</sst>",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(out) as plain, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
        for entry in plain.infolist():
            if entry.filename not in parts:
                written.writestr(entry.filename, plain.read(entry))
        for name, text in parts.items():
            written.writestr(name, text)
    return packed.getvalue()


def zip_of_many_entries(count: int) -> bytes:
    """A ZIP whose directory names one file so many times."""
    file = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0)
    directory = b"".join(entry + b"%05x" % (place % 0xFFFFF) for place in range(count))
    # Beyond 65,535 entries the number is one of ZIP64; readers go by the directory's length.
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count & 0xFFFF, count & 0xFFFF, len(directory), len(file), 0)
    return file + directory + end


def zip_of_zeros() -> bytes:
    """A ZIP of forty files of ten megabytes each, nothing in any."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for place in range(40):
            archive.writestr(f"{place}.pdf", b"%PDF-1.7" + bytes(10 * 2**20 - 100))
    return out.getvalue()


def png_bomb(side: int) -> bytes:
    """A picture of side × side points, all black, in some hundred kilobytes."""
    packer, packed = zlib.compressobj(9), b""
    for _ in range(side):
        packed += packer.compress(bytes(side // 8 + 1))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">2I5B", side, side, 1, 0, 0, 0, 0))
        + _chunk(b"IDAT", packed + packer.flush())
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def tiff_bomb(side: int) -> bytes:
    """The same as a TIFF of eight bits a point, one strip."""
    packer, strip = zlib.compressobj(1), b""
    for _ in range(side):
        strip += packer.compress(bytes(side))
    strip += packer.flush()
    # Width, length, bits, compression (deflate), photometric (grey), where the strip is, samples, its rows and bytes.
    tags = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 8), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    tags += [(278, 4, side), (279, 4, len(strip))]
    entries = b"".join(struct.pack("<2H2I", tag, kind, 1, value) for tag, kind, value in tags)
    listed = struct.pack("<H", len(tags)) + entries + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8 + len(strip)) + strip + listed


def deep_pdf(size: int) -> bytes:
    """Arrays in arrays, and the marks of a certificate of ours."""
    head = b"%PDF-1.7\n1 0 obj\n<</Type/Sig/ByteRange[0 9 99 9]>>\nendobj\n2 0 obj\n"
    return head + b"[" * size + b"\nendobj\n% credential.json\ntrailer<</Root 2 0 R>>\nstartxref\n60\n%%EOF"


def long_list() -> bytes:
    rows = [f"26630100015{place:05d},张{chr(0x4E00 + place)}" for place in range(5000)]
    return "\n".join(["证书编号,姓名", *rows]).encode()
