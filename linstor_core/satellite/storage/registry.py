"""Which driver serves which kind of pool."""

from __future__ import annotations

from linstor_core.domain.errors import Code
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.satellite.facts import Unobserved
from linstor_core.satellite.failures import NotObserved, Unsupported
from linstor_core.satellite.storage.diskless import DisklessDriver
from linstor_core.satellite.storage.driver import Pools, StorageDriver
from linstor_core.satellite.storage.file import FileDriver

DRIVERS: dict[ProviderKind, StorageDriver] = {
    ProviderKind.DISKLESS: DisklessDriver(),
    ProviderKind.FILE: FileDriver(thick=True),
    ProviderKind.FILE_THIN: FileDriver(thick=False),
}


def driver_of(pool: str, pools: Pools) -> StorageDriver:
    """Raises NotObserved for a pool that this node was not told about, Unsupported for a kind without a driver."""
    spec = pools.get(pool.upper())
    if spec is None:
        raise NotObserved(Unobserved(
            f"The storage pool '{pool}' is not known here", "The controller has not told this node about the pool.",
            "Check that the storage pool exists on this node.", Code.NOT_FOUND_STOR_POOL))
    driver = DRIVERS.get(spec.kind)
    if driver is None:
        raise Unsupported(f"This satellite has no driver for {spec.kind}", Code.PROVIDER_UNSUPPORTED,
                          correction="Use a storage pool of another kind.")
    return driver
