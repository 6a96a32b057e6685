"""Looks at the node and changes nothing (but for a marker in a pool's own directory)."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Container, Iterable
from typing import Protocol

from linstor_core.domain.errors import Code
from linstor_core.domain.storage_pools import UNLIMITED_KIB, ProviderKind
from linstor_core.satellite import backing_files, external_files
from linstor_core.satellite.device_links import NO_NAMES, DeviceLinks
from linstor_core.satellite.facts import (
    Absent,
    ContentState,
    ExternalFileFacts,
    FileFacts,
    LinkFacts,
    Observation,
    PoolFacts,
    ResourceFacts,
    Unobserved,
)
from linstor_core.satellite.failures import unobserved
from linstor_core.satellite.loop_devices import LoopDevices, file_id_of
from linstor_core.satellite.storage.driver import POOL_DIRECTORY
from linstor_core.wire.resource_spec import PoolSpec

_NO_SHARING = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV)


class NodeObserver(Protocol):
    """The seam to the world that reads it. Nothing raises: what cannot be read is Unobserved."""

    def pool(self, pool: PoolSpec) -> PoolFacts | Unobserved: ...

    def file(self, path: str) -> Observation: ...

    def tagged_files(self, directory: str, besides: Container[str] = ()) -> tuple[str, ...] | Unobserved:
        """The paths of all files in a pool's directory that carry a tag of ours, but for these."""

    def external_file(self, path: str, folder: str) -> ExternalFileFacts | Absent | Unobserved:
        """What is at a path below an allowed folder, out of which no link leads."""

    def links(self, resource: str) -> LinkFacts | Unobserved:
        """The stable names of a resource's devices."""

    def linked_resources(self) -> tuple[str, ...] | Unobserved:
        """The resources whose devices have stable names."""


def observe(observer: NodeObserver, pools: Iterable[PoolSpec], paths: Iterable[str],
            known_data_ids: frozenset[str], resource: str) -> ResourceFacts:
    """Everything that a plan for one resource has to know."""
    return ResourceFacts({pool.name.upper(): observer.pool(pool) for pool in pools},
                         {path: observer.file(path) for path in paths}, known_data_ids, observer.links(resource))


class Observer:
    """The real node."""

    def __init__(self, loops: LoopDevices, names: DeviceLinks = NO_NAMES) -> None:
        self._loops = loops
        self._names = names
        self._lock = threading.Lock()
        self._reflinks: dict[str, bool] = {}

    def pool(self, pool: PoolSpec) -> PoolFacts | Unobserved:
        if pool.kind is ProviderKind.DISKLESS:
            return PoolFacts("", UNLIMITED_KIB, UNLIMITED_KIB)
        directory = pool.props.get(POOL_DIRECTORY, "")
        if not os.path.isabs(directory):
            return Unobserved(f"The storage pool '{pool.name}' names no directory",
                              f"Its property {POOL_DIRECTORY} is '{directory}'.",
                              "Create the pool with the absolute path of a directory.", Code.STOR_POOL_CONFIGURATION)
        try:
            return self._directory(directory.rstrip("/") or "/")
        except OSError as error:
            return unobserved(f"the directory '{directory}' of the storage pool '{pool.name}'", error)

    def _directory(self, directory: str) -> PoolFacts:
        info = os.stat(directory)
        if not stat.S_ISDIR(info.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "not a directory")
        space = os.statvfs(directory)
        if space.f_flag & os.ST_RDONLY:
            raise OSError(errno.EROFS, "read-only file system")
        # A file system that is mounted over the directory later has another answer.
        key = f"{file_id_of(info)}:{directory}"
        with self._lock:
            reflink = self._reflinks.get(key)
            if reflink is None:
                reflink = _probe(directory)
                if reflink is not None:
                    self._reflinks[key] = reflink
        unit = space.f_frsize
        return PoolFacts(directory, space.f_bavail * unit // 1024, space.f_blocks * unit // 1024, bool(reflink),
                         backing_files.pool_marker(directory))

    def file(self, path: str) -> Observation:
        try:
            info = os.lstat(path)
            if not stat.S_ISREG(info.st_mode):
                return FileFacts(info.st_size)  # a directory, a link …: foreign
            data_id, state = backing_files.read_tag(path)
            file_id = file_id_of(info)
            loop = self._loops.of_file(file_id) if data_id else None
        except (FileNotFoundError, NotADirectoryError):
            return self._absent(path)
        except OSError as error:
            return unobserved(f"'{path}'", error)
        return FileFacts(info.st_size, data_id, state, info.st_blocks // 2, file_id, info.st_mtime_ns // 1_000_000,
                         loop.path if loop else "", loop.size_bytes if loop else 0)

    def _absent(self, path: str) -> Observation:
        try:
            loop = self._loops.over_removed(path)
        except OSError as error:
            return unobserved(f"the loop device of '{path}'", error)
        return Absent(loop.path, loop.file_id) if loop else Absent()

    def tagged_files(self, directory: str, besides: Container[str] = ()) -> tuple[str, ...] | Unobserved:
        try:
            found = [entry.path for entry in os.scandir(directory) if entry.path not in besides
                     and entry.is_file(follow_symlinks=False) and _has_tag(entry.path)]
        except OSError as error:
            return unobserved(f"the files of '{directory}'", error)
        return tuple(sorted(found))

    def external_file(self, path: str, folder: str) -> ExternalFileFacts | Absent | Unobserved:
        try:
            return external_files.look(path, folder)
        except OSError as error:
            return unobserved(f"'{path}'", error)

    def links(self, resource: str) -> LinkFacts | Unobserved:
        return self._names.look(resource)

    def linked_resources(self) -> tuple[str, ...] | Unobserved:
        return self._names.resources()


def _has_tag(path: str) -> bool:
    """Raises OSError, but not for a file that is gone by now."""
    try:
        return bool(backing_files.read_tag(path)[0])
    except FileNotFoundError:
        return False


def _probe(directory: str) -> bool | None:
    """Whether blocks can be shared; None when the directory is too full to tell, which must not stop its volumes.

    Raises OSError when no file with extended attributes can be made there at all.
    """
    try:
        backing_files.mark_pool(directory)
        with backing_files.unnamed(directory) as source, backing_files.unnamed(directory) as target:
            backing_files.write_tag(target, "probe", ContentState.BLANK)
            os.write(source, b"probe")
            backing_files.share_blocks(source, target)
            return True
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return None
        if error.errno in _NO_SHARING:
            return False
        raise
