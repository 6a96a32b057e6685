"""What must not be taken away: data that somebody uses, and sources that are still being copied from."""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller.operations import tombstones
from linstor_core.controller.operations.tombstones import End
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, Conflict
from linstor_core.domain.jobs import Stage
from linstor_core.domain.observed import ResourceSeen
from linstor_core.domain.resources import Resource, Volume
from linstor_core.domain.snapshots import Snapshot

_STANDS_STILL = (Stage.CLOSING, Stage.COPYING, Stage.OPENING)
_GOES = (Stage.REMOVING, Stage.REVERTING)


def with_flag(flags: tuple[str, ...], flag: str) -> tuple[str, ...]:
    return flags if flag in flags else (*flags, flag)


def without_flag(flags: tuple[str, ...], *unwanted: str) -> tuple[str, ...]:
    return tuple(flag for flag in flags if flag not in unwanted)


def deletion(cluster: Cluster, resource: Resource, now_ms: int, end: End = End.ORDERLY) -> tombstones.Edits:
    """Marks a resource, so that its satellite removes it. Where the satellite is not there the resource goes at once
    and leaves a tombstone; also at once goes one without volumes, which no satellite would ever report as gone.
    """
    if resource.volumes and end is End.ORDERLY and tombstones.is_expected(cluster, resource.node_name):
        return (structs.replace(resource, flags=with_flag(resource.flags, "DELETE")),), ()
    key = key_of(resource.name), key_of(resource.node_name)
    holds_snapshot = any(snapshot.on_node(resource.node_name) is not None
                         for snapshot in cluster.snapshots_of_definition(resource.name))
    stone = None if end is End.ABANDONED else tombstones.of_resource(cluster, resource, now_ms)
    return ((stone,) if stone is not None else (),
            ((Resource, key),) if holds_snapshot else ((Resource, key), (ResourceSeen, key)))


def check_can_go(cluster: Cluster, resource: Resource) -> None:
    """Raises Conflict: 997 where it is in use, 992 while something is copied from it. What a node that is away had
    open when it was last there hinders nobody: it looks again before it removes anything.
    """
    if cluster.is_online(resource.node_name):
        check_not_in_use(cluster, resource)
    check_not_a_source(cluster, resource)


def check_nothing_is_taken(cluster: Cluster, resource: Resource, end: End) -> None:
    """Raises Conflict (992) where a forced end would take a volume away from under a snapshot that is being taken."""
    for snapshot in cluster.snapshots_of_definition(resource.name) if end is not End.ORDERLY else ():
        part = snapshot.on_node(resource.node_name)
        if part is not None and part.create_timestamp_ms is None and not snapshot.flags:
            raise Conflict(f"The snapshot '{snapshot.name}' of '{resource.name}' is being taken.", Code.BUSY,
                           cause=f"Node '{resource.node_name}' has not confirmed it yet.",
                           correction="Wait until it is taken or has failed, or delete it by force first.",
                           refs={"Node": resource.node_name})


def is_in_use(cluster: Cluster, resource: Resource) -> bool:
    """Whether a device of it was open when its node last reported."""
    seen = cluster.seen(resource.name, resource.node_name)
    return seen is not None and any(volume.in_use for volume in seen.volumes)


def check_not_in_use(cluster: Cluster, resource: Resource) -> None:
    """Raises Conflict (997)."""
    if is_in_use(cluster, resource):
        raise Conflict(f"'{resource.name}' is in use on node '{resource.node_name}'.", Code.IN_USE,
                       cause="A device of it is mounted or open.",
                       correction=f"Unmount or close it on '{resource.node_name}', then try again.",
                       refs={"Node": resource.node_name})


def check_not_a_source(cluster: Cluster, resource: Resource, number: int | None = None) -> None:
    """Raises Conflict (992) while a clone is still being made of this resource, or of one volume of it. What moves it
    to another node is no clone: it may go together with it.
    """
    own = {(key_of(volume.storage_pool), volume.identifier) for volume in resource.volumes
           if number is None or volume.number == number}
    for copy, volume in _copies_from(cluster, resource.node_name):
        source = volume.source
        if source is None or source.snapshot_name or (source.node_name and key_of(copy.name) == key_of(resource.name)):
            continue
        if (key_of(source.storage_pool), source.identifier) in own:
            raise _busy(f"'{resource.name}'", copy, volume)


def check_snapshot_not_a_source(cluster: Cluster, snapshot: Snapshot) -> None:
    """Raises Conflict (992) while a restored or rolled back volume still waits for data of this snapshot."""
    for part in snapshot.nodes:
        ids = {volume.data_id for volume in part.volumes}
        for copy, volume in _copies_from(cluster, part.node_name):
            source = volume.source
            if source is not None and source.snapshot_name and source.data_id in ids:
                raise _busy(f"The snapshot '{snapshot.name}' of '{snapshot.resource_name}'", copy, volume)


def _copies_from(cluster: Cluster, node_name: str) -> list[tuple[Resource, Volume]]:
    """Volumes, wherever they are, whose content is being copied from this node."""
    node_key = key_of(node_name)
    return [(resource, volume) for definition, node in cluster.copying
            for resource in (cluster.resources[definition, node],)
            for volume in resource.volumes if volume.is_copying and volume.source is not None
            and key_of(volume.source.node_name or resource.node_name) == node_key]


def check_not_moving(cluster: Cluster, name: str, node_name: str = "") -> None:
    """Raises Conflict (992) while the content of a definition has to stand still, because it is on its way to another
    node; also while what is left of it on `node_name` is being removed.
    """
    key = key_of(name)
    for node in cluster.nodes_of.get(key, ()):
        job = cluster.move_at((key, node))
        if job is None or not (job.stage in _STANDS_STILL or (node == key_of(node_name) and job.stage in _GOES)):
            continue
        raise Conflict(f"'{name}' is being moved.", Code.BUSY,
                       cause=f"Job {job.uuid} takes it from node '{job.node_name}' to node '{job.target_node}'.",
                       correction=f"Wait until it is there, or call it off: linstor job cancel {job.uuid}",
                       refs={"Node": job.node_name})


def _busy(what: str, copy: Resource, volume: Volume) -> Conflict:
    return Conflict(f"{what} is still needed.", Code.BUSY,
                    cause=f"Volume {volume.number} of '{copy.name}' on node '{copy.node_name}' is being copied from "
                          "it, and the node has not confirmed the copy yet.",
                    correction=f"Wait until '{copy.name}' is complete, or delete it.",
                    refs={"Node": copy.node_name})
