"""What kills the whole system at every point of an operation; see `test_kill_everywhere`.

The whole system runs in one real process that kills itself at a chosen point (see linstor_core.testing.crashing). After
each death it is started again; then what was acknowledged has to be there, repeating the operation has to lead to the
same end, the content of every volume has to be right, and the pool must hold exactly the files that belong there.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tools import loop_mounts, processes, services
from tools.processes import ProcessIdentity
from tools.rest import RestConnection, RestRefused

MIB = 1024 * 1024
PATTERN = hashlib.sha256(b"what a volume holds").digest() * (MIB // 32)
LATER = hashlib.sha256(b"what was written later").digest() * (MIB // 32)
MOST_POINTS = 60


class System:
    """One node with everything in one process, which may die at any moment."""

    def __init__(self, folder: Path, pool: Path) -> None:
        self.pool = pool
        self._folder = folder
        self._trace = folder / "trace"
        self._address = services.free_address()
        self._satellite = services.free_address()
        self._identity = ProcessIdentity(0, 0, "")

    def start(self, crash_at: int) -> None:
        self._trace.write_text("")
        self._identity = services.start(
            "linstor_core.testing.crashing",
            ["--crash-at", str(crash_at), "--trace", str(self._trace), "--listen", self._address,
             "--satellite-listen", self._satellite, "--name", "node1", "--state", str(self._folder / "state")],
            self._folder / "log")
        services.wait_until_healthy(self._address, self._identity, self._folder / "log")

    def arm(self) -> None:
        os.kill(self._identity.pid, signal.SIGUSR1)
        until(lambda: self._trace.read_text() == "armed", "the crash points are armed")

    @property
    def died_at(self) -> str:
        """Where it died; empty while it lives."""
        return "" if processes.is_alive(self._identity) else self._trace.read_text()

    def wait_dead(self) -> None:
        until(lambda: not processes.is_alive(self._identity), "the process is gone")

    def kill(self) -> None:
        processes.kill(self._identity)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        with RestConnection(self._address) as rest:
            return rest.call(method, path, body)

    def register(self) -> None:
        host, _, port = self._satellite.rpartition(":")
        self.call("POST", "/v1/nodes", {"name": "node1", "type": "SATELLITE", "net_interfaces": [
            {"name": "default", "address": host, "satellite_port": int(port), "satellite_encryption_type": "PLAIN"}]})
        self.wait_online()
        self.call("POST", "/v1/nodes/node1/storage-pools", {
            "storage_pool_name": "thin", "provider_kind": "FILE_THIN",
            "props": {"StorDriver/StorPoolName": str(self.pool)}})
        self.call("POST", "/v1/resource-groups", {"name": "grp", "select_filter": {
            "place_count": 1, "storage_pool": "thin", "layer_stack": ["STORAGE"]}})
        self.call("POST", "/v1/resource-groups/grp/volume-groups", {})

    def wait_online(self) -> None:
        until(lambda: self.call("GET", "/v1/nodes/node1")["connection_status"] == "ONLINE", "node1 is ONLINE")

    def names(self) -> set[str]:
        return {found["name"] for found in self.call("GET", "/v1/resource-definitions")}

    def device(self, name: str) -> str:
        """Waits until the volume is there and its device is set up."""
        found: list[str] = []

        def there() -> bool:
            volume = self.call("GET", f"/v1/resource-definitions/{name}/resources/node1/volumes")[0]
            found[:] = [volume.get("device_path") or ""]
            return bool(found[0]) and Path(found[0]).is_block_device()

        until(there, f"{name} has a device")
        return found[0]

    def create(self, name: str) -> None:
        self.call("POST", "/v1/resource-groups/grp/spawn",
                  {"resource_definition_name": name, "volume_sizes": [8 * 1024]})

    def write(self, name: str, content: bytes) -> None:
        with open(self.device(name), "r+b") as device:
            device.write(content)
            device.flush()
            os.fsync(device.fileno())

    def read(self, name: str) -> bytes:
        with open(self.device(name), "rb") as device:
            return device.read(MIB)

    def snapshots(self, name: str) -> list[str]:
        return [found["name"] for found in self.call("GET", f"/v1/resource-definitions/{name}/snapshots")
                if "SUCCESSFUL" in found.get("flags", ()) and "DELETE" not in found.get("flags", ())]

    def size_bytes(self, name: str) -> int:
        with open(self.device(name), "rb") as device:
            return device.seek(0, os.SEEK_END)

    def named_devices(self) -> set[str]:
        """Where the stable names lead."""
        return {os.readlink(link) for link in (self._folder / "state" / "by-res").glob("*/*")}

    def wipe(self) -> None:
        """Remove every volume the ordinary way; the pool has to be empty afterwards."""
        for name in sorted(self.names()):
            for snapshot in self.call("GET", f"/v1/resource-definitions/{name}/snapshots"):
                self.call("DELETE", f"/v1/resource-definitions/{name}/snapshots/{snapshot['name']}")
            self.call("DELETE", f"/v1/resource-definitions/{name}")
        until(lambda: not self.names(), "all definitions are gone")


def until(condition: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        with suppress(RestRefused, OSError, http.client.HTTPException):
            if condition():
                return
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


class Operation:
    """`prepare` on a healthy system, `act` under fire, `settled` and `check` after the restart."""

    files: tuple[str, ...] = ()
    """What the pool holds once the operation is done."""

    def prepare(self, system: System) -> None:
        system.create("base")
        system.write("base", PATTERN)

    def act(self, system: System) -> None:
        raise NotImplementedError

    def settled(self, system: System) -> bool:
        """Whether the operation has come to its end."""
        raise NotImplementedError

    def check(self, system: System) -> None:
        assert system.read("base") == PATTERN


def _act_until_death(operation: Operation, system: System) -> bool:
    """Whether the operation was acknowledged."""
    system.arm()
    try:
        operation.act(system)
    except (OSError, http.client.HTTPException):
        return False
    return True


def _finish(operation: Operation, system: System, acknowledged: bool) -> None:
    """After the restart: what was acknowledged is done; what was not is repeated, and then done as well."""
    system.wait_online()
    if acknowledged:
        until(lambda: operation.settled(system), "what was acknowledged is there")
        return
    deadline = time.monotonic() + 20
    while not _settled(operation, system):
        # A refusal may mean that the first call is still being carried out, for instance that the name exists.
        with suppress(RestRefused):
            operation.act(system)
        assert time.monotonic() < deadline, "repeating the operation does not lead to its end"
        time.sleep(0.02)


def _settled(operation: Operation, system: System) -> bool:
    with suppress(RestRefused):
        return operation.settled(system)
    return False


def _pool_is_clean(system: System, files: tuple[str, ...]) -> bool:
    devices = loop_mounts.loop_devices_below(system.pool)
    attached = {path.name for path in devices.values()}
    volumes = {name for name in files if name.count("_") == 1}
    return {path.name for path in system.pool.iterdir()} == set(files) and attached == volumes \
        and system.named_devices() == set(devices)


def killed_everywhere(kind: type[Operation], system: System) -> None:
    """Raises AssertionError where a death at one of its points leads to another end, or leaves something behind."""
    operation = kind()
    places = []
    system.start(crash_at=1)
    system.register()
    for crash_at in range(1, MOST_POINTS):
        operation.prepare(system)
        acknowledged = _act_until_death(operation, system)
        if not system.died_at and acknowledged:
            # Late work (a report that is stored after the answer) may still come to the point.
            with suppress(AssertionError):
                until(lambda: bool(system.died_at), "it died after its answer", timeout_s=0.3)
        if system.died_at or not acknowledged:
            system.wait_dead()
            places.append(system.died_at)
        else:
            system.kill()
        system.start(crash_at + 1)
        _finish(operation, system, acknowledged)
        operation.check(system)
        until(lambda: _pool_is_clean(system, operation.files), "the pool holds what belongs there, and no more")
        system.wipe()
        until(lambda: _pool_is_clean(system, ()), "the pool is empty")
        if len(places) < crash_at:
            break
    assert len(places) < MOST_POINTS - 1, "the operation has more points than the test goes through"
    assert places.count("before commit") >= 1
    assert any("commit" not in place for place in places), "work of the satellite was interrupted as well"
