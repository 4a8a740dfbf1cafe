"""A witness's cosignature joins the published head only if it is over that very head and holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from certsvc.errors import CheckpointRefused, Unavailable
from certsvc.services.audit.witness import Witnessed, WitnessKey, visit
from certsvc.services.log.cosign import add_cosignature
from certsvc.services.log.fetch import fetcher
from certsvc.services.log.publish import log_keys, origin
from certsvc.services.publishing.static import publish_static
from certsvc.transparency.checkpoint import open_checkpoint
from tests.builders.installation import Installation, made_up


def look(home: Installation, key: WitnessKey, state: Path) -> bytes:
    services = home.services
    found = visit(
        fetcher(str(services.folders.published)),
        state,
        origin=origin(services),
        log_keys=log_keys(services),
        key=key,
        now=home.clock(),
    )
    assert isinstance(found, Witnessed)
    return found.note


def test_a_cosignature_is_published_until_the_log_grows(tmp_path: Path) -> None:
    home, state = Installation(tmp_path / "home"), tmp_path / "witness"
    key = WitnessKey(state, "witness.example")
    head = home.services.folders.published / "log" / "checkpoint"
    other, foreign = Installation(tmp_path / "other-home"), WitnessKey(tmp_path / "other", "other.example")
    other.issue(made_up(2))
    publish_static(other.services)
    of_other = look(other, foreign, tmp_path / "other")
    with pytest.raises(Unavailable):
        add_cosignature(home.services, of_other, foreign.verifier)
    home.issue(made_up(1))
    publish_static(home.services)
    own = head.read_bytes()
    note = look(home, key, state)

    for fault, cosigner in (
        (own, key.verifier),
        (note, WitnessKey(tmp_path / "stranger", "witness.example").verifier),
        (note, log_keys(home.services)[0]),
        (of_other, foreign.verifier),
        (note.replace(b"witness.example ", b"forger.example ", 1), key.verifier),
    ):
        with pytest.raises(CheckpointRefused):
            add_cosignature(home.services, fault, cosigner)
        assert head.read_bytes() == own

    assert add_cosignature(home.services, note, key.verifier).checkpoint.size == 2
    publish_static(home.services)
    opened = open_checkpoint(head.read_bytes(), origin(home.services), log_keys(home.services), [key.verifier])
    assert [one.key for one in opened.witnesses] == [key.verifier]
    # Again, later: the newest word takes the older one's place.
    home.clock.move(days=1)
    add_cosignature(home.services, look(home, key, state), key.verifier)
    again = open_checkpoint(head.read_bytes(), origin(home.services), log_keys(home.services), [key.verifier])
    assert again.witnesses[0].time == int(home.clock().timestamp())
    assert len(again.note.signatures) == 2

    home.issue(made_up(3))
    publish_static(home.services)
    with pytest.raises(CheckpointRefused):
        add_cosignature(home.services, note, key.verifier)
    home.services.database.close()
    other.services.database.close()
