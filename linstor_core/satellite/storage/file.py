"""FILE and FILE_THIN: a volume is a file with a loop device over it.

A volume is `<identifier>.img` in the pool's directory, its snapshot `<identifier>_<snapshot>.img`. New content grows
under a hidden temporary name that contains its data id, and gets its real name when it is complete, so that a file with
a real name is never unfinished and never formatted.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from linstor_core.domain.errors import Code
from linstor_core.domain.observed import VolumeSeen
from linstor_core.domain.resources import DataSource
from linstor_core.satellite.facts import Absent, ContentState, FileFacts, PoolFacts, ResourceFacts, Unobserved
from linstor_core.satellite.failures import (
    ContentMismatch,
    ContentVanished,
    ForeignContent,
    NotObserved,
    UnsafePlan,
    Unsupported,
)
from linstor_core.satellite.file_systems import check_type
from linstor_core.satellite.steps import (
    AttachLoop,
    CopyReflink,
    CreateBackingFile,
    DetachLoop,
    FetchContent,
    GrowFile,
    MakeFileSystem,
    PlannedStep,
    PublishFile,
    RemoveFile,
    ReplaceFile,
    ResizeLoop,
    Step,
    SyncDevice,
)
from linstor_core.satellite.storage.driver import POOL_DIRECTORY, Pools, VolumePlan
from linstor_core.wire.content_transfer import fetched_state
from linstor_core.wire.resource_spec import Origin, SnapshotVolumeSpec, VolumeSpec

_KIB = 1024


class FileDriver:
    """Thick files own all of their blocks from the start."""

    def __init__(self, *, thick: bool) -> None:
        self._thick = thick

    def volume_paths(self, volume: VolumeSpec, pools: Pools) -> tuple[str, ...]:
        is_here = volume.source is not None and volume.origin is None and not volume.source.node_name
        source = (_source_path(volume.source, pools),) if volume.source is not None and is_here else ()
        return (*_paths(volume.pool, volume.identifier, volume.data_id, pools), *source)

    def snapshot_paths(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools) -> tuple[str, ...]:
        return (*_snapshot_paths(volume, snapshot, pools), _path(volume.pool, volume.identifier, pools))

    def plan_volume(self, volume: VolumeSpec, pools: Pools, facts: ResourceFacts, active: bool) -> VolumePlan:
        path, temporary = _paths(volume.pool, volume.identifier, volume.data_id, pools)
        pool = _usable(volume.pool, facts)
        file = _looked(path, facts)
        clear = _clear(temporary, volume.data_id, facts)
        if isinstance(file, FileFacts) and file.data_id == volume.data_id:
            return self._keep(volume, path, file, clear, active)
        if isinstance(file, FileFacts) and not (volume.replaces and file.data_id == volume.replaces):
            raise ForeignContent(path, file.data_id, volume.data_id)
        if isinstance(file, Absent) and (volume.must_exist or volume.data_id in facts.known_data_ids):
            raise ContentVanished(path, file.stale_device)
        attach = (AttachLoop(path, volume.data_id, is_new=True),) if active else ()
        prepare: tuple[PlannedStep, ...]
        elsewhere = _elsewhere(volume)
        if elsewhere is not None:
            prepare = self._fetch(*elsewhere, CopyTarget(temporary, volume.data_id, volume.size_kib * _KIB), facts)
        elif volume.source is not None:
            _check_reflink(pool, volume.pool)
            prepare = clear + _copy(volume.source.data_id, _source_path(volume.source, pools), facts,
                                    CopyTarget(temporary, volume.data_id, volume.size_kib * _KIB))
        elif isinstance(file, FileFacts):
            raise UnsafePlan(f"'{path}' is to be replaced, but nothing to replace it with was named", Code.IMPL_ERROR,
                             correction="Report this to the developers.")
        else:
            prepare = clear + self._make_blank(volume, temporary)
        if isinstance(file, FileFacts):
            replace = ReplaceFile(temporary, path, volume.data_id, volume.replaces)
            return VolumePlan(_detach(path, file), prepare, (replace,), attach)
        return VolumePlan((), prepare, (PublishFile(temporary, path, volume.data_id),), attach)

    def _fetch(self, origin: Origin, source: DataSource, target: CopyTarget,
               facts: ResourceFacts) -> tuple[PlannedStep, ...]:
        """What was fetched before under another token may be of another time: the fetch looks at that by itself."""
        file = _looked(target.temporary, facts)
        fetch = FetchContent(origin, source, target.temporary, target.size_bytes, self._thick, target.data_id)
        if not isinstance(file, FileFacts) or file.data_id != target.data_id or file.state == ContentState.READY:
            return (*_clear(target.temporary, target.data_id, facts), fetch)
        return () if file.state == fetched_state(origin.token) else (fetch,)

    def _make_blank(self, volume: VolumeSpec, temporary: str) -> tuple[Step, ...]:
        create = CreateBackingFile(temporary, volume.size_kib * _KIB, self._thick, volume.data_id)
        wanted = volume.file_system
        if wanted is None:
            return (create,)
        check_type(wanted.type)
        return create, MakeFileSystem(temporary, volume.data_id, wanted.type, wanted.mkfs_params, wanted.user,
                                      wanted.group)

    def _keep(self, volume: VolumeSpec, path: str, file: FileFacts, clear: tuple[Step, ...],
              active: bool) -> VolumePlan:
        if file.state != ContentState.READY:
            raise UnsafePlan(f"'{path}' is not marked as complete", Code.IMPL_ERROR,
                             cause=f"Its state is '{file.state}'.", correction="Move the file away.")
        size = volume.size_kib * _KIB
        grow: tuple[Step, ...] = ()
        if file.size_bytes < size:
            grow = (GrowFile(path, size, self._thick, volume.data_id),)
        if not active:
            return VolumePlan(_detach(path, file), clear, grow)
        if not file.device:
            return VolumePlan((), clear, grow, (AttachLoop(path, volume.data_id),))
        if file.device_size_bytes // 512 < max(size, file.size_bytes) // 512:
            return VolumePlan((), clear, grow, (ResizeLoop(path, file.device, file.file_id),))
        return VolumePlan((), clear, grow)

    def plan_delete(self, volume: VolumeSpec, pools: Pools, facts: ResourceFacts) -> VolumePlan:
        path, temporary = _paths(volume.pool, volume.identifier, volume.data_id, pools)
        ours = tuple(data_id for data_id in (volume.data_id, volume.replaces) if data_id)
        _usable(volume.pool, facts)
        return _delete(path, temporary, ours, facts)

    def plan_snapshot(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools,
                      facts: ResourceFacts) -> VolumePlan:
        path, temporary = _snapshot_paths(volume, snapshot, pools)
        pool = _usable(volume.pool, facts)
        file = _looked(path, facts)
        clear = _clear(temporary, volume.data_id, facts)
        if isinstance(file, FileFacts):
            if file.data_id != volume.data_id:
                raise ForeignContent(path, file.data_id, volume.data_id)
            return VolumePlan((), clear)
        if volume.data_id in facts.known_data_ids:
            raise ContentVanished(path)
        elsewhere = _elsewhere(volume)
        if elsewhere is not None:
            fetch = self._fetch(*elsewhere, CopyTarget(temporary, volume.data_id, 0), facts)
            return VolumePlan((), fetch, (PublishFile(temporary, path, volume.data_id),))
        _check_reflink(pool, volume.pool)
        source = _path(volume.pool, volume.identifier, pools)
        copy = _copy(volume.source_data_id, source, facts, CopyTarget(temporary, volume.data_id, 0))
        return VolumePlan((), clear + copy, (PublishFile(temporary, path, volume.data_id),))

    def plan_snapshot_delete(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools,
                             facts: ResourceFacts) -> VolumePlan:
        path, temporary = _snapshot_paths(volume, snapshot, pools)
        _usable(volume.pool, facts)
        return _delete(path, temporary, (volume.data_id,), facts)

    def volume_seen(self, volume: VolumeSpec, pools: Pools, facts: ResourceFacts) -> VolumeSeen | None:
        path, temporary = _paths(volume.pool, volume.identifier, volume.data_id, pools)
        file = facts.file(path)
        if isinstance(file, Unobserved):
            return None
        # One that is to go is there as long as what it should have replaced is, and under that identity.
        ours = (volume.data_id, volume.replaces) if volume.delete and volume.replaces else (volume.data_id,)
        if isinstance(file, Absent) or file.data_id not in ours:
            if volume.delete and not isinstance(facts.file(temporary), Absent):
                return None  # a beginning of it is left, or may be: it is not gone
            if isinstance(facts.pool(volume.pool), Unobserved):
                return None  # what is not in a directory that may be another one is not known to be gone
            return VolumeSeen(volume.number, volume.data_id, False)
        usable = file.device_size_bytes if file.device else file.size_bytes
        return VolumeSeen(volume.number, file.data_id, True, file.device, file.allocated_kib, usable // _KIB)

    def snapshot_taken_ms(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools,
                          facts: ResourceFacts) -> int | None:
        path, temporary = _snapshot_paths(volume, snapshot, pools)
        file = facts.file(path)
        if isinstance(file, FileFacts) and file.data_id == volume.data_id:
            return file.modified_ms
        # Where a beginning of it is left, or may be, or the directory may be another one, it is neither there nor gone.
        if isinstance(file, Unobserved) or isinstance(facts.pool(volume.pool), Unobserved):
            return None
        return -1 if isinstance(facts.file(temporary), Absent) else None

    def content_path(self, volume: VolumeSpec, pools: Pools) -> str:
        return _path(volume.pool, volume.identifier, pools)

    def snapshot_content_path(self, volume: SnapshotVolumeSpec, snapshot: str, pools: Pools) -> str:
        return _snapshot_paths(volume, snapshot, pools)[0]

    def supports_snapshots(self, facts: PoolFacts) -> bool:
        return not self._thick and facts.reflink


def _path(pool: str, name: str, pools: Pools) -> str:
    if "/" in name or name.startswith(".") or not name:
        raise UnsafePlan(f"'{name}' cannot be the name of a file", Code.IMPL_ERROR,
                         correction="Choose a name of letters, digits, '-' and '_'.")
    found = pools.get(pool.upper())
    directory = found.props.get(POOL_DIRECTORY, "") if found else ""
    if not os.path.isabs(directory):
        raise NotObserved(Unobserved(f"The directory of the storage pool '{pool}' is not known"))
    return os.path.join(directory.rstrip("/") or "/", f"{name}.img")


def _paths(pool: str, name: str, data_id: str, pools: Pools) -> tuple[str, str]:
    """(real name, temporary name)"""
    path = _path(pool, name, pools)
    if "/" in data_id or not data_id:
        raise UnsafePlan(f"'{data_id}' cannot identify content", Code.IMPL_ERROR,
                         correction="Report this to the developers.")
    return path, os.path.join(os.path.dirname(path), f".{name}.{data_id}.tmp")


def _snapshot_paths(volume: SnapshotVolumeSpec, snapshot: str, pools: Pools) -> tuple[str, str]:
    return _paths(volume.pool, f"{volume.identifier}_{snapshot}", volume.data_id, pools)


def _source_path(source: DataSource, pools: Pools) -> str:
    suffix = f"_{source.snapshot_name}" if source.snapshot_name else ""
    return _path(source.storage_pool, source.identifier + suffix, pools)


def _elsewhere(volume: VolumeSpec | SnapshotVolumeSpec) -> tuple[Origin, DataSource] | None:
    """The node and the content there that a volume is fetched from; None for one that comes from here, or nowhere."""
    if volume.origin is not None and volume.source is not None:
        return volume.origin, volume.source
    if volume.origin is None and (volume.source is None or not volume.source.node_name):
        return None
    where = volume.source.node_name if volume.source is not None else "another node"
    raise UnsafePlan(f"The content of '{volume.identifier}' is on {where}, and nothing says how to get it",
                     Code.IMPL_ERROR, cause="The spec names its source or its origin, but not both.",
                     correction="Report this to the developers.")


def _usable(pool: str, facts: ResourceFacts) -> PoolFacts:
    found = facts.pool(pool)
    if isinstance(found, Unobserved):
        raise NotObserved(found)
    return found


def _looked(path: str, facts: ResourceFacts) -> FileFacts | Absent:
    found = facts.file(path)
    if isinstance(found, Unobserved):
        raise NotObserved(found)
    return found


def _clear(temporary: str, data_id: str, facts: ResourceFacts) -> tuple[Step, ...]:
    """What steps that were interrupted left behind: its name contains our data id."""
    if isinstance(_looked(temporary, facts), Absent):
        return ()
    return (RemoveFile(temporary, (data_id,), is_temporary=True),)


def _check_reflink(pool: PoolFacts, name: str) -> None:
    if not pool.reflink:
        raise Unsupported(f"The storage pool '{name}' cannot share blocks between files", Code.SNAPSHOTS_NOT_SUPPORTED,
                          cause=f"The file system of {pool.directory} has no reflinks.",
                          correction="Use a directory on XFS (made with reflink=1) or Btrfs.")


class CopyTarget(NamedTuple):
    """What a copy becomes; at least as large as its source."""

    temporary: str
    data_id: str
    size_bytes: int


def _copy(source_data_id: str, source: str, facts: ResourceFacts, target: CopyTarget) -> tuple[Step, ...]:
    file = _looked(source, facts)
    if isinstance(file, Absent) or file.data_id != source_data_id:
        found = "" if isinstance(file, Absent) else file.data_id or "(none)"
        raise ContentMismatch(source, found, source_data_id)
    sync: tuple[Step, ...] = (SyncDevice(file.device),) if file.device else ()
    size_bytes = max(target.size_bytes, file.size_bytes)
    return (*sync, CopyReflink(source, source_data_id, target.temporary, size_bytes, target.data_id))


def _detach(path: str, file: FileFacts) -> tuple[Step, ...]:
    return (DetachLoop(path, file.device, file.file_id),) if file.device else ()


def _delete(path: str, temporary: str, ours: tuple[str, ...], facts: ResourceFacts) -> VolumePlan:
    clear = _clear(temporary, ours[0], facts)
    file = _looked(path, facts)
    if isinstance(file, FileFacts) and file.data_id in ours:
        return VolumePlan(_detach(path, file), (), (RemoveFile(path, ours), *clear))
    if isinstance(file, FileFacts) and not file.data_id and facts.known_data_ids.intersection(ours):
        # It was complete here and has lost its tag: whether this is still our content cannot be told.
        raise ForeignContent(path, "", ours[0])
    if isinstance(file, Absent) and file.stale_device and facts.known_data_ids.intersection(ours):
        return VolumePlan((DetachLoop(path, file.stale_device, file.stale_file_id),), clear)
    return VolumePlan((), clear)
