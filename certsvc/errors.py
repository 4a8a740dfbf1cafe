"""Every error this service raises: a stable code, words for a person, no HTTP.

A refusal says what is wrong, where, and by which rule of the domain. How a code becomes an exit status or an HTTP
status is decided once, in `cli` and in `web.problems`. Third-party errors are wrapped where they arise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar


def one_line(text: str) -> str:
    """Words that hold a stranger's, fit for a terminal: an escape sequence there could clear the screen and write
    another verdict on it."""
    return "".join(
        character if character.isprintable() or character == "\u3000" else " " if character.isspace() else "\ufffd"
        for character in text
    )


class CertsvcError(Exception):
    """The root. `zh` and `en` say the same; `rule` is a domain rule such as "R2.2", `where` a place such as a row."""

    code: ClassVar[str] = "error"

    def __init__(self, zh: str, en: str, *, rule: str | None = None, where: str | None = None) -> None:
        super().__init__(zh, en)
        self.zh = zh
        self.en = en
        self.rule = rule
        self.where = where

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        rule = f" ({self.rule})" if self.rule else ""
        return one_line(f"{place}{self.zh} / {self.en}{rule}")

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process pools; the default would call __init__ with the wrong arguments.
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(kind: type[CertsvcError], attributes: dict[str, object]) -> CertsvcError:
    error = kind.__new__(kind)
    Exception.__init__(error, attributes.get("zh"), attributes.get("en"))
    error.__dict__.update(attributes)
    return error


class Refused(CertsvcError):
    """What was asked cannot be done as asked; asking again the same way gives the same answer."""

    code = "refused"


class NotFound(Refused):
    code = "not-found"


class Conflict(Refused):
    """The same key is there already with different content."""

    code = "conflict"


class NotPermitted(Refused):
    """The account by which the database is reached may not do this."""

    code = "not-permitted"


class Unavailable(CertsvcError):
    """Nothing is known just now (outage); it says nothing about any certificate (R10)."""

    code = "unavailable"


class ListMissing(Unavailable):
    """A certificate of a chain has no revocation list to go by: the file stays at its lower level."""

    code = "list-missing"


# Persons, by R9


class InvalidName(Refused):
    code = "invalid-name"


class InvalidIdentity(Refused):
    code = "invalid-identity"


# Rules, by R0–R6


class InvalidScheme(Refused):
    code = "invalid-scheme"


class RegistrationRefused(Refused):
    code = "registration-refused"


class InvalidScore(Refused):
    code = "invalid-score"


class AttemptRefused(Refused):
    """`because` is the ground alone, in Chinese and in English, for one that is on record and not counted (R2.5)."""

    code = "attempt-refused"
    because: tuple[str, str] | None = None


# Credentials, by R7


class MalformedCredential(Refused):
    code = "malformed-credential"


class DocumentRefused(Refused):
    """The intended document fails a check, so it is never signed."""

    code = "document-refused"


class AlreadySigned(CertsvcError):
    """A checked document is a one-shot ticket; signing it twice is a fault of ours."""

    code = "already-signed"


class InvalidNumber(Refused):
    code = "invalid-number"


class NumberRangeFull(Refused):
    code = "number-range-full"


class StatusChangeRefused(Refused):
    code = "status-change-refused"


class StaleRequest(Refused):
    """What was asked for no longer stands on what it stood on when it was asked for."""

    code = "stale-request"


class MissingGlyph(DocumentRefused):
    """The fonts cannot draw a character of this certificate (R9)."""

    code = "missing-glyph"


# Drawing and sealing: R7.2


class InvalidLayout(Refused):
    """A certificate layout's file makes no sense; `where` names the key."""

    code = "invalid-layout"


class SealRefused(CertsvcError):
    """A page cannot be sealed with this key or chain, or has no place for a seal."""

    code = "seal-refused"


# Files in: roster


class FileRefused(Refused):
    """The file as a whole cannot be read: its form, encoding, size or headers."""

    code = "file-refused"


class PhotoRefused(Refused):
    code = "photo-refused"


class PictureRefused(Refused):
    """What was brought as a picture cannot be opened as one, or not within the limits."""

    code = "picture-refused"


@dataclass(frozen=True, slots=True)
class CellError:
    """One cell that cannot be accepted. `row` is the file's own row number, the header being row 1."""

    row: int
    column: str
    value: str
    rule: str
    zh: str
    en: str

    def __str__(self) -> str:
        shown = self.value if len(self.value) <= 40 else self.value[:40] + "…"
        # A fault of the row as a whole has no column and no value to show.
        cell = f"{self.column} · {shown!r} · " if self.column else ""
        return one_line(f"第 {self.row} 行 row {self.row} · {cell}{self.rule} · {self.zh} / {self.en}")

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class ImportRefused(Refused):
    """Nothing of the file was stored; `errors` lists every bad cell in row order."""

    code = "import-refused"

    def __init__(self, errors: Sequence[CellError]) -> None:
        super().__init__(
            f"文件中有 {len(errors)} 处错误，全部未导入",
            f"{len(errors)} errors in the file; nothing was imported",
        )
        self.errors = tuple(errors)


# Keys, log


class SignatureRefused(Refused):
    """A signed call whose signature, digest, time, nonce or key is not good; `where` names which."""

    code = "signature-refused"


class KeyRefused(Refused):
    code = "key-refused"


class WrongKeys(KeyRefused):
    """Keys that are not, or no longer, those of this register: nothing is done with them."""

    code = "wrong-keys"


class KeyMissing(CertsvcError):
    """A key this purpose needs is not there; outside development none is made silently."""

    code = "key-missing"


class LogMismatch(CertsvcError):
    """What the log says and what was recomputed differ; nothing is signed until a person has looked."""

    code = "log-mismatch"


class ClockWentBack(CertsvcError):
    code = "clock-went-back"


class ClockLeapt(CertsvcError):
    """The clock is more than a day after the last signing, and no one has said that it is right."""

    code = "clock-leapt"


class MalformedLog(Refused):
    """Text or bytes that claim to be part of a log (leaf, note, checkpoint, tile, proof) but have not that form."""

    code = "malformed-log"


class ProofRefused(Refused):
    """A proof that does not lead from what it is said to prove to the root it names."""

    code = "proof-refused"


class CheckpointRefused(Refused):
    """A well-formed checkpoint that must not be believed: another log's, unsigned, or wrongly signed."""

    code = "checkpoint-refused"


# Reissue, by R8


class BatchRefused(Refused):
    """A batch that the signer does not sign: not approved, not earned, or not what was approved."""

    code = "batch-refused"


class ReissueRefused(Refused):
    code = "reissue-refused"
