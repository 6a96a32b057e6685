"""What tells an administrator how the controller fares: error reports, metrics, its configuration, SOS reports, copies
of the database. One module a subject; each exports `ROUTES`.
"""

from linstor_core.controller.diagnostics import (
    configuration,
    database_copies,
    error_report_calls,
    metrics,
    sos_report,
    start_page,
)
from linstor_core.controller.route import Route

ROUTES: tuple[Route, ...] = (
    *configuration.ROUTES,
    *database_copies.ROUTES,
    *error_report_calls.ROUTES,
    *metrics.ROUTES,
    *sos_report.ROUTES,
    *start_page.ROUTES,
)
