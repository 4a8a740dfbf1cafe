"""With the service and its database gone the kit still answers; with the keys, the register comes back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.cli import run
from certsvc.credential.compact import qr_text
from certsvc.credential.verdict import Verdict
from certsvc.errors import FileRefused, MalformedCredential, Refused
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import change_status, reissue
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.kit.export import export_kit, rebuild
from certsvc.services.kit.parts import CREDENTIALS, open_part, path_of, read_credential
from certsvc.services.verification import look_up
from certsvc.services.verification.verify import Options, verify_offline
from certsvc.signing.trust import TrustBundle
from certsvc.store import Base
from tests.builders.installation import Installation, made_up
from tests.services.certificates.test_reissue import apply

CANARY = made_up(7, "卡纳丽金丝雀")


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> tuple[Installation, Path, dict[str, tuple[bytes, str]]]:
    """A home with a certificate of each state and a reissue, its kit, and what holders have in hand (PDF, QR text)."""
    root = tmp_path_factory.mktemp("kit")
    home = Installation(root / "home")
    valid, suspended, revoked, old = home.issue(CANARY, made_up(2), made_up(3), made_up(4), photo=True)
    home.import_paper(("1763010001500077", made_up(1)))
    change_status.suspend(home.services, suspended.number, reason="核查", by="甲")
    change_status.revoke(home.services, revoked.number, reason="错发", by="甲")
    held: dict[str, tuple[bytes, str]] = {}
    for state, issued in (("valid", valid), ("suspended", suspended), ("revoked", revoked), ("superseded", old)):
        row = home.row(issued.number)
        assert row.cose is not None
        held[state] = (home.pdf(issued.number), qr_text("https://certsvc.example", row.token, row.cose))
    correct(home.services, old.number, Correction(name="测试新"), reason="更正", by="甲")
    home.pdf(old.number)
    reissue.approve(home.services, apply(home).id, by="乙")
    home.pdf("1763010001500077")
    folder = root / "kit"
    report = export_kit(home.services, folder)
    assert (report.certificates, report.pdfs) == (6, 6)
    home.services.database.close()
    return home, folder, held


def test_every_pdf_and_code_verifies_from_the_folder_alone(
    kit: tuple[Installation, Path, dict[str, tuple[bytes, str]]],
) -> None:
    home, folder, held = kit
    trust = TrustBundle.load(folder)
    for state, (pdf, code) in held.items():
        for content in (pdf, code, code.partition("#")[0]):
            found = verify_offline(content, trust, Options(published=folder, now=home.clock()))
            assert found.verdict is Verdict(state), [one for one in found.checks if one.ok is not True]
            assert found.certificate is not None


def test_what_the_kit_holds_is_proven_to_be_in_the_log(
    kit: tuple[Installation, Path, dict[str, tuple[bytes, str]]], tmp_path: Path
) -> None:
    home, folder, held = kit
    code = held["valid"][1]
    trust, options = TrustBundle.load(folder), Options(published=folder, now=home.clock(), demand_log=True)
    found = verify_offline(code, trust, options)
    assert found.verdict is Verdict.VALID
    assert next(check.ok for check in found.checks if check.name == "log-receipt") is True
    # The published files alone have no receipt of a code: genuine, and no more than that.
    published = tmp_path / "published"
    shutil.copytree(folder, published, ignore=shutil.ignore_patterns(CREDENTIALS))
    bare = verify_offline(code, trust, replace(options, published=published))
    assert bare.verdict is Verdict.UNAVAILABLE
    assert next(check.ok for check in bare.checks if check.name == "log-receipt") is None
    command = ["verify", "--offline", "--json", "--logged", code, "--trust"]
    assert [run([*command, str(where)]) for where in (folder, published)] == [0, 1]


def test_a_code_under_another_certificates_token_is_forged(
    kit: tuple[Installation, Path, dict[str, tuple[bytes, str]]],
) -> None:
    home, folder, held = kit
    mixed = held["valid"][1].partition("#")[0] + "#" + held["revoked"][1].partition("#")[2]
    found = verify_offline(mixed, TrustBundle.load(folder), Options(published=folder, now=home.clock()))
    assert found.verdict is Verdict.FORGED


def test_the_kit_gives_nothing_personal_to_whoever_has_it_all(
    kit: tuple[Installation, Path, dict[str, tuple[bytes, str]]],
) -> None:
    home, folder, _ = kit
    token = look_up_token(home)
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for personal in (CANARY.name, CANARY.id_number, CANARY.last_six, token):
            assert personal.encode() not in content + str(path).encode(), path


def look_up_token(home: Installation) -> str:
    services = home.reopen()
    with services.database.reading() as session:
        table = Base.metadata.tables["certificate"]
        return session.execute(select(table.c.token).order_by(table.c.id)).scalars().first() or ""


def test_another_token_opens_nothing(kit: tuple[Installation, Path, dict[str, tuple[bytes, str]]]) -> None:
    home, folder, _ = kit
    token = look_up_token(home)
    sealed = (folder / path_of(CREDENTIALS, token)).read_bytes()
    assert open_part(CREDENTIALS, token, sealed)
    for wrong, content in (("a" * 26, sealed), (token, sealed[:-1] + bytes([sealed[-1] ^ 1])), (token, b"")):
        with pytest.raises(MalformedCredential):
            open_part(CREDENTIALS, wrong, content)
    assert read_credential(folder, "a" * 26) is None


def test_an_unchanged_register_gives_an_unchanged_kit_but_for_its_sealed_register(
    kit: tuple[Installation, Path, dict[str, tuple[bytes, str]]],
) -> None:
    home, folder, _ = kit
    home.reopen()
    assert export_kit(home.services, folder).files_written == 1


def fresh(home: Installation, folder: Path) -> Installation:
    """A new home that has the old one's keys, as restored from their own backup."""
    (folder / "home").mkdir(parents=True)
    shutil.copytree(home.home / "keys", folder / "home" / "keys")
    return Installation(folder / "home", clock=home.clock)


def test_the_register_is_rebuilt_from_the_kit_and_the_keys(
    kit: tuple[Installation, Path, dict[str, tuple[bytes, str]]], tmp_path: Path
) -> None:
    home, folder, held = kit
    home.reopen()
    again = fresh(home, tmp_path)
    report = rebuild(again.services, folder)
    assert (report.pdfs, report.photos) == (6, 1)
    assert check_log(again.services, folder / "log").ok
    for table in Base.metadata.sorted_tables:
        with home.services.database.reading() as one, again.services.database.reading() as other:
            query = select(table).order_by(*table.primary_key.columns)
            assert [tuple(row) for row in one.execute(query)] == [tuple(row) for row in other.execute(query)], (
                table.name
            )
    token = look_up_token(home)
    assert look_up.match(again.services, token, CANARY.name, CANARY.last_six)
    assert again.pdf(home.row_of(token).number) == held["valid"][0]
    again.issue(made_up(9))
    assert check_log(again.services).ok


def test_only_a_fresh_home_is_rebuilt_and_only_from_a_whole_backup(
    kit: tuple[Installation, Path, dict[str, tuple[bytes, str]]], tmp_path: Path
) -> None:
    home, folder, _ = kit
    home.reopen()
    with pytest.raises(Refused):
        rebuild(home.services, folder)
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    whole = (folder / "register.sealed").read_bytes()
    header, _, body = whole.partition(b"\n")
    for fault, content in {
        "cut": whole[:-10],
        "flipped": whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:],
        "no chunks": header + b"\n",
        "another format": header.replace(b'"format": 1', b'"format": 2') + b"\n" + body,
        "another revision": header.replace(b'"revision": "', b'"revision": "x') + b"\n" + body,
        "no header": body,
        "empty": b"",
    }.items():
        (damaged / "register.sealed").write_bytes(content)
        again = fresh(home, tmp_path / fault.replace(" ", "-"))
        with pytest.raises(FileRefused):
            rebuild(again.services, damaged)
        assert check_log(again.services).certificates == 0
        again.services.database.close()
