"""Go's sumdb/note and sumdb/tlog check our log as files, and refuse it once anything in it is tampered with."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from certsvc.services.audit.witness import Witnessed, WitnessKey, visit
from certsvc.services.certificates.change_status import revoke, suspend
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.log import read as log_read
from certsvc.services.log.fetch import fetcher
from certsvc.services.log.publish import log_keys, origin
from certsvc.services.publishing.static import publish_static
from certsvc.signing.keys import Purpose
from certsvc.transparency import leaf as leaf_form
from certsvc.transparency import note as notes
from certsvc.transparency.checkpoint import Checkpoint, parse_body, sign_checkpoint
from certsvc.transparency.note import Algorithm
from certsvc.transparency.proofs import ReadHash, prove_consistency, prove_inclusion
from certsvc.transparency.tiles import ENTRIES, entry_bundle, hash_tile, tiles_of_growth
from certsvc.transparency.tree import Frontier, leaf_hash
from tests.builders.installation import Installation, made_up
from tests.transparency.keys import LOG_KEY, LOG_SIGN, ORIGIN, WITNESS, WITNESS_KEY, WITNESS_SIGN, key, signer
from tests.transparency.leaves import issue

pytestmark = pytest.mark.conformance

SOURCE = Path(__file__).parent / "go"
SIZE, OLD_SIZE = 70_000, 65_700
LIVED = 7  # how many passed, three issues, a revocation, a suspension, a correction
INDEXES = (0, 1, 255, 256, 65_535, 65_536, 69_887, 69_999)


@pytest.fixture(scope="session")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, built; without Go it is skipped, but never in CI."""
    go = shutil.which("go")
    if go is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have Go")
        pytest.skip("go is not installed")
    program = tmp_path_factory.mktemp("go") / "conformance"
    subprocess.run([go, "build", "-o", str(program), "."], cwd=SOURCE, check=True, timeout=300)
    return program


def write(folder: Path, size: int, old_size: int, indexes: tuple[int, ...]) -> None:
    """A log as certsvc publishes it, with proofs beside it."""
    contents = [leaf_form.encode(issue(str(n))) for n in range(size)]
    old_edge = Frontier().extend(map(leaf_hash, contents[:old_size])).frontier
    growth = Frontier().extend(map(leaf_hash, contents))
    nodes = {(node.level, node.index): node.hash for node in growth.nodes}

    def read_hash(level: int, index: int) -> bytes:
        return nodes[level, index]

    for tile in tiles_of_growth(0, size):
        path = folder / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = contents[tile.start : tile.start + tile.width]
        path.write_bytes(entry_bundle(entries) if tile.level == ENTRIES else hash_tile(tile, read_hash))
    signed = notes.parse(sign_checkpoint(Checkpoint(ORIGIN, size, growth.frontier.root()), LOG_KEY, LOG_SIGN))
    cosigned = signed.with_signature(notes.cosign(signed.text, WITNESS_KEY, WITNESS_SIGN, 1_800_000_000))
    (folder / "checkpoint").write_bytes(cosigned.encode())
    old_head = Checkpoint(ORIGIN, old_size, old_edge.root())
    (folder / "old-checkpoint").write_bytes(sign_checkpoint(old_head, LOG_KEY, LOG_SIGN))
    (folder / "log.vkey").write_text(f"{LOG_KEY}\n")
    (folder / "witness.vkey").write_text(f"{WITNESS_KEY}\n")
    _write_proofs(folder, contents, old_size, indexes, read_hash)


def _write_proofs(
    folder: Path, contents: Sequence[bytes], old_size: int, indexes: tuple[int, ...], read_hash: ReadHash
) -> None:
    size = len(contents)
    proofs = {
        "Inclusion": [
            {
                "Index": index,
                "Leaf": _text(contents[index]),
                "Hashes": list(map(_text, prove_inclusion(index, size, read_hash))),
            }
            for index in indexes
        ],
        "Consistency": list(map(_text, prove_consistency(old_size, size, read_hash))),
    }
    (folder / "proofs.json").write_text(json.dumps(proofs))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def run(verifier: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([verifier, folder], capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    write(folder, SIZE, OLD_SIZE, INDEXES)
    return folder


def test_go_believes_a_log_of_three_tile_levels(verifier: Path, large: Path) -> None:
    answer = run(verifier, large)
    assert answer.returncode == 0, answer.stderr
    assert (
        answer.stdout
        == f"ok: {ORIGIN}, {SIZE} leaves, {len(INDEXES)} inclusion proofs, 1 consistency proof from {OLD_SIZE}\n"
    )


@pytest.mark.parametrize(("size", "old"), [(1, 1), (2, 1), (255, 100), (256, 255), (257, 256), (600, 513)])
def test_go_believes_logs_of_every_shape(verifier: Path, tmp_path: Path, size: int, old: int) -> None:
    write(tmp_path, size, old, tuple(sorted({0, size // 2, size - 1})))
    answer = run(verifier, tmp_path)
    assert answer.returncode == 0, answer.stderr


def _flip(name: str, at: int) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[at] ^= 1
        (folder / name).write_bytes(content)

    return tamper


def _replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return tamper


def _proofs(change: Callable[[dict[str, list[object]]], object]) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        proofs = json.loads((folder / "proofs.json").read_text())
        change(proofs)
        (folder / "proofs.json").write_text(json.dumps(proofs))

    return tamper


def _another_leaf(proofs: dict[str, list[object]]) -> None:
    proofs["Inclusion"][0]["Leaf"] = _text(leaf_form.encode(issue("never logged")))  # type: ignore[index]


def _another_index(proofs: dict[str, list[object]]) -> None:
    proofs["Inclusion"][0]["Index"] += 1  # type: ignore[index]


def _shorter_inclusion(proofs: dict[str, list[object]]) -> None:
    proofs["Inclusion"][0]["Hashes"].pop()  # type: ignore[index]


def _another_consistency(proofs: dict[str, list[object]]) -> None:
    proofs["Consistency"][0] = _text(bytes(32))


def _resign_another_root(folder: Path) -> None:
    head = sign_checkpoint(Checkpoint(ORIGIN, 600, bytes(32)), LOG_KEY, LOG_SIGN)
    note = notes.parse(head)
    cosigned = note.with_signature(notes.cosign(note.text, WITNESS_KEY, WITNESS_SIGN, 5))
    (folder / "checkpoint").write_bytes(cosigned.encode())


def _forget_the_past(folder: Path) -> None:
    old = Checkpoint(ORIGIN, 513, Frontier().extend(leaf_hash(b"%d" % n) for n in range(513)).frontier.root())
    (folder / "old-checkpoint").write_bytes(sign_checkpoint(old, LOG_KEY, LOG_SIGN))


def _sign_by_a_stranger(folder: Path) -> None:
    text = notes.parse((folder / "old-checkpoint").read_bytes()).text
    stranger = notes.sign(text, key(9), signer(9))
    (folder / "old-checkpoint").write_bytes(notes.Note(text, (stranger,)).encode())


def _cosign_another_time(folder: Path) -> None:
    note = notes.parse((folder / "checkpoint").read_bytes())
    right = note.signatures[1]
    moved = notes.Signature(right.name, right.key_id, (5).to_bytes(8, "big") + right.content[8:])
    (folder / "checkpoint").write_bytes(note.with_signature(moved).encode())


def _take_a_logs_key_for_a_witness(folder: Path) -> None:
    (folder / "witness.vkey").write_text(str(key(2, WITNESS, Algorithm.ED25519)))


def _append_to_entries(folder: Path) -> None:
    bundle = folder / "tile/entries/000"
    bundle.write_bytes(bundle.read_bytes() + b"x")


def _give_another_log_key(folder: Path) -> None:
    (folder / "log.vkey").write_text(str(key(9)))


TAMPERED: dict[str, Callable[[Path], None]] = {
    "a flipped bit in a full tile": _flip("tile/0/000", 4000),
    "a flipped bit in a partial tile": _flip("tile/0/002.p/88", 5),
    "a flipped bit in an upper tile": _flip("tile/1/000.p/2", 5),
    "a flipped bit in a logged leaf": _flip("tile/entries/001", 40),
    "an entry's length changed": _flip("tile/entries/001", 1),
    "junk after the entries": _append_to_entries,
    "a tile that is missing": lambda folder: (folder / "tile/1/000.p/2").unlink(),
    "a tile cut short": lambda folder: os.truncate(folder / "tile/0/000", 8160),
    "another size in the checkpoint": _replace("checkpoint", "\n600\n", "\n599\n"),
    "another origin in the checkpoint": _replace("checkpoint", ORIGIN + "\n", "other.example/log\n"),
    "a checkpoint signed by a stranger": _sign_by_a_stranger,
    "another key of the log": _give_another_log_key,
    "a key whose hash does not fit": _replace("log.vkey", LOG_KEY.key_id.hex(), "00000000"),
    "a root that is signed but not the tiles'": _resign_another_root,
    "an older head that was never this log's": _forget_the_past,
    "a cosignature moved to another time": _cosign_another_time,
    "a log's key taken for a witness's": _take_a_logs_key_for_a_witness,
    "a leaf that was never logged": _proofs(_another_leaf),
    "a leaf proved at another index": _proofs(_another_index),
    "an inclusion proof cut short": _proofs(_shorter_inclusion),
    "a consistency proof changed": _proofs(_another_consistency),
}


@dataclass(frozen=True)
class Lived:
    """A log as it is really published, after a life: an older head by a key retired since, and a witness's note."""

    folder: Path
    keys: tuple[str, ...]


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    root = tmp_path_factory.mktemp("lived")
    home = Installation(root / "home")
    services, log = home.services, home.services.folders.published / "log"
    one, two, three = home.issue(made_up(1), made_up(2), made_up(3))
    publish_static(services)
    old = (log / "checkpoint").read_bytes()
    services.keystore.rotate(Purpose.LOG_CHECKPOINT, development=True)
    services = home.reopen()
    revoke(services, one.number, reason="考试舞弊", by="审批员")
    suspend(services, two.number, reason="待核实", by="审批员")
    correct(services, three.number, Correction(name="测试新"), reason="姓名录入有误", by="登记员", approved_by="复核员")
    publish_static(services)
    state = root / "witness"
    witness = WitnessKey(state, WITNESS)
    keys = log_keys(services)
    seen = visit(fetcher(str(log)), state, origin=origin(services), log_keys=keys, key=witness, now=services.now())
    assert isinstance(seen, Witnessed)
    folder = root / "log"
    shutil.copytree(log, folder)
    (folder / "checkpoint").write_bytes(seen.note)
    (folder / "old-checkpoint").write_bytes(old)
    (folder / "witness.vkey").write_text(str(witness.verifier))
    old_size = parse_body(notes.parse(old).text).size
    with services.database.reading() as session:
        contents = [content for some in log_read.contents(session, 0, seen.size) for content in some]
        read_hash = log_read.hash_reader(session)
        _write_proofs(folder, contents, old_size, tuple(range(seen.size)), read_hash)
    assert len(keys) == 2
    return Lived(folder, tuple(map(str, keys)))


def test_go_believes_a_log_whose_key_was_rotated_with_every_event_in_it(
    verifier: Path, lived: Lived, tmp_path: Path
) -> None:
    folder = tmp_path / "log"
    shutil.copytree(lived.folder, folder)
    (folder / "log.vkey").write_text("\n".join(lived.keys))
    answer = run(verifier, folder)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(f"ok: certsvc.example/log, {LIVED} leaves, {LIVED} inclusion proofs")


@pytest.mark.parametrize("left", [0, 1], ids=["the new one distrusted", "the old one distrusted"])
def test_go_refuses_heads_of_a_key_that_no_longer_vouches(
    verifier: Path, lived: Lived, tmp_path: Path, left: int
) -> None:
    folder = tmp_path / "log"
    shutil.copytree(lived.folder, folder)
    (folder / "log.vkey").write_text(lived.keys[left])
    answer = run(verifier, folder)
    assert answer.returncode == 1, answer.stdout
    assert answer.stderr.startswith("refused: ")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    write(folder, 600, 513, (0, 300, 599))
    return folder


@pytest.mark.parametrize("name", TAMPERED)
def test_go_refuses_what_was_tampered_with(verifier: Path, small: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "log"
    shutil.copytree(small, folder)
    assert run(verifier, folder).returncode == 0
    TAMPERED[name](folder)
    answer = run(verifier, folder)
    assert answer.returncode == 1, f"Go believed {name}: {answer.stdout}"
    assert answer.stderr.startswith("refused: ")
