"""A stranger's ZIP → the files in it, opened in a process of its own under limits (`bounded`).

Decides which entries no one put there to be checked (folders, what macOS and Windows leave beside files), under which
names the others are shown (a ZIP made on a Chinese Windows has them in GBK), and what stops at a limit: number, size of
one, size of all. What the directory says of sizes is not believed. A ZIP within a ZIP is not opened. Each file that is
not opened has its reason; none hides the others. Source: PKWARE APPNOTE 4.4 (names: bit 11, extra field 0x7075).
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from certsvc.bounded import Bounds, OutOfBounds, Say, run_bounded

MOST_FILES: Final = 30
LARGEST_FILE: Final = 10 * 1024 * 1024
LARGEST_TOGETHER: Final = 30 * 1024 * 1024
MOST_ENTRIES: Final = 2_000  # with litter and folders
_LARGEST_DIRECTORY: Final = 512 * 1024
_BOUNDS: Final = Bounds(seconds=10, memory_bytes=160 * 1024 * 1024, answer_bytes=LARGEST_TOGETHER + 1024 * 1024)
_HEAD: Final = struct.Struct(">II")
_END: Final = b"PK\5\6"
_UTF8: Final = 0x800
_UNICODE_PATH: Final = 0x7075
_LITTER: Final = frozenset({".ds_store", "thumbs.db", "desktop.ini", ".localized"})

_REASONS: Final = {
    "damaged-zip": ("压缩包已损坏，打不开", "the ZIP is damaged and cannot be opened"),
    "limits": (
        "压缩包在限定的时间和内存内打不开；请解压后选择里面的文件",
        "the ZIP cannot be opened within its limits of time and memory; unpack it and choose the files",
    ),
    "empty": ("压缩包里没有文件", "there is no file in the ZIP"),
    "encrypted": ("文件有密码，打不开；请解压后再选", "the file is encrypted; unpack it and choose the files"),
    "large": ("文件大于 10 MB，没有打开", "over 10 MB: not opened"),
    "damaged": ("文件已损坏，打不开", "the file is damaged and cannot be opened"),
    "nested": ("压缩包中的压缩包不予打开；请先解压", "a ZIP within a ZIP is not opened; unpack it first"),
    "many": (
        f"一次最多打开 {MOST_FILES} 个文件、共 30 MB，其余没有打开；请分几次查验",
        f"at most {MOST_FILES} files and 30 MB are opened at a time, the rest was not; check them in several parts",
    ),
}


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a ZIP. `content` is None where it was not opened, for the `reason` in Chinese and English."""

    name: str
    content: bytes | None
    reason: tuple[str, str] | None = None


def open_zip(content: bytes, name: str = "ZIP") -> Iterator[Member]:
    """The files of a ZIP, one after another; what stopped it comes last, under the ZIP's own name. Raises nothing."""
    try:
        said = run_bounded(unpack, {}, content, _BOUNDS)
    except OutOfBounds:
        yield _unopened(name, "limits")
        return
    at = 0
    while at < len(said):
        head, size = _HEAD.unpack_from(said, at)
        told = json.loads(said[at + _HEAD.size : at + _HEAD.size + head])
        at += _HEAD.size + head + size
        if told["reason"] is None:
            yield Member(told["name"], said[at - size : at])
        else:
            yield _unopened(told["name"] or name, told["reason"])


def nested(name: str) -> Member:
    """A ZIP that was in the ZIP."""
    return _unopened(name, "nested")


def _unopened(name: str, reason: str) -> Member:
    return Member(name, None, _REASONS[reason])


def unpack(settings: dict[str, Any], content: bytes, say: Say) -> None:
    """The child's work: each file, or why it was not opened, under a head of two lengths."""
    del settings
    for name, reason, member in entries(content):
        head = json.dumps({"name": name, "reason": reason}).encode()
        say(_HEAD.pack(len(head), len(member)) + head)
        say(member)


def entries(content: bytes) -> Iterator[tuple[str, str | None, bytes]]:
    """Each file with its name, the key of the reason why it was not opened, and its bytes; within a child alone.

    What stopped the reading comes last, without a name.
    """
    try:
        if _directory_bytes(content) > _LARGEST_DIRECTORY:
            yield "", "limits", b""
            return
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from _files(archive)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError, struct.error):
        yield "", "damaged-zip", b""


def _files(archive: zipfile.ZipFile) -> Iterator[tuple[str, str | None, bytes]]:
    found = [entry for entry in archive.infolist() if not _is_litter(entry)]
    if len(archive.infolist()) > MOST_ENTRIES:
        yield "", "limits", b""
        return
    if not found:
        yield "", "empty", b""
    together = 0
    for place, entry in enumerate(found):
        reason, member = ("many", b"") if place == MOST_FILES else _open(archive, entry)
        together += len(member)
        if reason == "many" or together > LARGEST_TOGETHER:
            yield "", "many", b""
            return
        yield name_of(entry), reason, member


def _directory_bytes(content: bytes) -> int:
    """How long the directory says it is; each of its entries takes memory before any can be looked at."""
    end = content.rfind(_END)
    if end < 0 or len(content) < end + 22:
        return 0
    (length,) = struct.unpack_from("<I", content, end + 12)
    return int(length)


def _open(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[str | None, bytes]:
    if entry.flag_bits & 1:
        return "encrypted", b""
    if entry.file_size > LARGEST_FILE:
        return "large", b""
    try:
        with archive.open(entry) as member:
            content = member.read(LARGEST_FILE + 1)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError, RuntimeError, zlib.error):
        return "damaged", b""
    except Exception as error:  # LZMAError has no root of its own below Exception
        if type(error).__module__ not in {"_lzma", "lzma"}:
            raise
        return "damaged", b""
    if len(content) > LARGEST_FILE:
        return "large", b""
    return None, content


def _is_litter(entry: zipfile.ZipInfo) -> bool:
    """Folders, and what systems leave beside files."""
    folders, _, last = entry.filename.replace("\\", "/").rpartition("/")
    if not last or folders.split("/", 1)[0].upper() == "__MACOSX":
        return True
    return last.lower() in _LITTER or last.startswith(("._", "~$"))


def name_of(entry: zipfile.ZipInfo) -> str:
    """The name as it was when it was packed: UTF-8 where the entry says so, else UTF-8 or GBK as its bytes are."""
    if entry.flag_bits & _UTF8:
        return entry.filename
    path = _unicode_path(entry.extra)
    if path is not None:
        return path
    raw = entry.filename.encode("cp437", "replace")  # how the reader took it, by the letter of APPNOTE
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return entry.filename


def _unicode_path(extra: bytes) -> str | None:
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == _UNICODE_PATH and size > 5:  # a version, a checksum of the other name, then this one
            return extra[at + 9 : at + 4 + size].decode("utf-8", "replace")
        at += 4 + size
    return None
