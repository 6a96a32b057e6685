"""Error reports over REST: list, show, delete, count."""

from __future__ import annotations

import re
from typing import Any

from linstor_core.controller.call import Call
from linstor_core.controller.diagnostics.error_reports import ReportFilter
from linstor_core.controller.diagnostics.instruments import Services
from linstor_core.controller.route import Route
from linstor_core.domain.errors import Code, InvalidInput
from linstor_core.wire import api_call_rc as rc
from linstor_core.wire.rest_bodies import ErrorReportDelete
from linstor_core.wire.rest_v1 import Count, ErrorReport

NO_EFFECT = 10007


def _number(call: Call[Any], name: str) -> int | None:
    values = call.values(name)
    if not values or not values[-1]:
        return None
    if re.fullmatch("-?[0-9]{1,18}", values[-1]) is None:
        raise InvalidInput(f"'{values[-1][:40]}' is no value for '{name}'.", Code.INVLD_REQUEST, bare=True,
                           correction="Times are milliseconds since 1970; limit and offset are numbers.")
    return int(values[-1])


async def list_reports(services: Services, call: Call[Any]) -> object:
    wanted = ReportFilter(nodes=tuple(call.values("node")), since_ms=_number(call, "since"), to_ms=_number(call, "to"),
                          ids=tuple(call.values("reportids")), prefixes=True)
    return await services.instruments.error_reports.find(
        wanted, limit=max(0, _number(call, "limit") or 0), offset=max(0, _number(call, "offset") or 0),
        with_content=call.flag("withContent"))


async def show(services: Services, call: Call[Any]) -> object:
    return await services.instruments.error_reports.find(
        ReportFilter(ids=(call.path["report"],), prefixes=True), with_content=True)


async def count(services: Services, _: Call[Any]) -> object:
    return Count(count=services.instruments.error_reports.count)


async def delete_one(services: Services, call: Call[Any]) -> object:
    return await _delete(services, call, ReportFilter(ids=(call.path["report"],)))


async def delete_matching(services: Services, call: Call[ErrorReportDelete]) -> object:
    """Nothing is deleted by an empty filter: that is more likely a mistake than a wish."""
    body = call.body
    wanted = ReportFilter(body.nodes or (), body.since, body.to, body.ids or (), body.exception or "",
                          body.version or "")
    if wanted == ReportFilter():
        raise InvalidInput("Nothing says which error reports are to be deleted.", Code.INVLD_REQUEST, bare=True,
                           correction="Give nodes, since, to, exception, version or ids; `to` with the present time "
                                      "deletes all.")
    return await _delete(services, call, wanted)


async def _delete(services: Services, call: Call[Any], wanted: ReportFilter) -> object:
    gone = await services.instruments.error_reports.delete(wanted)
    if not gone:
        return [call.rc(rc.Severity.INFO, NO_EFFECT, "No error report matches: nothing was deleted.")]
    return [call.rc(rc.Severity.SUCCESS, rc.DELETED, f"Error reports deleted: {gone}.")]


_PATH = "/v1/error-reports"
ROUTES = (
    Route("GET", _PATH, "Error reports, the newest first; by node, since, to, limit, offset, withContent",
          service=list_reports, answer=list[ErrorReport]),
    Route("PATCH", _PATH, "Delete the error reports that match", service=delete_matching, body=ErrorReportDelete),
    Route("GET", f"{_PATH}/<report>", "An error report with its text", service=show, answer=list[ErrorReport]),
    Route("DELETE", f"{_PATH}/<report>", "Delete an error report", service=delete_one),
    Route("GET", "/v1/stats/error-reports", "Number of error reports", service=count, answer=Count),
)
