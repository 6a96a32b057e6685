"""What a simulated node holds, with the look-ups that keep a step as cheap among ten thousand volumes as among ten."""

from __future__ import annotations

from collections import UserDict

from msgspec import Struct

from linstor_core.satellite.device_links import DEFAULT_FOLDER
from linstor_core.satellite.failures import StepFailed
from linstor_core.satellite.steps import LinkDevice, UnlinkDevice


class SimulatedFile(Struct, frozen=True):
    """`content` stands for whatever was written; blocks are counted in KiB."""

    file_id: str
    size_bytes: int
    data_id: str = ""
    state: str = ""
    content: bytes = b""
    allocated_kib: int = 0
    modified_ms: int = 0


class SimulatedLoop(Struct, frozen=True):
    """A loop device keeps the file it was set up over, even when that is removed."""

    path: str
    file_id: str
    size_bytes: int


class FileTable(UserDict[str, SimulatedFile]):
    """Files by path; knows the sum of their blocks."""

    allocated_kib = 0

    def __setitem__(self, path: str, file: SimulatedFile) -> None:
        before = self.data.get(path)
        self.allocated_kib += file.allocated_kib - (before.allocated_kib if before is not None else 0)
        self.data[path] = file

    def __delitem__(self, path: str) -> None:
        self.allocated_kib -= self.data.pop(path).allocated_kib


class LoopTable(UserDict[str, SimulatedLoop]):
    """Loop devices by name; finds them by what is below them."""

    def __init__(self) -> None:
        self._over: dict[str, list[str]] = {}
        self._at: dict[str, list[str]] = {}
        self._lowest = 0
        """No free number is below it."""
        super().__init__()

    def __setitem__(self, device: str, loop: SimulatedLoop) -> None:
        if device in self.data:
            del self[device]
        self.data[device] = loop
        self._over.setdefault(loop.file_id, []).append(device)
        self._at.setdefault(loop.path, []).append(device)

    def __delitem__(self, device: str) -> None:
        loop = self.data.pop(device)
        for names, key in ((self._over, loop.file_id), (self._at, loop.path)):
            names[key].remove(device)
            if not names[key]:
                del names[key]
        self._lowest = min(self._lowest, int(device.removeprefix("/dev/loop")))

    def over(self, file_id: str) -> str:
        """A device over that very file, "" for none."""
        return next(iter(self._over.get(file_id, ())), "")

    def at(self, path: str) -> str:
        """A device that was set up when its file had this path, "" for none."""
        return next(iter(self._at.get(path, ())), "")

    def free_name(self) -> str:
        while f"/dev/loop{self._lowest}" in self.data:
            self._lowest += 1
        return f"/dev/loop{self._lowest}"


class NameTable(UserDict[str, dict[str, str]]):
    """By resource and volume number: where the name leads. Each change makes a new table of the resource's names."""

    def folder(self, resource: str) -> str:
        return f"{DEFAULT_FOLDER}/{resource}"

    def run(self, step: LinkDevice | UnlinkDevice) -> None:
        resource, number = step.link.rsplit("/", 2)[-2:]
        names = self.data.get(resource, {})
        expected = (step.device,) if isinstance(step, UnlinkDevice) else ("", step.device, step.replaces)
        if number in names and names[number] not in expected:
            raise StepFailed(f"Could not {step.description}", cause=f"It leads to '{names[number]}'.")
        left = {name: device for name, device in names.items() if name != number}
        if isinstance(step, LinkDevice):
            left[number] = step.device
        if left:
            self.data[resource] = left
        else:
            self.data.pop(resource, None)
