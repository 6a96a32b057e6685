"""What something waits for, or why it failed: the answer to "why is this not done yet?"."""

from __future__ import annotations

from collections.abc import Iterator

from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.jobs import JobState
from linstor_core.domain.observed import ResourceSeen
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource
from linstor_core.domain.snapshots import Snapshot
from linstor_core.domain.tombstones import Tombstone
from linstor_core.wire.rest_v1 import BlockedBy

Found = tuple[BlockedBy, ...]
_ENDED = frozenset({"SUCCESSFUL", "FAILED_DEPLOYMENT", "FAILED_DISCONNECT"})


def of_place(cluster: Cluster, place: tuple[str, str], subject: str = "") -> Found:
    """Of the spec at (definition key or that of a tombstone, node key); nothing for one that is as it should be."""
    generation = cluster.generations.get(place)
    seen = cluster.resources_seen.get(place)
    if generation is None:
        return ()
    is_settled = seen is not None and seen.generation >= generation
    if is_settled and seen is not None and not seen.failures:
        return ()
    return tuple(_reasons(cluster, place, seen if is_settled else None, subject))


def _reasons(cluster: Cluster, place: tuple[str, str], answer: ResourceSeen | None,
             subject: str) -> Iterator[BlockedBy]:
    node = cluster.nodes.get(place[1])
    name = node.name if node is not None else place[1]
    link = cluster.nodes_seen.get(place[1])
    if not cluster.is_online(place[1]):
        yield BlockedBy(node_name=name, object=subject, reason="The node is not connected.",
                        since=link.offline_since_ms if link is not None else None)
    elif answer is None:
        yield BlockedBy(node_name=name, object=subject, reason="Its satellite has not answered the newest state yet.")
    for failure in answer.failures if answer is not None else ():
        yield BlockedBy(node_name=name, object=subject, reason=f"{failure.message} {failure.cause}".strip())


def of_resource(cluster: Cluster, resource: Resource) -> Found:
    return at(cluster, (key_of(resource.name), key_of(resource.node_name)), resource)


def at(cluster: Cluster, place: tuple[str, str], resource: Resource) -> Found:
    """Of the resource at this place; cheap for one that is as it should be."""
    if _is_calm(cluster, place):
        return ()
    found = of_place(cluster, place, resource.name)
    if place in cluster.copying:
        found += tuple(_copies(resource))
    job = cluster.move_at(place)
    if job is not None and job.state is JobState.WAITING:
        found += (BlockedBy(node_name=resource.node_name, object=f"job {job.uuid}", reason=job.blocked_by,
                            since=job.changed_ms or None),)
    return found


def _is_calm(cluster: Cluster, place: tuple[str, str]) -> bool:
    """Whether nothing can hinder the resource at this place: asked of thousands at a time, so without a detour."""
    seen = cluster.resources_seen.get(place)
    generation = cluster.generations.get(place)
    if generation is not None and (seen is None or seen.generation < generation or seen.failures):
        return False
    return place not in cluster.copying and place not in cluster.moving


def _copies(resource: Resource) -> Iterator[BlockedBy]:
    for volume in resource.volumes:
        source = volume.source
        if volume.is_copying and source is not None:
            what = f"{source.identifier}_{source.snapshot_name}" if source.snapshot_name else source.identifier
            yield BlockedBy(node_name=source.node_name or resource.node_name, object=what,
                            reason=f"Volume {volume.number} is being copied from it.")


def of_snapshot(cluster: Cluster, snapshot: Snapshot) -> Found:
    """Of one that is being taken or removed; what else goes on on its nodes is not its matter."""
    if "DELETE" not in snapshot.flags and not _ENDED.isdisjoint(snapshot.flags) and not any(
            part.flags for part in snapshot.nodes):
        return ()
    return tuple(reason for part in snapshot.nodes
                 for reason in of_place(cluster, (key_of(snapshot.resource_name), key_of(part.node_name)),
                                        snapshot.resource_name))


def of_definition(cluster: Cluster, definition: ResourceDefinition) -> Found:
    """Of all its resources and snapshots, each reason once."""
    key = key_of(definition.name)
    found: Found = ()
    for node in cluster.nodes_of.get(key, ()):
        if not _is_calm(cluster, (key, node)):
            found += at(cluster, (key, node), cluster.resources[key, node])
    for name in cluster.snapshots_of.get(key, ()):
        found += of_snapshot(cluster, cluster.snapshots[key, name])
    return tuple(dict.fromkeys(found)) if found else ()


def of_tombstone(cluster: Cluster, tombstone: Tombstone) -> Found:
    return of_place(cluster, tombstone.place)
