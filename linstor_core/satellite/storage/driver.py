"""What a storage driver has to be able to do: plan and tell, never touch."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from linstor_core.domain.observed import VolumeSeen
from linstor_core.satellite.facts import PoolFacts, ResourceFacts
from linstor_core.satellite.steps import PlannedStep
from linstor_core.wire.resource_spec import PoolSpec, SnapshotVolumeSpec, VolumeSpec

POOL_DIRECTORY = "StorDriver/StorPoolName"
"""The property of a pool that says where it is; for FILE pools an absolute directory."""

Pools = dict[str, PoolSpec]
"""The pools of the node by upper-case name."""


class VolumePlan(Struct, frozen=True):
    """The steps for one volume or snapshot volume in four stages: a stage of all volumes is done before the next.

    Nothing of a resource is replaced or removed before every device is free and everything is prepared.
    """

    detach: tuple[PlannedStep, ...] = ()
    prepare: tuple[PlannedStep, ...] = ()
    act: tuple[PlannedStep, ...] = ()
    attach: tuple[PlannedStep, ...] = ()


class StorageDriver(Protocol):
    """One kind of storage. The plan functions raise SatelliteError when nothing may be planned."""

    def volume_paths(self, volume: VolumeSpec, pools: Pools) -> tuple[str, ...]:
        """The files that have to be looked at before the volume is planned."""

    def snapshot_paths(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools) -> tuple[str, ...]: ...

    def plan_volume(self, volume: VolumeSpec, pools: Pools, facts: ResourceFacts, active: bool) -> VolumePlan: ...

    def plan_delete(self, volume: VolumeSpec, pools: Pools, facts: ResourceFacts) -> VolumePlan: ...

    def plan_snapshot(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools,
                      facts: ResourceFacts) -> VolumePlan: ...

    def plan_snapshot_delete(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools,
                             facts: ResourceFacts) -> VolumePlan: ...

    def volume_seen(self, volume: VolumeSpec, pools: Pools, facts: ResourceFacts) -> VolumeSeen | None:
        """None when it could not be looked at."""

    def snapshot_taken_ms(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools,
                          facts: ResourceFacts) -> int | None:
        """When the snapshot volume was made, in ms since 1970, -1 if never; None when it could not be looked at."""

    def content_path(self, volume: VolumeSpec, pools: Pools) -> str:
        """Where the content is while nothing is set up over it. Raises SatelliteError."""

    def snapshot_content_path(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools) -> str:
        """Raises SatelliteError."""

    def supports_snapshots(self, facts: PoolFacts) -> bool: ...
