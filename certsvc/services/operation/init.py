"""Make a home that works: tables, development keys, shipped schemes. A second run changes nothing.

Development keys are made only here and only where there are none at all, and mark every certificate 样例 SAMPLE (R7.6);
a real issuer has none made and makes its own with `certsvc key new` (ADR 8: nothing is created silently).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from certsvc.services import trail
from certsvc.services.context import Services, operator
from certsvc.services.records.schemes import load_shipped
from certsvc.store.migrate import upgrade


@dataclass(frozen=True, slots=True)
class Initialised:
    migrated: bool
    keys_made: bool
    schemes: tuple[str, ...]  # the new ones, "key version"

    @property
    def changed(self) -> bool:
        return self.migrated or self.keys_made or bool(self.schemes)


def initialise(services: Services, *, development_keys: bool = True) -> Initialised:
    """Bring the home, the keys and the database into being."""
    services.folders.create()
    host = urlsplit(services.base_url).netloc
    keys_made = development_keys and services.keystore.create_development(host, services.issuer.name_zh)
    before, after = upgrade(services.database)
    with services.database.writing() as session:
        new = load_shipped(session)
        names = tuple(f"{record.key} {record.version}" for record in new)
        if keys_made or names:
            trail.note(
                session,
                at=services.now(),
                by=operator(),
                action="init",
                object_kind="home",
                object_key=host,
                keys_made=keys_made,
                schemes=list(names),
            )
    return Initialised(before != after, keys_made, names)
