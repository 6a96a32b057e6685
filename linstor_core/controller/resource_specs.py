"""From the model to what satellites have to hold: pure functions of a Cluster."""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller import node_files, transfers
from linstor_core.controller.change import Change
from linstor_core.domain import props
from linstor_core.domain.cluster import Cluster, ControllerSettings, files_place, key_of, pools_place
from linstor_core.domain.jobs import Job
from linstor_core.domain.nodes import Node
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resource_groups import ResourceGroup
from linstor_core.domain.resources import Resource, Volume
from linstor_core.domain.snapshots import NodeSnapshot, Snapshot
from linstor_core.domain.storage_pools import ProviderKind, StoragePool
from linstor_core.domain.tombstones import Tombstone, uuid_of
from linstor_core.wire.resource_spec import (
    FileSystemSpec,
    PoolSpec,
    ResourceSpec,
    SnapshotSpec,
    SnapshotVolumeSpec,
    VolumeSpec,
)

Place = tuple[str, str]
"""(definition key, node key)"""


def build(cluster: Cluster, place: Place) -> ResourceSpec | None:
    """The spec of one definition on one node; None where nothing of it has to be there."""
    definition_key, node_key = place
    if uuid := uuid_of(definition_key):
        tombstone = cluster.tombstones.get(uuid)
        return _removal(cluster, tombstone) if tombstone is not None else None
    definition = cluster.resource_definitions.get(definition_key)
    resource = cluster.resources.get(place)
    snapshots = tuple(_snapshot(cluster, snapshot, part) for snapshot in cluster.snapshots_of_definition(definition_key)
                      if (part := snapshot.on_node(node_key)) is not None)
    if resource is None and not snapshots:
        return None
    volumes = () if resource is None else tuple(
        spec for volume in resource.volumes if (spec := _volume(cluster, definition, resource, volume)) is not None)
    node = cluster.nodes.get(node_key)
    return ResourceSpec(
        resource_name=definition.name if definition is not None else definition_key,
        node_name=node.name if node is not None else node_key,
        uuid=resource.uuid if resource is not None else "",
        generation=cluster.generations.get(place, 0),
        layer_stack=resource.layer_stack if resource is not None else ("STORAGE",),
        volumes=volumes,
        snapshots=snapshots,
        active=resource is None or "INACTIVE" not in resource.flags)


def _removal(cluster: Cluster, tombstone: Tombstone) -> ResourceSpec:
    """All of it is named for deletion."""
    spec = ResourceSpec(tombstone.spec_name, tombstone.node_name, tombstone.identity or tombstone.spec_name,
                        cluster.generations.get(tombstone.place, 0))
    if tombstone.snapshot_name:
        parts = tuple(SnapshotVolumeSpec(volume.number, volume.storage_pool, volume.identifier, volume.data_id, "")
                      for volume in tombstone.volumes)
        gone = SnapshotSpec(tombstone.snapshot_name, tombstone.spec_name, parts, delete=True)
        return structs.replace(spec, snapshots=(gone,))
    return structs.replace(spec, volumes=tuple(
        VolumeSpec(volume.number, volume.size_kib, volume.storage_pool, volume.identifier, volume.data_id,
                   replaces=volume.replaces, delete=True) for volume in tombstone.volumes))


def _volume(cluster: Cluster, definition: ResourceDefinition | None, resource: Resource,
            volume: Volume) -> VolumeSpec | None:
    pool = cluster.pool(resource.node_name, volume.storage_pool)
    if pool is None or pool.provider_kind is ProviderKind.DISKLESS:
        return None
    place = key_of(resource.name), key_of(resource.node_name)
    offer = transfers.offer(cluster, place)
    found = definition.volume_definition(volume.number) if definition is not None else None
    return VolumeSpec(
        number=volume.number,
        size_kib=found.size_kib if found is not None else 0,
        pool=pool.name,
        identifier=volume.identifier,
        data_id=volume.data_id,
        source=volume.source,
        replaces=volume.replaces,
        file_system=_file_system(cluster, definition, found, resource, volume),
        delete=resource.is_deleting or "DELETE" in volume.flags,
        must_exist=bool(offer) or volume.populated,
        origin=transfers.origin(cluster, place, volume.source, has_content=volume.populated),
        offer=offer)


def _file_system(cluster: Cluster, definition: ResourceDefinition | None, volume_definition: VolumeDefinition | None,
                 resource: Resource, volume: Volume) -> FileSystemSpec | None:
    """None for a volume that gets its content from elsewhere: it must never be formatted."""
    if definition is None or volume.source is not None:
        return None
    scopes = props.volume_scopes(cluster, definition, volume_definition, resource, volume)
    kind = props.first(props.FILE_SYSTEM_TYPE, scopes)
    if not kind:
        return None
    return FileSystemSpec(kind, props.first(props.MKFS_PARAMS, scopes) or "",
                          props.first(props.FILE_SYSTEM_USER, scopes) or "",
                          props.first(props.FILE_SYSTEM_GROUP, scopes) or "")


def _snapshot(cluster: Cluster, snapshot: Snapshot, part: NodeSnapshot) -> SnapshotSpec:
    place = key_of(snapshot.resource_name), key_of(part.node_name)
    has_content = part.create_timestamp_ms is not None
    volumes = tuple(SnapshotVolumeSpec(
        volume.number, volume.storage_pool, volume.identifier, volume.data_id, volume.source_data_id,
        source=volume.source, origin=transfers.origin(cluster, place, volume.source, has_content=has_content),
        offer=transfers.offer(cluster, place)) for volume in part.volumes)
    unwanted = {"DELETE", "FAILED_DEPLOYMENT", "FAILED_DISCONNECT"}  # pieces of a failed snapshot are of no use
    return SnapshotSpec(snapshot.name, part.uuid, volumes, not unwanted.isdisjoint((*snapshot.flags, *part.flags)))


def pools(cluster: Cluster, node: str) -> tuple[PoolSpec, ...]:
    """All pools that the satellite of a node has to serve."""
    return tuple(PoolSpec(pool.name, pool.provider_kind, pool.props) for pool in cluster.pools_on(node)
                 if pool.provider_kind is not ProviderKind.DISKLESS)


def places_on(cluster: Cluster, node_key: str) -> set[Place]:
    """Every definition of which the node has to hold something."""
    places = {(definition, node_key) for definition in cluster.definitions_on.get(node_key, ())}
    places |= {(definition, node_key) for definition, _ in cluster.snapshots_on.get(node_key, ())}
    places.update(cluster.tombstones[key].place for key in cluster.tombstones_on.get(node_key, ()))
    return places


def affected(cluster: Cluster, change: Change) -> set[Place]:
    """The places whose spec a change may have altered; `cluster` is the one before or after it."""
    places: set[Place] = set()
    for document in change.puts:
        places |= _places_of(cluster, document)
    for cls, key in change.deletes:
        if cls is Resource and isinstance(key, tuple):
            places.add(key)
        elif cls is Snapshot and isinstance(key, tuple) and (gone := cluster.snapshots.get(key)) is not None:
            places |= _places_of(cluster, gone)
        elif cls is Tombstone and isinstance(key, str) and (ended := cluster.tombstones.get(key)) is not None:
            places.add(ended.place)
        elif cls is Node and isinstance(key, str):
            places |= transfers.fetching_from(cluster, key)
    return places


def _places_of(cluster: Cluster, document: object) -> set[Place]:
    match document:
        case Resource():
            return {(key_of(document.name), key_of(document.node_name))}
        case Tombstone():
            return {document.place}
        case ResourceDefinition():
            return _places_of_definition(cluster, key_of(document.name))
        case Snapshot():
            known = cluster.snapshot(document.resource_name, document.name)  # it may have had a part elsewhere
            parts = (*document.nodes, *(known.nodes if known is not None else ()))
            return {(key_of(document.resource_name), key_of(part.node_name)) for part in parts}
        case ResourceGroup():
            return {place for key, definition in cluster.resource_definitions.items()
                    if key_of(definition.resource_group_name) == key_of(document.name)
                    for place in _places_of_definition(cluster, key)}
        case ControllerSettings():
            return set(cluster.resources)
        case Node() | StoragePool():
            name = document.name if isinstance(document, Node) else document.node_name
            return {*((key, key_of(name)) for key in cluster.definitions_on.get(key_of(name), ())),
                    *transfers.fetching_from(cluster, key_of(name))}
        case Job():
            return transfers.places_of(cluster, document.uuid)
        case _:
            return set()


def _places_of_definition(cluster: Cluster, key: str) -> set[Place]:
    places = {(key, node) for node in cluster.nodes_of.get(key, ())}
    for snapshot in cluster.snapshots_of_definition(key):
        places |= {(key, key_of(part.node_name)) for part in snapshot.nodes}
    return places


def with_generations(before: Cluster, after: Cluster, change: Change) -> Cluster:
    """`after`, where every spec and every list of pools that really changed has its revision as generation."""
    generations = after.generations
    for place in affected(before, change) | affected(after, change):
        old, new = build(before, place), build(after, place)
        if new is None:
            if place in generations:
                generations = generations.delete(place)
        elif old is None or (old != new and _forgetting(old) != _forgetting(new)):
            generations = generations.set(place, after.revision)
    for node_key in pools_changed(before, after, change):
        generations = generations.set(pools_place(node_key), after.revision)
    for node_key in node_files.changed(before, after, change):
        generations = generations.set(files_place(node_key), after.revision)
    if generations is after.generations:
        return after
    return structs.replace(after, generations=generations)


def _forgetting(spec: ResourceSpec) -> ResourceSpec:
    """Without what its satellite knows already, since it said so itself: that alone is no news to it."""
    return structs.replace(spec, volumes=tuple(structs.replace(volume, must_exist=False) for volume in spec.volumes))


def pools_changed(before: Cluster, after: Cluster, change: Change) -> set[str]:
    """Keys of the nodes whose pools differ."""
    names = {key_of(document.node_name) for document in change.puts if isinstance(document, StoragePool)}
    names |= {key[0] for cls, key in change.deletes if cls is StoragePool and isinstance(key, tuple)}
    return {name for name in names if pools(before, name) != pools(after, name)}
