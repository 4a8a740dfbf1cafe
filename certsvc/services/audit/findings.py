"""What a check of the register has found so far, as its parts add to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from certsvc.services.audit.portions import Checked
from certsvc.transparency.audit import Problem


@dataclass(slots=True)
class Findings:
    problems: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    made: set[int] = field(default_factory=set)  # leaves that a certificate names as its own
    changed: set[int] = field(default_factory=set)  # leaves that a change of a status or of a result names
    certificates: int = 0
    erased: int = 0

    def say(self, rule: str, index: int | None, zh: str, en: str) -> None:
        self.problems.append(Problem(rule, index, zh, en))

    def take(self, checked: Checked) -> None:
        """What one portion has shown."""
        self.problems += checked.problems
        self.notices += checked.notices
        self.made.update(checked.made)
        self.certificates += checked.certificates
        self.erased += checked.erased
