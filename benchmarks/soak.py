"""Ten million mutated credentials and a hundred thousand mutated PDFs against our own verifier. Run: make soak

    python -m benchmarks.soak [--credentials N] [--pdfs N] [--minutes M] [--workers W] [--seed S] [--record]

Certificates are issued for it in a folder of its own, by development keys. `--minutes` stops earlier and says so. With
`--record` the figures, as they were, are written to docs/evidence/soak.md. The exit status is 1 where a mutant was
accepted; its number, printed, makes it again. What a mutant is: `mutations`; what "accepted" means: `campaign`.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.campaign import Tally, mutate_credentials, mutate_pdfs
from certsvc.signing.trust import TrustBundle

EVIDENCE = Path(__file__).parents[1] / "docs" / "evidence" / "soak.md"
CHUNK = {"credentials": 20_000, "pdfs": 5_000}
HOLDERS = ("张伟", "阿依古丽·买买提", "𠮷田䶮", "Maria O'Neill")


@dataclass(frozen=True)
class Genuine:
    """What is mutated, and what it is checked against."""

    credentials: tuple[bytes, ...]
    pdfs: tuple[bytes, ...]
    trust: bytes


@dataclass(frozen=True)
class Chunk:
    kind: str
    count: int
    seed: int


def main() -> int:
    """Runs the campaigns and prints the figures."""
    given = _arguments()
    genuine = issue()
    started = time.monotonic()
    until = None if given.minutes is None else started + 60 * given.minutes
    chunks = [
        *_chunks("pdfs", given.pdfs, given.seed),
        *_chunks("credentials", given.credentials, given.seed + 1_000_000),
    ]
    tallies = {"credentials": Tally(), "pdfs": Tally()}
    with ProcessPoolExecutor(given.workers, initializer=_begin, initargs=(genuine, until)) as pool:
        for chunk, tally in zip(chunks, pool.map(_attack, chunks), strict=True):
            tallies[chunk.kind].add(tally)
    text = report(tallies, given, time.monotonic() - started)
    print(text)
    if given.record:
        EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
        EVIDENCE.write_text(text, encoding="utf-8")
    return 1 if any(tally.accepted for tally in tallies.values()) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--credentials", type=int, default=10_000_000)
    parser.add_argument("--pdfs", type=int, default=100_000)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--record", action="store_true")
    return parser.parse_args()


def issue() -> Genuine:
    """Issues a few certificates for real, in a home that is thrown away."""
    from tests.builders.installation import Clock, Installation, made_up  # noqa: PLC0415 - only here

    with tempfile.TemporaryDirectory() as folder:
        # Keys are made by this machine's clock, and a seal counts only within its certificate's time.
        installation = Installation(Path(folder), Clock(datetime.now(UTC).replace(microsecond=0)))
        issued = installation.issue(*(made_up(at, name) for at, name in enumerate(HOLDERS)))
        rows = [installation.row(one.number) for one in issued]
        pdfs = tuple(installation.pdf(one.number) for one in issued)
        trust = installation.services.trust.to_json()
        installation.services.database.close()
    return Genuine(tuple(row.credential for row in rows if row.credential is not None), pdfs, trust)


def _chunks(kind: str, count: int, seed: int) -> Iterable[Chunk]:
    size = CHUNK[kind]
    for at, start in enumerate(range(0, count, size)):
        yield Chunk(kind, min(size, count - start), seed + at)


_given: list[tuple[Genuine, float | None, TrustBundle]] = []


def _begin(genuine: Genuine, until: float | None) -> None:
    _given[:] = [(genuine, until, TrustBundle.from_json(genuine.trust))]


def _attack(chunk: Chunk) -> Tally:
    genuine, until, trust = _given[0]
    if chunk.kind == "pdfs":
        return mutate_pdfs(genuine.pdfs, trust.certificates(), count=chunk.count, seed=chunk.seed, until=until)
    return mutate_credentials(genuine.credentials, trust, count=chunk.count, seed=chunk.seed, until=until)


def report(tallies: dict[str, Tally], given: argparse.Namespace, seconds: float) -> str:
    """The figures as Markdown: what was asked for, what was run, what came of it."""
    lines = [
        "# Mutants against our own verifier",
        "",
        "Written by `python -m benchmarks.soak --record`; what was run, and no more.",
        "",
        f"- begun {datetime.fromtimestamp(time.time() - seconds, UTC):%Y-%m-%d %H:%M} UTC, {seconds:.0f} s on "
        f"{given.workers} processes, Python {platform.python_version()}, {platform.machine()}",
        f"- asked for: {given.credentials:,} credentials and {given.pdfs:,} PDFs"
        + ("" if given.minutes is None else f", or as many as can be had in {given.minutes:g} minutes")
        + f"; first seed {given.seed}",
        "",
    ]
    for kind, tally in tallies.items():
        verdict = "**none was accepted**" if not tally.accepted else f"**ACCEPTED: {', '.join(tally.accepted[:20])}**"
        lines += [f"## {kind}", "", f"{tally.tried:,} mutants tried; {verdict}.", ""]
        if kind == "credentials":
            lines += [
                f"Of those refused for their bytes alone, {tally.lenient:,} say the same in another layout: a lenient "
                "reader (`exact=False`) takes them, and reads nothing else than what was signed.",
                "",
            ]
        lines += ["| refused by the check | mutants |", "|---|---:|"]
        lines += [f"| {name} | {count:,} |" for name, count in tally.refused.most_common()]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
