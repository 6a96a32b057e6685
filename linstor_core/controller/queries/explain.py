"""Why each pool would be taken or not: the autoplacer's own words, for a group or for an existing definition."""

from __future__ import annotations

import re
from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.operations import autoplace, placing
from linstor_core.controller.placement import autoplacer, capacity, explain, scores, select_filter
from linstor_core.controller.placement.autoplacer import Selection
from linstor_core.controller.placement.filters import Wanted
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, InvalidInput
from linstor_core.domain.layers import STORAGE, checked_stack
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.domain.storage_pools import StoragePool
from linstor_core.wire.explain import Explanation, PoolVerdict


def group(cluster: Cluster, call: Call[Any]) -> object:
    """GET …/resource-groups/{group}/explain?size_kib=&place_count=: where a spawn would go."""
    with lookups.about(RscGrp=call.path["group"]):
        found = lookups.group(cluster, call.path["group"])
        choice = select_filter.merged(_asked(call), found.select_filter)
        count = select_filter.missing_replicas(choice, 0)
        stack = checked_stack(choice.layer_stack or (STORAGE,))
        task = select_filter.wanted(cluster, choice, count=count, size_kib=_number(call, "size_kib") or 0, stack=stack)
    return _explanation(cluster, task)


def definition(cluster: Cluster, call: Call[Any]) -> object:
    """GET …/resource-definitions/{resource}/explain?place_count=: where its missing replicas would go."""
    with lookups.about(RscDfn=call.path["resource"]):
        found = lookups.definition(cluster, call.path["resource"])
        choice = autoplace.effective_filter(cluster, found, _asked(call))
        there = [resource for resource in cluster.resources_of(found.name) if not resource.is_diskless]
        count = select_filter.missing_replicas(choice, len(there))
        size_kib = sum(volume.size_kib for volume in found.volume_definitions)
        task = select_filter.wanted(cluster, choice, count=count, size_kib=size_kib, definition=found,
                                    stack=placing.stack_for(cluster, found, None))
    return _explanation(cluster, task)


def _asked(call: Call[Any]) -> AutoSelectFilter:
    return AutoSelectFilter(place_count=_number(call, "place_count"))


def _number(call: Call[Any], name: str) -> int | None:
    values = call.values(name)
    if not values:
        return None
    if re.fullmatch("[0-9]{1,18}", values[-1]) is None:
        raise InvalidInput(f"'{values[-1][:40]}' is no whole number.", Code.INVLD_REQUEST,
                           cause=f"It was given as {name}.", correction=f"Give {name} as digits.")
    return int(values[-1])


def _explanation(cluster: Cluster, task: Wanted) -> Explanation:
    selection = autoplacer.select(cluster, task)
    candidates = [candidate.pool for candidate in selection.candidates]
    parts = {_key(pool): part for pool, part in zip(candidates, scores.breakdown(cluster, candidates), strict=True)}
    verdicts = tuple(_verdict(cluster, selection, pool, parts.get(_key(pool)))
                     for _, pool in sorted(cluster.storage_pools.items()))
    return Explanation(task.count, task.size_kib, len(selection.chosen) == task.count,
                       explain.summary(selection, task), verdicts)


def _key(pool: StoragePool) -> tuple[str, str]:
    return key_of(pool.node_name), key_of(pool.name)


def _verdict(cluster: Cluster, selection: Selection, pool: StoragePool, parts: dict[str, float] | None) -> PoolVerdict:
    seen = cluster.pools_seen.get(_key(pool))
    verdict = "rejected" if parts is None else "chosen" if pool in selection.chosen else "possible"
    return PoolVerdict(
        pool.node_name, pool.name, pool.provider_kind.value, verdict,
        selection.rejected.get((pool.node_name, pool.name), ""), sum(parts.values()) if parts is not None else None,
        parts or {}, seen.free_kib if seen is not None and seen.free_kib >= 0 else None,
        capacity.usable_kib(cluster, pool), capacity.usage(cluster, pool).reserved_kib)


ROUTES = (
    Route("GET", "/v1/resource-groups/<group>/explain", "Which pools a spawn would take, and why", read=group,
          answer=Explanation),
    Route("GET", "/v1/resource-definitions/<resource>/explain", "Which pools its missing replicas would take, and why",
          read=definition, answer=Explanation),
)
