"""Many nodes: what it takes until one, a hundred and a thousand satellites are back, and what REST does meanwhile."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import loop_mounts, processes, services
from tools.bench.figure import Figure
from tools.bench.sample import Sample, measure
from tools.bench.wire_client import WireClient, request
from tools.processes import ProcessIdentity

PATIENCE_S = 300.0
ALL_LISTEN = "all satellites listen"
"""What the fleet says."""
_VERSION = request("GET", "/v1/controller/version")
_LIMITED = request("GET", "/v1/view/resources?limit=50")
_NODES = request("GET", "/v1/nodes")


class Fleet:
    """A controller whose database names the nodes, and the satellites in a process of their own; not started."""

    def __init__(self, root: Path, nodes: int, resources: int) -> None:
        self.nodes, self._root = nodes, root
        self.address = services.free_address()
        # What satellites store is not what is measured here: they get a folder in memory where there is one.
        memory = Path("/dev/shm")
        folder = memory if memory.is_dir() else root
        self._satellites_state = Path(tempfile.mkdtemp(prefix="linstor-fleet-", dir=folder))
        self._satellites: ProcessIdentity | None = None
        self._controller: ProcessIdentity | None = None
        processes.run([sys.executable, "-P", "-m", "linstor_core.testing.fleet_model", "--state",
                       str(root / "controller"), "--nodes", str(nodes), "--resources", str(resources)],
                      cwd=services.CHECKOUT, environment={**os.environ, "PYTHONPATH": str(services.CHECKOUT)})

    @property
    def pid(self) -> int:
        assert self._controller is not None
        return self._controller.pid

    def start_satellites(self) -> None:
        log = self._root / "fleet.log"
        self._satellites = services.start("linstor_core.testing.simulated_fleet", [
            "--nodes", str(self.nodes), "--state", str(self._satellites_state)], log)
        deadline = time.monotonic() + PATIENCE_S
        while ALL_LISTEN not in log.read_text():
            if not processes.is_alive(self._satellites) or time.monotonic() > deadline:
                raise services.StartFailed(f"the satellites did not start:\n{services.tail(log)}")
            time.sleep(0.05)

    def start_controller(self) -> None:
        """Returns with the first answer."""
        log = self._root / "controller.log"
        self._controller = services.start("linstor_core.controller", [
            "--listen", self.address, "--state", str(self._root / "controller"), "--log-level", "ERROR"], log)
        services.wait_until_healthy(self.address, self._controller, log)

    def wait_until_online(self) -> None:
        client, deadline = WireClient(self.address), time.monotonic() + PATIENCE_S
        while client.call(_NODES).count(b'"connection_status":"ONLINE"') < self.nodes:
            if time.monotonic() > deadline:
                raise services.StartFailed(f"not all of {self.nodes} satellites are online after {PATIENCE_S:g} s")
            time.sleep(0.005 if self.nodes == 1 else 0.1)
        client.close()

    def stop_controller(self) -> None:
        if self._controller is not None:
            processes.stop(self._controller, timeout_s=20)

    def close(self) -> None:
        self.stop_controller()
        if self._satellites is not None:
            processes.stop(self._satellites, timeout_s=20)
        shutil.rmtree(self._satellites_state, ignore_errors=True)


@contextmanager
def _fleet(root: Path, name: str, nodes: int, resources: int) -> Iterator[Fleet]:
    folder = root / name
    folder.mkdir()
    made = Fleet(folder, nodes, resources)
    try:
        made.start_satellites()
        yield made
    finally:
        made.close()


class Meanwhile(threading.Thread):
    """Asks small questions all the time, from before the start on: how long the answers take once there are any."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._ending = threading.Event()
        self.latencies_ms: dict[bytes, list[float]] = {_VERSION: [], _LIMITED: []}

    def run(self) -> None:
        client = WireClient(self._address)
        while not self._ending.wait(0.02):
            for question, latencies in self.latencies_ms.items():
                sent = time.perf_counter()
                client.call(question)
                latencies.append((time.perf_counter() - sent) * 1000)
        client.close()

    def ended(self) -> dict[bytes, Sample]:
        self._ending.set()
        self.join()
        return {question: Sample(tuple(found), sum(found) / 1000) for question, found in self.latencies_ms.items()}


def satellites(root: Path) -> Iterator[Figure]:
    yield from _connections(root)
    for nodes, resources in ((1, 100), (100, 100), (1_000, 100)):
        with _fleet(root, f"fleet{nodes}", nodes, resources) as fleet:
            what = f"{nodes:,} satellite{'s' if nodes > 1 else ''} with {nodes * resources:,} resources"
            yield _synced(fleet, f"{what}: connect, sync and create all")
            fleet.stop_controller()
            yield from _returned(fleet, what)


def _connections(root: Path) -> Iterator[Figure]:
    with _fleet(root, "connections", 1_000, 0) as fleet:
        fleet.start_controller()
        before_kib = processes.resident_kib(fleet.pid)
        fleet.wait_until_online()
        grown_kib = processes.resident_kib(fleet.pid) - before_kib
        yield Figure("memory of the controller for a connection, of 1,000", "KiB", grown_kib / 1_000)
        cpu_s, started = processes.cpu_seconds(fleet.pid), time.monotonic()
        time.sleep(10)
        used = (processes.cpu_seconds(fleet.pid) - cpu_s) / (time.monotonic() - started)
        yield Figure("CPU of the controller beside 1,000 idle satellites", "% of a core", used * 100)


def _synced(fleet: Fleet, what: str) -> Figure:
    fleet.start_controller()
    started = time.perf_counter()
    fleet.wait_until_online()
    return Figure(what, "s", time.perf_counter() - started)


def _returned(fleet: Fleet, what: str) -> Iterator[Figure]:
    """All satellites return at once, to a controller that has just started."""
    started = time.perf_counter()
    fleet.start_controller()
    yield Figure(f"{what}: restart of the controller to its first answer", "s", time.perf_counter() - started)
    meanwhile, cpu_s = Meanwhile(fleet.address), processes.cpu_seconds(fleet.pid)
    meanwhile.start()
    try:
        fleet.wait_until_online()
        yield Figure(f"{what}: restart of the controller until all are online", "s", time.perf_counter() - started)
    finally:
        samples = meanwhile.ended()
    yield Figure(f"{what}: CPU of the controller between the two", "s", processes.cpu_seconds(fleet.pid) - cpu_s)
    if fleet.nodes == 1:
        return
    yield Figure(f"{what}: memory of the controller", "MB", processes.resident_kib(fleet.pid) / 1024)
    for question, name in ((_VERSION, "version"), (_LIMITED, "view/resources, limit=50")):
        yield Figure(f"{name} meanwhile", "ms", samples[question].median_ms, sample=samples[question])
        yield Figure(f"{name} meanwhile, the worst", "ms", max(samples[question].latencies_ms))
    sample = measure(fleet.address, fleet.pid, [_changed(number) for number in range(100)])
    yield Figure(f"round trip of one apply beside {what}", "ms", sample.median_ms, sample=sample)


def _changed(number: int) -> bytes:
    """Deactivates and activates one resource: its satellite has to answer each time."""
    verb = "activate" if number % 2 else "deactivate"
    return request("POST", f"/v1/resource-definitions/r0001-0001/resources/node0001/{verb}")


def one_satellite(root: Path) -> Iterator[Figure]:
    """A real satellite, with real volumes, that is restarted."""
    state, pool = root / "satellite", root / "pool" / "satellite"
    pool.mkdir()
    address, listen = services.free_address(), services.free_address()
    controller = services.start("linstor_core.controller", ["--listen", address, "--state", str(root / "alone"),
                                                            "--log-level", "ERROR"], root / "alone.log")
    arguments = ["--name", "alone", "--listen", listen, "--state", str(state)]
    satellite = services.start("linstor_core.satellite", arguments, root / "satellite.log")
    try:
        services.wait_until_healthy(address, controller, root / "alone.log")
        _prepare(address, listen, pool)
        yield Figure("memory of a satellite with 20 volumes", "MB", processes.resident_kib(satellite.pid) / 1024, 40,
                     "215 MB")
        latencies = []
        for _ in range(5):
            processes.stop(satellite)
            _wait_for_status(address, b"OFFLINE")
            started = time.perf_counter()
            satellite = services.start("linstor_core.satellite", arguments, root / "satellite.log")
            _wait_for_status(address, b"ONLINE")
            latencies.append((time.perf_counter() - started) * 1000)
        sample = Sample(tuple(latencies), sum(latencies) / 1000)
        yield Figure("restart of a satellite to ONLINE", "ms", sample.median_ms, 1_000, "11,900 ms", sample=sample)
    finally:
        for identity in (satellite, controller):
            processes.stop(identity)
        with contextlib.suppress(FileNotFoundError):
            loop_mounts.release(pool)


def _wait_for_status(address: str, status: bytes) -> None:
    client, deadline = WireClient(address), time.monotonic() + PATIENCE_S
    while b'"connection_status":"' + status + b'"' not in client.call(_NODES):
        if time.monotonic() > deadline:
            raise services.StartFailed(f"the satellite is not {status.decode()} after {PATIENCE_S:g} s")
        time.sleep(0.002)
    client.close()


def _prepare(address: str, listen: str, pool: Path) -> None:
    host, _, port = listen.rpartition(":")
    client = WireClient(address)
    client.call(request("POST", "/v1/nodes", {"name": "alone", "type": "SATELLITE", "net_interfaces": [{
        "name": "default", "address": host, "satellite_port": int(port), "satellite_encryption_type": "PLAIN"}]}))
    client.call(request("POST", "/v1/nodes/alone/storage-pools", {
        "storage_pool_name": "pool", "provider_kind": "FILE_THIN", "props": {"StorDriver/StorPoolName": str(pool)}}))
    client.call(request("POST", "/v1/resource-groups/DfltRscGrp/volume-groups", {}))
    for number in range(20):
        client.call(request("POST", "/v1/resource-groups/DfltRscGrp/spawn", {
            "resource_definition_name": f"v{number}", "volume_sizes": [65536],
            "select_filter": {"place_count": 1, "layer_stack": ["STORAGE"]}}))
    client.close()
