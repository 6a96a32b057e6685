"""A real satellite process that kills itself after a number of steps.

`python -m linstor_core.testing.doomed_satellite STEPS …`: the other arguments are the satellite's own.
"""

from __future__ import annotations

import asyncio
import sys

from msgspec import structs

from linstor_core.satellite.__main__ import serve, settings_of
from linstor_core.satellite.clock import SystemClock
from linstor_core.satellite.device_links import DeviceLinks
from linstor_core.satellite.satellite import real_world
from linstor_core.testing.cut_executor import CutExecutor, kill_process


def main(arguments: list[str]) -> None:
    settings = settings_of(arguments[1:])
    world = real_world(SystemClock(), DeviceLinks(settings.device_links, settings.state_directory))
    doomed = CutExecutor(world.executor, int(arguments[0]), kill_process)
    asyncio.run(serve(settings, structs.replace(world, executor=doomed)))


if __name__ == "__main__":
    main(sys.argv[1:])
