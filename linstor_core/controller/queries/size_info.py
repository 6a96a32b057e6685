"""How large a volume of a group could be: computed by the autoplacer, so that it would really be placed."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.placement import autoplacer, capacity, explain, select_filter
from linstor_core.controller.placement.filters import Wanted
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import LinstorError
from linstor_core.domain.layers import STORAGE
from linstor_core.domain.resource_groups import AutoSelectFilter, ResourceGroup
from linstor_core.domain.storage_pools import StoragePool
from linstor_core.wire import rest_v1
from linstor_core.wire.rest_bodies import MaxVolumeSizeQuery, SizeQuery

ONE = "/v1/resource-groups/<group>"


def task(cluster: Cluster, group: ResourceGroup, asked: AutoSelectFilter | None) -> Wanted:
    return _task(cluster, select_filter.merged(asked, group.select_filter))


def _task(cluster: Cluster, choice: AutoSelectFilter) -> Wanted:
    return select_filter.wanted(cluster, choice, count=select_filter.missing_replicas(choice, 0), size_kib=0,
                                stack=tuple(choice.layer_stack or (STORAGE,)))


def largest(cluster: Cluster, wanted: Wanted) -> tuple[int, tuple[StoragePool, ...]]:
    """The largest size in KiB that can be placed, and where; (0, ()) where nothing can."""
    selection = autoplacer.select(cluster, wanted)
    sizes = sorted({capacity.usable_kib(cluster, candidate.pool, wanted.free_ratio) or 0
                    for candidate in selection.candidates})
    best: tuple[int, tuple[StoragePool, ...]] = (0, ())
    low, high = 0, len(sizes) - 1
    while low <= high:
        middle = (low + high) // 2
        chosen = autoplacer.select(cluster, structs.replace(wanted, size_kib=sizes[middle])).chosen
        if chosen:
            best, low = (sizes[middle], chosen), middle + 1
        else:
            high = middle - 1
    return best


def _default_ratio(cluster: Cluster) -> float:
    try:
        return float(cluster.controller.props.get(capacity.OVERSUBSCRIPTION, capacity.DEFAULT_RATIO))
    except ValueError:
        return capacity.DEFAULT_RATIO


def _space(cluster: Cluster, group: ResourceGroup, asked: AutoSelectFilter | None) -> rest_v1.SizeInfo:
    """`available` and `capacity` are what the pools that may be chosen have, over the replicas of one volume."""
    wanted = task(cluster, group, asked)
    size_kib, chosen = largest(cluster, wanted)
    pools = [candidate.pool for candidate in autoplacer.select(cluster, wanted).candidates]
    count = max(1, wanted.count)
    seen = [cluster.pools_seen[key_of(pool.node_name), key_of(pool.name)] for pool in pools]
    places = tuple(rest_v1.SpawnPlace(
        node_name=pool.node_name, stor_pool_name=pool.name,
        stor_pool_oversubscription_ratio=capacity.ratio(cluster, pool),
        stor_pool_free_capacity_oversubscription_ratio=capacity.ratio(cluster, pool, capacity.FREE_OVERSUBSCRIPTION),
        stor_pool_total_capacity_oversubscription_ratio=capacity.ratio(cluster, pool,
                                                                       capacity.TOTAL_OVERSUBSCRIPTION))
        for pool in chosen)
    return rest_v1.SizeInfo(space_info=rest_v1.SpaceInfo(
        max_vlm_size_in_kib=size_kib,
        available_size_in_kib=sum(each.free_kib for each in seen) // count if chosen else 0,
        capacity_in_kib=sum(each.total_kib for each in seen) // count if chosen else 0,
        default_max_oversubscription_ratio=_default_ratio(cluster), next_spawn_result=places))


def query_size_info(cluster: Cluster, call: Call[SizeQuery]) -> object:
    return _space(cluster, lookups.group(cluster, call.path["group"], bare=True), call.body.select_filter)


def query_all_size_info(cluster: Cluster, call: Call[SizeQuery]) -> object:
    return rest_v1.AllSizeInfo(result={group.name: _space(cluster, group, call.body.select_filter)
                                       for _, group in sorted(cluster.resource_groups.items())})


def query_max_volume_size(cluster: Cluster, call: Call[Any]) -> object:
    return _sizes_by_pool(cluster, task(cluster, lookups.group(cluster, call.path["group"], bare=True), None))


def query_max_volume_size_for(cluster: Cluster, call: Call[MaxVolumeSizeQuery]) -> object:
    """The same for a filter that belongs to no group."""
    try:
        return _sizes_by_pool(cluster, _task(cluster, call.body))
    except LinstorError as refusal:
        raise _bare(refusal) from None


def _sizes_by_pool(cluster: Cluster, wanted: Wanted) -> rest_v1.MaxVolumeSizes:
    """One candidate a pool name: the pools of several nodes that belong together."""
    selection = autoplacer.select(cluster, wanted)
    candidates = []
    for name in sorted({key_of(candidate.pool.name) for candidate in selection.candidates}):
        size_kib, chosen = largest(cluster, structs.replace(wanted, pools=frozenset((name,))))
        if chosen:
            candidates.append(rest_v1.Candidate(
                storage_pool=chosen[0].name, max_volume_size_kib=size_kib,
                node_names=tuple(sorted(pool.node_name for pool in chosen)),
                all_thin=all(pool.provider_kind.is_thin for pool in chosen)))
    if not candidates:
        raise _bare(explain.refusal(structs.replace(selection, chosen=()), wanted))
    return rest_v1.MaxVolumeSizes(candidates=tuple(candidates),
                                  default_max_oversubscription_ratio=_default_ratio(cluster))


def _bare(refusal: LinstorError) -> LinstorError:
    refusal.bare = True
    return refusal


ROUTES = (
    Route("POST", f"{ONE}/query-size-info", "How large a volume could be, and where it would go",
          read=query_size_info, body=SizeQuery, answer=rest_v1.SizeInfo, lenient=True),
    Route("POST", "/v1/queries/resource-groups/query-all-size-info", "The same for all groups",
          read=query_all_size_info, body=SizeQuery, answer=rest_v1.AllSizeInfo, lenient=True),
    Route("GET", f"{ONE}/query-max-volume-size", "The largest volume by pool", read=query_max_volume_size,
          answer=rest_v1.MaxVolumeSizes),
    Route("OPTIONS", "/v1/query-max-volume-size", "The largest volume by pool, for a filter that the body has",
          read=query_max_volume_size_for, body=MaxVolumeSizeQuery, answer=rest_v1.MaxVolumeSizes, lenient=True),
)
