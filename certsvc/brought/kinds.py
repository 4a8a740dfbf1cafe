"""Which kind of thing a brought file is: found from its bytes, not from its name nor from the box it was put into.

Only a text without any mark of its own needs its name, and only to tell a list from other text. What this service never
reads (another archive, a word processor's file, nothing at all) is told as such, with what to do instead; it says
nothing about any certificate. Not here: whether it is genuine (`services.verification`), whether a picture or a list
can be read (`pictures`, `roster`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from certsvc.pictures.kinds import is_picture

_ZIP: Final = (b"PK\3\4", b"PK\5\6")
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MOST_NAMES: Final = 60  # a workbook's parts stand among the first
_TABLE_NAMES: Final = (".csv", ".tsv", ".xlsx", ".xlsm", ".xls", ".et")
_TABLE_HEADERS: Final = ("证书编号", "certificate number", "number")
_SEPARATORS: Final = (",", ";", "\t", "，", "；")
_BYTES_OF_HEADER: Final = 4096


class Kind(StrEnum):
    DOCUMENT = "document"  # a PDF, a credential, a QR's text, or what the check itself has words for
    PICTURE = "picture"
    LIST = "list"
    ZIP = "zip"
    UNREAD = "unread"


ARCHIVES: Final[Mapping[bytes, str]] = {
    b"Rar!": "RAR",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
}
_WORD: Final = (
    "这是文字处理文档，不是证书原件；请选择收到的 PDF，或给证书上的二维码拍照、截图",
    "a word processor's document is no original; choose the PDF you were sent, or take a picture of the code",
)


def kind_of(content: bytes, name: str = "") -> Kind:
    """The kind of this file; `name` is only asked where the bytes leave it open."""
    if why_unread(content) is not None:
        return Kind.UNREAD
    if content.startswith(_ZIP):
        return Kind.LIST if _is_workbook(content) else Kind.ZIP
    if is_picture(content):
        return Kind.PICTURE
    if content.startswith(OLE) or _is_table(content, name.lower()):
        return Kind.LIST
    return Kind.DOCUMENT


def why_unread(content: bytes) -> tuple[str, str] | None:
    """Why this kind of file is not read here, and what to bring instead, in Chinese and English; None where it is."""
    if not content:
        return "文件是空的，也许没有下载完；请重新下载后再选", "the file is empty; download it again"
    for beginning, called in ARCHIVES.items():
        if content.startswith(beginning):
            return (
                f"{called} 压缩包在这里打不开；请解压后选择里面的文件，或改用 ZIP",
                f"a {called} archive cannot be opened here; unpack it and choose the files, or use ZIP",
            )
    if content.startswith(_ZIP) and any(name.startswith((b"word/", b"ppt/")) for name in _zip_names(content)):
        return _WORD
    if content.startswith(OLE) and "WordDocument".encode("utf-16-le") in content:
        return _WORD
    if content.startswith(OLE) and "__substg1.0_".encode("utf-16-le") in content:
        return "这是整封邮件；请把附件另存后再选", "this is a whole mail; save what is attached to it, and choose that"
    return None


def _is_workbook(content: bytes) -> bool:
    return any(name.startswith(b"xl/") for name in _zip_names(content))


def _zip_names(content: bytes) -> Iterator[bytes]:
    """The first names in a ZIP's directory, read without trusting its figures; none where it is damaged."""
    end = content.rfind(b"PK\5\6", -66_000)
    if end < 0 or len(content) < end + 22:
        return
    (at,) = struct.unpack_from("<I", content, end + 16)
    for _ in range(_MOST_NAMES):
        if content[at : at + 4] != b"PK\1\2" or len(content) < at + 46:
            return
        name, extra, comment = struct.unpack_from("<3H", content, at + 28)
        yield content[at + 46 : at + 46 + name]
        at += 46 + name + extra + comment


def _is_table(content: bytes, name: str) -> bool:
    """Whether a text is a table: by its first line, or by its name where it begins as nothing else does."""
    start = content[:_BYTES_OF_HEADER]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16, which the list's reader has words for
        return name.endswith(_TABLE_NAMES)
    if b"\0" in start or start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"<", b"%"}:
        return False
    if name.endswith(_TABLE_NAMES):
        return True
    for encoding in ("utf-8", "gb18030"):
        line = start.decode(encoding, "ignore").lstrip("\ufeff\r\n ").partition("\n")[0].lower()
        cells = [cell.strip(' "\r') for separator in _SEPARATORS for cell in line.split(separator)]
        if any(header in cells for header in _TABLE_HEADERS) and len(set(cells)) > 1:
            return True
    return False
