"""Files of ours on nodes that no resource, snapshot or tombstone names, as the satellites told last."""

from __future__ import annotations

from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.operations import orphans
from linstor_core.controller.queries import lists
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.observed import OrphanSeen
from linstor_core.wire import rest_tombstones as rest


def list_all(cluster: Cluster, call: Call[Any]) -> object:
    """Of all nodes, or of those in `?nodes=`; of one that is away what it had when it was there last."""
    nodes = lists.wanted(call, "nodes")
    for name in call.values("nodes"):
        lookups.node(cluster, name, bare=True)
    links = (cluster.nodes_seen[key] for key in sorted_keys(cluster, "nodes_seen")
             if lists.passes(nodes, key) and key in cluster.nodes)
    return [_shown(cluster, link.node_name, orphan)
            for link, orphan in lists.page(call, ((link, orphan) for link in links for orphan in link.orphans))]


def _shown(cluster: Cluster, node_name: str, orphan: OrphanSeen) -> rest.Orphan:
    seems = orphans.looks(orphan)
    return rest.Orphan(
        node_name=node_name, path=orphan.path, storage_pool_name=orphan.pool, data_id=orphan.data_id,
        state=orphan.state, size_kib=orphan.size_bytes // 1024 if orphan.size_bytes >= 0 else None,
        allocated_size_kib=orphan.allocated_kib if orphan.allocated_kib >= 0 else None,
        modify_timestamp=orphan.modified_ms or None, device_path=orphan.device, resource_name=seems.name,
        volume_number=seems.number if seems.number >= 0 else None, snapshot_name=seems.snapshot,
        defined=key_of(seems.name) in cluster.resource_definitions if seems.name else None)


ROUTES = (
    Route("GET", "/v1/orphans", "List files on nodes that nobody names", read=list_all, answer=list[rest.Orphan]),
)
