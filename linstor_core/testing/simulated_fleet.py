"""As many real satellites as one likes in one process, each over a simulated node and behind an address of its own.

`python -m linstor_core.testing.simulated_fleet --nodes 1000 --state DIR`: the satellites `node0001` to `node1000`
listen on 127.1.x.y, port 3366, as `address_of` tells; storage pools may lie in /simulated. Everything is the product's
but the devices, the threads (there are none) and the clock: satellites look for changes a good deal less often. DIR
should be in memory, since everybody waits while one of them stores something.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import uvloop

from linstor_core.satellite.clock import SystemClock
from linstor_core.satellite.reconciler import World
from linstor_core.satellite.satellite import Satellite, SatelliteSettings
from linstor_core.testing.simulated_node import SimulatedNode

DIRECTORY = "/simulated"
READY = "all satellites listen"
"""The line on standard output."""
_SLOWER = 40
_STARTED_AT_ONCE = 50


def node_name(number: int) -> str:
    """From 1."""
    return f"node{number:04}"


def address_of(number: int) -> str:
    return f"127.1.{number // 250}.{number % 250 + 1}"


class AtOnce(Executor):
    """Does what threads would do at once: a simulated step takes less time than handing it over."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments, **named))
        except Exception as error:
            done.set_exception(error)
        return done


class PatientClock(SystemClock):
    """A thousand satellites that look at all of their resources twice a minute are more than one process can do."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * _SLOWER)


def satellite(number: int, state: Path, port: int, threads: Executor) -> Satellite:
    """Not started."""
    node = SimulatedNode((DIRECTORY,), keep_steps=False)
    world = World(node, node, PatientClock(), random.Random(number).random, contents=node.contents)
    name = node_name(number)
    return Satellite(SatelliteSettings(name, state / name, address_of(number), port), world, threads=threads)


async def _serve(count: int, state: Path, port: int) -> None:
    ending = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, ending.set)
    threads = AtOnce()
    satellites = [satellite(number, state, port, threads) for number in range(1, count + 1)]
    for first in range(0, count, _STARTED_AT_ONCE):
        await asyncio.gather(*(each.start() for each in satellites[first:first + _STARTED_AT_ONCE]))
    print(READY, flush=True)
    await ending.wait()
    await asyncio.gather(*(each.stop() for each in satellites))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, metavar="DIR")
    parser.add_argument("--port", type=int, default=3366)
    parsed = parser.parse_args(arguments)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Each satellite has a journal, a lock, a listening socket and connections.
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8 * parsed.nodes + 256)), hard))
    uvloop.run(_serve(parsed.nodes, parsed.state, parsed.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
