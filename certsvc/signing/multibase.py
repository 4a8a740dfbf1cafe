"""base58btc and Multikey: how proofs and DID documents write bytes (VC Controlled Identifiers 1.0, 2.2.2 and 2.4).

Not here: base64url ("u…"), which credentials use for commitments (`credential.commitment`).
"""

from __future__ import annotations

from typing import Final

from certsvc.errors import MalformedCredential

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PLACES: Final = {character: place for place, character in enumerate(_ALPHABET)}
# Two characters at a time halve the divisions of a long integer, where the time goes.
_PAIRS: Final = [high + low for high in _ALPHABET for low in _ALPHABET]
_VALUES: Final = bytes.maketrans(_ALPHABET.encode(), bytes(range(58)))
_DIGITS: Final = _ALPHABET.encode()
_MOST_DIGITS: Final = 128


def _every_second(width: int) -> int:
    """A mask of every second lane of so many bits, the last one among them."""
    return sum(((1 << width) - 1) << at for at in range(0, 8 * _MOST_DIGITS, 2 * width))


# Lanes of 1, 2, 4 … 64 digits: their width in bits, every second one of them, and what the left one of two counts for.
_JOINS: Final = tuple((8 * digits, _every_second(8 * digits), 58**digits) for digits in (1, 2, 4, 8, 16, 32, 64))
ED25519_PUBLIC: Final = b"\xed\x01"
P256_PUBLIC: Final = b"\x80\x24"


def encode_base58(content: bytes) -> str:
    """Multibase base58btc: "z" and the characters; each leading zero byte is a "1"."""
    number = int.from_bytes(content, "big")
    pairs = []
    while number:
        number, pair = divmod(number, 3364)
        pairs.append(_PAIRS[pair])
    digits = "".join(reversed(pairs)).lstrip("1")
    return "z" + "1" * (len(content) - len(content.lstrip(b"\0"))) + digits


def decode_base58(text: str, length: int) -> bytes:
    """The bytes of a "z…" text that holds just `length` of them, in its one spelling; else `MalformedCredential`."""
    if text[:1] != "z" or not length <= len(text) <= 2 * length + 1:
        raise MalformedCredential("不是 base58btc", "not base58btc of the right length")
    number = 0
    for character in text[1:]:
        place = _PLACES.get(character)
        if place is None:
            raise MalformedCredential("不是 base58btc", f"{character!r} is not of base58btc")
        number = number * 58 + place
    try:
        content = number.to_bytes(length, "big")
    except OverflowError as error:
        raise MalformedCredential("base58btc 长度不符", "base58btc of another length") from error
    if encode_base58(content) != text:
        raise MalformedCredential("base58btc 写法不规范", "base58btc of another length or spelling")
    return content


def read_signature(text: bytes) -> bytes | None:
    """The 64 bytes of a signature in base58btc ("z…"), in whatever spelling; None for what holds none.

    For checks over stored bytes (`stored`), where a second spelling of the same signature does no harm.
    """
    digits = text[1:]
    if text[:1] != b"z" or len(digits) > _MOST_DIGITS or digits.translate(None, _DIGITS):
        return None
    # All digits as the bytes of one long number, whose neighbours are then joined two by two: seven steps of it are a
    # third of the time of a loop over the digits.
    number = int.from_bytes(digits.translate(_VALUES), "big")
    for width, lows, base in _JOINS:
        number = (number >> width & lows) * base + (number & lows)
    try:
        return number.to_bytes(64, "big")
    except OverflowError:
        return None
