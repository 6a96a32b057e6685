"""Deletions that nodes have still to carry out."""

from __future__ import annotations

from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.operations import tombstones
from linstor_core.controller.queries import blocked, lists
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.tombstones import Tombstone
from linstor_core.wire import rest_tombstones as rest

PATH = "/v1/tombstones"


def shown(cluster: Cluster, stone: Tombstone) -> rest.Tombstone:
    """A tombstone as REST has it."""
    paths = tombstones.files_of(cluster, stone)
    volumes = tuple(rest.TombstoneVolume(volume_number=volume.number, storage_pool_name=volume.storage_pool,
                                         identifier=volume.identifier, data_id=volume.data_id,
                                         size_kib=volume.size_kib, path=path)
                    for volume, path in zip(stone.volumes, paths, strict=True))
    return rest.Tombstone(uuid=stone.uuid, kind=stone.kind.value, node_name=stone.node_name,
                          resource_name=stone.resource_name, snapshot_name=stone.snapshot_name, volumes=volumes,
                          create_timestamp=stone.create_timestamp_ms, blocked_by=blocked.of_tombstone(cluster, stone))


def list_all(cluster: Cluster, call: Call[Any]) -> object:
    """`?nodes=` and `?resources=` narrow it down."""
    nodes, resources = lists.wanted(call, "nodes"), lists.wanted(call, "resources")
    for name in call.values("nodes"):
        lookups.node(cluster, name, bare=True)
    stones = (cluster.tombstones[key] for key in sorted_keys(cluster, "tombstones"))
    found = (stone for stone in stones if lists.passes(nodes, key_of(stone.node_name))
             and lists.passes(resources, key_of(stone.resource_name)))
    return [shown(cluster, stone) for stone in lists.page(call, found)]


def one(cluster: Cluster, call: Call[Any]) -> object:
    return shown(cluster, lookups.tombstone(cluster, call.path["uuid"], bare=True))


ROUTES = (
    Route("GET", PATH, "List what nodes have still to remove", read=list_all, answer=list[rest.Tombstone]),
    Route("GET", f"{PATH}/<uuid>", "Show what a node has still to remove", read=one, answer=rest.Tombstone),
)
