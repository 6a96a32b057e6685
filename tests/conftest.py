"""Fixtures with real devices and real processes; all of them clean up after themselves, failed tests included."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import loop_mounts, processes, services
from tools.processes import ProcessIdentity
from tools.services import Service

POOL_MIB = 20 * 1024


@pytest.fixture(scope="session")
def root_required() -> None:
    """Skips the test where loop devices and mounts are out of reach."""
    if os.geteuid() != 0:
        pytest.skip("needs root: loop devices and mounts")
    if not Path("/dev/loop-control").exists():
        pytest.skip("needs loop devices: /dev/loop-control is missing")


@pytest.fixture(scope="session")
def pool_file_system(root_required: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with reflink for the whole session: an xfs image of its own, sparse, on a loop device."""
    place = tmp_path_factory.mktemp("pool")
    mountpoint = place / "mnt"
    loop_mounts.mount_image(place / "pool.xfs", mountpoint, POOL_MIB)
    try:
        yield mountpoint
    finally:
        loop_mounts.release(place)
        (place / "pool.xfs").unlink()


@pytest.fixture
def pool_dir(pool_file_system: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """An empty directory with reflink; loop devices that a test leaves on its files are detached."""
    directory = pool_file_system / f"{request.node.name[:40].replace('/', '_')}-{os.urandom(4).hex()}"
    directory.mkdir()
    try:
        yield directory
    finally:
        loop_mounts.release(directory)
        processes.run(["rm", "-rf", str(directory)])


def _serve(module: str, arguments: list[str], service: Service) -> Service:
    service.identity = services.start(module, arguments, service.log)
    try:
        services.wait_until_healthy(service.address, service.identity, service.log)
    except BaseException:
        processes.kill(service.identity)
        raise
    return service


@pytest.fixture
def controller_process(tmp_path: Path) -> Iterator[Service]:
    """A bare controller on a free loopback port and an empty state folder."""
    address = services.free_address()
    service = Service(address, ProcessIdentity(0, 0, ""), tmp_path / "controller", tmp_path / "controller.log")
    _serve("linstor_core.controller", ["--listen", address, "--state", str(service.state)], service)
    try:
        yield service
    finally:
        processes.stop(service.identity, timeout_s=5)


@pytest.fixture
def cluster(pool_dir: Path, tmp_path: Path) -> Iterator[Service]:
    """Controller and satellite in one process; nothing is registered yet, `pool_dir` is for its pools."""
    address, satellite = services.free_address(), services.free_address()
    service = Service(address, ProcessIdentity(0, 0, ""), tmp_path / "state", tmp_path / "linstor.log", satellite,
                      "node1", pool_dir)
    _serve("linstor_core.single", ["--listen", address, "--satellite-listen", satellite, "--name", service.node_name,
                                   "--state", str(service.state)], service)
    try:
        yield service
    finally:
        processes.stop(service.identity, timeout_s=5)
