from __future__ import annotations

from datetime import date

import pytest

from certsvc.credential.status import Status, allowed, check_change, effective
from certsvc.errors import StatusChangeRefused

V, S, R, P, E = Status.VALID, Status.SUSPENDED, Status.REVOKED, Status.SUPERSEDED, Status.EXPIRED
ALLOWED = {(V, S), (V, R), (V, P), (S, V), (S, R)}


@pytest.mark.parametrize("current", Status)
@pytest.mark.parametrize("change", Status)
def test_a_status_changes_only_as_the_table_says(current: Status, change: Status) -> None:
    assert allowed(current, change) is ((current, change) in ALLOWED)
    if (current, change) in ALLOWED:
        check_change(current, change)
    else:
        with pytest.raises(StatusChangeRefused, match=r"R7\.5"):
            check_change(current, change)


def test_the_last_day_in_force_still_counts() -> None:
    last = date(2029, 4, 19)
    assert effective(V, last, last) is V
    assert effective(V, last, date(2029, 4, 20)) is E
    assert effective(V, None, date(2999, 1, 1)) is V


@pytest.mark.parametrize("graver", [S, R, P])
def test_expiry_hides_nothing_graver(graver: Status) -> None:
    assert effective(graver, date(2020, 1, 1), date(2025, 1, 1)) is graver
