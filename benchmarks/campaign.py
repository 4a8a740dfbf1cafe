"""Puts mutants to our own verifier and keeps count: none may be accepted.

What "accepted" means. A credential: as received, any bytes but a genuine credential's own are refused; read leniently
(`exact=False`, as from a wallet), a mutant may pass only where it says, claim by claim and proof by proof, what the
genuine one says. A PDF: any bytes but a genuine file's own are refused.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography import x509

from benchmarks.archive_mutations import OF_ARCHIVED
from benchmarks.mutations import OF_CREDENTIALS, OF_PDFS, Mutate
from certsvc.signing.pdf_examination import examine_pdf
from certsvc.signing.proofs import verify_credential
from certsvc.signing.trust import TrustBundle


@dataclass
class Tally:
    """How many mutants were tried; how many were refused, by the check that refused them; what was accepted.

    `unchanged` came out as a genuine file again, and does not count.
    """

    tried: int = 0
    unchanged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    lenient: int = 0  # only another layout of the same: accepted where the layout is not asked for
    accepted: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.tried += other.tried
        self.unchanged += other.unchanged
        self.refused += other.refused
        self.lenient += other.lenient
        self.accepted += other.accepted


def mutate_credentials(
    genuine: Sequence[bytes], trust: TrustBundle, *, count: int, seed: int, until: float | None = None
) -> Tally:
    """`count` mutants of genuine credentials, or as many as can be had until that monotonic time."""
    meanings = {_meaning(content) for content in genuine}

    def judge(mutant: bytes, name: str, tally: Tally) -> None:
        check = verify_credential(mutant, trust)
        if check.ok:
            tally.accepted.append(name)
            return
        tally.refused[check.checks[-1].name] += 1
        if check.checks[-1].name == "bytes":
            lenient = verify_credential(mutant, trust, exact=False)
            if lenient.ok and _meaning(mutant) not in meanings:
                tally.accepted.append(f"{name} (lenient)")
            tally.lenient += lenient.ok

    return _run(genuine, OF_CREDENTIALS, judge, count=count, seed=seed, until=until)


def mutate_pdfs(
    genuine: Sequence[bytes], roots: Sequence[x509.Certificate], *, count: int, seed: int, until: float | None = None
) -> Tally:
    """The same for sealed PDFs."""

    def judge(mutant: bytes, name: str, tally: Tally) -> None:
        found = examine_pdf(mutant, roots)
        if found.ok:
            tally.accepted.append(name)
        else:
            tally.refused[found.checks[-1].name] += 1

    return _run(genuine, OF_PDFS, judge, count=count, seed=seed, until=until)


def mutate_archived(
    genuine: Sequence[bytes],
    roots: Sequence[x509.Certificate],
    stamp_roots: Sequence[x509.Certificate],
    *,
    count: int,
    seed: int,
) -> Tally:
    """The same for PDFs with time stamps; every revision that is whole by itself must be among the genuine."""

    def judge(mutant: bytes, name: str, tally: Tally) -> None:
        found = examine_pdf(mutant, roots, stamp_roots=stamp_roots)
        if found.ok:
            tally.accepted.append(name)
        else:
            tally.refused[found.checks[-1].name] += 1

    return _run(genuine, OF_ARCHIVED, judge, count=count, seed=seed, until=None)


def _meaning(content: bytes) -> str:
    return json.dumps(json.loads(content), sort_keys=True)


def _run(
    genuine: Sequence[bytes],
    mutators: Mapping[str, Mutate],
    judge: Callable[[bytes, str, Tally], None],
    *,
    count: int,
    seed: int,
    until: float | None,
) -> Tally:
    tally, own = Tally(), set(genuine)
    names = list(mutators)
    for number in itertools.count():
        if tally.tried == count or (until is not None and number % 64 == 0 and time.monotonic() > until):
            break
        # Every mutant has a seed of its own, so that one that was accepted can be made again alone.
        chance = random.Random(f"{seed}/{number}")
        name = names[number % len(names)]
        content, other = chance.sample(genuine, 2)
        mutant = mutators[name](chance, content, other)
        if mutant in own:
            tally.unchanged += 1
        else:
            tally.tried += 1
            judge(mutant, f"{name} {seed}/{number}", tally)
    return tally
