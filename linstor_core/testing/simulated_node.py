"""A node in memory: the same seams as the real observer and executor, held to them by the driver contract.

Files are values, so a step that fails changes nothing; threads may use it at once. `open_devices` are in use;
`fail_next` makes one step fail.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Container

from msgspec import structs

from linstor_core.domain.errors import Code
from linstor_core.domain.storage_pools import UNLIMITED_KIB, ProviderKind
from linstor_core.satellite.external_files import MODE, checksum_of
from linstor_core.satellite.facts import (
    Absent,
    ContentState,
    ExternalFileFacts,
    FileFacts,
    LinkFacts,
    Observation,
    PoolFacts,
    Unobserved,
)
from linstor_core.satellite.failures import ContentMismatch, ForeignContent, StepFailed, UnsafePlan
from linstor_core.satellite.steps import (
    AttachLoop,
    CopyReflink,
    CreateBackingFile,
    DetachLoop,
    GrowFile,
    LinkDevice,
    MakeFileSystem,
    PlannedStep,
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
from linstor_core.satellite.storage.driver import POOL_DIRECTORY
from linstor_core.testing.simulated_contents import SimulatedContents
from linstor_core.testing.simulated_tables import FileTable, LoopTable, NameTable, SimulatedFile, SimulatedLoop
from linstor_core.wire.resource_spec import PoolSpec


class SimulatedNode:
    """Both `NodeObserver` and `StepExecutor`."""

    def __init__(self, directories: tuple[str, ...], total_kib: int = 1 << 30, *, reflink: bool = True,
                 keep_steps: bool = True) -> None:
        self.directories = set(directories)
        self.total_kib = total_kib
        self.reflink = reflink
        self.files = FileTable()
        self.loops = LoopTable()
        self.open_devices: set[str] = set()
        self.unreadable: dict[str, str] = {}
        """Paths that cannot be looked at, with the reason."""
        self.fail_next: StepFailed | None = None
        self.ran: list[Step] = []
        self._keep_steps = keep_steps
        self.external_files: dict[str, bytes] = {}
        self.names = NameTable()
        self._numbers = itertools.count(1)
        self._one_at_a_time = threading.RLock()
        self.contents = SimulatedContents(self.files, self.loops, self._one_at_a_time, self._make,
                                         lambda: self.free_kib)

    # The observer's seam

    def pool(self, pool: PoolSpec) -> PoolFacts | Unobserved:
        if pool.kind is ProviderKind.DISKLESS:
            return PoolFacts("", UNLIMITED_KIB, UNLIMITED_KIB)
        directory = pool.props.get(POOL_DIRECTORY, "")
        if directory not in self.directories:
            return Unobserved(f"Could not look at the directory '{directory}'", code=Code.STOR_POOL_CONFIGURATION)
        return PoolFacts(directory, self.free_kib, self.total_kib, self.reflink)

    def file(self, path: str) -> Observation:
        if path in self.unreadable:
            return Unobserved(self.unreadable[path])
        found = self.files.get(path)
        if found is None:
            stale = self.loops.at(path)
            return Absent(stale, self.loops[stale].file_id) if stale else Absent()
        device = self.loops.over(found.file_id)
        size = self.loops[device].size_bytes if device else 0
        return FileFacts(found.size_bytes, found.data_id, found.state, found.allocated_kib, found.file_id,
                         found.modified_ms, device, size)

    def tagged_files(self, directory: str, besides: Container[str] = ()) -> tuple[str, ...] | Unobserved:
        with self._one_at_a_time:
            return tuple(sorted(path for path, file in self.files.items()
                                if file.data_id and path not in besides and os.path.dirname(path) == directory))

    def external_file(self, path: str, folder: str) -> ExternalFileFacts | Absent | Unobserved:
        if path in self.unreadable:
            return Unobserved(self.unreadable[path])
        found = self.external_files.get(path)
        return Absent() if found is None else ExternalFileFacts(checksum_of(found), MODE)

    def links(self, resource: str) -> LinkFacts | Unobserved:
        return LinkFacts(self.names.folder(resource), dict(self.names.get(resource, {})))

    def linked_resources(self) -> tuple[str, ...] | Unobserved:
        with self._one_at_a_time:
            return tuple(sorted(self.names))

    @property
    def free_kib(self) -> int:
        return self.total_kib - self.files.allocated_kib

    # The executor's seam

    def run(self, step: Step) -> None:
        with self._one_at_a_time:
            if self.fail_next is not None:
                failure, self.fail_next = self.fail_next, None
                raise failure
            self._run(step)
            if self._keep_steps:
                self.ran.append(step)

    def _run(self, step: Step) -> None:
        match step:
            case CreateBackingFile():
                self._make(step.temporary, SimulatedFile(
                    "", step.size_bytes, step.data_id, ContentState.BLANK,
                    allocated_kib=step.size_bytes // 1024 if step.thick else 0), step)
            case CopyReflink():
                self._copy(step)
            case MakeFileSystem():
                blank = self._tagged(step.temporary, (step.data_id,), ContentState.BLANK)
                self.files[step.temporary] = structs.replace(blank, content=step.file_system.encode())
            case PublishFile():
                self._publish(step)
            case ReplaceFile():
                self._tagged(step.path, (step.replaces,))
                self.files[step.path] = self._ready(step.temporary, step.data_id)
                del self.files[step.temporary]
            case GrowFile():
                self._grow(step)
            case RemoveFile():
                if step.path in self.files:
                    self._tagged(step.path, step.data_ids)
                    del self.files[step.path]
            case AttachLoop() | DetachLoop() | ResizeLoop() | SyncDevice():
                self._run_device(step)
            case LinkDevice() | UnlinkDevice():
                self.names.run(step)
            case WriteExternalFile():
                self._only(step.path, step.replaces)
                self.external_files[step.path] = step.content
            case RemoveExternalFile():
                self._only(step.path, step.checksums)
                self.external_files.pop(step.path, None)

    def _run_device(self, step: AttachLoop | DetachLoop | ResizeLoop | SyncDevice) -> None:
        match step:
            case AttachLoop():
                file = self._tagged(step.path, (step.data_id,), ContentState.READY)
                if not self.loops.over(file.file_id):
                    self.loops[self.loops.free_name()] = SimulatedLoop(step.path, file.file_id, file.size_bytes)
            case DetachLoop():
                loop = self.loops.get(step.device)
                if loop is not None and loop.file_id == step.file_id:
                    if step.device in self.open_devices:
                        raise StepFailed(f"The device {step.device} of {step.path} is in use", Code.IN_USE,
                                         cause="The simulated node says so.")
                    del self.loops[step.device]
            case ResizeLoop():
                size = self.files[step.path].size_bytes
                self.loops[step.device] = structs.replace(self.loops[step.device], size_bytes=size)
            case SyncDevice():
                pass

    def _only(self, path: str, checksums: tuple[str, ...]) -> None:
        found = self.external_files.get(path)
        if found is not None and checksum_of(found) not in checksums:
            raise StepFailed(f"'{path}' was changed by somebody else meanwhile")

    def _make(self, path: str, file: SimulatedFile, step: PlannedStep) -> None:
        if path in self.files:
            raise StepFailed(f"Could not {step.description}: File exists")
        if file.allocated_kib > self.free_kib:
            raise StepFailed(f"Could not {step.description}: No space left on device", Code.NOT_ENOUGH_FREE_SPACE,
                             cause="The simulated storage pool is full.", correction="Free space in it.")
        number = next(self._numbers)
        self.files[path] = structs.replace(file, file_id=f"0:1:{number}", modified_ms=number)

    def _copy(self, step: CopyReflink) -> None:
        source = self.files.get(step.source)
        if source is None or source.data_id != step.source_data_id or source.state != ContentState.READY:
            raise ContentMismatch(step.source, source.data_id if source else "", step.source_data_id)
        self._make(step.temporary, structs.replace(
            source, size_bytes=max(step.size_bytes, source.size_bytes), data_id=step.data_id,
            state=ContentState.BLANK, allocated_kib=0), step)

    def _publish(self, step: PublishFile) -> None:
        ready = self._ready(step.temporary, step.data_id)
        if step.path in self.files:
            raise ForeignContent(step.path, self.files[step.path].data_id, step.data_id)
        self.files[step.path] = ready
        del self.files[step.temporary]

    def _grow(self, step: GrowFile) -> None:
        file = self._tagged(step.path, (step.data_id,), ContentState.READY)
        more_kib = max(0, step.size_bytes - file.size_bytes) // 1024 if step.thick else 0
        if more_kib > self.free_kib:
            raise StepFailed(f"Could not {step.description}: No space left on device", Code.NOT_ENOUGH_FREE_SPACE)
        self.files[step.path] = structs.replace(file, size_bytes=max(step.size_bytes, file.size_bytes),
                                                allocated_kib=file.allocated_kib + more_kib)

    def _ready(self, path: str, data_id: str) -> SimulatedFile:
        return structs.replace(self._tagged(path, (data_id,)), state=ContentState.READY)

    def _tagged(self, path: str, data_ids: tuple[str, ...], state: str = "") -> SimulatedFile:
        file = self.files.get(path)
        if file is None:
            raise StepFailed(f"'{path}' is missing", Code.STOR_POOL_CONFIGURATION)
        if file.data_id not in data_ids:
            raise ForeignContent(path, file.data_id, " or ".join(data_ids))
        if state and file.state != state:
            raise UnsafePlan(f"The content of '{path}' is '{file.state}', expected was '{state}'")
        return file

    # What a test does to the node

    def write(self, device: str, content: bytes) -> None:
        """As a program that writes to the start of a device."""
        path, file = self._file_under(device)
        self.files[path] = structs.replace(file, content=content, allocated_kib=max(4, file.allocated_kib))

    def read(self, device: str, length: int) -> bytes:
        return self._file_under(device)[1].content[:length].ljust(length, b"\0")

    def _file_under(self, device: str) -> tuple[str, SimulatedFile]:
        return next((path, file) for path, file in self.files.items() if file.file_id == self.loops[device].file_id)

    def reboot(self) -> None:
        """Files stay, devices go."""
        self.loops.clear()
        self.names.clear()
        self.open_devices.clear()
