"""A real satellite process on real devices: killed at every step, rebooted, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from linstor_core.testing.controller_link import ControllerLink
from linstor_core.testing.satellite_specs import pool, resource, snapshot, source, volume
from linstor_core.wire.node_report import ApplyResource
from linstor_core.wire.resource_spec import ResourceSpec
from tools import loop_mounts, processes, services
from tools.processes import ProcessIdentity

MAX_STEPS = 20


class SatelliteProcess:
    def __init__(self, state: Path, doomed_after: int = -1) -> None:
        self.port = int(services.free_address().rpartition(":")[2])
        arguments = ["--name", "node1", "--listen", f"127.0.0.1:{self.port}", "--state", str(state), "--verbose"]
        module = "linstor_core.satellite"
        if doomed_after >= 0:
            module, arguments = "linstor_core.testing.doomed_satellite", [str(doomed_after), *arguments]
        self.identity: ProcessIdentity = services.start(module, arguments, state.with_suffix(".log"))

    @contextlib.asynccontextmanager
    async def link(self) -> AsyncIterator[ControllerLink]:
        deadline = time.monotonic() + 20
        link = ControllerLink(self.port)
        while True:
            try:
                await link.__aenter__()
                break
            except OSError:
                assert processes.is_alive(self.identity) and time.monotonic() < deadline
                await asyncio.sleep(0.02)
        try:
            yield link
        finally:
            await link.__aexit__()


@contextlib.contextmanager
def satellite(state: Path, doomed_after: int = -1) -> Iterator[SatelliteProcess]:
    process = SatelliteProcess(state, doomed_after)
    try:
        yield process
    finally:
        processes.kill(process.identity)


def _brought(state: Path, directory: Path, *specs: ResourceSpec) -> dict[str, str]:
    """A healthy satellite takes the specs over; resource name -> device path of its volume 0."""
    async def scenario(process: SatelliteProcess) -> dict[str, str]:
        async with process.link() as link:
            await link.greet()
            await link.sync((pool(str(directory)),), *specs)
            assert [seen.failures for seen in link.resources.values() if seen.failures] == []
            return {name: seen.volumes[0].device_path for name, seen in link.resources.items()}
    with satellite(state) as process:
        return asyncio.run(scenario(process))


def _killed(state: Path, directory: Path, doomed_after: int, *specs: ResourceSpec) -> bool:
    """Let a satellite kill itself while it works on the last spec; False when it came through."""
    async def scenario(process: SatelliteProcess) -> bool:
        async with process.link() as link:
            await link.greet()
            await link.sync((pool(str(directory)),), *specs[:-1])
            try:
                await link.bring(specs[-1])
            except ConnectionClosed:
                return True
            return False
    with satellite(state, doomed_after) as process:
        return asyncio.run(scenario(process))


CREATED = resource(volume())
CASES: list[tuple[str, list[ResourceSpec]]] = [
    ("create", [CREATED]),
    ("create with a file system", [resource(volume(file_system="xfs", size_kib=512 * 1024))]),
    ("snapshot", [CREATED, resource(volume(), snapshots=(snapshot(),), generation=2)]),
    ("rollback", [resource(volume(), snapshots=(snapshot(),)),
                  resource(volume("d2", replaces="d1", source=source("ds1", "s1")), snapshots=(snapshot(),),
                           generation=2)]),
    ("delete", [resource(volume(), snapshots=(snapshot(),)),
                resource(volume(delete=True), snapshots=(snapshot(delete=True),), generation=2)]),
]


@pytest.mark.parametrize("specs", [specs for _, specs in CASES], ids=[name for name, _ in CASES])
def test_killed_at_every_step_it_comes_to_the_same_end(tmp_path: Path, pool_dir: Path,
                                                       specs: list[ResourceSpec]) -> None:
    for doomed_after in range(MAX_STEPS):
        state = tmp_path / f"state{doomed_after}"
        _brought(state, pool_dir, *specs[:-1])
        was_killed = _killed(state, pool_dir, doomed_after, *specs)
        device = _brought(state, pool_dir, *specs[-1:])["r"]
        deleted = specs[-1].volumes[0].delete
        assert bool(device) is not deleted
        assert [name for name in os.listdir(pool_dir) if name.startswith(".")] == []
        assert len(loop_mounts.loop_devices_below(pool_dir)) == (0 if deleted else 1)
        gone = resource(volume(delete=True, replaces="d2"), snapshots=(snapshot(delete=True),), generation=9)
        _brought(tmp_path / "cleaner", pool_dir, gone)
        assert os.listdir(pool_dir) == []
        if not was_killed:
            assert doomed_after >= 2
            return
    raise AssertionError("the operation does not end")



def test_after_a_reboot_volumes_come_back_without_a_controller(tmp_path: Path, pool_dir: Path) -> None:
    specs = [resource(volume(f"d{number}", name=f"r{number}"), name=f"r{number}") for number in range(5)]
    for device in _brought(tmp_path / "state", pool_dir, *specs).values():
        Path(device).write_bytes(b"data")
    loop_mounts.release(pool_dir)
    assert loop_mounts.loop_devices_below(pool_dir) == {}
    with satellite(tmp_path / "state"):
        deadline = time.monotonic() + 10
        while len(loop_mounts.loop_devices_below(pool_dir)) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for device in loop_mounts.loop_devices_below(pool_dir):
            with open(device, "rb") as opened:
                assert opened.read(4) == b"data"


def test_it_ends_quickly_and_leaves_devices_in_place(tmp_path: Path, pool_dir: Path) -> None:
    async def scenario(process: SatelliteProcess) -> None:
        async with process.link() as link:
            await link.greet()
            await link.sync((pool(str(pool_dir)),))
            # A file system that takes its time must not hold the end up.
            await link.send(ApplyResource(resource(volume(), generation=2)))
            await link.receive()
            began = time.monotonic()
            assert processes.stop(process.identity, timeout_s=5)
            assert time.monotonic() - began < 2
    with satellite(tmp_path / "state") as process:
        asyncio.run(scenario(process))
    assert len(loop_mounts.loop_devices_below(pool_dir)) == 1


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with satellite(tmp_path / "one") as first:
        async def wait() -> None:
            async with first.link():
                pass
        asyncio.run(wait())
        argv = ["python", "-m", "linstor_core.satellite", "--listen", f"127.0.0.1:{first.port}", "--state",
                str(tmp_path / "two")]
        log = tmp_path / "two.log"
        second = services.start("linstor_core.satellite", argv[3:], log)
        assert processes.wait_for_end(second, 10)
        processes.kill(second)
        assert "address already in use" in log.read_text().lower()
        assert len(log.read_text().splitlines()) == 1


def test_an_empty_mount_point_is_not_taken_for_the_pool(tmp_path: Path, pool_dir: Path) -> None:
    """The pool's directory is moved away and an empty one stands in its place, as when a mount is missing."""
    async def scenario(process: SatelliteProcess) -> None:
        async with process.link() as link:
            await link.greet()
            await link.sync((pool(str(directory)),), *specs, generation=2)
            for name in ("r", "n"):
                assert "not the directory" in link.resources[name].failures[0].message
            assert "mounted" in link.pools["p"].failures[0].cause
            assert os.listdir(directory) == []

    specs = (resource(volume(delete=True), generation=2), resource(volume("d2", name="n"), name="n", generation=3))
    directory = pool_dir / "inner"
    directory.mkdir()
    _brought(tmp_path / "state", directory, resource(volume()))
    loop_mounts.release(pool_dir)
    directory.rename(pool_dir / "away")
    directory.mkdir()
    with satellite(tmp_path / "state") as process:
        asyncio.run(scenario(process))
    directory.rmdir()
    (pool_dir / "away").rename(directory)
    assert _brought(tmp_path / "state", directory, *specs)["n"]
    assert os.listdir(directory) == ["n_00000.img"]
