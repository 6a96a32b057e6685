"""The satellite's end of the link: a websocket server that a controller dials. Alone in importing the library."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from linstor_core.domain.observed import PoolSeen, ResourceSeen
from linstor_core.wire.external_files import FilesSeen
from linstor_core.wire.node_report import (
    MAX_FRAME_BYTES,
    Answer,
    Hello,
    HelloAnswer,
    Report,
    ToSatellite,
    decode_for_satellite,
    encode,
)

_log = logging.getLogger(__name__)
_library_log = logging.getLogger(f"{__name__}.websockets")
_library_log.setLevel(logging.CRITICAL)  # Port scanners would fill the log; what matters is logged here.
_HELLO_TIMEOUT_S = 10.0
_REPORT_RESOURCES = 500
_GARBAGE = 1003
_FAULT = 1011
_REPLACED = 4000


class Session(Protocol):
    """What stands behind the channel."""

    async def hello(self, hello: Hello) -> HelloAnswer:
        """An answer with a refusal ends the connection."""

    async def receive(self, message: ToSatellite, link: Link) -> None: ...

    def connected(self, link: Link) -> None:
        """The link has been accepted; it replaces the one before."""


class Link:
    """An accepted connection. What is told to it leaves as soon as the socket takes it; what waits is put together."""

    def __init__(self, connection: ServerConnection, epoch: int) -> None:
        self._connection = connection
        self.epoch = epoch
        self._pools: dict[str, PoolSeen] = {}
        self._resources: dict[str, ResourceSeen] = {}
        self._finish: Report | None = None
        self._answers: list[Answer] = []
        self._files: FilesSeen | None = None
        self._news = asyncio.Event()

    def tell_pool(self, pool: PoolSeen) -> None:
        self._pools[pool.name.upper()] = pool
        self._news.set()

    def tell_resource(self, resource: ResourceSeen) -> None:
        self._resources[resource.resource_name.upper()] = resource
        self._news.set()

    def tell_files(self, files: FilesSeen) -> None:
        self._files = files
        self._news.set()

    def tell_answer(self, answer: Answer) -> None:
        self._answers.append(answer)
        self._news.set()

    def tell_synced(self, generation: int, orphans: tuple[str, ...]) -> None:
        """Goes out after everything that was told before."""
        self._finish = Report(orphans=orphans, synced=generation)
        self._news.set()

    async def send_all(self) -> None:
        """Runs as long as the connection."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._pools or self._resources:
                names = list(self._resources)[:_REPORT_RESOURCES]
                resources = tuple(self._resources.pop(name) for name in names)
                pools, self._pools = tuple(self._pools.values()), {}
                await self._connection.send(encode(Report(pools, resources)))
            if self._files is not None:
                files, self._files = self._files, None
                await self._connection.send(encode(files))
            while self._answers:
                await self._connection.send(encode(self._answers.pop(0)))
            if self._finish is not None:
                finish, self._finish = self._finish, None
                await self._connection.send(encode(finish))

    async def close(self) -> None:
        await self._connection.close(_REPLACED, "another connection took over")


class Channel:
    """Listens, and serves one controller at a time: the newest connection that is accepted."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._server: Server | None = None
        self._link: Link | None = None
        self.port = 0

    async def start(self, address: str, port: int) -> None:
        """Port 0 takes a free one, which `port` then tells."""
        self._server = await serve(
            self._serve, address, port, compression=None, max_size=MAX_FRAME_BYTES, server_header=None,
            ping_interval=5, ping_timeout=10, close_timeout=1, logger=_library_log,
            origins=[None])  # no web page of a browser on the same network
        self.port = int(next(iter(self._server.sockets)).getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            epoch = await self._greet(connection)
            if epoch is not None:
                await self._talk(connection, epoch)
        except ConnectionClosed:
            _log.info("%s has closed the connection", connection.remote_address)
        except (msgspec.DecodeError, TypeError, TimeoutError) as error:
            _log.warning("%s does not speak our protocol: %s", connection.remote_address, error or "no greeting")
            await connection.close(_GARBAGE, "not understood")
        except Exception:
            _log.exception("a fault of the satellite while it served %s", connection.remote_address)
            await connection.close(_FAULT, "a fault of the satellite")

    async def _greet(self, connection: ServerConnection) -> int | None:
        """The controller's epoch when it is accepted."""
        async with asyncio.timeout(_HELLO_TIMEOUT_S):
            hello = _decoded(await connection.recv())
        if not isinstance(hello, Hello):
            raise msgspec.DecodeError("the first frame has to be a greeting")
        answer = await self._session.hello(hello)
        await connection.send(encode(answer))
        if answer.refusal:
            _log.warning("refused %s: %s", connection.remote_address, answer.message)
            return None
        return hello.epoch

    async def _talk(self, connection: ServerConnection, epoch: int) -> None:
        before, self._link = self._link, Link(connection, epoch)
        link = self._link
        self._session.connected(link)
        sending = asyncio.ensure_future(link.send_all())
        if before is not None:
            await before.close()
        try:
            async for frame in connection:
                if self._link is not link:
                    break
                await self._session.receive(_decoded(frame), link)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            if self._link is link:
                self._link = None


def _decoded(frame: str | bytes) -> ToSatellite:
    if isinstance(frame, str):
        raise msgspec.DecodeError("a text frame")
    return decode_for_satellite(frame)
