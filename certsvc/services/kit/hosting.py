"""What web servers need to be told about the kit: an address that is no file, as of a scanned code, gets the page.

Decides why there is no file for `/V/TOKEN`: the token is the key that opens a certificate, so a folder that named its
files by tokens would give them all away to anyone who copies or lists it. Hosts of static sites answer the unknown with
404.html by themselves; for the others their own configuration comes with the kit, and a small server to run at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from certsvc.files.folder import write_if_changed
from certsvc.resources import templates_folder

# Where each file stands in the kit, for those that servers look for at its root.
_AT_ROOT: Final[Mapping[str, str]] = MappingProxyType({"htaccess": ".htaccess", "_redirects": "_redirects"})
_FOLDER: Final = "hosting"
_NO_JEKYLL: Final = ".nojekyll"  # GitHub Pages otherwise leaves out .well-known


def write_hosting(folder: Path) -> int:
    """Write or update the files in the kit's folder; how many were written."""
    written = int(write_if_changed(folder / _NO_JEKYLL, b""))
    for source in sorted((templates_folder() / "kit" / _FOLDER).iterdir()):
        if source.is_file():
            place = _AT_ROOT.get(source.name, f"{_FOLDER}/{source.name}")
            written += write_if_changed(folder / place, source.read_bytes())
    return written
