"""What a report completes: pure, and decided from the model alone, so that a repeated or late report does no harm.

Only an answer to the newest spec counts. Deletion completes when the satellite has looked and found nothing left;
that it said nothing completes nothing.
"""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller.operations import tombstones
from linstor_core.controller.operations.dependents import with_flag, without_flag
from linstor_core.domain.cluster import Cluster, Document, Key, key_of
from linstor_core.domain.errors import Code
from linstor_core.domain.observed import ResourceSeen
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resources import Resource, Volume
from linstor_core.domain.snapshots import NodeSnapshot, Snapshot
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.domain.tombstones import uuid_of

Edits = tuple[list[Document], list[tuple[type, Key]]]

FAILED_DEPLOYMENT = "FAILED_DEPLOYMENT"
FAILED_DISCONNECT = "FAILED_DISCONNECT"
SUCCESSFUL = "SUCCESSFUL"
FAILED = frozenset({FAILED_DEPLOYMENT, FAILED_DISCONNECT})
_ENDED = FAILED | {SUCCESSFUL, "DELETE"}


def of_definition(cluster: Cluster, key: str, now_ms: int) -> Edits:
    """Everything of one definition that what is seen by now completes. Applied, it gives nothing a second time."""
    if uuid_of(key):
        return tombstones.completed(cluster, key)
    puts: list[Document] = []
    deletes: list[tuple[type, Key]] = []
    resources: list[Resource] = []
    snapshots: list[Snapshot] = []
    for resource in cluster.resources_of(key):
        left = _resource(cluster, resource)
        if left is None:
            deletes.append((Resource, (key, key_of(resource.node_name))))
            continue
        resources.append(left)
        if left is not resource:
            puts.append(left)
    for snapshot in cluster.snapshots_of_definition(key):
        rest = _snapshot(cluster, snapshot, now_ms)
        if rest is None:
            deletes.append((Snapshot, (key, key_of(snapshot.name))))
            continue
        snapshots.append(rest)
        if rest is not snapshot:
            puts.append(rest)
    deletes += _vanished(cluster, key, resources, snapshots)
    definition = cluster.resource_definitions.get(key)
    if definition is not None:
        if "DELETE" in definition.flags and not resources and not snapshots:
            return [], [*deletes, (ResourceDefinition, key)]
        changed = _definition(cluster, definition, resources)
        if changed != definition:
            puts.append(changed)
    return puts, deletes


def has_ended(snapshot: Snapshot) -> bool:
    """Whether a snapshot was taken, has failed, or is on its way out."""
    return bool(_ENDED.intersection(snapshot.flags))


def has_gone(cluster: Cluster, snapshot: Snapshot, part: NodeSnapshot) -> bool:
    """Whether a node has told that nothing is left of its part of a failed snapshot: it would not tell so again."""
    seen = _answer(cluster, snapshot.resource_name, part.node_name) if FAILED.intersection(snapshot.flags) else None
    return seen is not None and any(each.uuid == part.uuid and not each.present for each in seen.snapshots)


def is_pending(cluster: Cluster, key: str) -> bool:
    """Whether something of a definition waits for its completion."""
    definition = cluster.resource_definitions[key]
    return (bool(definition.flags) or any(volume.flags for volume in definition.volume_definitions)
            or any((key, node) in cluster.copying or cluster.resources[key, node].is_deleting
                   for node in cluster.nodes_of.get(key, ()))
            or any(SUCCESSFUL not in snapshot.flags or any(part.flags for part in snapshot.nodes) or
                   "DELETE" in snapshot.flags for snapshot in cluster.snapshots_of_definition(key)))


def _answer(cluster: Cluster, name: str, node_name: str) -> ResourceSeen | None:
    """What the satellite saw after the newest spec; None while it has not answered that one."""
    return cluster.seen(name, node_name) if cluster.is_settled(name, node_name) else None


def _is_absent(cluster: Cluster, seen: ResourceSeen, resource: Resource, volume: Volume) -> bool:
    pool = cluster.pool(resource.node_name, volume.storage_pool)
    if pool is None or pool.provider_kind is ProviderKind.DISKLESS:
        return True  # no satellite was ever asked to hold it
    found = seen.volume(volume.number)
    return found is not None and not found.present


def _resource(cluster: Cluster, resource: Resource) -> Resource | None:
    """The resource without what is gone; None when all of it is."""
    seen = _answer(cluster, resource.name, resource.node_name)
    if seen is None:
        return resource
    absent = [volume for volume in resource.volumes if _is_absent(cluster, seen, resource, volume)]
    if resource.is_deleting and len(absent) == len(resource.volumes):
        return None
    # Somebody has it open: the deletion is off, so that it can't strike later, when nobody expects it any more.
    kept = _is_in_use(seen) and not absent
    flags = without_flag(resource.flags, "DELETE") if kept else resource.flags
    volumes = tuple(_volume(seen, volume, kept) for volume in resource.volumes
                    if "DELETE" not in volume.flags or volume not in absent)
    if _is_in_use(seen) and not any(_is_there(seen, volume) for volume in resource.volumes if _rolls_back(volume)):
        volumes = tuple(_not_rolled_back(volume) for volume in volumes)
    changed = structs.replace(resource, volumes=volumes, flags=flags)
    return resource if changed == resource else changed


def _rolls_back(volume: Volume) -> bool:
    return volume.is_copying and bool(volume.replaces)


def _not_rolled_back(volume: Volume) -> Volume:
    """With the content that it still has: a device that is open is freed before anything is replaced."""
    if not _rolls_back(volume):
        return volume
    return structs.replace(volume, data_id=volume.replaces, replaces="", source=None, populated=True)


def _is_there(seen: ResourceSeen, volume: Volume) -> bool:
    found = seen.volume(volume.number)
    return found is not None and found.present and found.data_id == volume.data_id


def _is_in_use(seen: ResourceSeen) -> bool:
    return any(failure.code == Code.IN_USE for failure in seen.failures)


def _volume(seen: ResourceSeen, volume: Volume, kept: bool) -> Volume:
    if kept and "DELETE" in volume.flags:
        return structs.replace(volume, flags=without_flag(volume.flags, "DELETE"))
    if not volume.populated and _is_there(seen, volume):
        return structs.replace(volume, populated=True)
    return volume


def _snapshot(cluster: Cluster, snapshot: Snapshot, now_ms: int) -> Snapshot | None:
    parts = tuple(part for part in (_part(cluster, snapshot, part, now_ms) for part in snapshot.nodes)
                  if part is not None)
    if not parts:
        return None
    flags = snapshot.flags
    if not has_ended(snapshot):
        if all(part.create_timestamp_ms is not None for part in parts):
            flags = with_flag(flags, SUCCESSFUL)
        elif any(_has_failed(cluster, snapshot, part) for part in parts):
            flags = with_flag(flags, FAILED_DEPLOYMENT)
    changed = structs.replace(snapshot, nodes=parts, flags=flags)
    return snapshot if changed == snapshot else changed


def _part(cluster: Cluster, snapshot: Snapshot, part: NodeSnapshot, now_ms: int) -> NodeSnapshot | None:
    seen = _answer(cluster, snapshot.resource_name, part.node_name)
    found = next((each for each in seen.snapshots if each.uuid == part.uuid), None) if seen is not None else None
    if found is None:
        return part
    if "DELETE" in snapshot.flags or "DELETE" in part.flags:
        return part if found.present else None
    if found.present and part.create_timestamp_ms is None and not has_ended(snapshot):
        return structs.replace(part, create_timestamp_ms=found.create_timestamp_ms or now_ms)
    return part


def _has_failed(cluster: Cluster, snapshot: Snapshot, part: NodeSnapshot) -> bool:
    seen = _answer(cluster, snapshot.resource_name, part.node_name)
    return part.create_timestamp_ms is None and seen is not None and bool(seen.failures)


def _vanished(cluster: Cluster, key: str, resources: list[Resource],
              snapshots: list[Snapshot]) -> list[tuple[type, Key]]:
    """What was seen where nothing of the definition is wanted any more."""
    left = {key_of(resource.node_name) for resource in resources}
    left |= {key_of(part.node_name) for snapshot in snapshots for part in snapshot.nodes}
    before = set(cluster.nodes_of.get(key, ()))
    before |= {key_of(part.node_name) for snapshot in cluster.snapshots_of_definition(key) for part in snapshot.nodes}
    return [(ResourceSeen, (key, node)) for node in sorted(before - left) if (key, node) in cluster.resources_seen]


def _definition(cluster: Cluster, definition: ResourceDefinition, resources: list[Resource]) -> ResourceDefinition:
    volumes = tuple(_volume_definition(cluster, volume, resources) for volume in definition.volume_definitions
                    if "DELETE" not in volume.flags
                    or any(resource.volume(volume.number) is not None for resource in resources))
    flags = _clone_flags(cluster, definition, resources)
    if any(not resource.is_deleting for resource in resources):
        flags = without_flag(flags, "DELETE")
    return structs.replace(definition, volume_definitions=volumes, flags=flags)


def _volume_definition(cluster: Cluster, volume: VolumeDefinition, resources: list[Resource]) -> VolumeDefinition:
    placed = [each for resource in resources if (each := resource.volume(volume.number)) is not None]
    if "DELETE" in volume.flags and any("DELETE" not in each.flags for each in placed):
        return structs.replace(volume, flags=without_flag(volume.flags, "DELETE"))
    if "RESIZE" not in volume.flags:
        return volume
    for resource in resources:
        if resource.is_deleting or resource.volume(volume.number) is None:
            continue
        seen = _answer(cluster, resource.name, resource.node_name)
        found = seen.volume(volume.number) if seen is not None else None
        if seen is None or seen.failures or found is None or 0 <= found.usable_kib < volume.size_kib:
            return volume
    return structs.replace(volume, flags=without_flag(volume.flags, "RESIZE"))


def _clone_flags(cluster: Cluster, definition: ResourceDefinition, resources: list[Resource]) -> tuple[str, ...]:
    """CLONING ends when every volume has its content; a failed copy is tried again, so FAILED may end, too."""
    if "CLONING" not in definition.flags:
        return definition.flags
    answers = [_answer(cluster, resource.name, resource.node_name) for resource in resources]
    if not resources or any(seen is not None and seen.failures for seen in answers):
        return with_flag(definition.flags, "FAILED")
    if any(seen is None for seen in answers) or any(volume.is_copying for resource in resources
                                                    for volume in resource.volumes):
        return definition.flags
    return without_flag(definition.flags, "CLONING", "FAILED")
