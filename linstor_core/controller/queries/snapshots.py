"""Snapshots, of one definition and of all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.queries import blocked, lists
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code
from linstor_core.domain.props import POOL_NAME
from linstor_core.domain.snapshots import NodeSnapshot, Snapshot
from linstor_core.wire import rest_v1

PATH = "/v1/resource-definitions/<resource>/snapshots"


def shown(snapshot: Snapshot, waits: blocked.Found = ()) -> rest_v1.Snapshot:
    """A snapshot as REST has it."""
    volumes = tuple(rest_v1.SnapshotVolumeDefinition(volume_number=volume.number, size_kib=volume.size_kib,
                                                     volume_definition_props=volume.props)
                    for volume in snapshot.volume_definitions)
    return rest_v1.Snapshot(
        name=snapshot.name, resource_name=snapshot.resource_name,
        nodes=tuple(part.node_name for part in snapshot.nodes),
        props={**snapshot.resource_definition_props, **snapshot.props}, snapshot_definition_props=snapshot.props,
        resource_definition_props=snapshot.resource_definition_props, flags=snapshot.flags,
        volume_definitions=volumes, uuid=snapshot.uuid, blocked_by=waits,
        snapshots=tuple(_shown_part(snapshot, part) for part in snapshot.nodes))


def _shown_part(snapshot: Snapshot, part: NodeSnapshot) -> rest_v1.NodeSnapshot:
    pools = sorted({volume.storage_pool for volume in part.volumes})
    return rest_v1.NodeSnapshot(
        snapshot_name=snapshot.name, node_name=part.node_name, create_timestamp=part.create_timestamp_ms,
        flags=part.flags, uuid=part.uuid, resource_props={POOL_NAME: pools[0]} if len(pools) == 1 else {},
        snapshot_volumes=tuple(rest_v1.SnapshotVolume(uuid=volume.uuid, vlm_nr=volume.number)
                               for volume in part.volumes))


_memo = lists.Memo(shown)


def view(cluster: Cluster, call: Call[Any]) -> object:
    for name in call.values("nodes"):
        lookups.node(cluster, name, bare=True)
    return lists.encoded(_memo.get((key_of(snapshot.resource_name), key_of(snapshot.name)), snapshot,
                                   blocked.of_snapshot(cluster, snapshot))
                         for snapshot in lists.page(call, _wanted(cluster, call)))


def _wanted(cluster: Cluster, call: Call[Any]) -> Iterator[Snapshot]:
    resources, nodes = lists.wanted(call, "resources"), lists.wanted(call, "nodes")
    names = lists.wanted(call, "snapshots")
    if resources is None:
        keys = sorted_keys(cluster, "snapshots")
    else:
        keys = tuple((key, name) for key in sorted(resources) for name in cluster.snapshots_of.get(key, ()))
    for key in keys:
        snapshot = cluster.snapshots[key]
        if lists.passes(names, key[1]) and (
                nodes is None or any(key_of(part.node_name) in nodes for part in snapshot.nodes)):
            yield snapshot


def of_definition(cluster: Cluster, call: Call[Any]) -> object:
    definition = lookups.definition(cluster, call.path["resource"], bare=True)
    return [shown(snapshot, blocked.of_snapshot(cluster, snapshot))
            for snapshot in cluster.snapshots_of_definition(definition.name)]


def one(cluster: Cluster, call: Call[Any]) -> object:
    definition = lookups.definition(cluster, call.path["resource"], bare=True)
    snapshot = lookups.snapshot(cluster, definition.name, call.path["snapshot"], bare=True,
                                code=Code.NOT_FOUND_SNAPSHOT)
    return shown(snapshot, blocked.of_snapshot(cluster, snapshot))


ROUTES = (
    Route("GET", "/v1/view/snapshots", "List snapshots", read=view, answer=list[rest_v1.Snapshot]),
    Route("GET", PATH, "List the snapshots of a definition", read=of_definition, answer=list[rest_v1.Snapshot]),
    Route("GET", f"{PATH}/<snapshot>", "Show a snapshot", read=one, answer=rest_v1.Snapshot),
)
