"""What goes with a node that is given up, said in words: nothing is lost track of silently."""

from __future__ import annotations

from typing import Any

from linstor_core.controller.call import Call
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.nodes import Node
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.wire.api_call_rc import ApiCallRc, Severity


def entries(call: Call[Any], cluster: Cluster, node: Node) -> list[ApiCallRc]:
    """A warning each for the last copies, for resources and snapshots of which there are others, and for deletions."""
    only, others = _replicas(cluster, node)
    stones = [str(cluster.tombstones[key]) for key in cluster.tombstones_on.get(key_of(node.name), ())]
    found = []
    if only:
        found.append(_told(call, node, "What exists nowhere else is lost with the node.", only,
                           cause="No other node holds a replica or the snapshot.",
                           correction="If the machine comes back, adopt what 'linstor orphans list' shows."))
    if others:
        found.append(_told(call, node, "Its replicas and parts of snapshots are lost with the node.", others,
                           cause="Other nodes hold them, too; where no layer replicates, with data of their own.",
                           correction="Place them anew where replicas are missing now."))
    if stones:
        found.append(_told(call, node, "Deletions that the node had still to carry out are forgotten.", stones,
                           cause="Nobody will ask the node to remove that data any more.",
                           correction="If the machine comes back, remove what 'linstor orphans list' shows."))
    return found


def _replicas(cluster: Cluster, node: Node) -> tuple[list[str], list[str]]:
    """What only this node holds, and what others hold as well."""
    only: list[str] = []
    others: list[str] = []
    for resource in cluster.resources_on(node.name):
        if not _holds_data(cluster, resource.name, node.name):
            continue
        elsewhere = any(_holds_data(cluster, resource.name, other.node_name) and not other.is_deleting
                        and not any(volume.is_copying for volume in other.volumes)  # it may get no further now
                        for other in cluster.resources_of(resource.name) if other is not resource)
        (others if elsewhere else only).append(resource.name)
    for snapshot in cluster.snapshots.values():
        if snapshot.on_node(node.name) is not None:
            elsewhere = any(part.create_timestamp_ms is not None and "DELETE" not in (*snapshot.flags, *part.flags)
                            for part in snapshot.nodes if key_of(part.node_name) != key_of(node.name))
            (others if elsewhere else only).append(f"{snapshot.resource_name}/{snapshot.name}")
    return sorted(only), sorted(others)


def _holds_data(cluster: Cluster, name: str, node_name: str) -> bool:
    resource = cluster.resource(name, node_name)
    pools = [cluster.pool(node_name, volume.storage_pool) for volume in resource.volumes] if resource else []
    return any(pool is not None and pool.provider_kind is not ProviderKind.DISKLESS for pool in pools)


def _told(call: Call[Any], node: Node, message: str, what: list[str], *, cause: str, correction: str) -> ApiCallRc:
    return call.rc(Severity.WARN, 0, message, cause=cause, details=", ".join(what) + ".", correction=correction,
                   refs={"Node": node.name})
