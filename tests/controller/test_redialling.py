"""How often satellites that are away are dialled: soon while one may just have been restarted, never all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from linstor_core.controller import redialling
from linstor_core.controller.engine import Engine
from linstor_core.domain.cluster import ControllerSettings
from linstor_core.domain.nodes import NetInterface, Node, NodeType
from linstor_core.testing.simulation.disks import MemoryDatabase
from linstor_core.testing.simulation.hosts import SimulatedCommitter, SimulatedContext
from linstor_core.testing.simulation.loop import VirtualLoop
from linstor_core.wire.connection import Connection, ConnectionLost


@pytest.mark.parametrize(("down_for_s", "links_down", "pause_s"), [
    (0.0, 1, 0.3), (9.9, 1, 0.3), (10.0, 1, 1.0), (59.0, 1, 1.0), (60.0, 1, 5.0), (86_400.0, 1, 5.0),
    (0.0, 30, 0.3), (0.0, 200, 2.0), (0.0, 1000, 10.0), (86_400.0, 1000, 10.0), (86_400.0, 100, 5.0),
])
def test_the_pause_grows_with_time_and_with_the_number_of_links(down_for_s: float, links_down: int,
                                                                pause_s: float) -> None:
    assert redialling.pause_s(down_for_s, links_down) == pause_s


def dials(nodes: int, until_s: float) -> Counter[int]:
    """How often somebody was dialled in each second, while nobody answered; all begins with the controller."""
    random = Random(nodes)
    loop = VirtualLoop(random)
    made: Counter[int] = Counter()

    @asynccontextmanager
    async def dial(_: NetInterface) -> AsyncIterator[Connection]:
        made[int(loop.time())] += 1
        raise ConnectionLost("refused")
        yield

    def nothing(_: str) -> None:
        """Counts nothing."""

    async def run() -> None:
        engine = Engine(database, SimulatedContext(loop, random), jitter=random.random, dial=dial,
                        committer=lambda *seams: SimulatedCommitter(loop, random, *seams))
        engine.start()

    database = MemoryDatabase(random, nothing)
    stored = [Node(f"u{number}", f"n{number}", NodeType.SATELLITE, (
        NetInterface(f"i{number}", "default", "192.0.2.1", 3366, "PLAIN"),)) for number in range(nodes)]
    database.commit([((ControllerSettings("cluster-1", 1), *stored), ())], 1)
    ended: list[bool] = []
    loop.create_task(run())
    loop.call_at(until_s, ended.append, True)
    try:
        loop.run_while(lambda: not ended)
        loop.bury()
    finally:
        loop.close()
    return made


def test_one_that_is_away_is_dialled_densely_at_first() -> None:
    made = dials(1, 200.0)
    assert all(2 <= made[second] <= 5 for second in range(9))
    assert all(made[second] + made[second + 1] >= 1 for second in range(11, 58))
    assert 20 <= sum(made[second] for second in range(65, 195)) <= 36


def test_many_that_are_away_are_not_dialled_more_often_in_all() -> None:
    made = dials(400, 30.0)
    assert made[0] == 400
    assert max(made[second] for second in range(1, 30)) <= 3 * redialling.DIALS_PER_S
    assert sum(made[second] for second in range(1, 30)) <= 1.2 * 29 * redialling.DIALS_PER_S
    assert sum(made[second] for second in range(1, 30)) >= 0.8 * 29 * redialling.DIALS_PER_S
