"""One issuing run from decision to published file: steps 1–6 (services.issue), 8 publish, then 7 over a pool.

Running it again finishes whatever an earlier run was stopped in. Two runs at once on one home take turns.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

from certsvc.jobs.pool import DrawMany, OpenServices, drawing_pool
from certsvc.services.context import Services
from certsvc.services.issuing.issue import IssueReport, finish, issue
from certsvc.services.issuing.render import Drawn, adopt, clear_leftovers, draw_some, waiting
from certsvc.services.publishing.static import refresh

POOL_FROM = 24
"""Fewer certificates than this are drawn here and now: starting the workers would take longer."""
_ADOPTED_AT_ONCE = 50

Progress = Callable[[str, int, int], None]
"""Called with the step ("issue" or "render"), how many are done, and how many there are."""


def run(
    services: Services,
    open_services: OpenServices,
    *,
    by: str,
    on: date | None = None,
    dry_run: bool = False,
    approved_by: str | None = None,
    everyone: bool = False,
    progress: Progress = lambda _step, _done, _total: None,
    report: IssueReport | None = None,
) -> IssueReport:
    """Issue, draw and publish. Raises what the steps raise; what was committed stays for the next run, and stands in
    the `report` that the caller gave."""
    if dry_run:
        return issue(services, by=by, on=on, dry_run=True, everyone=everyone, report=report)
    return _whole(
        services,
        open_services,
        lambda progress: issue(
            services, by=by, on=on, progress=progress, approved_by=approved_by, everyone=everyone, report=report
        ),
        progress,
    )


def finish_approved(
    services: Services,
    open_services: OpenServices,
    *,
    by: str,
    progress: Progress = lambda _step, _done, _total: None,
) -> IssueReport:
    """Sign, draw and publish what is reserved: a batch that was just approved, or what a run before was stopped in."""
    return _whole(services, open_services, lambda progress: finish(services, by=by, progress=progress), progress)


def _whole(
    services: Services,
    open_services: OpenServices,
    steps: Callable[[Callable[[int, int], None]], IssueReport],
    progress: Progress,
) -> IssueReport:
    """The steps that sign, then 8 and 7, in the home's turn."""
    with one_at_a_time(services.folders.home), ExitStack() as workers:
        ready: list[DrawMany] = []

        def issued(done: int, total: int) -> None:
            if not ready and total - done >= POOL_FROM and services.pool_size > 1:
                # They start and open the fonts while the rest is signed.
                ready.append(workers.enter_context(drawing_pool(open_services, services.pool_size)))
            progress("issue", done, total)

        report = steps(issued)
        # A PDF carries its receipt, so the signed head that covers it goes out before the PDF is drawn.
        report.not_published = refresh(services)
        render_waiting(services, open_services, progress=progress, draw_many=ready[0] if ready else None)
    return report


def render_waiting(
    services: Services, open_services: OpenServices, *, progress: Progress, draw_many: DrawMany | None = None
) -> int:
    """Step 7 for every issued certificate without a PDF, by workers that run already where there are any; answers how
    many were drawn."""
    services.folders.create()
    clear_leftovers(services)
    with services.database.reading() as session:
        ids = waiting(session)
    if draw_many is not None:
        return _adopt_all(services, draw_many(ids), len(ids), progress)
    if len(ids) < POOL_FROM or services.pool_size < 2:
        return _adopt_all(services, draw_some(services, ids), len(ids), progress)
    with drawing_pool(open_services, services.pool_size) as draw_here:
        return _adopt_all(services, draw_here(ids), len(ids), progress)


def _adopt_all(services: Services, drawn: Iterable[Sequence[Drawn]], total: int, progress: Progress) -> int:
    done = 0
    batch: list[Drawn] = []
    for some in drawn:
        batch += some
        if len(batch) >= _ADOPTED_AT_ONCE:
            done += adopt(services, batch)
            batch = []
            progress("render", done, total)
    done += adopt(services, batch)
    if total:
        progress("render", done, total)
    return done


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """The home's issuing lock. The database keeps numbers and log right without it; this keeps the drawing from being
    done twice."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".issue.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
