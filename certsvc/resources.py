"""Where shipped files are, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def templates_folder() -> Path:
    """The folder of public/ and certificate/: beside the package in a checkout, inside it in a wheel."""
    inside = PACKAGE / "_templates"
    return inside if inside.is_dir() else PACKAGE.parent / "templates"


def static_folder() -> Path:
    """The folder of the site's scripts, styles and icons."""
    return PACKAGE / "web" / "static"


def schemes_folder() -> Path:
    """The folder of the shipped schemes, one TOML file each."""
    return PACKAGE / "schemes"


def fonts_folder() -> Path:
    """The folder of the shipped fonts and their licences."""
    return PACKAGE / "rendering" / "fonts"
