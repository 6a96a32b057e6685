"""Which pools may take a replica: one predicate a rule, each gives the reason for its no.

A predicate takes the cluster, what is wanted and a pool, and gives None (the pool may be taken) or why not.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from linstor_core.controller.placement import capacity
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.layers import STORAGE
from linstor_core.domain.nodes import Node
from linstor_core.domain.storage_pools import ProviderKind, StoragePool

MIN_THIN_FREE_PROP = "Autoplacer/MinThinFreeSpace"
DEFAULT_MIN_THIN_FREE_PERCENT = 10.0
TARGET_PROP = "AutoplaceTarget"


class Wanted(Struct, frozen=True):
    """What is to be placed. Names of nodes and pools are upper-case keys; `count` is how many replicas to add."""

    count: int
    size_kib: int
    resource_name: str = ""
    layer_stack: tuple[str, ...] = (STORAGE,)
    nodes: frozenset[str] | None = None
    pools: frozenset[str] | None = None
    providers: frozenset[str] | None = None
    same: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    at_most: tuple[tuple[str, int], ...] = ()
    """(property, how many replicas may share one value of it)"""
    avoid_resources: frozenset[str] = frozenset()
    avoid_pattern: str = ""
    occupied: tuple[str, ...] = ()
    """Keys of the nodes that hold a replica already; they count for the constraints."""
    families: frozenset[str] = frozenset()
    """Provider families of the replicas that are there."""
    free_ratio: float | None = None
    """A ratio of over-subscription that the caller sets in place of the pools' own."""


Predicate = Callable[[Cluster, Wanted, StoragePool], str | None]


def _node(cluster: Cluster, pool: StoragePool) -> Node | None:
    return cluster.node(pool.node_name)


def not_diskless(_: Cluster, __: Wanted, pool: StoragePool) -> str | None:
    return "holds no data" if pool.provider_kind is ProviderKind.DISKLESS else None


def node_is_free(_: Cluster, wanted: Wanted, pool: StoragePool) -> str | None:
    return "the node has a replica already" if key_of(pool.node_name) in wanted.occupied else None


def node_is_asked_for(_: Cluster, wanted: Wanted, pool: StoragePool) -> str | None:
    if wanted.nodes is None or key_of(pool.node_name) in wanted.nodes:
        return None
    return "the node is not in the list of nodes"


def node_is_staying(cluster: Cluster, _: Wanted, pool: StoragePool) -> str | None:
    node = _node(cluster, pool)
    leaving = [flag for flag in (node.flags if node is not None else ("DELETE",))
               if flag in ("DELETE", "EVACUATE", "EVICTED")]
    return f"the node is marked {', '.join(leaving)}" if leaving else None


def node_is_online(cluster: Cluster, _: Wanted, pool: StoragePool) -> str | None:
    if cluster.is_online(pool.node_name):
        return None
    seen = cluster.nodes_seen.get(key_of(pool.node_name))
    return f"the node is {seen.status.value if seen is not None else 'OFFLINE'}"


def node_is_target(cluster: Cluster, _: Wanted, pool: StoragePool) -> str | None:
    node = _node(cluster, pool)
    for what, props in (("pool", pool.props), ("node", node.props if node is not None else {}),
                        ("controller", cluster.controller.props)):
        value = props.get(TARGET_PROP)
        if value is not None:
            return None if value.lower() != "false" else f"{TARGET_PROP} is {value} on the {what}"
    return None


def pool_is_asked_for(_: Cluster, wanted: Wanted, pool: StoragePool) -> str | None:
    if wanted.pools is None or key_of(pool.name) in wanted.pools:
        return None
    return "the pool is not in the list of pools"


def provider_is_asked_for(_: Cluster, wanted: Wanted, pool: StoragePool) -> str | None:
    if wanted.providers is None or pool.provider_kind.value in wanted.providers:
        return None
    return f"its provider {pool.provider_kind.value} is not in the list of providers"


def provider_fits_replicas(_: Cluster, wanted: Wanted, pool: StoragePool) -> str | None:
    if not wanted.families or pool.provider_kind.family in wanted.families:
        return None
    return (f"its provider {pool.provider_kind.value} can't be mixed with the replicas' "
            f"{', '.join(sorted(wanted.families))}")


def layers_are_offered(cluster: Cluster, wanted: Wanted, pool: StoragePool) -> str | None:
    seen = cluster.nodes_seen.get(key_of(pool.node_name))
    offered = {STORAGE, *(seen.layers if seen is not None else ())}
    lacking = [layer for layer in wanted.layer_stack if layer not in offered]
    return f"the node does not offer {', '.join(lacking)}" if lacking else None


def away_from_resources(cluster: Cluster, wanted: Wanted, pool: StoragePool) -> str | None:
    here = cluster.definitions_on.get(key_of(pool.node_name))
    if here is None or not (wanted.avoid_resources or wanted.avoid_pattern):
        return None
    found = next((name for name in wanted.avoid_resources if name in here), None)
    if found is None and wanted.avoid_pattern:
        pattern = re.compile(wanted.avoid_pattern, re.IGNORECASE)
        found = next((name for name in here if pattern.fullmatch(name)), None)
    return f"the node holds '{found.lower()}', which is to be kept apart" if found is not None else None


def has_same_properties(cluster: Cluster, wanted: Wanted, pool: StoragePool) -> str | None:
    node = _node(cluster, pool)
    props = node.props if node is not None else {}
    for rule in wanted.same:
        key, pinned, value = rule.partition("=")
        if key not in props:
            return f"the node has no property {key}"
        if pinned and props[key] != value:
            return f"{key} is '{props[key]}' on the node, '{value}' is wanted"
        for other in wanted.occupied:
            holder = cluster.nodes.get(other)
            if holder is not None and holder.props.get(key) != props[key]:
                return f"{key} is '{props[key]}' on the node, but '{holder.props.get(key)}' where a replica is"
    return None


def has_different_properties(cluster: Cluster, wanted: Wanted, pool: StoragePool) -> str | None:
    node = _node(cluster, pool)
    props = node.props if node is not None else {}
    limits = [(*rule.partition("=")[::2], 1) for rule in wanted.different] + [(key, "", n) for key, n in wanted.at_most]
    for key, value, limit in limits:
        mine = props.get(key)
        if value and mine == value:
            return f"{key} is '{value}' on the node, which is to be avoided"
        if mine is None or value:
            continue
        holders = [cluster.nodes[other].name for other in wanted.occupied
                   if other in cluster.nodes and cluster.nodes[other].props.get(key) == mine]
        if len(holders) >= limit:
            return f"{key} is '{mine}' on the node, as on {', '.join(holders)} where a replica is"
    return None


def has_room(cluster: Cluster, wanted: Wanted, pool: StoragePool) -> str | None:
    usable_kib = capacity.usable_kib(cluster, pool, wanted.free_ratio)
    if usable_kib is None:
        return "its free space is not known yet"
    if usable_kib < wanted.size_kib:
        return f"{wanted.size_kib} KiB are needed, {usable_kib} KiB may still be promised"
    return None


def thin_pool_is_not_full(cluster: Cluster, _: Wanted, pool: StoragePool) -> str | None:
    if not pool.provider_kind.is_thin:
        return None
    percent = capacity.free_percent(cluster, pool)
    try:
        least = float(cluster.controller.props.get(MIN_THIN_FREE_PROP, DEFAULT_MIN_THIN_FREE_PERCENT))
    except ValueError:
        least = DEFAULT_MIN_THIN_FREE_PERCENT
    if percent is not None and percent < least:
        return f"only {percent:.1f} % of the thin pool are free, {least:g} % are required"
    return None


PREDICATES: tuple[Predicate, ...] = (
    not_diskless, node_is_free, node_is_asked_for, pool_is_asked_for, node_is_staying, node_is_online, node_is_target,
    layers_are_offered, provider_is_asked_for, provider_fits_replicas, away_from_resources, has_same_properties,
    has_different_properties, has_room, thin_pool_is_not_full)
"""In the order in which an administrator would ask: the first no is the reason given."""


def verdict(cluster: Cluster, wanted: Wanted, pool: StoragePool) -> str | None:
    """The first reason against a pool, None where there is none."""
    return next((reason for predicate in PREDICATES if (reason := predicate(cluster, wanted, pool)) is not None), None)
