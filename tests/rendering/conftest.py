"""One press for all drawing tests: fonts and plates are kept per process, as in service."""

from __future__ import annotations

import pytest

from certsvc.rendering.press import Press, open_press


@pytest.fixture(scope="session")
def press() -> Press:
    return open_press()
