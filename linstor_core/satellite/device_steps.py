"""What is done to make a pool of devices, as values."""

from __future__ import annotations

import shlex

from msgspec import Struct


class RunTool(Struct, frozen=True, tag="run_tool"):
    """Run a program. The devices of `blank` have to be empty right before it: that is looked at again."""

    argv: tuple[str, ...]
    blank: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        return f"run {shlex.join(self.argv)}"


class KeepMount(Struct, frozen=True, tag="keep_mount"):
    """Remember that a file system has to be mounted, from now on and after every start."""

    name: str
    uuid: str
    folder: str

    @property
    def description(self) -> str:
        return f"remember that the file system {self.uuid} belongs on {self.folder}"


class MountFileSystem(Struct, frozen=True, tag="mount_file_system"):
    """Mount a device's XFS of that UUID on an empty folder, which is made where it is missing."""

    device: str
    uuid: str
    folder: str

    @property
    def description(self) -> str:
        return f"mount {self.device} on {self.folder}"


DeviceStep = RunTool | KeepMount | MountFileSystem
