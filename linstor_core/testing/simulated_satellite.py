"""The real satellite over a simulated node: a controller meets any number of deployed volumes without one device.

`python -m linstor_core.testing.simulated_satellite --name NODE --listen ADDRESS:PORT --state DIR`; storage pools may
lie in `--directory` (/simulated). The volumes live in memory: start it on an empty state folder.
"""

from __future__ import annotations

import argparse
import os
import random
import sys

import uvloop

from linstor_core.satellite.__main__ import serve, settings_of
from linstor_core.satellite.clock import SystemClock
from linstor_core.satellite.reconciler import World
from linstor_core.testing.simulated_node import SimulatedNode


def simulated_world(directories: tuple[str, ...], total_kib: int) -> World:
    """A node in memory under the machine's clock."""
    node = SimulatedNode(directories, total_kib)
    return World(node, node, SystemClock(), random.Random().random, contents=node.contents)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--directory", action="append", help="where storage pools may lie; repeat it for more")
    parser.add_argument("--size-gib", type=int, default=1 << 20, help="the size of each pool")
    own, others = parser.parse_known_args(arguments)
    world = simulated_world(tuple(own.directory or ("/simulated",)), own.size_gib << 20)
    uvloop.run(serve(settings_of(others), world))
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
