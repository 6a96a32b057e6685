"""The opposite of making a resource available: what was only an access to the data goes, the data stays."""

from __future__ import annotations

from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.operations import resources
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain.cluster import Cluster
from linstor_core.wire.api_call_rc import MODIFIED, ApiCallRc, Operation, Severity, Subject

_KEPT = "TIE_BREAKER"


def unmake_available(cluster: Cluster, context: Context, call: Call[NoBody]) -> Change:
    """Can be repeated. A replica with data and a tie breaker stay; in use is refused (997)."""
    name, node_name = call.path["resource"], call.path["node"]
    with lookups.about(RscDfn=name, Node=node_name):
        definition = lookups.definition(cluster, name)
        node = lookups.node(cluster, node_name)
    resource = cluster.resource(name, node_name)
    if resource is None:
        return Change(answers=(_told(call, f"'{definition.name}' is not on node '{node.name}'."),))
    if resource.is_deleting:
        return Change(answers=(_told(call, f"'{definition.name}' is leaving node '{node.name}' already."),))
    if not resource.is_diskless:
        return Change(answers=(_told(call, f"'{definition.name}' stays on node '{node.name}': it holds data there.",
                                     correction="'linstor resource delete' removes a replica with its data."),))
    if _KEPT in resource.flags:
        return Change(answers=(_told(call, f"'{definition.name}' stays on node '{node.name}' as a tie breaker."),))
    return resources.delete(cluster, context, call)


def _told(call: Call[Any], message: str, correction: str = "") -> ApiCallRc:
    return call.rc(Severity.SUCCESS, MODIFIED, message, correction=correction,
                   refs={"RscDfn": call.path["resource"], "Node": call.path["node"]})


ROUTES = (
    Route("POST", f"{resources.ONE}/unmake-available", "Take back what make-available did; data stays",
          write=unmake_available, mask=Operation.DELETE | Subject.RSC),
)
