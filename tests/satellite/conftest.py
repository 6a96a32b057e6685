"""Nodes to run the contract on: one in memory, one of real files and loop devices."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from linstor_core.satellite.executor import Executor
from linstor_core.satellite.file_contents import FileContents
from linstor_core.satellite.loop_devices import LoopDevices
from linstor_core.satellite.observer import Observer
from linstor_core.testing.satellite_specs import pool
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.testing.simulated_tables import SimulatedFile
from tools import loop_mounts

DIRECTORY = "/pool"


class SimulatedRig:
    def __init__(self) -> None:
        self.pool = pool(DIRECTORY)
        self.node = self.observer = self.executor = SimulatedNode((DIRECTORY,))
        self.contents = self.node.contents

    def write(self, device: str, content: bytes) -> None:
        self.node.write(device, content)

    def read(self, device: str, length: int) -> bytes:
        return self.node.read(device, length)

    @contextlib.contextmanager
    def opened(self, device: str) -> Iterator[None]:
        self.node.open_devices.add(device)
        yield
        self.node.open_devices.discard(device)

    def paths(self) -> list[str]:
        return sorted(os.path.basename(path) for path in self.node.files)

    def put_foreign(self, name: str, content: bytes) -> None:
        self.node.files[f"{DIRECTORY}/{name}"] = SimulatedFile("0:1:0", len(content), content=content)

    def foreign(self, name: str) -> bytes:
        return self.node.files[f"{DIRECTORY}/{name}"].content

    def remove(self, name: str) -> None:
        del self.node.files[f"{DIRECTORY}/{name}"]

    def reboot(self) -> None:
        self.node.reboot()


class RealRig:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.pool = pool(str(directory))
        self.later_s = 0.0
        self.loops = LoopDevices(lambda: time.monotonic() + self.later_s, time.sleep)
        self.observer = Observer(self.loops)
        self.executor = Executor(self.loops)
        self.contents = FileContents(self.loops)

    def write(self, device: str, content: bytes) -> None:
        with open(device, "r+b") as opened:
            opened.write(content)
            opened.flush()

    def read(self, device: str, length: int) -> bytes:
        with open(device, "rb") as opened:
            return opened.read(length)

    @contextlib.contextmanager
    def opened(self, device: str) -> Iterator[None]:
        with open(device, "rb"):
            yield

    def paths(self) -> list[str]:
        return sorted(os.listdir(self.directory))

    def put_foreign(self, name: str, content: bytes) -> None:
        (self.directory / name).write_bytes(content)

    def foreign(self, name: str) -> bytes:
        return (self.directory / name).read_bytes()

    def remove(self, name: str) -> None:
        (self.directory / name).unlink()

    def reboot(self) -> None:
        loop_mounts.release(self.directory)
        self.__init__(self.directory)  # type: ignore[misc]


@pytest.fixture
def real_rig(pool_dir: Path) -> RealRig:
    return RealRig(pool_dir)


@pytest.fixture
def simulated_rig() -> SimulatedRig:
    return SimulatedRig()
