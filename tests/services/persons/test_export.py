"""All that is on record about a person is handed over to them, and nothing is forgotten when a table is added (R10)."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from certsvc.errors import NotFound, Refused
from certsvc.services.persons.export import DATA, SUMMARY, export_person
from certsvc.services.persons.inventory import LEFT_OUT, SECTIONS, WITHHELD
from certsvc.store import AuditEventRecord, Base
from tests.builders.erasing import NOW, OTHER, PAPER, WISHER
from tests.builders.holding import identity
from tests.builders.installation import Installation, made_up


def handed(home: Installation, tmp_path: Path) -> tuple[dict[str, Any], zipfile.ZipFile]:
    target = tmp_path / "out" / "mine.zip"
    export_person(home.services, identity(NOW), target, by="窗口")
    archive = zipfile.ZipFile(target)
    return json.loads(archive.read(DATA)), archive


def test_every_table_is_handed_over_or_left_out_for_a_reason() -> None:
    tables = set(Base.metadata.tables)
    assert SECTIONS.keys() | LEFT_OUT.keys() == tables, "a table was added: say what of it a person is given"
    assert not SECTIONS.keys() & LEFT_OUT.keys()
    assert all(LEFT_OUT.values())
    assert all(WITHHELD.values())
    columns = {f"{table.name}.{column.name}" for table in Base.metadata.sorted_tables for column in table.columns}
    assert WITHHELD.keys() <= columns


def test_every_column_of_every_table_is_there_unless_it_is_named_with_a_reason(
    place: Installation, tmp_path: Path
) -> None:
    data, _ = handed(place, tmp_path)
    # Of the erased alone; of those whose results were put right (`test_put_right`).
    for name in SECTIONS.keys() - {"erasure", "result_correction", "withdrawn_result"}:
        rows = data["tables"][name]
        assert rows, f"nothing of {name} was handed over: the builder or the dossier has forgotten it"
        for column in Base.metadata.tables[name].columns:
            assert (column.name in rows[0]) == (f"{name}.{column.name}" not in WITHHELD), f"{name}.{column.name}"


def test_what_is_sealed_is_opened_and_files_are_the_same_bytes(sqlite: Installation, tmp_path: Path) -> None:
    data, archive = handed(sqlite, tmp_path)
    tables = data["tables"]
    assert tables["person"][0]["opened"]["id_number"] == NOW.id_number
    assert {row["opened"]["id_number"] for row in tables["certificate"]} == {WISHER.id_number, NOW.id_number}
    assert any(row["opened"].get("phone") == "13911111111" for row in tables["approval"])
    numbers = {row["number"] for row in tables["certificate"]}
    assert PAPER in numbers
    for row in tables["certificate"]:
        name = f"certificates/{row['number']}-v{row['version']}"
        assert archive.read(f"{name}.json") == sqlite.row(row["number"], row["version"]).credential
        if row["pdf_sha256"]:
            assert archive.read(f"{name}.pdf") == sqlite.pdf(row["number"], row["version"])
    assert any(name.startswith("portraits/") for name in archive.namelist())
    summary = archive.read(SUMMARY).decode()
    assert summary.index("个人信息副本") == 0
    assert NOW.id_number in summary


def test_no_other_persons_data_are_in_it(sqlite: Installation, tmp_path: Path) -> None:
    _, archive = handed(sqlite, tmp_path)
    for name in archive.namelist():
        content = archive.read(name)
        assert OTHER.id_number.encode() not in content
        assert OTHER.name.encode() not in content


def test_it_is_for_its_owner_alone_and_in_the_trail_and_overwrites_nothing(
    sqlite: Installation, tmp_path: Path
) -> None:
    handed(sqlite, tmp_path)
    target = tmp_path / "out" / "mine.zip"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with sqlite.services.database.reading() as session:
        event = session.scalars(select(AuditEventRecord).order_by(AuditEventRecord.id.desc())).first()
    assert event is not None
    assert (event.action, event.by) == ("person.export", "窗口")
    assert NOW.id_number not in event.detail
    with pytest.raises(Refused, match="exists"):
        export_person(sqlite.services, identity(NOW), target, by="窗口")


def test_a_document_that_was_corrected_leads_to_no_one(sqlite: Installation, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="corrected"):
        export_person(sqlite.services, identity(WISHER), tmp_path / "x.zip", by="窗口")
    with pytest.raises(NotFound):
        export_person(sqlite.services, identity(made_up(99)), tmp_path / "x.zip", by="窗口")
