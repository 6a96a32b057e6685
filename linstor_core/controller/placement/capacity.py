"""How much may still be promised from a pool: what its node measured, less what was promised since."""

from __future__ import annotations

from collections.abc import Mapping

from linstor_core.domain.cluster import Cluster, PoolUsage, key_of
from linstor_core.domain.props import first
from linstor_core.domain.storage_pools import UNLIMITED_KIB, ProviderKind, StoragePool

OVERSUBSCRIPTION = "MaxOversubscriptionRatio"
FREE_OVERSUBSCRIPTION = "MaxFreeCapacityOversubscriptionRatio"
TOTAL_OVERSUBSCRIPTION = "MaxTotalCapacityOversubscriptionRatio"
DEFAULT_RATIO = 20.0


def _scopes(cluster: Cluster, pool: StoragePool) -> list[Mapping[str, str]]:
    definition = cluster.storage_pool_definitions.get(key_of(pool.name))
    return [pool.props, definition.props if definition is not None else {}, cluster.controller.props]


def ratio(cluster: Cluster, pool: StoragePool, key: str = OVERSUBSCRIPTION) -> float:
    """How often a pool may be promised: 1 for a thick pool, 20 for a thin one unless a property says otherwise."""
    if not pool.provider_kind.is_thin:
        return 1.0
    scopes = _scopes(cluster, pool)
    text = first(key, scopes) or first(OVERSUBSCRIPTION, scopes)
    try:
        return float(text) if text else DEFAULT_RATIO
    except ValueError:
        return DEFAULT_RATIO


def usage(cluster: Cluster, pool: StoragePool) -> PoolUsage:
    return cluster.usage.get((key_of(pool.node_name), key_of(pool.name)), PoolUsage())


def usable_kib(cluster: Cluster, pool: StoragePool, thin_ratio: float | None = None) -> int | None:
    """What may still be promised, in KiB, never below 0; None while nobody has measured the pool.

    `thin_ratio` stands in for the over-subscription that the properties of a thin pool allow.
    """
    if pool.provider_kind is ProviderKind.DISKLESS:
        return UNLIMITED_KIB
    seen = cluster.pools_seen.get((key_of(pool.node_name), key_of(pool.name)))
    if seen is None or seen.free_kib < 0 or seen.total_kib < 0:
        return None
    booked = usage(cluster, pool)
    free_kib = seen.free_kib if pool.provider_kind.is_thin else seen.free_kib - booked.pending_kib
    given = thin_ratio if pool.provider_kind.is_thin else None
    by_free = free_kib * (given or ratio(cluster, pool, FREE_OVERSUBSCRIPTION))
    by_total = seen.total_kib * (given or ratio(cluster, pool, TOTAL_OVERSUBSCRIPTION)) - booked.reserved_kib
    return max(0, int(min(by_free, by_total)))


def free_percent(cluster: Cluster, pool: StoragePool) -> float | None:
    """The measured free part of a pool; None while unknown."""
    seen = cluster.pools_seen.get((key_of(pool.node_name), key_of(pool.name)))
    if seen is None or seen.free_kib < 0 or seen.total_kib <= 0:
        return None
    return 100.0 * seen.free_kib / seen.total_kib
