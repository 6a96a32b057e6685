"""What tells an administrator how the controller fares: error reports, metrics, its configuration, SOS reports, copies
of the database. One module a subject; each exports `ROUTES`.
"""

from linstor_core.controller.diagnostics import error_report_calls, start_page
from linstor_core.controller.route import Route

ROUTES: tuple[Route, ...] = (
    *error_report_calls.ROUTES,
    *start_page.ROUTES,
)
