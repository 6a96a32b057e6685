"""Specs as tests need them: one resource `r` with volumes in the pool `p`."""

from __future__ import annotations

from linstor_core.domain.resources import DataSource
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.satellite.storage.driver import POOL_DIRECTORY
from linstor_core.wire.resource_spec import (
    FileSystemSpec,
    PoolSpec,
    ResourceSpec,
    SnapshotSpec,
    SnapshotVolumeSpec,
    VolumeSpec,
)

SIZE_KIB = 64 * 1024


def pool(directory: str, kind: ProviderKind = ProviderKind.FILE_THIN, name: str = "p") -> PoolSpec:
    return PoolSpec(name, kind, {POOL_DIRECTORY: directory})


def volume(data_id: str = "d1", *, number: int = 0, name: str = "r", size_kib: int = SIZE_KIB, replaces: str = "",
           source: DataSource | None = None, file_system: str = "", delete: bool = False) -> VolumeSpec:
    wanted = FileSystemSpec(file_system) if file_system else None
    return VolumeSpec(number, size_kib, "p", f"{name}_{number:05}", data_id, source, replaces, wanted, delete)


def snapshot(name: str = "s1", data_id: str = "ds1", source_data_id: str = "d1", *,
             delete: bool = False) -> SnapshotSpec:
    part = SnapshotVolumeSpec(0, "p", "r_00000", data_id, source_data_id)
    return SnapshotSpec(name, f"uuid-{name}", (part,), delete)


def source(data_id: str, snapshot_name: str = "") -> DataSource:
    """The volume 0 of the resource `r`, or a snapshot of it."""
    return DataSource("r_00000", "p", data_id, snapshot_name)


def resource(*volumes: VolumeSpec, snapshots: tuple[SnapshotSpec, ...] = (), name: str = "r", active: bool = True,
             generation: int = 1) -> ResourceSpec:
    return ResourceSpec(name, "node1", f"uuid-{name}", generation, ("STORAGE",), volumes, snapshots, active)
