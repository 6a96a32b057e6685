"""kill -9 before and after every step of every operation, on real devices: the same end, and nothing lost or left.

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
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

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
        _until(lambda: self._trace.read_text() == "armed", "the crash points are armed")

    @property
    def died_at(self) -> str:
        """Where it died; empty while it lives."""
        return "" if processes.is_alive(self._identity) else self._trace.read_text()

    def wait_dead(self) -> None:
        _until(lambda: not processes.is_alive(self._identity), "the process is gone")

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
        _until(lambda: self.call("GET", "/v1/nodes/node1")["connection_status"] == "ONLINE", "node1 is ONLINE")

    def names(self) -> set[str]:
        return {found["name"] for found in self.call("GET", "/v1/resource-definitions")}

    def device(self, name: str) -> str:
        """Waits until the volume is there and its device is set up."""
        found: list[str] = []

        def there() -> bool:
            volume = self.call("GET", f"/v1/resource-definitions/{name}/resources/node1/volumes")[0]
            found[:] = [volume.get("device_path") or ""]
            return bool(found[0]) and Path(found[0]).is_block_device()

        _until(there, f"{name} has a device")
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

    def wipe(self) -> None:
        """Remove every volume the ordinary way; the pool has to be empty afterwards."""
        for name in sorted(self.names()):
            for snapshot in self.call("GET", f"/v1/resource-definitions/{name}/snapshots"):
                self.call("DELETE", f"/v1/resource-definitions/{name}/snapshots/{snapshot['name']}")
            self.call("DELETE", f"/v1/resource-definitions/{name}")
        _until(lambda: not self.names(), "all definitions are gone")


def _until(condition: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
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


class Create(Operation):
    files = ("made_00000.img",)

    def prepare(self, system: System) -> None:
        pass

    def act(self, system: System) -> None:
        system.create("made")

    def settled(self, system: System) -> bool:
        return "made" in system.names()

    def check(self, system: System) -> None:
        system.write("made", PATTERN)
        assert system.read("made") == PATTERN


class CreateWithFileSystem(Create):
    files = ("made_00000.img",)

    def prepare(self, system: System) -> None:
        system.call("PUT", "/v1/resource-groups/grp", {"override_props": {"FileSystem/Type": "ext4"}})

    def check(self, system: System) -> None:
        processes.run(["e2fsck", "-fn", system.device("made")])


class Grow(Operation):
    files = ("base_00000.img",)

    def act(self, system: System) -> None:
        system.call("PUT", "/v1/resource-definitions/base/volume-definitions/0", {"size_kib": 16 * 1024})

    def settled(self, system: System) -> bool:
        return system.size_bytes("base") == 16 * MIB


class Snapshot(Operation):
    files = ("base_00000.img", "base_00000_snap.img")

    def act(self, system: System) -> None:
        system.call("POST", "/v1/resource-definitions/base/snapshots", {"name": "snap"})

    def settled(self, system: System) -> bool:
        return system.snapshots("base") == ["snap"]

    def check(self, system: System) -> None:
        super().check(system)
        assert (system.pool / "base_00000_snap.img").read_bytes()[:MIB] == PATTERN


class DeleteSnapshot(Snapshot):
    files = ("base_00000.img",)

    def prepare(self, system: System) -> None:
        super().prepare(system)
        super().act(system)

    def act(self, system: System) -> None:
        system.call("DELETE", "/v1/resource-definitions/base/snapshots/snap")

    def settled(self, system: System) -> bool:
        return not system.call("GET", "/v1/resource-definitions/base/snapshots")

    def check(self, system: System) -> None:
        assert system.read("base") == PATTERN


class Restore(Snapshot):
    files = ("base_00000.img", "base_00000_snap.img", "copy_00000.img")

    def prepare(self, system: System) -> None:
        super().prepare(system)
        super().act(system)
        system.write("base", LATER)

    def act(self, system: System) -> None:
        source = "/v1/resource-definitions/base"
        if "copy" not in system.names():
            system.call("POST", "/v1/resource-definitions", {"resource_definition": {"name": "copy"}})
        if not system.call("GET", "/v1/resource-definitions/copy/volume-definitions"):
            system.call("POST", f"{source}/snapshot-restore-volume-definition/snap", {"to_resource": "copy"})
        if not system.call("GET", "/v1/resource-definitions/copy/resources"):
            system.call("POST", f"{source}/snapshot-restore-resource/snap", {"to_resource": "copy"})

    def settled(self, system: System) -> bool:
        return "copy" in system.names() and bool(system.call("GET", "/v1/resource-definitions/copy/resources"))

    def check(self, system: System) -> None:
        assert system.read("copy") == PATTERN
        assert system.read("base") == LATER


class RollBack(Snapshot):
    files = ("base_00000.img", "base_00000_snap.img")

    def prepare(self, system: System) -> None:
        super().prepare(system)
        super().act(system)
        system.write("base", LATER)

    def act(self, system: System) -> None:
        system.call("POST", "/v1/resource-definitions/base/snapshot-rollback/snap", {})

    def settled(self, system: System) -> bool:
        return system.read("base") == PATTERN


class Clone(Operation):
    files = ("base_00000.img", "copy_00000.img")

    def act(self, system: System) -> None:
        system.call("POST", "/v1/resource-definitions/base/clone", {"name": "copy"})

    def settled(self, system: System) -> bool:
        status = system.call("GET", "/v1/resource-definitions/base/clone/copy")["status"]
        return "copy" in system.names() and bool(status == "COMPLETE")

    def check(self, system: System) -> None:
        super().check(system)
        assert system.read("copy") == PATTERN


class Rename(RollBack):
    """The pool's files keep their names; what is made under the old name later takes none of them."""

    def act(self, system: System) -> None:
        system.call("POST", "/v1/resource-definitions/base/rename", {"new_name": "renamed"})

    def settled(self, system: System) -> bool:
        return system.names() == {"renamed"}

    def check(self, system: System) -> None:
        assert system.read("renamed") == LATER
        assert system.snapshots("renamed") == ["snap"]
        system.call("POST", "/v1/resource-definitions/renamed/snapshot-rollback/snap", {})
        _until(lambda: system.read("renamed") == PATTERN, "the renamed volume is back at its snapshot")
        system.create("base")
        assert system.read("base") == bytes(MIB)
        system.call("DELETE", "/v1/resource-definitions/base")
        _until(lambda: system.names() == {"renamed"}, "the new volume of the old name is gone")


class Delete(Operation):
    files = ()

    def act(self, system: System) -> None:
        system.call("DELETE", "/v1/resource-definitions/base")

    def settled(self, system: System) -> bool:
        return "base" not in system.names()

    def check(self, system: System) -> None:
        pass


@pytest.fixture
def system(tmp_path: Path, pool_dir: Path) -> Iterator[System]:
    made = System(tmp_path, pool_dir)
    try:
        yield made
    finally:
        made.kill()


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
        _until(lambda: operation.settled(system), "what was acknowledged is there")
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
    attached = {path.name for path in loop_mounts.loop_devices_below(system.pool).values()}
    volumes = {name for name in files if name.count("_") == 1}
    return {path.name for path in system.pool.iterdir()} == set(files) and attached == volumes


@pytest.mark.parametrize("kind", [Create, CreateWithFileSystem, Grow, Snapshot, DeleteSnapshot, Restore, RollBack,
                                  Clone, Rename, Delete], ids=lambda kind: kind.__name__)
def test_a_kill_at_any_point_leads_to_the_same_end(kind: type[Operation], system: System) -> None:
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
                _until(lambda: bool(system.died_at), "it died after its answer", timeout_s=0.3)
        if system.died_at or not acknowledged:
            system.wait_dead()
            places.append(system.died_at)
        else:
            system.kill()
        system.start(crash_at + 1)
        _finish(operation, system, acknowledged)
        operation.check(system)
        _until(lambda: _pool_is_clean(system, operation.files), "the pool holds what belongs there, and no more")
        system.wipe()
        _until(lambda: _pool_is_clean(system, ()), "the pool is empty")
        if len(places) < crash_at:
            break
    assert len(places) < MOST_POINTS - 1, "the operation has more points than the test goes through"
    assert places.count("before commit") >= 1
    assert any("commit" not in place for place in places), "work of the satellite was interrupted as well"
