"""How much a storage still takes, by CloudStack's count and LINSTOR's, and where the next volume would go."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from linstor_cloudstack.cloudstack_api import CloudStackApi
from linstor_cloudstack.inventory import is_at, storages
from linstor_core.client.errors import ClientError
from linstor_core.client.volume_values import Capacity
from linstor_core.client.volumes import VolumeService

KIB_PER_GIB = 1024 * 1024
_DIFFERENCE = 0.05
_FULL = 0.85
"""The share of its own count at which CloudStack stops placing volumes, as its settings are by default."""


class StorageCapacity(Struct, frozen=True):
    """All in KiB. `pools` are where a volume of the asked size would go now; `hints` sentences for an administrator."""

    storage: str
    group: str
    cloud_total_kib: int
    cloud_used_kib: int
    cloud_allocated_kib: int
    total_kib: int
    free_kib: int
    largest_volume_kib: int
    pools: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


def capacities(api: CloudStackApi, service: VolumeService, controllers: frozenset[str],
               size_gib: int = 0) -> list[StorageCapacity]:
    """Of every Linstor storage at these controllers."""
    known = {name.upper(): capacity for name, capacity in service.capacities().items()}
    raw = _raw_totals(service)
    found = []
    for storage in storages(api):
        if not is_at(storage, controllers):
            continue
        capacity = known.get(storage.group.upper())
        numbers = (storage.disksizetotal // 1024, storage.disksizeused // 1024, storage.disksizeallocated // 1024)
        if capacity is None:
            found.append(StorageCapacity(storage.name, storage.group, *numbers, 0, 0, 0, hints=(
                f"LINSTOR has no resource group {storage.group}.",)))
            continue
        pools, hints = _placement(service, storage.group, size_gib) if size_gib else ((), ())
        found.append(StorageCapacity(
            storage.name, storage.group, *numbers, capacity.total_kib, capacity.free_kib, capacity.largest_volume_kib,
            pools, (*_hints(numbers, raw[storage.group.upper()], capacity), *hints)))
    return found


def _raw_totals(service: VolumeService) -> dict[str, int]:
    """KiB by upper-cased group, as CloudStack counts: the pools that a group names (all, where it names none) on all
    nodes, whatever else the group asks for, and not divided by its number of replicas.
    """
    sizes = [(pool.storage_pool_name.upper(), pool.total_capacity or 0) for pool in service.client.storage_pools()
             if pool.provider_kind != "DISKLESS"]
    totals = {}
    for group in service.client.resource_groups():
        chosen = group.select_filter
        names = [*(chosen.storage_pool_list or ()), chosen.storage_pool or ""] if chosen is not None else []
        wanted = {name.upper() for name in names if name}
        totals[group.name.upper()] = sum(size for name, size in sizes if not wanted or name in wanted)
    return totals


def _hints(cloud: Sequence[int], raw_kib: int, capacity: Capacity) -> list[str]:
    cloud_total, _, allocated = cloud
    hints = []
    if abs(cloud_total - raw_kib) > _DIFFERENCE * raw_kib:
        hints.append("CloudStack counts with another size than LINSTOR has: it takes the new one over when it next "
                     "collects statistics.")
    if cloud_total > capacity.total_kib * (1 + _DIFFERENCE):
        hints.append("CloudStack counts the whole space of the pools; what the group can hold is less, since every "
                     "replica takes its part: go by what LINSTOR says.")
    if capacity.total_kib and capacity.total_kib - capacity.free_kib > _FULL * capacity.total_kib:
        hints.append(f"It is fuller than {_FULL:.0%}: new volumes will soon find no place.")
    if allocated > capacity.total_kib:
        hints.append("More is promised than there is: thin volumes that fill up can run out of space.")
    return hints


def _placement(service: VolumeService, group: str, size_gib: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        explanation = service.client.explain_group(group, size_kib=size_gib * KIB_PER_GIB)
    except ClientError as error:
        return (), (f"The controller does not tell where a volume would go: {error}",)
    chosen = tuple(f"{pool.node_name}/{pool.storage_pool_name}" for pool in explanation.pools
                   if pool.verdict == "chosen")
    if explanation.feasible:
        return chosen, ()
    reasons = sorted({f"{pool.node_name}/{pool.storage_pool_name}: {pool.reason}" for pool in explanation.pools
                      if pool.verdict == "rejected" and pool.reason})
    return chosen, (f"A volume of {size_gib} GiB has no place: {explanation.summary}", *reasons)
