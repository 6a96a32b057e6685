"""A move that waits for a long time because its nodes are away goes on soon after they are back. Time is virtual."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from linstor_core.domain.jobs import JobState, Stage
from linstor_core.testing.simulation import deeds, job_deeds
from linstor_core.testing.simulation.hosts import CONTROLLER
from linstor_core.testing.simulation.script import Script
from linstor_core.testing.simulation.world import World

NAMES = {"resource": "alpha", "host": 0, "peer": 1, "pool": "thin", "size_kib": 8192, "file_system": ""}
OUTAGE_S = 3600.0
SOON_S = 45.0


def passes(world: World, seconds: float, over: Callable[[], bool] = lambda: False) -> bool:
    """Time passes until it is over, or for so many seconds; whether it was over."""
    reached: list[bool] = []
    world.loop.call_later(seconds, reached.append, True)
    world.loop.run_while(lambda: not reached and not over())
    return over()


def stage(world: World) -> tuple[Stage, JobState]:
    assert world.controller.engine is not None
    job, = world.controller.engine.controller.cluster.jobs.values()
    return job.stage, job.state


def source_without_power(world: World) -> Callable[[], None]:
    world.hosts[0].lose_power()
    return world.hosts[0].get_power


def target_without_power(world: World) -> Callable[[], None]:
    world.hosts[1].lose_power()
    return world.hosts[1].get_power


def hosts_apart(world: World) -> Callable[[], None]:
    """The controller sees both of them all the time."""
    here, there = world.hosts[0].address, world.hosts[1].address
    world.network.block(here, there)
    world.network.block(there, here)

    def heal() -> None:
        world.network.open(here, there)
        world.network.open(there, here)

    return heal


def source_out_of_reach_of_all(world: World) -> Callable[[], None]:
    apart = hosts_apart(world)
    here = world.hosts[0].address
    world.network.block(here, CONTROLLER)
    world.network.block(CONTROLLER, here)

    def heal() -> None:
        apart()
        world.network.open(here, CONTROLLER)
        world.network.open(CONTROLLER, here)

    return heal


@pytest.mark.parametrize("outage", [source_without_power, target_without_power, hosts_apart,
                                    source_out_of_reach_of_all])
def test_a_move_ends_soon_after_an_outage_of_an_hour(outage: Callable[[World], Callable[[], None]]) -> None:
    world = World(Script(1, 2, 2, 0.0, ()))
    with closing(world.loop):
        world.controller.start()
        for host in world.hosts:
            host.start()
        passes(world, 1.0)
        for number in range(2):
            world.loop.create_task(deeds.add_node(world, {"host": number}))
        passes(world, 5.0)
        world.loop.create_task(deeds.deploy(world, NAMES))
        passes(world, 5.0)
        # Between two hosts that are apart from the beginning nothing is fetched.
        apart = hosts_apart(world)
        world.loop.create_task(job_deeds.move(world, NAMES))
        passes(world, 5.0)
        assert stage(world)[0] is Stage.COPYING
        heal = outage(world)
        passes(world, OUTAGE_S)
        assert stage(world)[0] is Stage.COPYING
        apart()
        heal()
        assert passes(world, SOON_S, lambda: stage(world)[1] is JobState.DONE), stage(world)
        world.loop.bury()
