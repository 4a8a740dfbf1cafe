"""`certsvc bench`: run the benchmarks of a checkout, one after another. They are not part of the installed package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from certsvc.cli.speech import talk

# Parts of others, and the soak, which runs for hours.
_NOT_ALONE = {"__init__", "fill_register", "floor_site", "soak", "stranger_site", "weapons"}


@click.command()
@click.argument("names", nargs=-1)
def bench(names: tuple[str, ...]) -> int:
    """测速 / Run benchmarks (all, or those named)."""
    from certsvc.errors import NotFound
    from certsvc.resources import PACKAGE

    folder = PACKAGE.parent / "benchmarks"
    found = {path.stem: path for path in sorted(folder.glob("*.py")) if path.stem not in _NOT_ALONE}
    if not found:
        raise NotFound("此处没有 benchmarks/（只在源代码目录中有）", "there is no benchmarks/ here; use a checkout")
    unknown = [name for name in names if name not in found]
    if unknown:
        raise click.UsageError(f"没有 {unknown[0]}；有：{'、'.join(found)} / one of: {', '.join(found)}")
    status = 0
    for name in names or found:
        talk(f"== {name}")
        status |= _run(name, folder.parent)
    return 1 if status else 0


def _run(name: str, checkout: Path) -> int:
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=checkout, check=False).returncode  # noqa: S603
