"""How good a pool is: every strategy's value, set against the best one, times its weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from linstor_core.controller.placement import capacity
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.storage_pools import StoragePool

WEIGHTS_PROP = "Autoplacer/Weights/"


def max_free_space(cluster: Cluster, pool: StoragePool) -> float:
    return float(capacity.usable_kib(cluster, pool) or 0)


def min_reserved_space(cluster: Cluster, pool: StoragePool) -> float:
    return float(capacity.usage(cluster, pool).reserved_kib)


def min_resource_count(cluster: Cluster, pool: StoragePool) -> float:
    return float(len(cluster.definitions_on.get(key_of(pool.node_name), ())))


Strategy = Callable[[Cluster, StoragePool], float]

STRATEGIES: tuple[tuple[str, Strategy, float, float], ...] = (
    ("MaxFreeSpace", max_free_space, 1.0, 1.0),
    ("MinRscCount", min_resource_count, 0.00001, -1.0),
    ("MinReservedSpace", min_reserved_space, 0.0, -1.0),
)
"""(name of the weight, value of a pool, default weight, sign: -1 where less is better)"""


def weight(cluster: Cluster, name: str, default: float) -> float:
    try:
        return float(cluster.controller.props.get(WEIGHTS_PROP + name, default))
    except ValueError:
        return default


def scores(cluster: Cluster, pools: Sequence[StoragePool]) -> list[float]:
    """One number a pool, higher is better; only their order means something."""
    return [sum(parts.values()) for parts in breakdown(cluster, pools)]


def breakdown(cluster: Cluster, pools: Sequence[StoragePool]) -> list[dict[str, float]]:
    """For each pool, what every strategy that has a weight adds to its score."""
    parts: list[dict[str, float]] = [{} for _ in pools]
    for name, value_of, default, sign in STRATEGIES:
        factor = weight(cluster, name, default)
        if not factor:
            continue
        values = [value_of(cluster, pool) for pool in pools]
        best = max(values, default=0.0)
        if best > 0:
            for part, value in zip(parts, values, strict=True):
                part[name] = sign * factor * value / best
    return parts
