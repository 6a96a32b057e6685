"""What becomes of a node's data when the node takes part again and the caller wants it cleaned.

Only what another node has as well is removed: data that is nowhere else is never lost by this call. Where no layer
replicates, each node has data of its own, however many hold the resource.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.change import Context
from linstor_core.controller.operations import dependents, evacuations, evictions, tombstones
from linstor_core.domain.cluster import Cluster, Document, Key, key_of
from linstor_core.domain.errors import LinstorError
from linstor_core.domain.layers import REPLICATING
from linstor_core.domain.nodes import Node
from linstor_core.domain.resources import Resource
from linstor_core.domain.snapshots import Snapshot
from linstor_core.wire.api_call_rc import DELETED, ApiCallRc, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import NodeRestore

_OF_ITS_OWN = "No layer replicates it: what other nodes have under its name is other data."
Cleaned = tuple[tuple[Document, ...], tuple[tuple[type, Key], ...], list[ApiCallRc]]


def cleaned(cluster: Cluster, context: Context, call: Call[NodeRestore], node: Node) -> Cleaned:
    """What to put and to delete, and one entry for each object."""
    edits: tombstones.Edits = ((), ())
    told: list[ApiCallRc] = []
    for resource in evacuations.left_on(cluster, node.name) if call.body.delete_resources else ():
        reason = _kept(cluster, resource)
        if reason is None:
            edits = tombstones.merged(edits, dependents.deletion(cluster, resource, context.now_ms()))
        told.append(_resource_entry(call, resource, reason))
    for snapshot in _snapshots(cluster, node) if call.body.delete_snapshots else ():
        reason = _snapshot_kept(cluster, snapshot, node)
        if reason is None:
            edits = tombstones.merged(edits, ((_without(snapshot, node),), ()))
        told.append(_snapshot_entry(call, snapshot, node, reason))
    return (*edits, told)


def _kept(cluster: Cluster, resource: Resource) -> str | None:
    """Why a resource stays."""
    if resource.is_deleting:
        return "It is being deleted already."
    if not evictions.replicas_elsewhere(cluster, resource):
        return "No other node has its data."
    if REPLICATING.isdisjoint(resource.layer_stack):
        return _OF_ITS_OWN
    try:
        dependents.check_not_moving(cluster, resource.name)
        dependents.check_can_go(cluster, resource)
    except LinstorError as fault:
        return f"{fault.message} {fault.cause}"
    return None


def _snapshot_kept(cluster: Cluster, snapshot: Snapshot, node: Node) -> str | None:
    """Why the part of a snapshot stays. One that another node is still taking or fetching is not there yet."""
    if not any(part.create_timestamp_ms is not None and "DELETE" not in (*snapshot.flags, *part.flags)
               for part in snapshot.nodes if key_of(part.node_name) != key_of(node.name)):
        return "No other node has it."
    if REPLICATING.isdisjoint(snapshot.layer_stack):
        return _OF_ITS_OWN
    try:
        dependents.check_not_moving(cluster, snapshot.resource_name)
        dependents.check_snapshot_not_a_source(cluster, snapshot)
    except LinstorError as fault:
        return f"{fault.message} {fault.cause}"
    return None


def _snapshots(cluster: Cluster, node: Node) -> Iterator[Snapshot]:
    return (snapshot for _, snapshot in sorted(cluster.snapshots.items()) if snapshot.on_node(node.name) is not None)


def _without(snapshot: Snapshot, node: Node) -> Snapshot:
    """The part on the node is marked, so that its satellite removes it."""
    return structs.replace(snapshot, nodes=tuple(
        structs.replace(part, flags=dependents.with_flag(part.flags, "DELETE"))
        if part is snapshot.on_node(node.name) else part for part in snapshot.nodes))


def _resource_entry(call: Call[NodeRestore], resource: Resource, reason: str | None) -> ApiCallRc:
    mask, refs = Operation.DELETE | Subject.RSC, {"RscDfn": resource.name, "Node": resource.node_name}
    if reason is None:
        return call.rc(Severity.SUCCESS, DELETED, f"'{resource.name}' is deleted on node '{resource.node_name}'.",
                       mask=mask, refs=refs)
    return call.rc(Severity.WARN, 0, f"'{resource.name}' stays on node '{resource.node_name}'.", mask=mask,
                   cause=reason, refs=refs,
                   correction=f"To delete it all the same: linstor resource delete {resource.node_name} "
                              f"{resource.name}")


def _snapshot_entry(call: Call[NodeRestore], snapshot: Snapshot, node: Node, reason: str | None) -> ApiCallRc:
    mask = Operation.DELETE | Subject.SNAPSHOT
    refs = {"RscDfn": snapshot.resource_name, "Snapshot": snapshot.name, "Node": node.name}
    what = f"Snapshot '{snapshot.name}' of '{snapshot.resource_name}'"
    if reason is None:
        return call.rc(Severity.SUCCESS, DELETED, f"{what} is deleted on node '{node.name}'.", mask=mask, refs=refs)
    return call.rc(Severity.WARN, 0, f"{what} stays on node '{node.name}'.", mask=mask,
                   cause=reason, refs=refs,
                   correction=f"To delete it all the same: linstor snapshot delete {snapshot.resource_name} "
                              f"{snapshot.name}")
