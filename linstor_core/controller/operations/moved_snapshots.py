"""The snapshots of a resource that moves: the target gets a part of its own of each, and the source's parts go last.

A part that is being fetched has no time of creation yet; it gets that of the source's part once it is there. Its
`source_data_id` stays that of the source's volume, which the target never has: it can't be taken anew by mistake.
"""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller.change import Context
from linstor_core.controller.operations import completion, dependents, tombstones
from linstor_core.controller.operations import volume_documents as documents
from linstor_core.controller.operations.tombstones import Edits
from linstor_core.domain.cluster import Cluster, Document, Key, key_of
from linstor_core.domain.errors import LinstorError
from linstor_core.domain.observed import ResourceSeen
from linstor_core.domain.resources import DataSource, Resource
from linstor_core.domain.snapshots import NodeSnapshot, Snapshot, SnapshotVolume


def on_node(cluster: Cluster, name: str, node_name: str) -> list[tuple[Snapshot, NodeSnapshot]]:
    """The snapshots of a definition with a part on a node, and that part."""
    return [(snapshot, part) for snapshot in cluster.snapshots_of_definition(name)
            if (part := snapshot.on_node(node_name)) is not None]


def unready(cluster: Cluster, source: Resource) -> list[str]:
    """Names of those that are not whole: still being taken, failed, or on their way out."""
    return [snapshot.name for snapshot, part in on_node(cluster, source.name, source.node_name)
            if completion.SUCCESSFUL not in snapshot.flags or part.create_timestamp_ms is None
            or "DELETE" in (*snapshot.flags, *part.flags)]


def hindrance(cluster: Cluster, source: Resource) -> LinstorError | None:
    """Why their parts on the source's node can't go: something is being copied from them."""
    try:
        for snapshot, _ in on_node(cluster, source.name, source.node_name):
            dependents.check_snapshot_not_a_source(cluster, snapshot)
    except LinstorError as fault:
        return fault
    return None


def begun(cluster: Cluster, context: Context, source: Resource, target: Resource) -> list[Snapshot]:
    """The snapshots with parts that the target's node has to fetch."""
    return [structs.replace(snapshot, nodes=(*snapshot.nodes, _copy(cluster, context, snapshot, part, target)))
            for snapshot, part in on_node(cluster, source.name, source.node_name)]


def _copy(cluster: Cluster, context: Context, snapshot: Snapshot, part: NodeSnapshot,
          target: Resource) -> NodeSnapshot:
    sources = [DataSource(volume.identifier, volume.storage_pool, volume.data_id, snapshot.name, part.node_name)
               for volume in part.volumes]
    return NodeSnapshot(context.new_uuid(), target.node_name, tuple(
        structs.replace(_fetched(cluster, context, volume, target), source=source)
        for volume, source in zip(part.volumes, sources, strict=True)))


def _fetched(cluster: Cluster, context: Context, volume: SnapshotVolume, target: Resource) -> SnapshotVolume:
    found = target.volume(volume.number)
    if found is None:  # the definition has lost this volume since
        pool_name = target.volumes[0].storage_pool if target.volumes else volume.storage_pool
        pool = cluster.storage_pools[key_of(target.node_name), key_of(pool_name)]
        found = documents.new_volume(cluster, context, target.name, volume.number, pool)
    return structs.replace(volume, uuid=context.new_uuid(), storage_pool=found.storage_pool,
                           identifier=found.identifier, data_id=context.new_uuid())


def are_there(cluster: Cluster, target: Resource) -> bool:
    """Whether the target's node has answered that it has all of them."""
    wanted = {part.uuid for _, part in on_node(cluster, target.name, target.node_name)
              if part.create_timestamp_ms is None}
    if not wanted:
        return True
    seen = cluster.seen(target.name, target.node_name)
    if seen is None or not cluster.is_settled(target.name, target.node_name):
        return False
    return wanted <= {found.uuid for found in seen.snapshots if found.present}


def confirmed(cluster: Cluster, target: Resource, source_node: str) -> list[Snapshot]:
    """The snapshots whose parts have arrived, taken when their originals were; those may be lost by now."""
    seen = cluster.seen(target.name, target.node_name)
    times = {each.uuid: each.create_timestamp_ms for each in seen.snapshots} if seen is not None else {}
    found = []
    for snapshot, part in on_node(cluster, target.name, target.node_name):
        original = snapshot.on_node(source_node)
        taken_ms = original.create_timestamp_ms if original is not None else times.get(part.uuid)
        if part.create_timestamp_ms is None and taken_ms is not None:
            whole = structs.replace(part, create_timestamp_ms=taken_ms)
            found.append(structs.replace(snapshot, nodes=tuple(
                whole if each is part else each for each in snapshot.nodes)))
    return found


def removed(cluster: Cluster, name: str, node_name: str, now_ms: int) -> Edits:
    """Their parts on a node go; where its satellite is not there they leave tombstones."""
    puts: list[Document] = []
    deletes: list[tuple[type, Key]] = []
    is_there = cluster.is_online(node_name)
    for snapshot, part in on_node(cluster, name, node_name):
        if is_there:
            doomed = structs.replace(part, flags=dependents.with_flag(part.flags, "DELETE"))
            puts.append(structs.replace(snapshot, nodes=tuple(
                doomed if each is part else each for each in snapshot.nodes)))
            continue
        left = tombstones.without_parts(snapshot, [part])
        stone = tombstones.of_part(snapshot, part, now_ms)
        puts += [document for document in (left, stone) if document is not None]
        deletes += [(Snapshot, (key_of(name), key_of(snapshot.name)))] if left is None else []
    place = key_of(name), key_of(node_name)
    if not is_there and (puts or deletes) and place in cluster.resources_seen:
        deletes.append((ResourceSeen, place))
    return tuple(puts), tuple(deletes)


def all_removed(cluster: Cluster, resource: Resource, now_ms: int) -> Edits:
    """A resource goes with its parts of snapshots."""
    parts = removed(cluster, resource.name, resource.node_name, now_ms)
    after = cluster.with_documents(*parts)
    return tombstones.merged(parts, dependents.deletion(after, resource, now_ms))
