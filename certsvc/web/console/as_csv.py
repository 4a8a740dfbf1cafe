"""A table as a CSV file, safe to open in a spreadsheet (`roster.export`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flask import Response

from certsvc.roster.export import write_csv


def csv_file(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A file to be kept under this name, its lines sent as they come; what is None is an empty cell."""
    texts = (["" if cell is None else str(cell) for cell in row] for row in rows)
    answer = Response(write_csv(head, texts), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
