"""Deletions that wait for no satellite: what a node still holds becomes a tombstone, the model is rid of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.domain.cluster import KINDS, Cluster, Document, Key, key_of
from linstor_core.domain.errors import Code, InvalidInput
from linstor_core.domain.nodes import ConnectionStatus
from linstor_core.domain.observed import ResourceSeen
from linstor_core.domain.resources import Resource, Volume
from linstor_core.domain.snapshots import NodeSnapshot, Snapshot
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.domain.tombstones import DeadVolume, Tombstone, TombstoneKind, uuid_of
from linstor_core.wire.api_call_rc import ApiCallRc, Severity

NOT_CONNECTED = 1002
Edits = tuple[tuple[Document, ...], tuple[tuple[type, Key], ...]]


class End(Enum):
    """How a deletion ends where a satellite can't be waited for, or is not to be."""

    ORDERLY = "what is on connected nodes goes before its name does"
    FORCED = "nothing is waited for; tombstones stay"
    ABANDONED = "nothing is waited for, and nothing stays: the data turns up as orphans"


def end_of(call: Call[Any]) -> End:
    """What the caller asked for by `?force` and `?abandon`. Raises InvalidInput for the latter alone."""
    if call.flag("abandon") and not call.flag("force"):
        raise InvalidInput("Data is abandoned only by force.", Code.INVLD_REQUEST,
                           cause="'abandon' was given without 'force'.", correction="Give both, or neither.")
    if not call.flag("force"):
        return End.ORDERLY
    return End.ABANDONED if call.flag("abandon") else End.FORCED


def is_expected(cluster: Cluster, node_name: str) -> bool:
    """Whether the satellite of a node is there, or about to be: one that nobody has dialled yet, or that is being told
    what it holds, is waited for. When it does not come, what waits becomes a tombstone.
    """
    node, link = cluster.node(node_name), cluster.nodes_seen.get(key_of(node_name))
    if node is None or not node.type.runs_satellite:
        return False
    return link is None or link.status in (ConnectionStatus.ONLINE, ConnectionStatus.CONNECTED)


def of_resource(cluster: Cluster, resource: Resource, now_ms: int) -> Tombstone | None:
    """None for one that holds nothing on its node."""
    volumes = _dead(cluster, resource, resource.volumes)
    if not volumes:
        return None
    # Where its snapshots stay, what the satellite knows of it stays with them.
    has_snapshots = any(snapshot.on_node(resource.node_name) is not None
                        for snapshot in cluster.snapshots_of_definition(resource.name))
    return Tombstone(resource.uuid, TombstoneKind.RESOURCE, resource.node_name, resource.name, volumes,
                     identity="" if has_snapshots else resource.uuid, create_timestamp_ms=now_ms)


def of_volume(cluster: Cluster, resource: Resource, volume: Volume, now_ms: int) -> Tombstone | None:
    volumes = _dead(cluster, resource, (volume,))
    return Tombstone(volume.uuid, TombstoneKind.VOLUME, resource.node_name, resource.name, volumes,
                     create_timestamp_ms=now_ms) if volumes else None


def of_part(snapshot: Snapshot, part: NodeSnapshot, now_ms: int) -> Tombstone | None:
    volumes = tuple(DeadVolume(volume.number, volume.storage_pool, volume.identifier, volume.data_id, volume.size_kib)
                    for volume in part.volumes)
    return Tombstone(part.uuid, TombstoneKind.SNAPSHOT, part.node_name, snapshot.resource_name, volumes,
                     snapshot.name, create_timestamp_ms=now_ms) if volumes else None


def _dead(cluster: Cluster, resource: Resource, volumes: Iterable[Volume]) -> tuple[DeadVolume, ...]:
    definition = cluster.definition(resource.name)
    found = []
    for volume in volumes:
        pool = cluster.pool(resource.node_name, volume.storage_pool)
        if pool is None or pool.provider_kind is ProviderKind.DISKLESS:
            continue  # no satellite was ever asked to hold it
        size = definition.volume_definition(volume.number) if definition is not None else None
        found.append(DeadVolume(volume.number, pool.name, volume.identifier, volume.data_id,
                                size.size_kib if size is not None else 0, volume.replaces))
    return tuple(found)


def without_volumes(cluster: Cluster, resource: Resource, numbers: Sequence[int], now_ms: int,
                    end: End = End.ORDERLY) -> list[Document]:
    """The resource without these volumes, and what stays of them."""
    gone = [volume for volume in resource.volumes if volume.number in numbers]
    left = structs.replace(resource, volumes=tuple(volume for volume in resource.volumes if volume not in gone))
    stones = [] if end is End.ABANDONED else [of_volume(cluster, resource, volume, now_ms) for volume in gone]
    return [left, *(stone for stone in stones if stone is not None)]


def pending_on(cluster: Cluster, node_key: str, now_ms: int) -> Edits:
    """What becomes of all deletions that wait for a node which is not there any more."""
    puts: list[Document | None] = []
    deletes: list[tuple[type, Key]] = []
    for resource in cluster.resources_on(node_key):
        doomed = [volume.number for volume in resource.volumes if "DELETE" in volume.flags]
        if resource.is_deleting:
            puts.append(of_resource(cluster, resource, now_ms))
            deletes.append((Resource, (key_of(resource.name), node_key)))
        elif doomed:
            puts += without_volumes(cluster, resource, doomed, now_ms)
    for key in cluster.snapshots_on.get(node_key, ()):
        snapshot = cluster.snapshots[key]
        part = snapshot.on_node(node_key)
        if part is None or "DELETE" not in (*snapshot.flags, *part.flags):
            continue
        puts.append(of_part(snapshot, part, now_ms))
        left = without_parts(snapshot, [part])
        if left is None:
            deletes.append((Snapshot, key))
        else:
            puts.append(left)
    return tuple(put for put in puts if put is not None), tuple(deletes)


def without_parts(snapshot: Snapshot, gone: Sequence[NodeSnapshot]) -> Snapshot | None:
    """None when nothing is left of it."""
    kept = tuple(part for part in snapshot.nodes if part not in gone)
    return structs.replace(snapshot, nodes=kept) if kept else None


def merged(first: Edits, second: Edits) -> Edits:
    """Both as one change, where the second was made of what the first led to."""
    last: dict[tuple[type, Key], Document | None] = {}
    for puts, deletes in (first, second):
        last |= dict.fromkeys(deletes)
        last |= {(type(put), KINDS[type(put)].key(put)): put for put in puts}
    return (tuple(document for document in last.values() if document is not None),
            tuple(place for place, document in last.items() if document is None))


def completed(cluster: Cluster, place_key: str) -> tuple[list[Document], list[tuple[type, Key]]]:
    """Ends a tombstone whose node has looked, after its newest spec, and found nothing left."""
    tombstone = cluster.tombstones.get(uuid_of(place_key))
    seen = cluster.resources_seen.get(tombstone.place) if tombstone is not None else None
    if tombstone is None or seen is None or not cluster.is_settled(*tombstone.place) or seen.failures:
        return [], []
    if tombstone.snapshot_name:
        gone = [not found.present for found in seen.snapshots if found.uuid == tombstone.spec_name]
    else:
        gone = [(found := seen.volume(volume.number)) is not None and not found.present
                for volume in tombstone.volumes]
    if not gone or not all(gone):
        return [], []
    return [], [(Tombstone, key_of(tombstone.uuid)), (ResourceSeen, tombstone.place)]



def files_of(cluster: Cluster, tombstone: Tombstone) -> tuple[str, ...]:
    """Where its content lies on the node, as far as the pools tell."""
    suffix = f"_{tombstone.snapshot_name}" if tombstone.snapshot_name else ""
    return tuple(_place(cluster, tombstone.node_name, volume.storage_pool, volume.identifier + suffix)
                 for volume in tombstone.volumes)


def _place(cluster: Cluster, node_name: str, pool_name: str, name: str) -> str:
    pool = cluster.pool(node_name, pool_name)
    directory = pool.props.get("StorDriver/StorPoolName", "") if pool is not None else ""
    if directory.startswith("/"):
        return f"{directory.rstrip('/')}/{name}.img"
    return f"{name} in the storage pool {pool_name}"


def ended(call: Call[Any], cluster: Cluster, resources: Iterable[Resource],
          parts: Iterable[tuple[Snapshot, NodeSnapshot]] = (), *, now_ms: int, end: End) -> list[ApiCallRc]:
    """What the caller is told of things that are gone without their satellites' word."""
    stones = [of_resource(cluster, resource, now_ms) for resource in resources]
    stones += [of_part(snapshot, part, now_ms) for snapshot, part in parts]
    return entries(call, cluster, (stone for stone in stones if stone is not None), end)


def entries(call: Call[Any], cluster: Cluster, stones: Iterable[Tombstone], end: End = End.ORDERLY) -> list[ApiCallRc]:
    """A warning for each of these, of which the model has nothing but a tombstone, or not even that."""
    return [_abandoned(call, cluster, stone) if end is End.ABANDONED else _left(call, cluster, stone)
            for stone in stones]


def _left(call: Call[Any], cluster: Cluster, stone: Tombstone) -> ApiCallRc:
    refs = {"RscDfn": stone.resource_name, "Node": stone.node_name, "Tombstone": stone.uuid}
    if cluster.is_online(stone.node_name):
        return call.rc(Severity.WARN, 0, f"The node '{stone.node_name}' has still to remove {stone}.",
                       details=f"Tombstone {stone.uuid} stays until that is done.",
                       cause="The deletion was forced: its node was not waited for.",
                       correction="'linstor tombstone list' shows what hinders it.", refs=refs)
    return call.rc(Severity.WARN, NOT_CONNECTED, f"The node '{stone.node_name}' is not connected.",
                   details=f"It removes {stone} when it is back: tombstone {stone.uuid} stays until then. The name is "
                           "free.",
                   cause="The controller has no connection to the satellite of this node.",
                   correction="Nothing has to be repeated. If the node is gone for good: linstor node lost.",
                   refs=refs)


def _abandoned(call: Call[Any], cluster: Cluster, stone: Tombstone) -> ApiCallRc:
    return call.rc(Severity.WARN, 0, f"Abandoned: {stone}.",
                   details="Left where it is: " + ", ".join(files_of(cluster, stone)) + ".",
                   cause="Nobody will ask the node to remove it any more.",
                   correction="It turns up in 'linstor orphans list' and can be adopted or removed there.",
                   refs={"RscDfn": stone.resource_name, "Node": stone.node_name})
