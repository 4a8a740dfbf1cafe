"""What an upload is answered with: one list by its rows, anything else thing by thing.

The form is taken apart within a turn at the gate, not before. Not here: the rows (`lists`), the things (`files`).
"""

from __future__ import annotations

import io
from collections.abc import Callable

from flask import Response, request
from werkzeug.datastructures import FileStorage

from certsvc.brought.kinds import Kind, kind_of
from certsvc.brought.names import plain_name
from certsvc.web.public.files import examine_uploads
from certsvc.web.public.lists import answer_list
from certsvc.web.requests import address, respond
from certsvc.web.site import Site

AnswerList = Callable[[bytes, str], Response]


def answer_uploads(
    site: Site,
    language: str,
    *,
    as_json: bool,
    accept: str = "",
    by_address: bool = True,
    of_list: AnswerList | None = None,
    of_files: Callable[[], object] = lambda: None,
) -> Response:
    """The answer to this request's files, under whichever name they came. The caller has counted the first of them.

    `of_list` answers one list by itself; the default is the site's own answer, a file or lines. `of_files` is called
    before anything else is examined.
    """
    with site.gate.turn(address()):
        uploads = [upload for upload in _uploads() if upload.filename]
        sheet = _only_list(uploads)
        if sheet is None:
            of_files()
            return respond(examine_uploads(site, uploads, language, as_json=as_json, by_address=by_address))
    if of_list is not None:
        return of_list(*sheet)
    return answer_list(site, *sheet, language, wants=accept)


def _uploads() -> list[FileStorage]:
    if request.mimetype == "application/pdf":
        return [FileStorage(io.BytesIO(request.get_data(cache=False)), filename="sent.pdf")]
    return [*request.files.getlist("file"), *request.files.getlist("list")]


def _only_list(uploads: list[FileStorage]) -> tuple[bytes, str] | None:
    """The content and name of the one upload where it is a list."""
    if len(uploads) != 1:
        return None
    name, content = plain_name(uploads[0].filename), uploads[0].stream.read()
    uploads[0].stream.seek(0)
    kind = kind_of(content, name)
    # Put into the field for lists, what looks like nothing else is one, and is refused in a list's words.
    was_meant = uploads[0].name == "list" and content.strip()[:1] not in {b"%", b"{"}
    is_list = kind is Kind.LIST or (was_meant and (kind is Kind.DOCUMENT or not content))
    return (content, name) if is_list else None
