"""What a verification found: a bottom line, and every check that was made (design.md, decision 7).

"Revoked" is an answer here, not an error, and an outage is never "invalid" (R10). Not here: making the checks
(`signing`, `services.verification.verify`), and the sentence shown for each state (`wording`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    VALID = "valid"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    FORGED = "forged"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `ok` is True, False, or None where it could not be made."""

    name: str
    ok: bool | None
    detail_zh: str
    detail_en: str

    def as_json(self) -> dict[str, object]:
        """The form in formats.md: name, ok, detail (both languages)."""
        return {"name": self.name, "ok": self.ok, "detail": f"{self.detail_zh} / {self.detail_en}"}


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer of `certsvc verify`. `certificate` holds what was signed, where something was."""

    verdict: Verdict
    checks: tuple[Check, ...]
    certificate: Mapping[str, object] | None = None

    def as_json(self) -> dict[str, object]:
        """The form in formats.md: verdict, checks, certificate."""
        return {
            "verdict": self.verdict.value,
            "checks": [check.as_json() for check in self.checks],
            "certificate": None if self.certificate is None else dict(self.certificate),
        }
