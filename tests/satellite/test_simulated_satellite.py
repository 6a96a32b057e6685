"""The simulated satellite is a process like the real one, with devices that nobody has to own."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from linstor_core.testing.controller_link import ControllerLink
from linstor_core.testing.satellite_specs import pool, resource, volume
from tools import processes, services


async def _linked(port: int) -> ControllerLink:
    deadline = time.monotonic() + 20
    while True:
        link = ControllerLink(port)
        try:
            return await link.__aenter__()
        except OSError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


def test_it_deploys_what_it_is_told_to(tmp_path: Path) -> None:
    address = services.free_address()
    identity = services.start("linstor_core.testing.simulated_satellite",
                              ["--name", "node1", "--listen", address, "--state", str(tmp_path / "state")],
                              tmp_path / "log")

    async def scenario() -> None:
        link = await _linked(int(address.rpartition(":")[2]))
        try:
            await link.greet()
            await link.sync((pool("/simulated"),), resource(volume()))
            assert link.pools["p"].failures == () and link.pools["p"].total_kib > 0
            assert link.resources["r"].volumes[0].device_path == "/dev/loop0"
        finally:
            await link.__aexit__()

    try:
        asyncio.run(scenario())
        assert processes.stop(identity), "it ends when it is asked to"
    finally:
        processes.kill(identity)
