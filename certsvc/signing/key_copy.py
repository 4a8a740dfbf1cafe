"""A second key folder for a process that must not sign: the web's (docs/operations.md, 5).

It verifies, looks people up and opens personal data as ever, and one who takes it over can sign nothing. It has to be
brought up to date after every change of a key. Not here: the keys themselves (`keystore`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from certsvc.errors import KeyMissing
from certsvc.signing import keyfiles
from certsvc.signing.key_material import chain_of, file_of
from certsvc.signing.keyindex import KeyIndex
from certsvc.signing.keys import Algorithm


def copy_without_signing_keys(source: Path, target: Path) -> tuple[str, ...]:
    """Brings `target` up to `source` but for the private signing keys; the names of its files. Raises `KeyMissing`.

    Hardware keys lose their URI in the copy, which would lead to token and PIN file.
    """
    with keyfiles.locked(source), keyfiles.locked(target):
        index = KeyIndex.read(source)
        names = [path.name for path in source.glob("*.crl")]
        for record in index.records:
            if record.algorithm is Algorithm.SECRET:
                names.append(file_of(record))
            elif (source / chain_of(record)).exists():
                names.append(chain_of(record))
        try:
            for name in names:
                keyfiles.write_atomically(target / name, (source / name).read_bytes())
        except OSError as error:
            raise KeyMissing("密钥文件不存在或不可读", "a key file is not there or not readable") from error
        # The index last: anyone who reads it finds what it names.
        replace(index, records=tuple(replace(record, uri="file:") for record in index.records)).write(target)
    return tuple(sorted([*names, "keys.json"]))
