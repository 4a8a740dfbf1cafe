"""The exact bytes that are signed (RFC 8785, JCS), and the strict reading that leads back to one value only.

Decides what JSON this service takes at all. A text that two parsers could read differently is refused before anything
in it is looked at: duplicate members, numbers not written as RFC 8785 writes them, lone surrogates, endless nesting.
Not here: what a credential must contain (`document`), and signatures (`signing.proofs`).
"""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

import rfc8785

from certsvc.errors import MalformedCredential

LARGEST_BYTES = 256 * 1024
DEEPEST = 32
_BEYOND_BMP: Final = re.compile(rb"[\xf0-\xf4]")  # the first byte of such a character in UTF-8
_SAFE = 2**53 - 1  # RFC 7493 2.2: beyond it parsers disagree on the value


def canonical_bytes(value: object) -> bytes:
    """The RFC 8785 form of a JSON value, in UTF-8; raises `MalformedCredential` for what has none (NaN, surrogates)."""
    try:
        if _json_module_agrees(value):
            return plain_bytes(value)
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise MalformedCredential("内容没有规范形式", "the value has no canonical form") from error


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def plain_bytes(value: object) -> bytes:
    """What `canonical_bytes` gives, unchecked, for a value known to be plain: no fraction, ASCII member names."""
    return _ENCODER.encode(value).encode()


def is_canonical(content: bytes, value: object) -> bool:
    """Whether these bytes, of which `load_strict` made the value, are its RFC 8785 form.

    The C encoder differs from that in how it writes fractions, which `load_strict` takes in their one form alone, and
    in the order of names beyond the BMP. So where no character is, and it writes these bytes, so does RFC 8785.
    """
    if not _BEYOND_BMP.search(content) and plain_bytes(value) == content:
        return True
    return canonical_bytes(value) == content


def _json_module_agrees(value: object) -> bool:
    """Whether the C encoder of the standard library writes the same as RFC 8785: no fractions, ASCII member names.

    It is fifteen times as fast; RFC 8785 differs only in how it writes floats and in sorting names by UTF-16 unit.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return -_SAFE <= value <= _SAFE  # type: ignore[operator]
    if kind is list or kind is tuple:
        return all(map(_json_module_agrees, value))  # type: ignore[call-overload]
    if kind is dict:
        return all(
            type(name) is str and name.isascii() and _json_module_agrees(member)
            for name, member in value.items()  # type: ignore[attr-defined]
        )
    return False


def load_strict(content: bytes) -> object:
    """Reads one JSON value that every careful parser reads alike; anything else raises `MalformedCredential`.

    At most 256 KB and 32 levels; UTF-8 without a byte order mark; no member twice; each number as RFC 8785 writes it,
    integers within ±(2^53 − 1); no lone surrogate; not a byte after the end.
    """
    if len(content) > LARGEST_BYTES:
        raise MalformedCredential(f"超过 {LARGEST_BYTES} 字节", f"more than {LARGEST_BYTES} bytes")
    if not content or content[-1:] in b" \t\r\n":
        # JSON itself would let white space follow; the file as issued has none, and an appended byte must show.
        raise MalformedCredential("末尾有多余字节或内容为空", "bytes after the end, or nothing at all")
    try:
        text = content.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_members_once,
            parse_constant=_refuse_constant,
            parse_int=_safe_integer,
            parse_float=_plain_fraction,
        )
    except UnicodeDecodeError as error:
        raise MalformedCredential("不是 UTF-8 编码", "not UTF-8") from error
    except RecursionError as error:
        raise _too_deep() from error
    except json.JSONDecodeError as error:
        raise MalformedCredential("不是合格的 JSON", f"not JSON: {error.msg} at {error.pos}") from error
    # A text with few brackets cannot be nested deep, and one without escapes of code units has no lone surrogate.
    if text.count("{") + text.count("[") > DEEPEST or "\\u" in text:
        _check_depth_and_text(value)
    return value


def _members_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedCredential("同一成员出现两次", "a member stands twice")
    return members


def _refuse_constant(text: str) -> NoReturn:
    raise MalformedCredential(f"不允许的数值 {text}", f"not a JSON number: {text}")


def _safe_integer(text: str) -> int:
    # 16 digits suffice for 2^53; the length is checked first because huge literals are slow to convert.
    if len(text) > 17 or text == "-0" or abs(int(text)) > _SAFE:
        raise MalformedCredential("整数超出安全范围或写法不规范", "an integer beyond 2^53 − 1, or minus zero")
    return int(text)


def _plain_fraction(text: str) -> float:
    value = float(text)
    try:
        canonical = rfc8785.dumps(value).decode()
    except rfc8785.CanonicalizationError as error:
        raise MalformedCredential("数值超出范围", "a number beyond what JSON can carry") from error
    if canonical != text:
        raise MalformedCredential("数值写法不规范", "a number that changes under canonicalisation")
    return value


def _too_deep() -> MalformedCredential:
    return MalformedCredential(f"嵌套超过 {DEEPEST} 层", f"nested deeper than {DEEPEST}")


def _check_depth_and_text(value: object) -> None:
    level: list[object] = [value]
    depth = 0
    while level:
        following: list[object] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, dict | list):
                if depth == DEEPEST:
                    raise _too_deep()
                if isinstance(item, dict):
                    for name in item:
                        _check_text(name)
                    following.extend(item.values())
                else:
                    following.extend(item)
        level = following
        depth += 1


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MalformedCredential("含有孤立的代理码位", "a lone surrogate in the text") from error
