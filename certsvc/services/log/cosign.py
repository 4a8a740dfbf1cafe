"""Publish a witness's cosignature beside our own on the log's head, so that everybody sees who watches.

Decides that it is over just the head now published, and holds under the key the operator names; anything else is
refused and the head stays as it is. A later head has none until the witness has looked again. Not here: witnessing
(`witness`), signing heads (`log.publish`).
"""

from __future__ import annotations

from pathlib import Path

from certsvc.errors import CheckpointRefused, Unavailable
from certsvc.files.folder import only_writer, write_if_changed
from certsvc.services.context import Services
from certsvc.services.log.publish import CHECKPOINT, log_keys, origin
from certsvc.transparency import note as notes
from certsvc.transparency.checkpoint import OpenedCheckpoint, open_checkpoint
from certsvc.transparency.note import Algorithm, VerifierKey


def add_cosignature(
    services: Services, cosigned: bytes, witness: VerifierKey, folder: Path | None = None
) -> OpenedCheckpoint:
    """The head as now published in the log's `folder`, with this witness's newest word on it.

    Raises `CheckpointRefused` (another head, another key, no or a wrong cosignature), `MalformedLog`, `Unavailable`.
    """
    if witness.algorithm is not Algorithm.COSIGNATURE:
        raise CheckpointRefused("这不是见证者的密钥", f"not a cosigner's key: {witness.name}")
    folder = folder or services.folders.published / "log"
    offered = notes.parse(cosigned)
    if not notes.verify(offered, [witness]):
        raise CheckpointRefused("没有该见证者的联署", f"no cosignature by {witness.name} in it")
    with only_writer(folder):
        try:
            published = notes.parse((folder / CHECKPOINT).read_bytes())
        except FileNotFoundError as error:
            raise Unavailable("日志尚未公布", "the log is not published yet", where=str(folder)) from error
        if offered.text != published.text:
            raise CheckpointRefused(
                "联署的不是现在公布的日志头，请见证者再看一次",
                "not over the head now published: let the witness look again",
            )
        who = (witness.name, witness.key_id)
        line = next(one for one in offered.signatures if (one.name, one.key_id) == who)
        whole = published.with_signature(line).encode()
        opened = open_checkpoint(whole, origin(services), log_keys(services), [witness])
        write_if_changed(folder / CHECKPOINT, whole)
    return opened
