"""`log check` over all the cores: the log in this process, the rows of the register shared out (services.audit)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from certsvc.jobs.pool import OpenServices, checking_pool
from certsvc.services.audit.check_register import LogReport, check_log
from certsvc.services.audit.row_checks import Progress
from certsvc.services.context import Services
from certsvc.store import CertificateRecord

POOL_FROM: Final = 500
"""Fewer certificates than this are checked here and now: starting the workers would take longer."""


def run(
    services: Services,
    open_services: OpenServices,
    published: Path | None,
    *,
    since_last: bool = False,
    progress: Progress = lambda _step, _done, _total: None,
) -> LogReport:
    """`check_log`, by as many processes as there are cores for."""
    with services.database.reading() as session:
        count = session.scalar(select(func.max(CertificateRecord.id))) or 0
    if count < POOL_FROM or services.pool_size < 2:
        return check_log(services, published, since_last=since_last, progress=progress)
    with checking_pool(open_services, services.pool_size) as check_many:
        return check_log(services, published, check_many=check_many, since_last=since_last, progress=progress)
