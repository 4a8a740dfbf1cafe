"""A run that is killed in the middle, as by `kill -9`: nothing in it gets to tidy up."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress


def killed(run: Callable[[], object]) -> None:
    """Do it in a process of its own, which must die by SIGKILL (`die`)."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            run()
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it came to its end"
    assert os.WTERMSIG(status) == signal.SIGKILL


def die(*_: object, **__: object) -> None:
    """What is put in the place of the step that the run does not survive."""
    os.kill(os.getpid(), signal.SIGKILL)
