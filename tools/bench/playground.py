"""A server of its own for the benchmark: a temporary folder with a reflink pool, removed afterwards."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from tools import loop_mounts, processes, services
from tools.dev.first_volume import FirstVolume
from tools.dev.state_folder import Setup
from tools.processes import ProcessIdentity

POOL_MIB = 30 * 1024
NODE = "bench"


class Server(Struct, frozen=True):
    """A running process; `address` is host:port of its REST API."""

    address: str
    identity: ProcessIdentity
    pool: Path
    setup: Setup

    @property
    def pid(self) -> int:
        return self.identity.pid


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder with an xfs pool at `pool`."""
    root = Path(tempfile.mkdtemp(prefix="linstor-bench-"))
    try:
        loop_mounts.mount_image(root / "pool.xfs", root / "pool", POOL_MIB)
        yield root
    finally:
        loop_mounts.release(root)
        shutil.rmtree(root)


@contextmanager
def server(root: Path, name: str) -> Iterator[Server]:
    """Controller and satellite in one process with an empty state; loop devices in the pool are gone afterwards."""
    pool = root / "pool" / name
    pool.mkdir()
    setup = Setup(services.free_address(), services.free_address(), NODE)
    log = root / f"{name}.log"
    identity = services.start("linstor_core.single", ["--listen", setup.listen, "--satellite-listen",
                                                      setup.satellite_listen, "--name", NODE, "--state",
                                                      str(root / name)], log)
    try:
        services.wait_until_healthy(setup.listen, identity, log)
        yield Server(setup.listen, identity, pool, setup)
    finally:
        processes.stop(identity, timeout_s=10)
        with contextlib.suppress(FileNotFoundError):
            loop_mounts.release(pool)


def prepare_pool(running: Server) -> FirstVolume:
    """Node, storage pool and resource group, as `./dev up` makes them."""
    first = FirstVolume(running.setup, running.pool)
    first.node()
    first.storage_pool()
    first.resource_group()
    return first
