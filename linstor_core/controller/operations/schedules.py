"""Schedules of backups: none can be made yet, so there is nothing to delete."""

from __future__ import annotations

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain.cluster import Cluster
from linstor_core.wire.api_call_rc import Operation, Severity, Subject

WARN_NOT_FOUND = 3000


def delete(_: Cluster, __: Context, call: Call[NoBody]) -> Change:
    name = call.path["schedule"]
    return Change(answers=(call.rc(Severity.WARN, WARN_NOT_FOUND, f"There is no schedule '{name}'.",
                                   refs={"Remote": name}),))


ROUTES = (
    Route("DELETE", "/v1/schedules/<schedule>", "Delete a schedule: there are none", write=delete,
          mask=Operation.DELETE | Subject.SCHEDULE),
)
