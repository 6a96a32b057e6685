"""What has to hold once everything is healed and quiet."""

from __future__ import annotations

from collections.abc import Iterator

from linstor_core.controller import resource_specs
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.jobs import JobState
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.satellite.facts import ContentState
from linstor_core.satellite.storage.driver import POOL_DIRECTORY
from linstor_core.testing import cluster_invariants
from linstor_core.testing.simulation.hosts import SatelliteHost
from linstor_core.testing.simulation.world import World


def unsettled(world: World) -> list[str]:
    """What time alone may still bring about."""
    engine = world.controller.engine
    if engine is None or not world.controller.runs:
        return ["the controller does not run"]
    cluster = engine.controller.cluster
    found = [] if engine.controller.head is cluster else ["changes are on their way to the database"]
    for host in world.hosts:
        if cluster.node(host.name) is not None:
            found += _of_node(world, host, cluster)
    found += _pending(cluster)
    return found


def _of_node(world: World, host: SatelliteHost, cluster: Cluster) -> Iterator[str]:
    if not cluster.is_online(host.name):
        yield f"{host.name} is not online"
        return
    for place in sorted(resource_specs.places_on(cluster, key_of(host.name))):
        seen = cluster.resources_seen.get(place)
        if resource_specs.build(cluster, place) is None:
            continue
        if seen is None or not cluster.is_settled(*place):
            yield f"{place} is not settled"
        elif seen.failures:
            yield f"{place} fails: {seen.failures[0].message} {seen.failures[0].cause}"
    for pool in cluster.pools_on(host.name):
        if pool.provider_kind is not ProviderKind.DISKLESS and not cluster.are_pools_settled(host.name, pool.name):
            yield f"the pool {pool.name} on {host.name} is not settled"
    yield from _files(world, host, cluster)


def _pending(cluster: Cluster) -> Iterator[str]:
    for definition in cluster.resource_definitions.values():
        # A clone that failed for the loss of its nodes stays so until it is deleted.
        failed = "FAILED" in definition.flags and not cluster.resources_of(definition.name)
        if "DELETE" in definition.flags or ("CLONING" in definition.flags and not failed):
            yield f"{definition.name} is {definition.flags}"
        yield from (f"volume {volume.number} of {definition.name} is {volume.flags}"
                    for volume in definition.volume_definitions if "DELETE" in volume.flags)
    for job in (cluster.jobs[key] for key in cluster.live_jobs):
        if job.state is not JobState.WAITING:
            what = f"{job.kind} of {job.resource_name} {job.node_name}"
            yield f"the job {what} is {job.state} {job.stage}: {job.steps[-1:]}"
    for stone in cluster.tombstones.values():
        yield f"the tombstone of {stone.resource_name} {stone.snapshot_name} on {stone.node_name} is left"
    for key, resource in cluster.resources.items():
        if resource.is_deleting or any(volume.is_copying or "DELETE" in volume.flags for volume in resource.volumes):
            yield f"{key} is {resource.flags} {[volume.flags for volume in resource.volumes]}"
    for key, snapshot in cluster.snapshots.items():
        if not {"SUCCESSFUL", "FAILED_DEPLOYMENT", "FAILED_DISCONNECT"} & set(snapshot.flags):
            yield f"the snapshot {key} is neither taken nor failed"
        if "DELETE" in snapshot.flags:
            yield f"the snapshot {key} is still being deleted"


def _files(world: World, host: SatelliteHost, cluster: Cluster) -> Iterator[str]:
    """What the model wants on a node is there, with a device where it is to be used; and nothing else."""
    wanted = _wanted(cluster, host.name)
    by_content = {file.data_id: (path, file) for path, file in host.node.files.items()}
    for data_id, (what, size_kib, active) in wanted.items():
        path, file = by_content.get(data_id, ("", None))
        if file is None:
            yield f"{host.name}: {what} has no file"
            continue
        if file.state != ContentState.READY or path.rpartition("/")[2].startswith("."):
            yield f"{host.name}: {what} is unfinished"
        if file.size_bytes < size_kib * 1024:
            yield f"{host.name}: {what} has {file.size_bytes} bytes only"
        device = host.node.loops.over(file.file_id)
        if active and (not device or host.node.loops[device].size_bytes < size_kib * 1024):
            yield f"{host.name}: {what} has no device of its size"
        if not active and device:
            yield f"{host.name}: {what} has the device {device} and should have none"
    yield from _unwanted(world, host, cluster, set(wanted))


def _unwanted(world: World, host: SatelliteHost, cluster: Cluster, wanted: set[str]) -> Iterator[str]:
    ids = {file.file_id for file in host.node.files.values()}
    devices: dict[str, str] = {}
    for device, loop in host.node.loops.items():
        if loop.file_id in devices:
            yield f"{host.name}: {device} and {devices[loop.file_id]} are over one file"
        devices[loop.file_id] = device
        if loop.file_id not in ids:
            yield f"{host.name}: {device} holds a file that is gone"
    seen = cluster.nodes_seen.get(key_of(host.name))
    orphans = {orphan.path for orphan in seen.orphans} if seen is not None else set()
    directories = {pool.props.get(POOL_DIRECTORY) for pool in cluster.pools_on(host.name)}
    sources = _source_names(cluster, host.name)
    for path, file in host.node.files.items():
        folder, _, name = path.rpartition("/")
        if host.name in world.forced and (folder not in directories or name in sources):
            continue  # nobody looks there, or a spec names it as what something was made from
        if file.data_id not in wanted and not (host.name in world.forced and path in orphans):
            told = ", as is told" if path in orphans else ""
            yield f"{host.name}: {path} ({file.data_id}) belongs to nothing{told}"


def _source_names(cluster: Cluster, node_name: str) -> set[str]:
    """The files from which snapshots and volumes on a node were made."""
    names = {taken.identifier for snapshot in cluster.snapshots.values()
             if (part := snapshot.on_node(node_name)) is not None for taken in part.volumes}
    for resource in cluster.resources_on(node_name):
        for volume in resource.volumes:
            if (source := volume.source) is not None:
                names.add(source.identifier + (f"_{source.snapshot_name}" if source.snapshot_name else ""))
    return {f"{name}.img" for name in names}


def _wanted(cluster: Cluster, node_name: str) -> dict[str, tuple[str, int, bool]]:
    """data_id -> (what it is, its size in KiB, whether it has a device)"""
    found: dict[str, tuple[str, int, bool]] = {}
    for resource in cluster.resources_on(node_name):
        definition = cluster.definition(resource.name)
        for volume in resource.volumes:
            defined = definition.volume_definition(volume.number) if definition is not None else None
            active = "INACTIVE" not in resource.flags
            if not resource.is_diskless:
                found[volume.data_id] = (f"{resource.name}/{volume.number}", defined.size_kib if defined else 0, active)
    for snapshot in cluster.snapshots.values():
        part = snapshot.on_node(node_name)
        if part is not None and "SUCCESSFUL" in snapshot.flags:
            for taken in part.volumes:
                found[taken.data_id] = (f"the snapshot {snapshot.name} of {snapshot.resource_name}/{taken.number}",
                                        taken.size_kib, False)
    return found


def broken(world: World) -> list[str]:
    """What no time mends."""
    found = [*world.loop.unheard(), *world.callers.faults, *world.contents.wrong, *world.logged]
    for host in world.hosts:
        found += host.rules.wrong
        found += [f"{host.name}: {path} was made at a mount point" for path in host.node.made_at_mount_points]
    engine = world.controller.engine
    if engine is None:
        return [*found, "the controller does not run"]
    cluster = engine.controller.cluster
    try:
        cluster_invariants.check(cluster, world.controller.database)
    except AssertionError as error:
        found.append(f"the model: {error}")
    found += world.ledger.broken_by(cluster)
    for host in world.hosts:
        if cluster.node(host.name) is not None:
            found += world.contents.wrong_on(host, cluster)
    return found
