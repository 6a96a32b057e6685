"""A real satellite process that kills itself before its N-th deed: a step, or a touch of content that it passes on.

`python -m linstor_core.testing.doomed_transfer N …`: the other arguments are the satellite's own. Content is checked
after every mebibyte.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading

from msgspec import structs

from linstor_core.satellite.__main__ import serve, settings_of
from linstor_core.satellite.clock import SystemClock
from linstor_core.satellite.contents import GrowingContent, NodeContents, Portion, ReadableContent
from linstor_core.satellite.executor import StepExecutor
from linstor_core.satellite.satellite import real_world
from linstor_core.satellite.steps import FetchContent, Step
from linstor_core.satellite.transfer_limits import TransferLimits


class Deeds:
    """Counts down, from whatever thread."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._lock = threading.Lock()

    def next(self) -> None:
        with self._lock:
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1


class DoomedExecutor:
    """A `StepExecutor`."""

    def __init__(self, inner: StepExecutor, deeds: Deeds) -> None:
        self._inner = inner
        self._deeds = deeds

    def run(self, step: Step) -> None:
        self._deeds.next()
        self._inner.run(step)


class DoomedContents:
    """A `NodeContents`."""

    def __init__(self, inner: NodeContents, deeds: Deeds) -> None:
        self._inner = inner
        self._deeds = deeds

    def open(self, path: str, data_id: str) -> ReadableContent:
        self._deeds.next()
        return DoomedReading(self._inner.open(path, data_id), self._deeds)

    def grow(self, step: FetchContent) -> GrowingContent:
        self._deeds.next()
        return DoomedGrowing(self._inner.grow(step), self._deeds)


class DoomedReading:
    """A `ReadableContent`."""

    def __init__(self, inner: ReadableContent, deeds: Deeds) -> None:
        self._inner = inner
        self._deeds = deeds
        self.size_bytes = inner.size_bytes
        self.version = inner.version
        self.modified_ms = inner.modified_ms

    def count_data(self, before: int) -> int:
        return self._inner.count_data(before)

    def read(self, position: int, most_bytes: int) -> Portion:
        self._deeds.next()
        return self._inner.read(position, most_bytes)

    def close(self) -> None:
        self._inner.close()


class DoomedGrowing:
    """A `GrowingContent`."""

    def __init__(self, inner: GrowingContent, deeds: Deeds) -> None:
        self._inner = inner
        self._deeds = deeds
        self.version = inner.version
        self.position = inner.position

    def begin(self, version: str, position: int, size_bytes: int) -> None:
        self._deeds.next()
        self._inner.begin(version, position, size_bytes)

    def write(self, offset: int, content: bytes) -> None:
        self._deeds.next()
        self._inner.write(offset, content)

    def keep(self, position: int) -> None:
        self._deeds.next()
        self._inner.keep(position)

    def complete(self, modified_ms: int) -> None:
        self._deeds.next()
        self._inner.complete(modified_ms)

    def close(self) -> None:
        self._inner.close()

    def discard(self) -> None:
        self._inner.discard()


def main(arguments: list[str]) -> None:
    deeds = Deeds(int(arguments[0]))
    world = real_world(SystemClock())
    assert world.contents is not None
    doomed = structs.replace(world, executor=DoomedExecutor(world.executor, deeds),
                             contents=DoomedContents(world.contents, deeds))
    settings = structs.replace(settings_of(arguments[1:]), transfers=TransferLimits(checked_kib=1024))
    asyncio.run(serve(settings, doomed))


if __name__ == "__main__":
    main(sys.argv[1:])
