"""What concerns a node's link and its role: reconnecting, evacuating, restoring, losing."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context, Outcome
from linstor_core.controller.operations import dependents, evacuations, evictions, reports, returns
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain.cluster import Cluster, Document, Key, key_of
from linstor_core.domain.errors import Code, Conflict
from linstor_core.domain.nodes import ConnectionStatus, Node
from linstor_core.domain.observed import ResourceSeen
from linstor_core.domain.resources import Resource
from linstor_core.domain.snapshots import Snapshot
from linstor_core.domain.tombstones import Tombstone
from linstor_core.wire.api_call_rc import MODIFIED, ApiCallRc, Operation, Severity, Subject, entry
from linstor_core.wire.rest_bodies import NodeEvacuate, NodeRestore

WAIT_S = 10.0
"""How long a caller waits for the link to a satellite."""

SATELLITE_CONNECTED = 9
WARN_NOT_CONNECTED = 1002
EVACUATE = evacuations.EVACUATE
EVICTED = evictions.EVICTED


def connected(call: Call[Any], node: Node) -> Outcome:
    """Waits until the satellite has its specs, or the first attempt to reach it has failed."""
    refs = {"Node": node.name}

    def outcome(cluster: Cluster) -> tuple[ApiCallRc, ...] | None:
        seen = cluster.nodes_seen.get(key_of(node.name))
        if seen is not None and seen.status is ConnectionStatus.ONLINE:
            return (call.rc(Severity.SUCCESS, SATELLITE_CONNECTED, f"The satellite of '{node.name}' is connected.",
                            details="It has been told all that concerns it.", refs=refs),)
        if seen is None or (seen.reconnect_attempts == 0 and key_of(node.name) in cluster.nodes):
            return None
        return (call.rc(Severity.WARN, WARN_NOT_CONNECTED, f"There is no connection to '{node.name}' yet.",
                        cause=f"State of the link: {seen.status}{f', {seen.trouble}' if seen.trouble else ''}.",
                        details="The controller keeps dialling.",
                        correction="Check that linstor-satellite runs there, its address, its port and firewalls.",
                        refs=refs),)

    return outcome


async def reconnect(services: Any, call: Call[NoBody]) -> list[ApiCallRc]:
    """Breaks the link and dials anew."""
    refs = {"Node": call.path["node"]}
    with lookups.about(**refs):
        node = lookups.node(services.controller.cluster, call.path["node"])
    key = key_of(node.name)
    if not node.type.runs_satellite:
        return [call.rc(Severity.SUCCESS, 0, f"'{node.name}' has no satellite to connect to.", refs=refs)]
    await services.controller.fold(reports.link_broken(key, ConnectionStatus.OFFLINE, 0))
    services.reconnect(key)
    waited = await services.controller.apply(
        lambda _, __: Change(outcome=connected(call, node), watch=(key,), wait_s=WAIT_S))
    return [call.rc(Severity.SUCCESS, 0, f"Reconnecting to '{node.name}'.", refs=refs), *waited]


def evacuate(cluster: Cluster, context: Context, call: Call[NodeEvacuate]) -> Change:
    """Marks the node, so that nothing new is placed there, and starts the job that moves everything away."""
    refs = {"Node": call.path["node"]}
    with lookups.about(**refs):
        node = lookups.node(cluster, call.path["node"])
        for name in (*(call.body.target or ()), *(call.body.do_not_target or ())):
            lookups.node(cluster, name)
    marked = structs.replace(node, flags=dependents.with_flag(node.flags, EVACUATE))
    jobs = evacuations.begun(cluster, context, marked, call.body.target or (), call.body.do_not_target or ())
    return Change((marked, *jobs), answers=tuple(evacuations.entries(
        call, cluster.with_documents((marked, *jobs), ()), marked)))


def evict(cluster: Cluster, context: Context, call: Call[NoBody]) -> Change:
    """Gives a node up that is out of reach: nothing is placed there, and what it holds does not count any more."""
    refs = {"Node": call.path["node"]}
    with lookups.about(**refs):
        node = lookups.node(cluster, call.path["node"])
        if cluster.is_online(node.name):
            raise Conflict(f"Node '{node.name}' is connected.", Code.IN_USE,
                           cause="Only a node that is out of reach is given up.",
                           correction="Use 'linstor node evacuate' to keep new data off it.")
    held = [resource.name for resource in evacuations.left_on(cluster, node.name)]
    warnings = tuple(call.rc(
        Severity.WARN, WARN_NOT_CONNECTED, f"Resource '{name}' still has a replica on '{node.name}'.",
        cause="Replicas are not made anew elsewhere by themselves.",
        correction="Place another replica, or bring the node back and use 'linstor node restore'.", refs=refs)
        for name in held)
    told = call.rc(Severity.SUCCESS, MODIFIED, f"Node '{node.name}' is evicted.", refs=refs)
    puts = evictions.given_up(cluster, context, node, f"Node '{node.name}' was given up by hand.")
    return Change(tuple(puts), answers=(told, *warnings))


def restore(cluster: Cluster, context: Context, call: Call[NodeRestore]) -> Change:
    """Takes the marks of an evacuation or eviction off, which ends their jobs; `delete_resources` and
    `delete_snapshots` remove what is elsewhere, too.
    """
    node = lookups.node(cluster, call.path["node"], bare=True)
    if EVACUATE not in node.flags and EVICTED not in node.flags:
        return Change(answers=(entry(Severity.ERROR, 0, 0, f"Node '{node.name}' is neither evacuated nor evicted.",
                                     correction="Nothing has to be restored."),))
    flags = tuple(flag for flag in node.flags if flag not in (EVACUATE, EVICTED))
    puts, deletes, told = returns.cleaned(cluster, context, call, node)
    restored = structs.replace(node, flags=flags, eviction_timestamp_ms=None)
    return Change((restored, *puts), deletes, answers=(
        entry(Severity.SUCCESS, 0, Subject.NODE, f"Node '{node.name}' takes part again."), *told))


def without_node(cluster: Cluster, node_key: str) -> tuple[tuple[Document, ...], tuple[tuple[type, Key], ...]]:
    """What becomes of resources and snapshots when a node is gone for good."""
    puts: list[Document] = []
    deletes: list[tuple[type, Key]] = []
    for definition in cluster.definitions_on.get(node_key, ()):
        deletes += [(Resource, (definition, node_key)), (ResourceSeen, (definition, node_key))]
    for key, snapshot in cluster.snapshots.items():
        kept = tuple(part for part in snapshot.nodes if key_of(part.node_name) != node_key)
        if len(kept) < len(snapshot.nodes):
            deletes.append((ResourceSeen, (key[0], node_key)))  # it may be all that is left of the definition there
        if not kept:
            deletes.append((Snapshot, key))
        elif len(kept) < len(snapshot.nodes):
            puts.append(structs.replace(snapshot, nodes=kept))
    for stone in (cluster.tombstones[key] for key in cluster.tombstones_on.get(node_key, ())):
        deletes += [(Tombstone, key_of(stone.uuid)), (ResourceSeen, stone.place)]
    return tuple(puts), tuple(deletes)


_MODIFY = Operation.MODIFY | Subject.NODE

ROUTES = (
    Route("PUT", "/v1/nodes/<node>/reconnect", "Break and renew the link to a satellite", service=reconnect,
          mask=_MODIFY),
    Route("PUT", "/v1/nodes/<node>/evacuate", "Move everything off a node", write=evacuate, body=NodeEvacuate,
          mask=_MODIFY, lenient=True),
    Route("PUT", "/v1/nodes/<node>/evict", "Give a node up that is out of reach", write=evict, mask=_MODIFY),
    Route("PUT", "/v1/nodes/<node>/restore", "Let an evacuated or evicted node take part again", write=restore,
          body=NodeRestore, mask=_MODIFY, lenient=True),
)
