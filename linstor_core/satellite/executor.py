"""Runs steps: alone in changing files and devices. What a plan rests on is looked at again before it is acted upon."""

from __future__ import annotations

import errno
import grp
import os
import pwd
from typing import Protocol

from linstor_core.domain.errors import Code
from linstor_core.satellite import backing_files, external_files, file_systems, processes
from linstor_core.satellite.device_links import NO_NAMES, DeviceLinks
from linstor_core.satellite.facts import ContentState
from linstor_core.satellite.failures import ContentMismatch, ForeignContent, StepFailed, UnsafePlan, step_failed
from linstor_core.satellite.loop_devices import LoopDevices, file_id_of
from linstor_core.satellite.steps import (
    AttachLoop,
    CopyReflink,
    CreateBackingFile,
    DetachLoop,
    GrowFile,
    LinkDevice,
    MakeFileSystem,
    PublishFile,
    RemoveExternalFile,
    RemoveFile,
    ReplaceFile,
    ResizeLoop,
    Step,
    SyncDevice,
    UnlinkDevice,
    WriteExternalFile,
)


class StepExecutor(Protocol):
    """The seam to the world that changes it."""

    def run(self, step: Step) -> None:
        """Blocks until the step's effect is durable. Raises SatelliteError."""


class Executor:
    """The real node."""

    def __init__(self, loops: LoopDevices, names: DeviceLinks = NO_NAMES) -> None:
        self._loops = loops
        self._names = names

    def run(self, step: Step) -> None:
        try:
            self._run(step)
        except OSError as error:
            raise step_failed(step.description, error) from error

    def _run(self, step: Step) -> None:
        match step:
            case CreateBackingFile():
                with backing_files.created(step.temporary, step.data_id) as file:
                    backing_files.set_size(file, step.size_bytes, step.thick)
            case CopyReflink():
                _copy(step)
            case MakeFileSystem():
                _make_file_system(step)
            case PublishFile():
                _publish(step)
            case ReplaceFile():
                self._check_bare(step.path)
                _replace(step)
            case GrowFile():
                _grow(step)
            case RemoveFile():
                if not step.is_temporary:
                    self._check_bare(step.path)
                _remove(step)
            case AttachLoop() | DetachLoop() | ResizeLoop() | SyncDevice():
                self._run_device(step)
            case LinkDevice() | UnlinkDevice():
                self._names.run(step)
            case WriteExternalFile() | RemoveExternalFile():
                external_files.run(step)

    def _run_device(self, step: AttachLoop | DetachLoop | ResizeLoop | SyncDevice) -> None:
        match step:
            case AttachLoop():
                self._attach(step)
            case DetachLoop():
                self._detach(step)
            case ResizeLoop():
                self._loops.resize(step.device, step.file_id)
            case SyncDevice():
                _sync(step)

    def _attach(self, step: AttachLoop) -> None:
        with backing_files.opened(step.path, os.O_RDWR) as file:
            _expect(file, step.path, step.data_id, ContentState.READY)
            # Somebody else may have attached the file: two devices over one file would destroy its content.
            if step.is_new or self._loops.search(file_id_of(os.fstat(file))) is None:
                self._loops.attach(file, step.path)

    def _check_bare(self, path: str) -> None:
        """Our own device was taken away before: what is found is somebody else's. Raises StepFailed."""
        try:
            device = self._loops.search(file_id_of(os.lstat(path)))
        except FileNotFoundError:
            return
        if device is not None:
            raise StepFailed(f"'{path}' is in use", Code.IN_USE,
                             cause=f"{device.path} was set up over it by somebody else.",
                             correction=f"Detach {device.path}; nothing was changed.")

    def _detach(self, step: DetachLoop) -> None:
        try:
            self._loops.detach(step.device, step.file_id)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            raise StepFailed(
                f"The device {step.device} of {step.path} is in use", Code.IN_USE,
                cause="It is mounted, or a program has it open.",
                correction="Unmount it or end the program that uses it; nothing was changed.") from error


def _expect(file: int, path: str, data_id: str, state: ContentState) -> None:
    found, found_state = backing_files.read_tag(file)
    if found != data_id:
        raise ForeignContent(path, found, data_id)
    if found_state != state:
        raise UnsafePlan(f"The content of '{path}' is '{found_state}', expected was '{state}'", Code.IMPL_ERROR,
                         cause="The file was changed by something else.", correction="Move the file away.")


def _copy(step: CopyReflink) -> None:
    with backing_files.opened(step.source, os.O_RDONLY) as source:
        found, state = backing_files.read_tag(source)
        if found != step.source_data_id or state != ContentState.READY:
            raise ContentMismatch(step.source, found, step.source_data_id)
        with backing_files.created(step.temporary, step.data_id) as target:
            backing_files.share_blocks(source, target)
            backing_files.set_size(target, step.size_bytes, thick=False)


def _make_file_system(step: MakeFileSystem) -> None:
    """The file has no name that anybody knows and was made by these steps: nothing can have been stored in it."""
    with backing_files.opened(step.temporary, os.O_RDONLY) as file:
        _expect(file, step.temporary, step.data_id, ContentState.BLANK)
    argv, stdin = file_systems.mkfs(step.file_system, step.mkfs_params, step.temporary, *_owner(step))
    processes.run(argv, stdin=stdin)


def _owner(step: MakeFileSystem) -> tuple[int, int]:
    try:
        user_id = pwd.getpwnam(step.user).pw_uid if step.user else 0
        group_id = grp.getgrnam(step.group).gr_gid if step.group else 0
    except KeyError as error:
        raise StepFailed(f"The file system's owner does not exist on this node: {error.args[0]}", Code.INVLD_PROP,
                         correction="Create the user and group on the node, or change the properties "
                                    "FileSystem/User and FileSystem/Group.") from error
    return user_id, group_id


def _publish(step: PublishFile) -> None:
    with backing_files.opened(step.temporary, os.O_RDWR) as file:
        found, _ = backing_files.read_tag(file)
        if found != step.data_id:
            raise ForeignContent(step.temporary, found, step.data_id)
        backing_files.mark_ready(file)
        os.fsync(file)
    try:
        backing_files.publish(step.temporary, step.path)
    except FileExistsError as error:
        raise ForeignContent(step.path, backing_files.read_tag(step.path)[0], step.data_id) from error


def _replace(step: ReplaceFile) -> None:
    with backing_files.opened(step.path, os.O_RDONLY) as old:
        found, _ = backing_files.read_tag(old)
        if found != step.replaces:
            raise ForeignContent(step.path, found, step.replaces)
    with backing_files.opened(step.temporary, os.O_RDWR) as file:
        found, _ = backing_files.read_tag(file)
        if found != step.data_id:
            raise ForeignContent(step.temporary, found, step.data_id)
        backing_files.mark_ready(file)
        os.fsync(file)
    os.rename(step.temporary, step.path)
    backing_files.sync_directory(step.path)


def _grow(step: GrowFile) -> None:
    with backing_files.opened(step.path, os.O_RDWR) as file:
        _expect(file, step.path, step.data_id, ContentState.READY)
        backing_files.set_size(file, step.size_bytes, step.thick)
        os.fsync(file)


def _remove(step: RemoveFile) -> None:
    try:
        with backing_files.opened(step.path, os.O_RDONLY) as file:
            found, _ = backing_files.read_tag(file)
            is_leftover = step.is_temporary and not found and os.fstat(file).st_size == 0
            if found not in step.data_ids and not is_leftover:
                raise ForeignContent(step.path, found, " or ".join(step.data_ids))
            os.unlink(step.path)
    except FileNotFoundError:
        return
    backing_files.sync_directory(step.path)


def _sync(step: SyncDevice) -> None:
    backing_files.sync_mounted(step.device)
    with backing_files.opened(step.device, os.O_RDONLY) as device:
        os.fsync(device)
