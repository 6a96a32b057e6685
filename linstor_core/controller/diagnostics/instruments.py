"""What the calls about the controller itself work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from linstor_core.controller.change import Door
from linstor_core.controller.diagnostics.error_reports import ErrorReports
from linstor_core.controller.diagnostics.log_ring import LogRing
from linstor_core.controller.diagnostics.resource_metrics import ResourceMetrics
from linstor_core.controller.diagnostics.traffic import Traffic


class Instruments(Struct):
    """`database` tells where the database is, without a password; `copy_database` writes a consistent copy of it
    into an empty file and takes its time.
    """

    state: Path
    listen: tuple[str, int]
    database: str
    copy_database: Callable[[Path], None]
    error_reports: ErrorReports
    traffic: Traffic
    log_ring: LogRing
    resource_metrics: ResourceMetrics
    now_ms: Callable[[], int]
    https: tuple[str, int] | None = None
    """Where HTTPS is served, too."""
    serves_http: bool = True
    access_log_mode: str = "no_log"


SetLogLevels = Callable[[str, dict[str, str]], Awaitable[dict[str, str] | None]]
"""Sets log levels (LINSTOR's names by the logger's name) on a node given by its key; gives those in force then, or None
where it could not be done.
"""


class Services(Protocol):
    """What these calls need of the application's Services."""

    @property
    def controller(self) -> Door: ...

    @property
    def instruments(self) -> Instruments: ...

    @property
    def set_log_levels(self) -> SetLogLevels: ...
