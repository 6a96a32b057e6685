"""How much a storage still takes, by CloudStack's count and LINSTOR's, and where the next volume would go."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from linstor_cloudstack.cloudstack_api import CloudStackApi
from linstor_cloudstack.inventory import is_at, storages
from linstor_core.client.errors import ClientError
from linstor_core.client.volumes import VolumeService

KIB_PER_GIB = 1024 * 1024
_DIFFERENCE = 0.05
_FULL = 0.85
"""The share at which CloudStack stops placing volumes, as its settings are by default."""


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
            pools, (*_hints(numbers, capacity.total_kib, capacity.free_kib), *hints)))
    return found


def _hints(cloud: Sequence[int], total_kib: int, free_kib: int) -> list[str]:
    cloud_total, _, allocated = cloud
    hints = []
    if total_kib and abs(cloud_total - total_kib) > _DIFFERENCE * total_kib:
        hints.append("CloudStack counts with another size than LINSTOR has: it takes the new one over when it next "
                     "collects statistics.")
    if total_kib and total_kib - free_kib > _FULL * total_kib:
        hints.append(f"It is fuller than {_FULL:.0%}: CloudStack will soon place nothing on it.")
    if cloud_total and allocated > cloud_total:
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
