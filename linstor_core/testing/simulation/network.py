"""Connections between hosts in one process: ordered, delayed, torn anywhere, silent while a way is blocked.

As with TCP, frames wait while their way is blocked and arrive late where it opens again in time; who hears nothing for
some seconds takes the connection for lost, which the other end may not learn for long. A host that loses its power says
no farewell, a program that is killed leaves that to its kernel.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from random import Random
from types import TracebackType

from linstor_core.domain.nodes import NetInterface
from linstor_core.satellite.listener import Serve
from linstor_core.testing.simulation.loop import PROCESS, Process, VirtualLoop
from linstor_core.wire.connection import Connection, ConnectionLost
from linstor_core.wire.resource_spec import Address

_PING_TIMEOUT_S = (10.0, 15.0)
_OPEN_TIMEOUT_S = 5.0
_IN_FLIGHT = 32
_REPEATABLE = (b"apply_resource", b"apply_pools", b"apply_files", b"forget_resource", b"full_sync", b"report")

Frame = bytes | ConnectionLost
"""The latter is the end of what comes from there."""


class Link:
    """One end of a connection (a `Connection`)."""

    def __init__(self, network: SimulatedNetwork, here: str, there: str, process: Process | None) -> None:
        self._network = network
        self.here = here
        self.there = there
        self.process = process
        self.other: Link = self
        self.coming: deque[tuple[float, Frame]] = deque()
        """On their way to this end, with the moments at which they may arrive."""
        self._arrived: deque[Frame] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._slow: asyncio.Future[None] | None = None
        self.ended: ConnectionLost | None = None
        self.mute = False
        """What is sent from here goes nowhere."""

    @property
    def peer(self) -> str:
        return self.there

    async def send(self, frame: bytes) -> None:
        while len(self.other.coming) + len(self.other._arrived) >= _IN_FLIGHT and self.ended is None:
            self._slow = self._network.loop.create_future()
            await self._slow
        if self.ended is not None:
            raise self.ended
        self._network.transmit(self, frame)

    async def receive(self) -> bytes:
        while not self._arrived:
            if self.ended is not None:
                raise self.ended
            self._waiting = self._network.loop.create_future()
            await self._waiting
        frame = self._arrived.popleft()
        _wake(self.other._slow)
        if isinstance(frame, ConnectionLost):
            self.end(frame)
            raise frame
        return frame

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self.ended is None:
            self._network.transmit(self, ConnectionLost(reason or "closed", code))
            self.end(ConnectionLost("closed here", code))
            await asyncio.sleep(0)

    def arrive(self, frame: Frame) -> None:
        if self.ended is not None:
            return
        self._arrived.append(frame)
        _wake(self._waiting)

    def end(self, lost: ConnectionLost) -> None:
        """This end knows that it is over."""
        if self.ended is None:
            self.ended = lost
            self.mute = True
            self._arrived.clear()
            for future in (self._waiting, self._slow, self.other._slow):
                _wake(future)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


class SimulatedNetwork:
    """`delay_s` is the longest time that a frame takes on an open way; `repeats` the share of frames sent twice."""

    def __init__(self, loop: VirtualLoop, random: Random, count: Callable[[str], None]) -> None:
        self.loop = loop
        self.delay_s = 0.01
        self.repeats = 0.0
        self.late_repeats = 0.0
        """The share of specs that come once more, seconds later: no network does that, so no history has it."""
        self._random = random
        self._count = count
        self._context = contextvars.copy_context()
        self._listening: dict[str, SimulatedListener] = {}
        self._links: list[Link] = []
        self._blocked: dict[tuple[str, str], int] = {}
        self._blocks = 0
        self.powered_off: set[str] = set()

    # Ways

    def is_open(self, here: str, there: str) -> bool:
        return ((here, there) not in self._blocked and here not in self.powered_off
                and there not in self.powered_off)

    def block(self, here: str, there: str) -> None:
        """Nothing gets from here to there any more."""
        self._blocks += 1
        self._blocked[here, there] = self._blocks
        self._begin_to_doubt(here, there)

    def open(self, here: str, there: str) -> None:
        if self._blocked.pop((here, there), None) is not None:
            for link in self._between(here, there):
                self._pump_later(link)

    def _between(self, here: str, there: str) -> list[Link]:
        return [link for link in self._links if {link.here, link.there} == {here, there}]

    def _begin_to_doubt(self, here: str, there: str) -> None:
        for link in self._between(here, there):
            self.later(self._random.uniform(*_PING_TIMEOUT_S), self._doubt, link, self._mark(link))

    def _mark(self, link: Link) -> tuple[object, ...]:
        ways = ((link.here, link.there), (link.there, link.here))
        return (*(self._blocked.get(way) for way in ways), link.there in self.powered_off)

    def _doubt(self, link: Link, mark: tuple[object, ...]) -> None:
        """No answer to a ping for as long as anybody waits for one."""
        if link.ended is None and any(mark) and self._mark(link) == mark:
            self._count("a connection was given up in silence")
            self.transmit(link, ConnectionLost("no answer to the ping"))
            link.end(ConnectionLost("no answer to the ping"))

    # Frames

    def transmit(self, link: Link, frame: Frame) -> None:
        if link.mute:
            return
        target = link.other
        self._put(target, frame)
        if isinstance(frame, bytes) and self.repeats and self._random.random() < self.repeats \
                and any(word in frame[:32] for word in _REPEATABLE):
            self._count("a message was repeated")
            self._put(target, frame)
        if isinstance(frame, bytes) and self._random.random() < self.late_repeats and b"apply_resource" in frame[:32]:
            self.later(self._random.uniform(1.0, 20.0), self._put, target, frame)

    def _put(self, target: Link, frame: Frame) -> None:
        before = target.coming[-1][0] if target.coming else 0.0
        moment = max(before, self.loop.time() + self._random.random() * self.delay_s)
        target.coming.append((moment, frame))
        if len(target.coming) == 1:
            self._pump_later(target)

    def _pump_later(self, link: Link) -> None:
        if link.coming:
            self.later(max(0.0, link.coming[0][0] - self.loop.time()), self._pump, link)

    def _pump(self, link: Link) -> None:
        """Deliver what is due, as far as the way is open."""
        while link.coming and link.coming[0][0] <= self.loop.time() and self.is_open(link.there, link.here):
            _, frame = link.coming.popleft()
            if isinstance(frame, bytes):
                self.loop.trace(f"{link.there} -> {link.here} {len(frame)} {frame[:24]!r}")
                if link.ended is None and self._is_old(link):
                    self._count("a frame of an older link arrived after the new one")
            link.arrive(frame)
        if self.is_open(link.there, link.here):
            self._pump_later(link)

    def _is_old(self, link: Link) -> bool:
        return any(other.here == link.here and other.there == link.there and other is not link and other.ended is None
                   for other in self._links[self._links.index(link) + 1:])

    def tear(self, here: str, there: str) -> None:
        """Cut all connections between two hosts; some of what is under way still arrives, a beginning of it."""
        for link in self._between(here, there):
            if link.ended is None:
                self._cut(link)

    def _cut(self, link: Link) -> None:
        link.other.mute = True
        kept = self._random.randint(0, len(link.coming))
        if kept < len(link.coming):
            self._count("frames were lost at a cut")
        while len(link.coming) > kept:
            link.coming.pop()
        self._put(link, ConnectionLost("the connection was torn"))

    # Hosts and programs

    def listen(self, address: str, listener: SimulatedListener) -> None:
        if address in self._listening:
            raise OSError(98, "Address already in use")
        self._listening[address] = listener

    def stop_listening(self, address: str, listener: SimulatedListener) -> None:
        if self._listening.get(address) is listener:
            del self._listening[address]
            for link in list(self._links):
                if link.process is listener.process and link.ended is None:
                    self.transmit(link, ConnectionLost("going away", 1001))
                    link.end(ConnectionLost("closed here", 1001))

    def forget(self, process: Process, silent: bool) -> None:
        """A program has ended; in silence where the whole host went."""
        for address, listener in tuple(self._listening.items()):
            if listener.process is process:
                del self._listening[address]
        for link in self._links:
            if link.process is process and link.ended is None:
                if not silent:
                    self._cut(link.other)
                link.mute = True
                link.ended = ConnectionLost("this program has ended")
        self._links = [link for link in self._links if link.ended is None or link.other.ended is None]

    def power_off(self, host: str) -> None:
        self.powered_off.add(host)
        for link in [link for link in self._links if link.there == host]:
            link.coming.clear()
            self.later(self._random.uniform(*_PING_TIMEOUT_S), self._doubt, link, self._mark(link))

    def power_on(self, host: str) -> None:
        """Its kernel knows nothing of the connections from before."""
        self.powered_off.discard(host)
        for link in self._links:
            if link.there == host and link.ended is None and link.other.ended is not None:
                link.coming.clear()
                self._put(link, ConnectionLost("reset"))

    def dial_from(self, here: str) -> Callable[[NetInterface], Dialled]:
        """A `Dial`."""
        return lambda interface: Dialled(self, here, interface.address)

    def fetch_from(self, here: str) -> Callable[[Address], Dialled]:
        """The `Dial` of a satellite."""
        return lambda address: Dialled(self, here, address.host)

    async def connect(self, here: str, address: str) -> Link:
        await asyncio.sleep(self._random.random() * self.delay_s)
        if not (self.is_open(here, address) and self.is_open(address, here)):
            self.loop.trace(f"{here} gets no answer from {address}")
            await asyncio.sleep(_OPEN_TIMEOUT_S)
            raise TimeoutError("nobody answers")
        listener = self._listening.get(address)
        if listener is None or listener.process is None or not listener.process.alive:
            self.loop.trace(f"{here} is refused by {address}")
            raise ConnectionRefusedError(111, "Connection refused")
        near, far = Link(self, here, address, PROCESS.get()), Link(self, address, here, listener.process)
        near.other, far.other = far, near
        self._links = [link for link in self._links if link.ended is None or link.other.ended is None]
        self._links += (near, far)
        self.loop.trace(f"{here} has connected to {address}")
        listener.accept(far)
        return near

    def later(self, delay_s: float, callback: Callable[..., None], *arguments: object) -> None:
        """As something that no program does."""
        self.loop.call_later(delay_s, callback, *arguments, context=self._context)


class Dialled:
    """What `Dial` gives."""

    def __init__(self, network: SimulatedNetwork, here: str, address: str) -> None:
        self._network = network
        self._here = here
        self._address = address

    async def __aenter__(self) -> Connection:
        self._link = await self._network.connect(self._here, self._address)
        return self._link

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        traceback: TracebackType | None) -> None:
        await self._link.close()


class SimulatedListener:
    """A `Listener` at one address."""

    def __init__(self, network: SimulatedNetwork) -> None:
        self._network = network
        self._address = ""
        self.process: Process | None = None

    async def start(self, serve_one: Serve, address: str, port: int) -> int:
        self._serve_one = serve_one
        self._address = address
        self.process = PROCESS.get()
        self._network.listen(address, self)
        return port

    async def stop(self) -> None:
        self._network.stop_listening(self._address, self)

    def accept(self, link: Link) -> None:
        async def serve() -> None:
            await self._serve_one(link)
            await link.close()

        assert self.process is not None
        self.process.context.run(self._network.loop.create_task, serve(), name=f"serve-{link.here}")
