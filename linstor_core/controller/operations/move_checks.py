"""What stands against moving a resource, and where it could go. Pure, in words that name what has to change."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from linstor_core.controller import lookups
from linstor_core.controller.operations import autoplace, dependents, moved_snapshots
from linstor_core.controller.operations.volume_definitions import check_room
from linstor_core.controller.placement import autoplacer, filters, select_filter
from linstor_core.controller.placement.filters import Wanted
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, LinstorError
from linstor_core.domain.jobs import Job
from linstor_core.domain.layers import STORAGE
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource
from linstor_core.domain.storage_pools import StoragePool

MOVABLE = (STORAGE,)
"""The layers of which a resource may consist: what replicates by itself moves by replication."""
SHOWN_REASONS = 4
"""How many nodes' reasons a text names."""


class Obstacle(Struct, frozen=True):
    """Why something waits. `code`: the low 15 bits of LINSTOR's return code."""

    code: int
    text: str


def away(cluster: Cluster, node_name: str) -> Obstacle | None:
    if cluster.is_online(node_name):
        return None
    return Obstacle(Code.NOT_CONNECTED, f"The node '{node_name}' is not connected.")


def unable(cluster: Cluster, node_name: str) -> Obstacle | None:
    """Whether the satellite there can't pass content on to another."""
    seen = cluster.nodes_seen.get(key_of(node_name))
    if seen is None or seen.transfers_content:
        return None
    return Obstacle(Code.PROVIDER_UNSUPPORTED, f"The satellite of '{node_name}' can't transfer content; it is of an "
                                               "earlier release, or does not offer it.")


def failed(cluster: Cluster, resource: Resource) -> Obstacle | None:
    """What the node could not do of the newest spec."""
    seen = cluster.seen(resource.name, resource.node_name)
    if seen is None or not seen.failures or not cluster.is_settled(resource.name, resource.node_name):
        return None
    failure = seen.failures[0]
    return Obstacle(failure.code or Code.UNKNOWN_ERROR,
                    f"Node '{resource.node_name}': {failure.message} {failure.cause}".strip())


def against_leaving(cluster: Cluster, source: Resource) -> Obstacle | None:
    """Why the source can't be moved now; the lasting reasons first."""
    for check in (_lasting, _pending, lambda cluster, source: away(cluster, source.node_name), _content):
        found = check(cluster, source)
        if found is not None:
            return found
    return None


def _lasting(cluster: Cluster, source: Resource) -> Obstacle | None:
    if source.layer_stack != MOVABLE:
        return Obstacle(Code.LAYER_UNSUPPORTED, f"Its layers are {','.join(source.layer_stack)}; what consists of "
                                                "STORAGE only can be moved.")
    return None


def _pending(cluster: Cluster, source: Resource) -> Obstacle | None:
    definition = cluster.definition(source.name)
    flags = set(definition.flags) if definition is not None else set()
    flags |= {flag for volume in (definition.volume_definitions if definition is not None else ())
              for flag in volume.flags if flag in ("RESIZE", "DELETE")}
    flags |= {flag for volume in source.volumes for flag in volume.flags if flag == "DELETE"}
    flags |= {"COPYING" for volume in source.volumes if volume.is_copying}
    names = moved_snapshots.unready(cluster, source)
    if names:
        return Obstacle(Code.BUSY, f"Its snapshots on '{source.node_name}' are still being taken or deleted, or have "
                                   f"failed: {', '.join(names)}.")
    if flags:
        return Obstacle(Code.BUSY, f"Other work on it is not complete: {', '.join(sorted(flags))}.")
    return as_source(cluster, source)


def as_source(cluster: Cluster, resource: Resource) -> Obstacle | None:
    """Whether something is still being copied from it, or from a snapshot of it."""
    try:
        dependents.check_not_a_source(cluster, resource)
    except LinstorError as fault:
        return Obstacle(fault.code, fault.cause)
    hindrance = moved_snapshots.hindrance(cluster, resource)
    return Obstacle(hindrance.code, hindrance.cause) if hindrance is not None else None


def _content(cluster: Cluster, source: Resource) -> Obstacle | None:
    """All of it has to be seen where it is, and nobody may have it open."""
    fault = failed(cluster, source)
    if fault is not None:
        return fault
    seen = cluster.seen(source.name, source.node_name)
    if seen is None or not cluster.is_settled(source.name, source.node_name):
        return Obstacle(Code.BUSY, f"The node '{source.node_name}' has not answered yet.")
    if not is_complete(cluster, source):
        return Obstacle(Code.BUSY, f"The node '{source.node_name}' does not see all of its content.")
    if dependents.is_in_use(cluster, source):
        return in_use(source)
    return None


def in_use(source: Resource) -> Obstacle:
    return Obstacle(Code.IN_USE, f"It is in use on node '{source.node_name}': a device of it is mounted or open.")


def is_complete(cluster: Cluster, resource: Resource) -> bool:
    """Whether its node sees the content of every volume."""
    seen = cluster.seen(resource.name, resource.node_name)
    found = {volume.number: volume for volume in seen.volumes} if seen is not None else {}
    return all(volume.number in found and found[volume.number].present
               and found[volume.number].data_id == volume.data_id for volume in resource.volumes)


def allocated_kib(cluster: Cluster, source: Resource) -> int:
    """What its content takes up by now, as far as its node knows."""
    seen = cluster.seen(source.name, source.node_name)
    now_kib = sum(max(0, volume.allocated_kib) for volume in seen.volumes) if seen is not None else 0
    # What snapshots share on their node they share no more on another; how much is in them nobody tells.
    return now_kib * (1 + len(moved_snapshots.on_node(cluster, source.name, source.node_name)))


# Where to


Pools = dict[int, str]
"""The pool of every volume, by its number."""


def target(cluster: Cluster, job: Job, definition: ResourceDefinition, source: Resource,
           parent: Job | None) -> tuple[str, Pools] | Obstacle:
    """The node to go to and the pools there: what the caller asked for, else what the autoplacer finds.

    Pools that are called like those of the source are preferred.
    """
    if job.asked_target:
        fault = _against_target(cluster, definition, job.asked_target)
        if fault is not None:
            return fault
    names = list(dict.fromkeys(key_of(volume.storage_pool) for volume in source.volumes))
    task = _task(cluster, job, definition, source, parent)
    if task.nodes is not None and not task.nodes:
        return Obstacle(Code.NOT_ENOUGH_NODES, "There is no other node that may take it.")
    if job.asked_pool or not names:
        return _placed(cluster, task, source)
    if len(names) > 1:
        return _like_source(cluster, task, definition, source)
    alike = frozenset(names) if task.pools is None else task.pools & frozenset(names)
    first = _placed(cluster, structs.replace(task, pools=alike), source) if alike else None
    return first if isinstance(first, tuple) else _placed(cluster, task, source)


def _against_target(cluster: Cluster, definition: ResourceDefinition, name: str) -> Obstacle | None:
    node = cluster.node(name)
    if node is None:
        return Obstacle(Code.NOT_FOUND_NODE, f"The node '{name}' does not exist.")
    leaving = [flag for flag in node.flags if flag in ("DELETE", "EVACUATE", "EVICTED")]
    if leaving:
        return Obstacle(Code.EVACUATING, f"The node '{node.name}' is marked {', '.join(leaving)}.")
    if cluster.resource(definition.name, node.name) is not None:
        return Obstacle(Code.EXISTS_RSC, f"'{definition.name}' has a resource on node '{node.name}' already.")
    kept = moved_snapshots.on_node(cluster, definition.name, node.name)
    if kept:
        return Obstacle(Code.EXISTS_SNAPSHOT_DFN, f"Node '{node.name}' has parts of the snapshots "
                                                  f"{', '.join(snapshot.name for snapshot, _ in kept)} already.")
    return away(cluster, node.name) or unable(cluster, node.name)


def against_pools(cluster: Cluster, definition: ResourceDefinition, node_name: str, pools: Pools) -> Obstacle | None:
    """Whether a choice that was made can't be kept."""
    fault = _against_target(cluster, definition, node_name)
    if fault is not None:
        return fault
    needed: dict[str, int] = {}
    for volume in definition.volume_definitions:
        if volume.number in pools:
            needed[pools[volume.number]] = needed.get(pools[volume.number], 0) + volume.size_kib
    try:
        for name, size_kib in needed.items():
            lookups.storage_pool(cluster, node_name, name)
            check_room(cluster, node_name, name, size_kib)
    except LinstorError as refusal:
        return Obstacle(refusal.code, f"{refusal.message} {refusal.cause}")
    return None


def _task(cluster: Cluster, job: Job, definition: ResourceDefinition, source: Resource, parent: Job | None) -> Wanted:
    """For the autoplacer: as if the source were gone already, but never back to its node."""
    without = cluster.with_documents((), ((Resource, (key_of(source.name), key_of(source.node_name))),))
    group = autoplace.effective_filter(cluster, definition, None)
    size_kib = sum(volume.size_kib for volume in definition.volume_definitions)
    task = select_filter.wanted(without, group, count=1, size_kib=size_kib, stack=source.layer_stack,
                                definition=definition)
    nodes = task.nodes if task.nodes is not None else frozenset(cluster.nodes)
    if parent is not None:
        nodes = (frozenset(map(key_of, parent.targets)) if parent.targets else nodes) - set(
            map(key_of, parent.avoided))
    if job.asked_target:
        nodes = frozenset({key_of(job.asked_target)})
        task = structs.replace(task, same=(), different=(), at_most=(), avoid_resources=frozenset(), avoid_pattern="",
                               pools=None, providers=None)
    nodes = frozenset(key for key in nodes if unable(cluster, key) is None
                      and not moved_snapshots.on_node(cluster, source.name, key))
    pools = frozenset({key_of(job.asked_pool)}) if job.asked_pool else task.pools
    return structs.replace(task, nodes=nodes - {key_of(source.node_name)}, pools=pools)


def _placed(cluster: Cluster, task: Wanted, source: Resource) -> tuple[str, Pools] | Obstacle:
    """All volumes in one pool. What is measured as free has to hold what is there by now, however thin the pool is."""
    needed_kib = allocated_kib(cluster, source)
    cramped: list[str] = []
    has_snapshots = bool(moved_snapshots.on_node(cluster, source.name, source.node_name))
    while True:
        selection = autoplacer.select(cluster, task)
        if not selection.chosen:
            reasons = [f"{node}/{pool}: {reason}" for (node, pool), reason in sorted(selection.rejected.items())
                       if task.nodes is None or key_of(node) in task.nodes]
            return Obstacle(Code.NOT_ENOUGH_NODES, _no_place([*cramped, *reasons]))
        pool = selection.chosen[0]
        fault = _against_content(cluster, pool, needed_kib, has_snapshots)
        if fault is None:
            return pool.node_name, {volume.number: pool.name for volume in source.volumes}
        cramped.append(f"{pool.node_name}/{pool.name}: {fault}")
        task = structs.replace(task, nodes=(task.nodes or frozenset(cluster.nodes)) - {key_of(pool.node_name)})


def _against_content(cluster: Cluster, pool: StoragePool, needed_kib: int, has_snapshots: bool) -> str | None:
    seen = cluster.pools_seen.get((key_of(pool.node_name), key_of(pool.name)))
    if seen is None or seen.free_kib < needed_kib:
        return f"{needed_kib} KiB have to be written there"
    return "it can't hold snapshots" if has_snapshots and not seen.supports_snapshots else None


def _no_place(reasons: Sequence[str]) -> str:
    more = f"; and {len(reasons) - SHOWN_REASONS} more" if len(reasons) > SHOWN_REASONS else ""
    told = "; ".join(reasons[:SHOWN_REASONS]) or "there is no storage pool"
    return f"No node can take it: {told}{more}."


def _like_source(cluster: Cluster, task: Wanted, definition: ResourceDefinition,
                 source: Resource) -> tuple[str, Pools] | Obstacle:
    """Every volume in the pool that is called like its own; the first node that has room in all of them."""
    sizes_kib: dict[str, int] = {}
    for volume in source.volumes:
        found = definition.volume_definition(volume.number)
        key = key_of(volume.storage_pool)
        sizes_kib[key] = sizes_kib.get(key, 0) + (found.size_kib if found is not None else 0)
    reasons = []
    for node_key in sorted(task.nodes if task.nodes is not None else cluster.nodes):
        fault = None
        for key, size_kib in sizes_kib.items():
            pool = cluster.storage_pools.get((node_key, key))
            wanted = structs.replace(task, size_kib=size_kib, families=frozenset())
            fault = fault or (filters.verdict(cluster, wanted, pool) if pool is not None
                              else f"there is no pool {key.lower()}")
        if fault is None:
            return cluster.nodes[node_key].name, {volume.number: volume.storage_pool for volume in source.volumes}
        reasons.append(f"{node_key.lower()}: {fault}")
    return Obstacle(Code.NOT_ENOUGH_NODES, _no_place(reasons))
