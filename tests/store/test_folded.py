"""Names and numbers are kept as look-ups compare them (R9): beside what is printed, whatever changes it."""

from __future__ import annotations

import hashlib
import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from certsvc.person.name import MAX_CHARACTERS, fold
from certsvc.store import CertificateRecord, PaperCertificateRecord
from certsvc.store.base import FOLDED_NAME_LENGTH, folded_number

# Of fold(character) for every character of Unicode 3.2, which no later version of Unicode changes.
FOLDED_BY = "55fc5241498c2ab4"


def test_rows_on_record_are_folded_as_look_ups_fold() -> None:
    """Where this fails, `fold` has changed: a migration must fold the columns of every row again (`store.base`)."""
    known = (chr(point) for point in range(sys.maxunicode + 1))
    assigned = (one for one in known if unicodedata.ucd_3_2_0.category(one) not in {"Cn", "Cs", "Co"})
    digest = hashlib.sha256("\n".join(map(fold, assigned)).encode())
    assert digest.hexdigest()[:16] == FOLDED_BY


def test_the_folded_columns_follow_number_and_name() -> None:
    row = CertificateRecord(number="2663-1", holder_name="ANNA O\u2019Made")
    assert (row.number_folded, row.holder_name_folded) == ("26631", "annao'made")
    row.holder_name = "王 芳"
    assert (row.number_folded, row.holder_name_folded) == ("26631", "王芳")
    paper = PaperCertificateRecord(number="a-1", name="José")
    paper.number = "b-2"
    assert (paper.number_folded, paper.name_folded) == ("B2", "josé")


def test_a_number_that_can_be_none_is_found_by_nothing() -> None:
    assert folded_number("?!") == folded_number("") == ""


@given(st.text(max_size=MAX_CHARACTERS))
def test_a_folded_name_fits_its_column(name: str) -> None:
    assert len(fold(name)) <= FOLDED_NAME_LENGTH
