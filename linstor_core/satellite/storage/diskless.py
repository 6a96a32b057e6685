"""DISKLESS: a volume without storage on this node."""

from __future__ import annotations

from linstor_core.domain.errors import Code
from linstor_core.domain.observed import VolumeSeen
from linstor_core.satellite.facts import PoolFacts, ResourceFacts
from linstor_core.satellite.failures import Unsupported
from linstor_core.satellite.storage.driver import Pools, VolumePlan
from linstor_core.wire.resource_spec import SnapshotVolumeSpec, VolumeSpec


class DisklessDriver:
    """Nothing to do, everything there."""

    def volume_paths(self, volume: VolumeSpec, pools: Pools) -> tuple[str, ...]:
        return ()

    def snapshot_paths(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools) -> tuple[str, ...]:
        return ()

    def plan_volume(self, volume: VolumeSpec, pools: Pools, facts: ResourceFacts, active: bool) -> VolumePlan:
        return VolumePlan()

    def plan_delete(self, volume: VolumeSpec, pools: Pools, facts: ResourceFacts) -> VolumePlan:
        return VolumePlan()

    def plan_snapshot(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools,
                      facts: ResourceFacts) -> VolumePlan:
        raise Unsupported("A diskless volume has no content of which a snapshot could be taken",
                          Code.SNAPSHOTS_NOT_SUPPORTED)

    def plan_snapshot_delete(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools,
                             facts: ResourceFacts) -> VolumePlan:
        return VolumePlan()

    def volume_seen(self, volume: VolumeSpec, pools: Pools, facts: ResourceFacts) -> VolumeSeen | None:
        return VolumeSeen(volume.number, volume.data_id, not volume.delete, "", 0, volume.size_kib)

    def snapshot_taken_ms(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools,
                          facts: ResourceFacts) -> int | None:
        return -1

    def content_path(self, volume: VolumeSpec, pools: Pools) -> str:
        raise Unsupported("A diskless volume has no content of its own", Code.PROVIDER_UNSUPPORTED)

    def snapshot_content_path(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools) -> str:
        raise Unsupported("A diskless volume has no snapshots", Code.SNAPSHOTS_NOT_SUPPORTED)

    def supports_snapshots(self, facts: PoolFacts) -> bool:
        return False
