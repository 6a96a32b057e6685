"""`python -m linstor_core.testing.crashing --crash-at N …`: the single process, killed at its N-th step.

A point is passed before and after every step that the satellite executes, everything it writes down, and every
transaction that the controller commits. Counting begins with SIGUSR1, so that a test can prepare what it needs first.
At the N-th point the process gets SIGKILL, as in a power cut: nothing is flushed, nothing is closed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import Executor as Threads
from pathlib import Path

import uvloop
from msgspec import structs

from linstor_core.controller.daemon import ControllerDaemon
from linstor_core.controller.repository import Repository, Write
from linstor_core.satellite.clock import SystemClock
from linstor_core.satellite.device_links import DeviceLinks
from linstor_core.satellite.executor import StepExecutor
from linstor_core.satellite.satellite import Satellite, SatelliteSettings, real_world
from linstor_core.satellite.spec_store import Record, SpecStore
from linstor_core.satellite.steps import Step
from linstor_core.single import serve, settings_of


class CrashPoints:
    """Counts once it is armed, writes where it is to `trace`, and kills at the chosen number."""

    def __init__(self, crash_at: int, trace: Path) -> None:
        self._crash_at = crash_at
        self._trace = trace
        self._passed = 0
        self._armed = False
        self._lock = threading.Lock()

    def arm(self) -> None:
        self._trace.write_text("armed")
        self._armed = True

    def passed(self, where: str) -> None:
        with self._lock:
            if not self._armed:
                return
            self._passed += 1
            if self._passed == self._crash_at:
                self._trace.write_text(where)
                os.kill(os.getpid(), signal.SIGKILL)


class CrashingExecutor:
    """Executes for real, with a point on either side."""

    def __init__(self, inner: StepExecutor, points: CrashPoints) -> None:
        self._inner = inner
        self._points = points

    def run(self, step: Step) -> None:
        self._points.passed(f"before {step.description}")
        self._inner.run(step)
        self._points.passed(f"after {step.description}")


class CrashingRepository(Repository):
    """Commits for real, with a point on either side."""

    points: CrashPoints

    def commit(self, writes: Iterable[Write], revision: int) -> None:
        self.points.passed("before commit")
        super().commit(writes, revision)
        self.points.passed("after commit")


class CrashingStore(SpecStore):
    """Stores for real, with a point on either side."""

    points: CrashPoints

    async def put(self, *records: Record) -> None:
        self.points.passed("before storing")
        await super().put(*records)
        self.points.passed("after storing")


async def _serve(controller: ControllerDaemon, satellite: Satellite, points: CrashPoints) -> None:
    # A plain handler: it has to act although the loop may be busy.
    signal.signal(signal.SIGUSR1, lambda _, __: points.arm())
    await serve(controller, satellite)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crash-at", type=int, required=True)
    parser.add_argument("--trace", type=Path, required=True, help="file that tells where it died")
    own, rest = parser.parse_known_args()
    settings = settings_of(rest)
    points = CrashPoints(own.crash_at, own.trace)
    repository = CrashingRepository.in_folder(settings.state / "controller")
    repository.points = points
    controller = ControllerDaemon(settings.state / "controller", *settings.rest, repository=repository)
    world = real_world(SystemClock(), DeviceLinks(settings.device_links, settings.state / "satellite"))

    def store(directory: Path, threads: Threads) -> SpecStore:
        opened = CrashingStore(directory, threads)
        opened.points = points
        return opened

    satellite = Satellite(SatelliteSettings(settings.node_name, settings.state / "satellite", *settings.satellite,
                                            settings.file_folders),
                          structs.replace(world, executor=CrashingExecutor(world.executor, points)), store)
    uvloop.run(_serve(controller, satellite, points))
    return 0


if __name__ == "__main__":
    sys.exit(main())
