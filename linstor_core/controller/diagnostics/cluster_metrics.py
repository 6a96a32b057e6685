"""The cluster in numbers: pure functions from the published cluster to Prometheus' text.

Names, labels and values of what LINSTOR has too are LINSTOR's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from linstor_core.controller.diagnostics.exposition import escaped, family, gauge, head, labels
from linstor_core.domain.cluster import Cluster, PoolUsage, key_of
from linstor_core.domain.jobs import JobKind, JobState
from linstor_core.domain.nodes import ConnectionStatus
from linstor_core.domain.observed import PoolSeen, ResourceSeen, VolumeSeen
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource, Volume
from linstor_core.domain.storage_pools import ProviderKind, StoragePool

_STATUS = {status: number for number, status in enumerate(ConnectionStatus)}
_KIB = 1024
STATE_UNKNOWN, STATE_UNUSED, STATE_IN_USE = -1, 0, 1
VOLUME_UNKNOWN, VOLUME_CREATED, VOLUME_DISKLESS, VOLUME_FAILED = 0, 2, 4, 6


def node_metrics(cluster: Cluster) -> Iterator[str]:
    states, attempts, orphans, stones = [], [], [], []
    for key, node in sorted(cluster.nodes.items()):
        seen = cluster.nodes_seen.get(key)
        names = labels({"node": node.name, "nodetype": node.type})
        states.append(f"linstor_node_state{names} {_STATUS[seen.status if seen else ConnectionStatus.OFFLINE]}\n")
        if not node.type.runs_satellite:
            continue
        active = next((part for part in node.net_interfaces if part.name == node.active_interface), None)
        where = labels({"node": node.name, "nodetype": node.type, "address": active.address if active else "",
                        "port": (active.satellite_port or "") if active else ""})
        attempts.append(f"linstor_node_reconnect_attempt_count{where} {seen.reconnect_attempts if seen else 0}\n")
        orphans.append(f"linstor_node_orphan_count{names} {len(seen.orphans) if seen else 0}\n")
        stones.append(f"linstor_node_tombstone_count{names} {len(cluster.tombstones_on.get(key, ()))}\n")
    meaning = " ".join(f"{number}={status}" for status, number in _STATUS.items())
    yield family("linstor_node_state", "gauge", f"Link to the satellite: {meaning}", states)
    yield family("linstor_node_reconnect_attempt_count", "gauge", "Attempts to reach a satellite since it was lost",
                 attempts)
    yield family("linstor_node_orphan_count", "gauge", "Volumes on a node that nothing in the model names", orphans)
    yield family("linstor_node_tombstone_count", "gauge", "Deletions that a node has still to carry out", stones)


def job_metrics(cluster: Cluster) -> Iterator[str]:
    counts = Counter((job.kind, job.state) for key in cluster.live_jobs for job in (cluster.jobs[key],))
    yield family("linstor_job_count", "gauge", "Jobs that are not over", [
        f"linstor_job_count{labels({'kind': kind, 'state': state})} {counts[kind, state]}\n"
        for kind in JobKind for state in (JobState.RUNNING, JobState.WAITING)])


class DefinitionLines(Struct, frozen=True):
    """The samples of one definition, and what they were made of."""

    definition: ResourceDefinition
    nodes: tuple[str, ...]
    sizes: str
    count: str


def definition_lines(definition: ResourceDefinition, nodes: tuple[str, ...]) -> DefinitionLines:
    name, group = escaped(definition.name), escaped(definition.resource_group_name)
    start = f'linstor_volume_definition_size_bytes{{resource="{name}",resource_group="{group}",volume="'
    return DefinitionLines(
        definition, nodes,
        "".join(f'{start}{part.number}"}} {part.size_kib * _KIB}\n' for part in definition.volume_definitions),
        f'linstor_resource_definition_resource_count{{resource_group="{group}",name="{name}"}} {len(nodes)}\n')


Family = tuple[str, list[str]]
"""The head of a metric and its samples, for those that have too many to be joined at once."""


def definition_families(lines: list[DefinitionLines]) -> Iterator[Family]:
    yield gauge("linstor_resource_definition_count", "Number of resource definitions", len(lines)), []
    yield (head("linstor_volume_definition_size_bytes", "gauge", "Size that a volume was asked for"),
           [line.sizes for line in lines])


class ResourceLines(Struct, frozen=True):
    """The samples of one resource, and what they were made of; all of that is immutable, so `is` tells if they hold."""

    resource: Resource
    definition: ResourceDefinition | None
    seen: ResourceSeen | None
    online: bool
    state: str
    failures: str
    volume_states: str
    allocated: str


def resource_lines(resource: Resource, definition: ResourceDefinition | None, seen: ResourceSeen | None,
                   online: bool) -> ResourceLines:
    group = definition.resource_group_name if definition is not None else ""
    name, node = escaped(resource.name), escaped(resource.node_name)
    whose = f'resource="{name}",node="{node}"'
    believed = seen if online else None
    states, allocated = [], []
    for volume in resource.volumes:
        found = seen.volume(volume.number) if seen is not None else None
        path = escaped(found.device_path) if found is not None else ""
        pool = escaped(volume.storage_pool)
        which = f'{{{whose},volume="{volume.number}",device_path="{path}",storage_pool="{pool}"}}'
        states.append(f"linstor_volume_state{which} {_volume_state(volume, resource, believed)}\n")
        if found is not None and found.allocated_kib >= 0:
            allocated.append(f"linstor_volume_allocated_size_bytes{which} {found.allocated_kib * _KIB}\n")
    failures = len(seen.failures) if seen is not None else 0
    return ResourceLines(
        resource, definition, seen, online,
        f'linstor_resource_state{{{whose},resource_group="{escaped(group)}"}} {_resource_state(believed)}\n',
        f"linstor_resource_failure_count{{{whose}}} {failures}\n", "".join(states), "".join(allocated))


def _resource_state(seen: ResourceSeen | None) -> int:
    known = [volume.in_use for volume in seen.volumes if volume.in_use is not None] if seen is not None else []
    if not known:
        return STATE_UNKNOWN
    return STATE_IN_USE if any(known) else STATE_UNUSED


def _volume_state(volume: Volume, resource: Resource, seen: ResourceSeen | None) -> int:
    if resource.is_diskless:
        return VOLUME_DISKLESS
    found: VolumeSeen | None = seen.volume(volume.number) if seen is not None else None
    if seen is None or found is None:
        return VOLUME_UNKNOWN
    if found.present:
        return VOLUME_CREATED
    return VOLUME_FAILED if seen.failures else VOLUME_UNKNOWN


def resource_families(definitions: list[DefinitionLines], lines: list[ResourceLines]) -> Iterator[Family]:
    yield (head("linstor_resource_definition_resource_count", "gauge", "Resources of a definition"),
           [line.count for line in definitions])
    yield (head("linstor_resource_state", "gauge", "1=InUse, 0=Unused, -1=Unknown"), [line.state for line in lines])
    yield (head("linstor_resource_failure_count", "gauge", "What a satellite could not bring about for a resource"),
           [line.failures for line in lines])
    yield (head("linstor_volume_state", "gauge",
                "1=UpToDate, 2=Created, 3=Attached, 4=Diskless, 5=Inconsistent, 6=Failed, 0=Unknown"),
           [line.volume_states for line in lines])
    yield (head("linstor_volume_allocated_size_bytes", "gauge", "What a volume occupies in its pool"),
           [line.allocated for line in lines])


def pool_metrics(cluster: Cluster) -> Iterator[str]:
    free, total, errors, reserved, pending = [], [], [], [], []
    for key, pool in sorted(cluster.storage_pools.items()):
        seen, usage = cluster.pools_seen.get(key), cluster.usage.get(key, PoolUsage())
        names = _pool_labels(pool)
        errors.append(f"linstor_storage_pool_error_count{names} {len(seen.failures) if seen is not None else 0}\n")
        if pool.provider_kind is ProviderKind.DISKLESS:
            continue
        reserved.append(f"linstor_storage_pool_reserved_bytes{names} {usage.reserved_kib * _KIB}\n")
        pending.append(f"linstor_storage_pool_pending_bytes{names} {usage.pending_kib * _KIB}\n")
        if _is_measured(cluster, pool, seen):
            assert seen is not None
            free.append(f"linstor_storage_pool_capacity_free_bytes{names} {seen.free_kib * _KIB}\n")
            total.append(f"linstor_storage_pool_capacity_total_bytes{names} {seen.total_kib * _KIB}\n")
    yield family("linstor_storage_pool_capacity_free_bytes", "gauge", "Free space of a pool", free)
    yield family("linstor_storage_pool_capacity_total_bytes", "gauge", "Size of a pool", total)
    yield family("linstor_storage_pool_error_count", "gauge", "What is wrong with a pool", errors)
    yield family("linstor_storage_pool_reserved_bytes", "gauge", "What the volumes in a pool may grow to", reserved)
    yield family("linstor_storage_pool_pending_bytes", "gauge",
                 "What was promised to volumes that do not exist yet", pending)


def _pool_labels(pool: StoragePool) -> str:
    backing = pool.props.get("StorDriver/StorPoolName", "")
    return labels({"storage_pool": pool.name, "node": pool.node_name, "driver": pool.provider_kind,
                   "backing_pool": backing})


def _is_measured(cluster: Cluster, pool: StoragePool, seen: PoolSeen | None) -> bool:
    return (seen is not None and seen.free_kib >= 0 and seen.total_kib >= 0
            and cluster.is_online(key_of(pool.node_name)))
