"""What befalls hosts, network, disks and clocks in a history, and what programs on the hosts do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from linstor_core.testing.simulation.hosts import CONTROLLER, POOL_DIRECTORIES
from linstor_core.testing.simulation.world import World

Names = dict[str, Any]
_LONGEST_FUSE = 400


# Programs on the hosts

async def write(world: World, names: Names) -> None:
    host = world.host(names["host"])
    devices = sorted(host.node.loops)
    if devices and host.address not in world.network.powered_off:
        device = devices[names["number"] % len(devices)]
        content = names["content"].encode()
        world.contents.write(host, device, content)
        world.count("content was written")
        world.loop.trace(f"{host.name}: {device} holds {content!r}")


async def hold_open(world: World, names: Names) -> None:
    node = world.host(names["host"]).node
    devices = sorted(node.loops)
    if devices:
        device = devices[names["number"] % len(devices)]
        node.open_devices.add(device)
        world.count("a device was held open")
        await asyncio.sleep(names["lasts_s"])
        node.open_devices.discard(device)


# Programs that end

async def kill_controller(world: World, names: Names) -> None:
    if world.controller.runs:
        world.count("the controller was killed")
    world.controller.kill()


async def kill_controller_soon(world: World, names: Names) -> None:
    """In the middle of what it does: after a number of callbacks."""
    process = world.controller.process
    if process is not None and process.alive:
        process.fuse = int(names["content"], 16) % _LONGEST_FUSE
        process.on_death.append(lambda: world.count("the controller was killed in its work"))


async def kill_controller_in_commit(world: World, names: Names) -> None:
    world.controller.database.dies_next = True


async def kill_satellite(world: World, names: Names) -> None:
    host = world.host(names["host"])
    if host.runs:
        world.count("a satellite was killed")
    host.kill()


async def kill_satellite_soon(world: World, names: Names) -> None:
    host = world.host(names["host"])
    if host.process is not None and host.process.alive:
        host.process.fuse = int(names["content"], 16) % _LONGEST_FUSE
        host.process.on_death.append(lambda: world.count("a satellite was killed in its work"))


async def kill_satellite_in_step(world: World, names: Names) -> None:
    host = world.host(names["host"])
    host.node.dies_after = names["steps"]


async def kill_satellite_in_journal(world: World, names: Names) -> None:
    host = world.host(names["host"])
    host.journal.dies_next = True


async def cut_power(world: World, names: Names) -> None:
    host = world.host(names["host"])
    if host.address not in world.network.powered_off:
        world.count("a host lost its power")
        host.lose_power()
        await asyncio.sleep(names["lasts_s"])
        host.get_power()


async def cut_power_in_step(world: World, names: Names) -> None:
    """The program goes with its host, in the middle of making something."""
    host = world.host(names["host"])

    def lose_power() -> None:
        world.count("a host lost its power")
        host.lose_power()
        world.network.later(names["lasts_s"], host.get_power)

    if host.process is not None and host.process.alive:
        host.node.dies_after = names["steps"]
        host.process.on_death.append(lose_power)


def _is_known_there(world: World, node_name: str, directory: str) -> bool:
    """Whether the controller has heard of content in a pool: then the satellite has written down that it is there."""
    cluster = world.controller.engine.controller.cluster if world.controller.engine is not None else None
    for resource in cluster.resources_on(node_name) if cluster is not None else ():
        seen = cluster.seen(resource.name, node_name) if cluster is not None else None
        for volume in resource.volumes:
            found = seen.volume(volume.number) if seen is not None else None
            if found is not None and found.present and directory.endswith(volume.storage_pool):
                return True
    return False


async def boot_without_pool(world: World, names: Names) -> None:
    """After a power cut the file system of a pool is mounted late: its mount point is an empty directory till then."""
    host, directory = world.host(names["host"]), POOL_DIRECTORIES[names["number"]]
    if host.address in world.network.powered_off or not _is_known_there(world, host.name, directory):
        return
    if not host.node.unmount(directory):
        return
    world.count("a host came up without the file system of a pool")
    host.lose_power()
    await asyncio.sleep(0.5)
    host.get_power()
    await asyncio.sleep(names["lasts_s"])
    host.node.mount(directory)


# Ways

async def partition(world: World, names: Names) -> None:
    """Between a host and the controller, or two hosts."""
    here = world.host(names["host"]).address
    there = world.host(names["peer"]).address if names["count"] == 3 else CONTROLLER
    ways = [(there, here)] if names["ways"] in ("both", "there") else []
    ways += [(here, there)] if names["ways"] in ("both", "back") else []
    world.count("a partition" if len(ways) == 2 else "a loss in one direction")
    for way in ways:
        world.network.block(*way)
    await asyncio.sleep(names["lasts_s"])
    for way in ways:
        world.network.open(*way)


async def tear(world: World, names: Names) -> None:
    world.count("a connection was torn")
    for there in (CONTROLLER, world.host(names["peer"]).address):
        world.network.tear(there, world.host(names["host"]).address)


async def slow_down(world: World, names: Names) -> None:
    world.count("a slow network")
    world.network.delay_s = 2.0
    await asyncio.sleep(names["lasts_s"])
    world.network.delay_s = 0.01


async def repeat_messages(world: World, names: Names) -> None:
    world.network.repeats = 0.5
    await asyncio.sleep(names["lasts_s"])
    world.network.repeats = 0.0


# Disks and clocks

async def fail_steps(world: World, names: Names) -> None:
    world.host(names["host"]).node.failing = 1 + names["steps"]


async def fail_journal(world: World, names: Names) -> None:
    world.host(names["host"]).journal.failing = 1 + names["steps"] // 2


async def fail_commits(world: World, names: Names) -> None:
    world.controller.database.failing = 1 + names["steps"] // 2


async def hide_files(world: World, names: Names) -> None:
    """What is there cannot be looked at for a while."""
    node = world.host(names["host"]).node
    hidden = sorted(node.files)[names["number"]:][:3]
    node.unreadable.update(dict.fromkeys(hidden, "Input/output error"))
    if hidden:
        world.count("files could not be looked at")
    await asyncio.sleep(names["lasts_s"])
    for path in hidden:
        node.unreadable.pop(path, None)


async def set_clock(world: World, names: Names) -> None:
    world.count("the controller's clock was set")
    world.controller.context.offset_ms += int(names["content"], 16) % 7_200_000 - 3_600_000


Fault = Callable[[World, Names], Coroutine[Any, Any, None]]
FAULTS: dict[str, Fault] = {fault.__name__: fault for fault in (
    write, hold_open, kill_controller, kill_controller_soon, kill_controller_in_commit, kill_satellite,
    kill_satellite_soon, kill_satellite_in_step, kill_satellite_in_journal, cut_power, cut_power_in_step,
    boot_without_pool, partition, tear, slow_down, repeat_messages, fail_steps, fail_journal, fail_commits, hide_files,
    set_clock)}
