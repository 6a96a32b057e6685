"""The satellite's end of the link: serves one controller at a time, and tells it what is new."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

import msgspec

from linstor_core.domain.observed import OrphanSeen, PoolSeen, ResourceSeen
from linstor_core.satellite.listener import Listener
from linstor_core.satellite.seldom_log import SeldomLog
from linstor_core.wire.connection import NOT_TRUSTED, Connection, ConnectionLost
from linstor_core.wire.content_transfer import ContentRequest
from linstor_core.wire.external_files import FilesSeen
from linstor_core.wire.node_report import (
    Answer,
    Hello,
    HelloAnswer,
    Report,
    ToSatellite,
    decode_first,
    decode_for_satellite,
    encode,
)
from linstor_core.wire.peer_certificate import SecureConnection

_log = logging.getLogger(__name__)
_HELLO_TIMEOUT_S = 10.0
_REPORT_RESOURCES = 500
MAX_ANSWERS = 64
"""So many answers may wait to be sent: nothing more is read from a controller that asks and does not listen."""
MAX_STRANGERS = 64
"""So many connections may be without a greeting; of more, those that have waited longest are dropped."""
_GARBAGE = 1003
_BROKEN_RULES = (1002, 1007, 1009)
"""What the transport ends a connection with: no websocket frames, no text, too large."""
_FAULT = 1011
_REPLACED = 4000


class Session(Protocol):
    """What stands behind the channel."""

    async def hello(self, hello: Hello) -> HelloAnswer:
        """An answer with a refusal ends the connection."""

    async def receive(self, message: ToSatellite, link: Link) -> None: ...

    async def give(self, request: ContentRequest, connection: Connection) -> None:
        """Another satellite fetches content. Raises ConnectionLost."""

    def connected(self, link: Link) -> None:
        """The link has been accepted; it replaces the one before."""


class Link:
    """An accepted connection. What is told to it leaves as soon as the socket takes it; what waits is put together."""

    def __init__(self, connection: Connection, epoch: int) -> None:
        self._connection = connection
        self.epoch = epoch
        self._pools: dict[str, PoolSeen] = {}
        self._resources: dict[str, ResourceSeen] = {}
        self._finish: Report | None = None
        self._answers: list[Answer] = []
        self._files: FilesSeen | None = None
        self._news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_over = False

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
        if self._is_over:
            return
        self._answers.append(answer)
        if len(self._answers) >= MAX_ANSWERS:
            self._has_room.clear()
        self._news.set()

    async def room(self) -> None:
        """Wait until not too many answers wait to be sent, or nothing can be sent any more."""
        await self._has_room.wait()

    def tell_orphans(self, orphans: tuple[OrphanSeen, ...]) -> None:
        """All that there are; goes out after everything that was told before."""
        synced = self._finish.synced if self._finish is not None else 0
        self._finish = Report(orphans=tuple(orphan.path for orphan in orphans), orphan_files=orphans, synced=synced)
        self._news.set()

    def tell_synced(self, generation: int, orphans: tuple[OrphanSeen, ...]) -> None:
        """Goes out after everything that was told before."""
        self._finish = Report(orphans=tuple(orphan.path for orphan in orphans), orphan_files=orphans, synced=generation)
        self._news.set()

    async def send_all(self) -> None:
        """Runs as long as the connection."""
        try:
            await self._send_news()
        finally:
            self._is_over = True
            self._has_room.set()

    async def _send_news(self) -> None:
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
                if len(self._answers) < MAX_ANSWERS:
                    self._has_room.set()
            if self._finish is not None:
                finish, self._finish = self._finish, None
                await self._connection.send(encode(finish))

    async def close(self) -> None:
        await self._connection.close(_REPLACED, "another connection took over")


class Channel:
    """Listens, and serves one controller at a time: the newest connection that is accepted."""

    def __init__(self, session: Session, listener: Listener) -> None:
        self._session = session
        self._listener = listener
        self._secure_listener: Listener | None = None
        self._link: Link | None = None
        self._seldom = SeldomLog(_log)
        self._strangers: dict[Connection, asyncio.Timeout] = {}
        self._leaving: set[asyncio.Future[None]] = set()
        self.port = 0
        self.secure_port = 0

    async def start(self, address: str, port: int) -> None:
        """Port 0 takes a free one, which `port` then tells. Raises OSError."""
        self.port = await self._listener.start(self._serve, address, port)

    async def start_secure(self, listener: Listener, address: str, port: int) -> None:
        """The same by TLS, which `listener` brings; `secure_port` tells."""
        self._secure_listener = listener
        self.secure_port = await listener.start(self._serve, address, port)

    async def stop(self) -> None:
        stops = [listener.stop() for listener in (self._listener, self._secure_listener) if listener is not None]
        await asyncio.gather(*stops)

    async def _serve(self, connection: Connection) -> None:
        host = connection.peer.rpartition(":")[0]
        try:
            epoch = await self._greet(connection)
            if epoch is not None:
                await self._talk(connection, epoch)
        except ConnectionLost as error:
            if error.code in _BROKEN_RULES:
                self._seldom.warning(f"{host} {error.code}", f"{connection.peer} does not speak our protocol: {error}")
            _log.info("%s: the connection is closed: %s", connection.peer, error)
        except (msgspec.DecodeError, TypeError, TimeoutError) as error:
            reason = str(error) or "no greeting"
            self._seldom.warning(f"{host} {reason}", f"{connection.peer} does not speak our protocol: {reason}")
            await connection.close(_GARBAGE, "not understood")
        except OSError as error:
            _log.error("the state cannot be stored: %s; %s has to tell everything again", error, connection.peer)
            await connection.close(_FAULT, "the satellite cannot store its state")
        except Exception:
            _log.exception("a fault of the satellite while it served %s", connection.peer)
            await connection.close(_FAULT, "a fault of the satellite")

    async def _greet(self, connection: Connection) -> int | None:
        """The controller's epoch when it is accepted."""
        try:
            async with asyncio.timeout(_HELLO_TIMEOUT_S) as patience:
                self._admit(connection, patience)
                hello = decode_first(await connection.receive())
        finally:
            self._strangers.pop(connection, None)
        if isinstance(hello, ContentRequest):
            await self._session.give(hello, connection)
            return None
        host = connection.peer.rpartition(":")[0]
        if isinstance(connection, SecureConnection) and not connection.certificate.is_controller:
            self._seldom.warning(f"{host} {NOT_TRUSTED}",
                                 f"refused {connection.peer}: its certificate is not that of a controller")
            await connection.close(NOT_TRUSTED, "the certificate is not that of a controller")
            return None
        answer = await self._session.hello(hello)
        await connection.send(encode(answer))
        if answer.refusal:
            self._seldom.warning(f"{host} {answer.message}", f"refused {connection.peer}: {answer.message}")
            return None
        return hello.epoch

    def _admit(self, connection: Connection, patience: asyncio.Timeout) -> None:
        """One more without a greeting. A controller greets at once: of too many, those go that have waited longest."""
        self._strangers[connection] = patience
        if len(self._strangers) > MAX_STRANGERS:
            oldest = next(iter(self._strangers))
            self._strangers.pop(oldest).reschedule(0)

    async def _talk(self, connection: Connection, epoch: int) -> None:
        before, self._link = self._link, Link(connection, epoch)
        link = self._link
        self._session.connected(link)
        sending = asyncio.ensure_future(link.send_all())
        if before is not None:
            # In the background: the one before may be somebody who takes nothing any more, a farewell neither.
            leaving = asyncio.ensure_future(before.close())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
        try:
            while True:
                await link.room()
                frame = await connection.receive()
                if self._link is not link:
                    break
                await self._session.receive(decode_for_satellite(frame), link)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            if self._link is link:
                self._link = None
