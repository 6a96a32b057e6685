"""From what callers and groups say (AutoSelectFilter) to what the autoplacer is asked for."""

from __future__ import annotations

import re

from msgspec import structs

from linstor_core.controller.placement.filters import Wanted
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, InvalidInput
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resource_groups import DEFAULT_PLACE_COUNT, AutoSelectFilter


def merged(inner: AutoSelectFilter | None, outer: AutoSelectFilter) -> AutoSelectFilter:
    """What `inner` says wins; what it leaves open is decided by `outer`."""
    if inner is None:
        return outer
    given = {name: value for name in inner.__struct_fields__ if (value := getattr(inner, name)) is not None}
    if inner.storage_pool is not None and inner.storage_pool_list is None:
        given["storage_pool_list"] = None
    elif inner.storage_pool_list is not None and inner.storage_pool is None:
        given["storage_pool"] = None
    return structs.replace(outer, **given)


def place_count(choice: AutoSelectFilter) -> int:
    """Raises InvalidInput (219) for a count below 1."""
    count = DEFAULT_PLACE_COUNT if choice.place_count is None else choice.place_count
    if count < 1:
        raise InvalidInput(f"{count} replicas can't be placed.", Code.INVLD_PLACE_COUNT,
                           cause="A place count is at least 1.")
    return count


def missing_replicas(choice: AutoSelectFilter, there: int) -> int:
    """How many replicas to add to those that are there; never below 0. Raises InvalidInput (219)."""
    if choice.additional_place_count is not None:
        if choice.additional_place_count < 1:
            raise InvalidInput("At least one additional replica has to be asked for.", Code.INVLD_PLACE_COUNT)
        return choice.additional_place_count
    return max(0, place_count(choice) - there)


def _keys(names: tuple[str, ...] | None) -> frozenset[str] | None:
    return frozenset(map(key_of, names)) if names else None


def _pools(choice: AutoSelectFilter) -> frozenset[str] | None:
    names = tuple(choice.storage_pool_list or ()) + ((choice.storage_pool,) if choice.storage_pool else ())
    return _keys(names)


def _pattern(text: str | None) -> str:
    try:
        re.compile(text or "")
    except re.error as fault:
        raise InvalidInput(f"'{text}' is no regular expression.", Code.INVLD_REQUEST, cause=str(fault)) from None
    return text or ""


def wanted(cluster: Cluster, choice: AutoSelectFilter, *, count: int, size_kib: int, stack: tuple[str, ...],
           definition: ResourceDefinition | None = None) -> Wanted:
    """The task for the autoplacer; `definition` is what its replicas are placed of, if it exists already."""
    replicas = cluster.resources_of(definition.name) if definition is not None else ()
    pools = {(key_of(replica.node_name), key_of(volume.storage_pool))
             for replica in replicas for volume in replica.volumes}
    return Wanted(
        count=count, size_kib=size_kib, resource_name=definition.name if definition is not None else "",
        layer_stack=stack, nodes=_keys(choice.node_name_list), pools=_pools(choice),
        providers=frozenset(choice.provider_list) if choice.provider_list else None,
        same=tuple(choice.replicas_on_same or ()), different=tuple(choice.replicas_on_different or ()),
        at_most=tuple(sorted((choice.x_replicas_on_different_map or {}).items())),
        avoid_resources=_keys(choice.not_place_with_rsc) or frozenset(),
        avoid_pattern=_pattern(choice.not_place_with_rsc_regex),
        occupied=tuple(key_of(replica.node_name) for replica in replicas),
        families=frozenset(cluster.storage_pools[key].provider_kind.family for key in pools
                           if key in cluster.storage_pools),
        free_ratio=choice.overprovision)
