"""STORAGE: the lowest layer; asks the driver of each volume's pool and puts the answers in order.

The order is: snapshots (of content that later steps may replace), volumes, deletions of volumes, deletions of
snapshots (which volumes may just have been made from), and at last what comes from another node and may take hours.
"""

from __future__ import annotations

from collections.abc import Iterator

from linstor_core.domain.observed import Failure, SnapshotSeen, VolumeSeen
from linstor_core.satellite.facts import ResourceFacts
from linstor_core.satellite.failures import SatelliteError
from linstor_core.satellite.layers.layer import Plan
from linstor_core.satellite.steps import FetchContent, PlannedStep
from linstor_core.satellite.storage.driver import Pools, VolumePlan
from linstor_core.satellite.storage.registry import driver_of
from linstor_core.wire.resource_spec import ResourceSpec, SnapshotSpec, SnapshotVolumeSpec, VolumeSpec


class StorageLayer:
    """See the module."""

    def paths(self, spec: ResourceSpec, pools: Pools) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for volume in spec.volumes:
            try:
                found.update(dict.fromkeys(driver_of(volume.pool, pools).volume_paths(volume, pools)))
            except SatelliteError:
                continue  # told by `plan`
        for snapshot, part in _snapshot_volumes(spec):
            try:
                paths = driver_of(part.pool, pools).snapshot_paths(part, snapshot.name, pools)
            except SatelliteError:
                continue
            found.update(dict.fromkeys(paths))
        return tuple(found)

    def plan(self, spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> Plan:
        return _Planning(self, spec, pools, facts).plan()

    def volumes_seen(self, spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> tuple[VolumeSeen, ...]:
        found = []
        for volume in spec.volumes:
            try:
                seen = driver_of(volume.pool, pools).volume_seen(volume, pools, facts)
            except SatelliteError:
                continue
            if seen is not None:
                found.append(seen)
        return tuple(found)

    def snapshots_seen(self, spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> tuple[SnapshotSeen, ...]:
        found = []
        for snapshot in spec.snapshots:
            times = [_taken_ms(snapshot, part, pools, facts) for part in snapshot.volumes]
            known = [time for time in times if time is not None]
            if len(known) == len(times):
                # One that is to go is there as long as any of it is.
                present = bool(known) and (max(known) if snapshot.delete else min(known)) >= 0
                found.append(SnapshotSeen(snapshot.name, snapshot.uuid, present, max(known) if present else None))
        return tuple(found)

    def data_ids_seen(self, spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> frozenset[str]:
        volumes = {volume.data_id for volume in self.volumes_seen(spec, pools, facts) if volume.present}
        times = {part.data_id: _taken_ms(snapshot, part, pools, facts) for snapshot, part in _snapshot_volumes(spec)}
        return frozenset(volumes | {data_id for data_id, time in times.items() if time is not None and time >= 0})


class _Planning:
    """One run of `StorageLayer.plan`."""

    def __init__(self, layer: StorageLayer, spec: ResourceSpec, pools: Pools, facts: ResourceFacts) -> None:
        self._spec = spec
        self._pools = pools
        self._facts = facts
        self._here = layer.data_ids_seen(spec, pools, facts)
        self._failures: list[Failure] = []
        self._needed: set[str] = set()
        """Contents of which a snapshot is wanted and could not be planned: they must not go."""

    def plan(self) -> Plan:
        spec = self._spec
        wanted = [pair for pair in _snapshot_volumes(spec) if not pair[0].delete]
        unwanted = [pair for pair in _snapshot_volumes(spec) if pair[0].delete]
        takes = [self._take(snapshot, part) for snapshot, part in wanted]
        builds = [self._build(volume) for volume in spec.volumes if not volume.delete]
        deletes = [self._delete(volume) for volume in spec.volumes if volume.delete]
        drops = [self._drop(snapshot, part) for snapshot, part in unwanted]
        groups = (_without_fetch(takes), _without_fetch(builds), deletes, drops,
                  _with_fetch(takes), _with_fetch(builds))
        steps = tuple(step for group in groups for step in _woven(group))
        return Plan(steps, tuple(self._failures))

    def _take(self, snapshot: SnapshotSpec, part: SnapshotVolumeSpec) -> VolumePlan:
        to_come = {volume.data_id for volume in self._spec.volumes if not volume.delete}
        is_made_here = part.origin is None and part.data_id not in self._here
        if is_made_here and part.source_data_id in to_come - self._here - self._facts.known_data_ids:
            return VolumePlan()  # its volume is made by this very plan: the next round takes the snapshot
        try:
            driver = driver_of(part.pool, self._pools)
            return driver.plan_snapshot(part, snapshot.name, self._pools, self._facts)
        except SatelliteError as error:
            self._needed.add(part.source_data_id)
            return self._failed(error)

    def _build(self, volume: VolumeSpec) -> VolumePlan:
        if volume.replaces in self._needed:
            return VolumePlan()
        try:
            driver = driver_of(volume.pool, self._pools)
            return driver.plan_volume(volume, self._pools, self._facts, self._spec.active)
        except SatelliteError as error:
            return self._failed(error)

    def _delete(self, volume: VolumeSpec) -> VolumePlan:
        if volume.data_id in self._needed:
            return VolumePlan()
        try:
            return driver_of(volume.pool, self._pools).plan_delete(volume, self._pools, self._facts)
        except SatelliteError as error:
            return self._failed(error)

    def _drop(self, snapshot: SnapshotSpec, part: SnapshotVolumeSpec) -> VolumePlan:
        try:
            driver = driver_of(part.pool, self._pools)
            return driver.plan_snapshot_delete(part, snapshot.name, self._pools, self._facts)
        except SatelliteError as error:
            return self._failed(error)

    def _failed(self, error: SatelliteError) -> VolumePlan:
        self._failures.append(error.failure())
        return VolumePlan()


def _snapshot_volumes(spec: ResourceSpec) -> Iterator[tuple[SnapshotSpec, SnapshotVolumeSpec]]:
    return ((snapshot, part) for snapshot in spec.snapshots for part in snapshot.volumes)


def _taken_ms(snapshot: SnapshotSpec, part: SnapshotVolumeSpec, pools: Pools, facts: ResourceFacts) -> int | None:
    try:
        return driver_of(part.pool, pools).snapshot_taken_ms(part, snapshot.name, pools, facts)
    except SatelliteError:
        return None


def _with_fetch(plans: list[VolumePlan]) -> list[VolumePlan]:
    return [plan for plan in plans if any(isinstance(step, FetchContent) for step in plan.prepare)]


def _without_fetch(plans: list[VolumePlan]) -> list[VolumePlan]:
    fetching = _with_fetch(plans)
    return [plan for plan in plans if plan not in fetching]


def _woven(plans: list[VolumePlan]) -> Iterator[PlannedStep]:
    """Stage by stage over all plans; what several plans want in one stage is done once."""
    for stage in ([plan.detach for plan in plans], [plan.prepare for plan in plans],
                  [plan.act for plan in plans], [plan.attach for plan in plans]):
        yield from dict.fromkeys(step for steps in stage for step in steps)
