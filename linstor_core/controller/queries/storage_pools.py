"""Storage pools and their definitions as REST shows them."""

from __future__ import annotations

import datetime
from typing import Any

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.queries import lists
from linstor_core.controller.queries.sorted_keys import sorted_keys
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, NotFound
from linstor_core.domain.observed import PoolSeen
from linstor_core.domain.storage_pools import UNLIMITED_KIB, ProviderKind, StoragePool
from linstor_core.wire import rest_v1
from linstor_core.wire.api_call_rc import ApiCallRc, Severity, ret_code

_SNAPSHOTS = frozenset({ProviderKind.LVM_THIN, ProviderKind.ZFS, ProviderKind.ZFS_THIN, ProviderKind.FILE,
                        ProviderKind.FILE_THIN, ProviderKind.STORAGE_SPACES_THIN})


def _shown(pool: StoragePool, seen: PoolSeen | None) -> rest_v1.StoragePool:
    snapshots = pool.provider_kind in _SNAPSHOTS
    traits = {"SupportsSnapshots": "true" if snapshots else "false"}
    if pool.provider_kind is not ProviderKind.DISKLESS:
        traits["Provisioning"] = "Thin" if pool.provider_kind.is_thin else "Fat"
    free, total = _capacity(pool, seen)
    return rest_v1.StoragePool(
        storage_pool_name=pool.name, node_name=pool.node_name, provider_kind=pool.provider_kind, props=pool.props,
        static_traits=traits, free_capacity=free, total_capacity=total,
        free_space_mgr_name=pool.shared_space or f"{pool.node_name};{pool.name}", uuid=pool.uuid,
        reports=_reports(seen), shared_space=pool.shared_space, external_locking=pool.external_locking,
        supports_snapshots=_supports_snapshots(pool, seen))


def _supports_snapshots(pool: StoragePool, seen: PoolSeen | None) -> bool:
    """What the kind can do, as LINSTOR says it; of a thin pool what its node found (no reflink, no snapshots)."""
    if seen is None or seen.failures or not pool.provider_kind.is_thin:
        return pool.provider_kind in _SNAPSHOTS
    return seen.supports_snapshots


def _capacity(pool: StoragePool, seen: PoolSeen | None) -> tuple[int | None, int | None]:
    """Free and total KiB; None while nobody knows."""
    if pool.provider_kind is ProviderKind.DISKLESS:
        return UNLIMITED_KIB, UNLIMITED_KIB
    if seen is None:
        return None, None
    return max(seen.free_kib, 0), max(seen.total_kib, 0)


def _reports(seen: PoolSeen | None) -> tuple[ApiCallRc, ...]:
    if seen is None or not seen.failures:
        return ()
    moment = datetime.datetime.fromtimestamp(seen.reported_ms / 1000, datetime.UTC).isoformat()
    return tuple(ApiCallRc(ret_code(Severity.ERROR, Code.UNKNOWN_ERROR), failure.message,
                           failure.cause or failure.message, failure.details, failure.correction, created_at=moment)
                 for failure in seen.failures)


_encoded = lists.Memo(_shown)
_by_name: list[tuple[tuple[Any, ...], list[tuple[str, str]]]] = []
"""The keys last asked for and the same ones ordered by pool, then node."""


def _keys_by_name(cluster: Cluster) -> list[tuple[str, str]]:
    keys = sorted_keys(cluster, "storage_pools")
    if not _by_name or _by_name[0][0] is not keys:
        _by_name[:] = [(keys, sorted(keys, key=lambda key: (key[1], key[0])))]
    return _by_name[0][1]


def view(cluster: Cluster, call: Call[Any]) -> object:
    """All pools. Asking for a node that does not exist is an error, for a pool it is not."""
    for name in call.values("nodes"):
        lookups.node(cluster, name, bare=True)
    nodes = lists.wanted(call, "nodes")
    return _listed(cluster, call, [key for key in _keys_by_name(cluster) if lists.passes(nodes, key[0])])


def list_pools(cluster: Cluster, call: Call[Any]) -> object:
    node_key = key_of(lookups.node(cluster, call.path["node"], bare=True).name)
    return _listed(cluster, call, [key for key in _keys_by_name(cluster) if key[0] == node_key])


def _listed(cluster: Cluster, call: Call[Any], keys: list[tuple[str, str]]) -> object:
    pools, props = lists.wanted(call, "storage_pools"), lists.props_filter(call)
    chosen = [key for key in keys if lists.passes(pools, key[1])
              and (props is None or props(cluster.storage_pools[key].props))]
    return lists.encoded(_encoded.get(key, cluster.storage_pools[key], cluster.pools_seen.get(key))
                         for key in lists.page(call, chosen))


def show_pool(cluster: Cluster, call: Call[Any]) -> object:
    pool = lookups.storage_pool(cluster, call.path["node"], call.path["pool"], bare=True)
    return _shown(pool, cluster.pools_seen.get((key_of(pool.node_name), key_of(pool.name))))


def list_definitions(cluster: Cluster, call: Call[Any]) -> object:
    wanted = lists.wanted(call, "storage_pool_definitions")
    keys = [key for key in sorted_keys(cluster, "storage_pool_definitions") if lists.passes(wanted, key)]
    return [_definition(cluster, key) for key in lists.page(call, keys)]


def show_definition(cluster: Cluster, call: Call[Any]) -> object:
    name = call.path["pool"]
    if key_of(name) not in cluster.storage_pool_definitions:
        raise NotFound(f"There is no storage pool definition '{name}'.", Code.NOT_FOUND_STOR_POOL_DFN, bare=True)
    return _definition(cluster, key_of(name))


def _definition(cluster: Cluster, key: str) -> rest_v1.StoragePoolDefinition:
    found = cluster.storage_pool_definitions[key]
    return rest_v1.StoragePoolDefinition(storage_pool_name=found.name, props=found.props)


ROUTES = (
    Route("GET", "/v1/view/storage-pools", "Storage pools of all nodes, filtered by `nodes`, `storage_pools`, `props`",
          read=view, answer=list[rest_v1.StoragePool]),
    Route("GET", "/v1/nodes/<node>/storage-pools", "The storage pools of a node", read=list_pools,
          answer=list[rest_v1.StoragePool]),
    Route("GET", "/v1/nodes/<node>/storage-pools/<pool>", "One storage pool", read=show_pool,
          answer=rest_v1.StoragePool),
    Route("GET", "/v1/storage-pool-definitions", "The names of storage pools", read=list_definitions,
          answer=list[rest_v1.StoragePoolDefinition]),
    Route("GET", "/v1/storage-pool-definitions/<pool>", "One storage pool definition", read=show_definition,
          answer=rest_v1.StoragePoolDefinition),
)
