"""The documents behind a volume: its definition, and the volume itself on a node."""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller.change import Context
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resources import DataSource, Volume
from linstor_core.domain.storage_pools import StoragePool

GENERATION_PROP = "DrbdCurrentGi"
BLOCK_SIZE_PROP = "DrbdOptions/Disk/block-size"
GRANULARITY_PROP = "StorDriver/internal/AllocationGranularity"
QUORUM_PROP = "DrbdOptions/Resource/quorum"
DERIVED_PROPS = (BLOCK_SIZE_PROP, GRANULARITY_PROP)
"""Set by the controller when a volume is placed; they do not belong to what a snapshot restores."""


def new_generation(context: Context) -> str:
    """16 hexadecimal digits: the DRBD generation from which every first replica starts."""
    return context.new_uuid().replace("-", "")[:16].upper()


def new_volume(cluster: Cluster, context: Context, resource_name: str, number: int, pool: StoragePool,
               *, source: DataSource | None = None) -> Volume:
    return Volume(context.new_uuid(), number, pool.name, _identifier(cluster, resource_name, number, pool.node_name),
                  context.new_uuid(), source)


def _identifier(cluster: Cluster, resource_name: str, number: int, node_name: str) -> str:
    """`<resource>_<5 digits>`, unless a resource that was renamed, a tombstone or an orphan has left it in use: no
    name has a dot.
    """
    seen = cluster.nodes_seen.get(key_of(node_name))
    orphans = {key_of(orphan.path.rpartition("/")[2]) for orphan in seen.orphans} if seen is not None else set()
    found, counted = f"{resource_name}_{number:05d}", 0
    while (key_of(node_name), key_of(found)) in cluster.strange_identifiers or key_of(f"{found}.img") in orphans:
        counted += 1
        found = f"{resource_name}.{counted}_{number:05d}"
    return found


def placed(definition: ResourceDefinition, stack: tuple[str, ...]) -> ResourceDefinition:
    """The definition as its first placement leaves it: layers chosen, derived properties filled in."""
    volumes = tuple(structs.replace(volume, props={BLOCK_SIZE_PROP: "512", GRANULARITY_PROP: "1", **volume.props})
                    for volume in definition.volume_definitions)
    props = definition.props if QUORUM_PROP in definition.props else {**definition.props, QUORUM_PROP: "off"}
    return structs.replace(definition, layer_stack=definition.layer_stack or stack, volume_definitions=volumes,
                           props=props)


def with_volume(definition: ResourceDefinition, volume: VolumeDefinition) -> ResourceDefinition:
    """The definition with this volume definition instead of the one of the same number, or added; in order."""
    others = [other for other in definition.volume_definitions if other.number != volume.number]
    return structs.replace(definition,
                           volume_definitions=tuple(sorted((*others, volume), key=lambda each: each.number)))
