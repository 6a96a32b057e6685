"""Lists unused devices and makes pools of them: observe, plan, execute, until nothing is left. Blocking."""

from __future__ import annotations

import logging
import os
import re
import threading
from pathlib import Path

from linstor_core.domain.errors import Code
from linstor_core.satellite import device_pool_planner, processes
from linstor_core.satellite.block_devices import BlockDevices
from linstor_core.satellite.device_facts import obstacle
from linstor_core.satellite.device_pool_planner import FILES, LVM, PoolWish
from linstor_core.satellite.device_steps import DeviceStep, KeepMount, MountFileSystem, RunTool
from linstor_core.satellite.failures import SatelliteError, StepFailed, UnsafePlan, step_failed
from linstor_core.satellite.pool_mounts import PoolMounts
from linstor_core.wire.devices import ListDevices, ListedDevices, PreparedDevices, PrepareDevices, UnusedDevice

_log = logging.getLogger(__name__)
_MAX_ROUNDS = 6
_NAME = re.compile("[A-Za-z0-9_][A-Za-z0-9_.+-]{0,100}")


class DevicePools:
    """One call at a time does something; `folder` is where the file systems of pools are mounted."""

    def __init__(self, devices: BlockDevices, state_directory: Path, folder: str) -> None:
        self._devices = devices
        self._mounts = PoolMounts(devices, state_directory)
        self._folder = folder
        self._lock = threading.Lock()

    def mount_all(self) -> None:
        """Bring back the file systems of pools that were made before."""
        with self._lock:
            self._mounts.mount_all()

    def unused(self, question: ListDevices) -> ListedDevices:
        try:
            with self._lock:
                found = self._devices.unused()
        except SatelliteError as error:
            return ListedDevices(question.number, failure=error.failure())
        return ListedDevices(question.number, tuple(
            UnusedDevice(device.path, device.size_bytes, device.rotational, device.model, device.serial, device.wwn)
            for device in found))

    def make(self, question: PrepareDevices) -> PreparedDevices:
        done: list[str] = []
        try:
            with self._lock:
                location = self._prepare(question, done)
        except SatelliteError as error:
            _log.warning("%s (%s)", error.message, error.cause)
            return PreparedDevices(question.number, done=tuple(done), failure=error.failure())
        return PreparedDevices(question.number, location, tuple(done))

    def _prepare(self, question: PrepareDevices, done: list[str]) -> str:
        """Where the pool is. Raises SatelliteError."""
        if not _NAME.fullmatch(question.pool_name):
            raise StepFailed(f"'{question.pool_name}' can't be the name of a pool on a node", Code.INVLD_REQUEST,
                             correction="Use letters, digits and '_', '.', '+', '-'.")
        folder = os.path.join(self._folder, question.pool_name) if question.kind in FILES else ""
        wish = PoolWish(question.kind, question.pool_name, question.devices, question.owner, folder,
                        question.arguments, self._devices.loop_devices, self._devices.lvm_options)
        for _ in range(_MAX_ROUNDS):
            facts = self._devices.site(wish.devices, wish.folder, lvm=wish.kind in LVM)
            steps = device_pool_planner.plan(wish, facts)
            if not steps:
                return wish.location
            for step in steps:
                _log.info("%s", step.description)
                self.run(step)
                done.append(step.description)
        raise StepFailed(f"The pool '{wish.name}' does not come to rest",
                         cause=f"After {_MAX_ROUNDS} rounds there was still something to do.")

    def run(self, step: DeviceStep) -> None:
        """Alone in changing devices. Raises SatelliteError."""
        try:
            match step:
                case RunTool():
                    for device in step.blank:
                        self._expect_blank(device)
                    processes.run(step.argv)
                case KeepMount():
                    self._mounts.keep(step)
                case MountFileSystem():
                    self._mounts.mount(step)
        except OSError as error:
            raise step_failed(step.description, error) from error

    def _expect_blank(self, path: str) -> None:
        """Right before the first write. The tool itself, too, refuses what it recognizes or what is in use."""
        reason = obstacle(self._devices.look(path), loop_devices=self._devices.loop_devices)
        if reason:
            raise UnsafePlan(f"'{path}' has changed meanwhile and is left as it is", Code.IN_USE, cause=reason,
                             correction="Choose another device.")


def device_pools(state_directory: Path, loop_devices: bool) -> DevicePools:
    """Of this machine. File systems are mounted beside the state folder: whoever removes that does not remove them."""
    state = state_directory.absolute()
    return DevicePools(BlockDevices(loop_devices=loop_devices), state, str(state.with_name(f"{state.name}-pools")))
