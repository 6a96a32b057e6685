"""Which pool a volume goes to when it is put on a given node by hand."""

from __future__ import annotations

from collections.abc import Mapping

from linstor_core.controller import lookups
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, NotFound
from linstor_core.domain.props import POOL_NAME, first
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.storage_pools import DEFAULT_POOL, StoragePool


def pool_for(cluster: Cluster, definition: ResourceDefinition, volume_definition: VolumeDefinition,
             resource_props: Mapping[str, str], node_name: str) -> StoragePool:
    """The pool that the narrowest StorPoolName names, or the default one.

    Order: resource, volume definition, volume group, definition, group, node, controller. Raises NotFound: 309 for a
    name that no pool of the cluster has, 310 for one that this node lacks, 311 for a missing default.
    """
    group = cluster.group(definition.resource_group_name)
    template = next((part.props for part in group.volume_groups if part.number == volume_definition.number),
                    {}) if group is not None else {}
    name = first(POOL_NAME, (resource_props, volume_definition.props, template, definition.props,
                             group.props if group is not None else {}, lookups.node(cluster, node_name).props,
                             cluster.controller.props))
    return named(cluster, node_name, name) if name else _default(cluster, node_name)


def named(cluster: Cluster, node_name: str, name: str) -> StoragePool:
    """Raises NotFound (309, 310)."""
    found = cluster.pool(node_name, name)
    if found is not None:
        return found
    here = ", ".join(pool.name for pool in cluster.pools_on(node_name)) or "none"
    if key_of(name) in cluster.storage_pool_definitions:
        raise NotFound(f"The node '{node_name}' has no storage pool '{name}'.", Code.NOT_FOUND_STOR_POOL,
                       cause="Other nodes have one of this name, this node does not.",
                       details=f"Pools of '{node_name}': {here}.",
                       correction="Create the pool on this node, or name another one.")
    raise NotFound(f"There is no storage pool '{name}'.", Code.NOT_FOUND_STOR_POOL_DFN,
                   cause="No node has a pool of this name.", details=f"Pools of '{node_name}': {here}.",
                   correction="Check the spelling, or create the pool.")


def _default(cluster: Cluster, node_name: str) -> StoragePool:
    found = cluster.pool(node_name, DEFAULT_POOL)
    if found is None:
        raise NotFound(f"The node '{node_name}' has no pool '{DEFAULT_POOL}'.", Code.NOT_FOUND_DFLT_STOR_POOL,
                       cause="No pool was named, so the default pool was looked for.",
                       correction="Name a pool in the property StorPoolName, or let the autoplacer choose.")
    return found
