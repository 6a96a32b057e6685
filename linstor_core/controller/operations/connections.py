"""What holds between two nodes, or between two replicas of a definition: properties only."""

from __future__ import annotations

from linstor_core.controller import lookups, properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, NotFound
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.domain.registers import TWO_PRIMARIES, NodeConnection, ResourceConnection
from linstor_core.wire.api_call_rc import MODIFIED, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import PropsModify


def ordered(first: str, second: str) -> tuple[str, str]:
    """Two names in the order in which a connection is filed."""
    return (first, second) if key_of(first) <= key_of(second) else (second, first)


def modify_nodes(cluster: Cluster, _: Context, call: Call[PropsModify]) -> Change:
    first, second = call.path["first"], call.path["second"]
    refs = {"FirstNode": first, "SecondNode": second}
    with lookups.about(**refs):
        node_a, node_b = _both(cluster, first, second)
        found = cluster.node_connections.get((key_of(node_a), key_of(node_b)))
        props, entries = properties.changed(ObjectKind.NODE_CONNECTION, Subject.NODE_CONN,
                                            found.props if found is not None else {}, call.body, refs)
    entries.append(call.rc(Severity.SUCCESS, MODIFIED, f"The connection of '{node_a}' and '{node_b}' is changed.",
                           refs=refs))
    if not props:
        deletes = ((NodeConnection, (key_of(node_a), key_of(node_b))),) if found is not None else ()
        return Change(deletes=deletes, answers=tuple(entries))
    return Change((NodeConnection(node_a, node_b, props),), answers=tuple(entries))


def _both(cluster: Cluster, first: str, second: str) -> tuple[str, str]:
    """Raises NotFound, with LINSTOR's 998 where every other call gives 300."""
    try:
        return ordered(lookups.node(cluster, first).name, lookups.node(cluster, second).name)
    except NotFound as fault:
        fault.code = Code.UNKNOWN_ERROR
        raise


def modify_resources(cluster: Cluster, _: Context, call: Call[PropsModify]) -> Change:
    name, first, second = call.path["resource"], call.path["first"], call.path["second"]
    refs = {"RscDfn": name, "FirstNode": first, "SecondNode": second}
    with lookups.about(**refs):
        node_a, node_b = ordered(lookups.node(cluster, first).name, lookups.node(cluster, second).name)
        definition = lookups.definition(cluster, name)
        for node in (node_a, node_b):
            lookups.resource(cluster, name, node)
        key = (key_of(name), key_of(f"{node_a};{node_b}"))
        found = cluster.resource_connections.get(key)
        if found is not None and found.definition_uuid != definition.uuid:
            found = None
        current = found.props if found is not None else {}
        props, entries = properties.changed(ObjectKind.RESOURCE_CONNECTION, Subject.RSC_CONN, current, call.body, refs)
    entries.append(call.rc(Severity.SUCCESS, MODIFIED, f"The connection of '{name}' between '{node_a}' and '{node_b}' "
                           "is changed.", refs=refs))
    if not props:
        stored = key in cluster.resource_connections
        return Change(deletes=((ResourceConnection, key),) if stored else (), answers=tuple(entries))
    chosen = TWO_PRIMARIES in {*call.body.override_props, *call.body.delete_props} or TWO_PRIMARIES not in props
    expires_ms = None if chosen or found is None else found.window_expires_ms
    return Change((ResourceConnection(definition.name, definition.uuid, node_a, node_b, props, expires_ms),),
                  answers=tuple(entries))


ROUTES = (
    Route("PUT", "/v1/node-connections/<first>/<second>", "Change what holds between two nodes", write=modify_nodes,
          body=PropsModify, mask=Operation.MODIFY | Subject.NODE_CONN),
    Route("PUT", "/v1/resource-definitions/<resource>/resource-connections/<first>/<second>",
          "Change what holds between two replicas", write=modify_resources, body=PropsModify,
          mask=Operation.MODIFY | Subject.RSC_CONN),
)
