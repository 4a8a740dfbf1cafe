"""Mutants of genuine credentials and PDFs: what a forger, a broken disk or a careless program makes of them.

Three families, each from one seed so that a mutant can be made again by its number: bytes (flip, insert, cut, move,
graft from another), JSON text (the same value spelt otherwise, members twice), and JSON values (written canonically
again, so that only the proofs can tell). Nothing here decides what a mutant deserves: see `campaign`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from certsvc.credential.canonical import canonical_bytes
from certsvc.signing.multibase import decode_base58, encode_base58

Mutate = Callable[[random.Random, bytes, bytes], bytes]
"""(chance, genuine, another genuine) → mutant."""

_ORDER = 2**252 + 27742317777372353535851937790883648493  # of Ed25519's group: S + order is the malleable twin
_KEPT = 60  # how near a PDF's structures a byte is changed, where bytes count most


# Bytes


def flip_bit(chance: random.Random, content: bytes, _: bytes) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :]


def set_byte(chance: random.Random, content: bytes, _: bytes) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]


def insert_bytes(chance: random.Random, content: bytes, _: bytes) -> bytes:
    at = chance.randrange(len(content) + 1)
    put = chance.choice((chance.randbytes(chance.randint(1, 4)), b" ", b"\n", b"\0", b"}", b"\xef\xbb\xbf"))
    return content[:at] + put + content[at:]


def delete_bytes(chance: random.Random, content: bytes, _: bytes) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + content[at + chance.choice((1, 1, 1, 2, 7, 64)) :]


def cut_off(chance: random.Random, content: bytes, _: bytes) -> bytes:
    return content[: chance.randrange(len(content))]


def move_slice(chance: random.Random, content: bytes, _: bytes) -> bytes:
    start, end, to = sorted(chance.randrange(len(content)) for _ in range(3))
    return content[:start] + content[end:to] + content[start:end] + content[to:]


def repeat_slice(chance: random.Random, content: bytes, _: bytes) -> bytes:
    start = chance.randrange(len(content))
    end = start + chance.randint(1, 200)
    return content[:end] + content[start:end] + content[end:]


def graft(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """A stretch of another genuine file in the same place."""
    start = chance.randrange(min(len(content), len(other)))
    end = start + chance.choice((1, 16, 64, 400, 4000, len(content)))
    return content[:start] + other[start:end] + content[end:]


def splice(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """The beginning of one, the end of another."""
    return content[: chance.randrange(len(content))] + other[chance.randrange(len(other)) :]


BYTES: dict[str, Mutate] = {
    function.__name__: function
    for function in (flip_bit, set_byte, insert_bytes, delete_bytes, cut_off, move_slice, repeat_slice, graft, splice)
}


# JSON text: another spelling of a value that is the same, or nearly


def escape_character(chance: random.Random, content: bytes, _: bytes) -> bytes:
    text = content.decode()
    at = chance.randrange(len(text))
    units = text[at].encode("utf-16-be")
    escaped = "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))
    return (text[:at] + escaped + text[at + 1 :]).encode()


def space_out(chance: random.Random, content: bytes, _: bytes) -> bytes:
    return json.dumps(json.loads(content), ensure_ascii=chance.random() < 0.5, indent=chance.choice((None, 1))).encode()


def reorder_members(chance: random.Random, content: bytes, _: bytes) -> bytes:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            members = list(value.items())
            chance.shuffle(members)
            return {name: shuffled(member) for name, member in members}
        return [shuffled(entry) for entry in value] if isinstance(value, list) else value

    return json.dumps(shuffled(json.loads(content)), ensure_ascii=False, separators=(",", ":")).encode()


def reformat_number(chance: random.Random, content: bytes, _: bytes) -> bytes:
    forms = ("%d.0", "%de0", "%dE+0", "0%d", "+%d", "%d.00000000000000000001", "-%d", "%d0", '"%d"')
    marked = json.loads(content)
    places = [place for place in _places(marked) if type(place[0][place[1]]) is int]
    holder, name = chance.choice(places)
    number, holder[name] = holder[name], "\0"
    written = json.dumps(marked, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return written.replace('"\\u0000"', chance.choice(forms) % number).encode()


def repeat_member(chance: random.Random, content: bytes, _: bytes) -> bytes:
    """A member twice in one object, the second time with another value or the same."""
    marked = json.loads(content)
    holder, name = chance.choice([place for place in _places(marked) if isinstance(place[0], dict)])
    twin = json.dumps(chance.choice((holder[name], "张三", None, 5, [])), ensure_ascii=False)
    holder[f"{name}\0"] = "\0"
    written = json.dumps(marked, ensure_ascii=False, separators=(",", ":"))
    return written.replace('\\u0000":"\\u0000"', f'":{twin}').encode()


TEXT: dict[str, Mutate] = {
    function.__name__: function
    for function in (escape_character, space_out, reorder_members, reformat_number, repeat_member)
}


# JSON values: written in canonical form again


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (holder, name or index) in a JSON value."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        names: Sequence[Any] = list(holder) if isinstance(holder, dict) else range(len(holder))
        for name in names:
            found.append((holder, name))
            if isinstance(holder[name], dict | list):
                waiting.append(holder[name])
    return found


def _changed(content: bytes, change: Callable[[Any], Any]) -> bytes:
    document = json.loads(content)
    return canonical_bytes(change(document) or document)


def change_value(chance: random.Random, content: bytes, _: bytes) -> bytes:
    def change(document: Any) -> None:
        holder, name = chance.choice(_places(document))
        old = holder[name]
        new: list[Any] = [None, True, 0, 1, "", "张三", [], {}, [old], {"id": old}, str(old)]
        if isinstance(old, str) and old:
            at = chance.randrange(len(old))
            new += [old[:at] + old[at + 1 :], old + "0", old.swapcase(), old[:at] + "李" + old[at + 1 :]] * 3
        elif type(old) is int:
            new += [old + 1, old - 1, -old, not old] * 3
        holder[name] = chance.choice(new)

    return _changed(content, change)


def exchange_values(chance: random.Random, content: bytes, _: bytes) -> bytes:
    def change(document: Any) -> None:
        places = [place for place in _places(document) if not isinstance(place[0][place[1]], dict | list)]
        (first, name), (second, other) = chance.sample(places, 2)
        first[name], second[other] = second[other], first[name]

    return _changed(content, change)


def drop_member(chance: random.Random, content: bytes, _: bytes) -> bytes:
    def change(document: Any) -> None:
        holder, name = chance.choice(_places(document))
        del holder[name]

    return _changed(content, change)


def add_member(chance: random.Random, content: bytes, _: bytes) -> bytes:
    def change(document: Any) -> None:
        holder = chance.choice([document, *(h[n] for h, n in _places(document) if isinstance(h[n], dict))])
        name = chance.choice(("name", "id", "type", "@context", "evidence", "challenge", "jwk", "expires", "姓名"))
        holder[name] = chance.choice(("张三", 1, [], {"@id": "x"}, ["https://www.w3.org/ns/credentials/v2"]))

    return _changed(content, change)


def take_member_of_another(chance: random.Random, content: bytes, other: bytes) -> bytes:
    def change(document: Any) -> None:
        theirs = json.loads(other)
        mine = document
        if chance.random() < 0.5:
            mine, theirs = mine["credentialSubject"], theirs["credentialSubject"]
        name = chance.choice(sorted(mine.keys() & theirs.keys()))
        mine[name] = theirs[name]

    return _changed(content, change)


def exchange_proofs(chance: random.Random, content: bytes, other: bytes) -> bytes:
    def change(document: Any) -> None:
        proofs, theirs = document["proof"], json.loads(other)["proof"]
        at = chance.randrange(2)
        document["proof"] = chance.choice(
            (
                theirs,
                [proofs[0], theirs[1]],
                [theirs[0], proofs[1]],
                proofs[::-1],
                proofs[:1],
                proofs[1:],
                [*proofs, proofs[at]],
                [proofs[at], proofs[at]],
                proofs[at],
                [],
                {},
            )
        )

    return _changed(content, change)


def change_proof_option(chance: random.Random, content: bytes, other: bytes) -> bytes:
    def change(document: Any) -> None:
        theirs = json.loads(other)["proof"]
        proof = document["proof"][chance.randrange(2)]
        name, value = chance.choice(
            (
                ("proofPurpose", "authentication"),
                ("cryptosuite", "eddsa-rdfc-2022"),
                ("cryptosuite", "eddsa-jcs-2022"),
                ("cryptosuite", "ecdsa-jcs-2019"),
                ("type", "Ed25519Signature2020"),
                ("created", f"20{chance.randint(10, 40)}-01-01T00:00:00Z"),
                ("verificationMethod", "did:web:other.example#" + theirs[0]["verificationMethod"].split("#")[1]),
                ("verificationMethod", proof["verificationMethod"][:-8] + f"{chance.getrandbits(32):08x}"),
                ("proofValue", theirs[0]["proofValue"]),
                ("proofValue", theirs[1]["proofValue"]),
                ("@context", ["https://www.w3.org/ns/credentials/v2"]),
                ("domain", "certsvc.example"),
                ("publicKeyMultibase", "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ5XrnYqXb1XyW"),
            )
        )
        proof[name] = value

    return _changed(content, change)


def change_signature(chance: random.Random, content: bytes, _: bytes) -> bytes:
    def change(document: Any) -> None:
        proof = document["proof"][chance.randrange(2)]
        signature = bytearray(decode_base58(proof["proofValue"], 64))
        way = chance.randrange(4)
        if way == 0:
            signature[chance.randrange(64)] ^= 1 << chance.randrange(8)
        elif way == 1:
            twin = int.from_bytes(signature[32:], "little") + _ORDER
            signature[32:] = twin.to_bytes(32, "little")
        elif way == 2:
            signature += b"\0"
        else:
            del signature[-1]
        proof["proofValue"] = encode_base58(bytes(signature))

    return _changed(content, change)


VALUES: dict[str, Mutate] = {
    function.__name__: function
    for function in (
        change_value,
        exchange_values,
        drop_member,
        add_member,
        take_member_of_another,
        exchange_proofs,
        change_proof_option,
        change_signature,
    )
}

OF_CREDENTIALS: dict[str, Mutate] = BYTES | TEXT | VALUES


# PDF


def _near(chance: random.Random, content: bytes, mark: bytes) -> int:
    """A place near one of the marks."""
    places = []
    at = content.find(mark)
    while at >= 0:
        places.append(at)
        at = content.find(mark, at + 1)
    return min(max(chance.choice(places or [0]) + chance.randint(-_KEPT, _KEPT), 0), len(content) - 1)


def change_near_structure(chance: random.Random, content: bytes, _: bytes) -> bytes:
    marks = (
        b"/ByteRange",
        b"/Contents<",
        b"/M(D:",
        b"/Reference",
        b"xref",
        b"trailer",
        b"startxref",
        b" obj",
        b"%%EOF",
    )
    at = _near(chance, content, chance.choice(marks))
    put = chance.choice((b"", bytes([content[at] ^ (1 << chance.randrange(8))]), b" ", b"0", b"9", b"%", b"\n"))
    return content[:at] + put + content[at + 1 :]


def change_in_signature(chance: random.Random, content: bytes, _: bytes) -> bytes:
    start = content.index(b"/Contents<") + len(b"/Contents<")
    end = content.index(b">", start)
    at = chance.randrange(start, end)
    put = chance.choice((b"0", b"f", b"F", b" ", b"00", b"", bytes([content[at]]).upper()))
    return content[:at] + put + content[at + 1 :]


def append_update(chance: random.Random, content: bytes, _: bytes) -> bytes:
    """An incremental update: another object, another cross-reference, another end."""
    number = chance.randint(1, 40)
    put = b"%d 0 obj\n<</Type/Page/Rotate %d>>\nendobj\n" % (number, chance.choice((0, 90, 180)))
    table = b"xref\n0 1\n0000000000 65535 f \n%d 1\n%010d 00000 n \n" % (number, len(content))
    end = b"trailer\n<</Size 60/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (number, len(content) + len(put))
    return content + put + table + end


def append_tail(chance: random.Random, content: bytes, other: bytes) -> bytes:
    return content + chance.choice((b"\n", b"\0", b"%%EOF\n", other[: chance.randint(1, 2000)], chance.randbytes(8)))


def graft_signature(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """The seal of another genuine file, or the other's body under this seal."""
    start = content.index(b"/Contents<")
    end = content.index(b">", start)
    theirs = other.index(b"/Contents<")
    their_end = other.index(b">", theirs)
    if chance.random() < 0.5:
        return content[:start] + other[theirs:their_end] + content[end:]
    return content[:end] + other[their_end:]


OF_PDFS: dict[str, Mutate] = BYTES | {
    function.__name__: function
    for function in (change_near_structure, change_in_signature, append_update, append_tail, graft_signature)
}
