"""A connection by websocket, as both ends of the channel use it: how it is dialled, and when it is given up."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from linstor_core.wire.connection import NOT_TRUSTED, ConnectionLost, PeerRefused
from linstor_core.wire.node_report import MAX_FRAME_BYTES
from linstor_core.wire.peer_certificate import PeerCertificate, peer_certificate

OPEN_S = 5.0
CLOSE_S = 1.0
STALLED_S = 15.0
"""A peer that takes nothing of what it is sent for so long is given up."""
PING_S = 5.0
"""So often the other side is made to say something; it is given up when nothing comes for twice that time."""


class Heard:
    """Of a connection of the library: counts what comes in, of long messages each piece."""

    heard = 0

    def data_received(self, data: bytes) -> None:
        self.heard += 1
        super().data_received(data)  # type: ignore[misc]


class Dialled(Heard, ClientConnection):
    """The library's connection to whom we dial."""


class Accepted(Heard, ServerConnection):
    """The library's connection to who has dialled us."""


async def dialled(host: str, port: int, context: ssl.SSLContext | None) -> Dialled:
    """By TLS with a context. Raises OSError, which includes ssl.SSLError, and the library's WebSocketException."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    tls: dict[str, Any] = {"ssl": context, "ssl_shutdown_timeout": CLOSE_S} if context else {}
    return cast(Dialled, await connect(
        f"{'wss' if context else 'ws'}://{place}/", create_connection=Dialled, compression=None, open_timeout=OPEN_S,
        ping_interval=None, close_timeout=CLOSE_S, max_size=MAX_FRAME_BYTES, max_queue=4, proxy=None, **tls))


@asynccontextmanager
async def kept(socket: Dialled, stalled_s: float, ping_s: float) -> AsyncIterator[WebsocketConnection]:
    """What was dialled, as a `Connection` until the end of the block."""
    silence = Silence(socket, ping_s)
    try:
        async with socket:
            yield wrapped(socket, stalled_s, silence)
    finally:
        await silence.stop()


def limit_frames(protocol: object, size: int) -> None:
    """The largest message from now on. Releases of the library differ in the attribute's name."""
    name = "max_message_size" if hasattr(protocol, "max_message_size") else "max_size"
    setattr(protocol, name, size)


class WebsocketConnection:
    """A `Connection` that was accepted, or (not `is_new`) dialled."""

    def __init__(self, connection: ServerConnection | ClientConnection, stalled_s: float, silence: Silence, *,
                 is_new: bool = False) -> None:
        self._connection = connection
        self._silence = silence
        self._stalled_s = stalled_s
        self._is_new = is_new

    @property
    def peer(self) -> str:
        host, port, *_ = self._connection.remote_address or ("somebody", 0)
        return f"{host}:{port}"

    async def send(self, frame: bytes) -> None:
        if self._is_new:
            self._is_new = False
            limit_frames(self._connection.protocol, MAX_FRAME_BYTES)
        watch = Stalled(self._connection.transport, self._stalled_s)
        try:
            await self._connection.send(frame)
        except ConnectionClosed as error:
            if not watch.has_ended_it:
                raise lost(error) from None
        finally:
            watch.stop()
        if watch.has_ended_it:
            raise ConnectionLost("it does not take what it is sent")

    async def receive(self) -> bytes:
        try:
            frame = await self._connection.recv()
        except ConnectionClosed as error:
            if self._silence.has_ended_it:
                raise ConnectionLost("nothing is heard of it any more") from None
            raise lost(error) from None
        # No message begins with what can begin a text: it is refused like other garbage.
        return frame if isinstance(frame, bytes) else frame.encode()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        try:
            async with asyncio.timeout(2 * CLOSE_S):
                await self._connection.close(code, reason)
        except TimeoutError:
            self._connection.transport.abort()


class SecureWebsocketConnection(WebsocketConnection):
    """One by TLS, whose other end has shown a certificate."""

    def __init__(self, connection: ServerConnection | ClientConnection, stalled_s: float, silence: Silence,
                 certificate: PeerCertificate, *, is_new: bool = False) -> None:
        super().__init__(connection, stalled_s, silence, is_new=is_new)
        self.certificate = certificate


def wrapped(connection: ServerConnection | ClientConnection, stalled_s: float, silence: Silence, *,
             is_new: bool = False) -> WebsocketConnection:
    fields = connection.transport.get_extra_info("peercert")
    if fields:
        return SecureWebsocketConnection(connection, stalled_s, silence, peer_certificate(fields), is_new=is_new)
    return WebsocketConnection(connection, stalled_s, silence, is_new=is_new)


class Stalled:
    """Ends a connection by which nothing goes out for too long. A slow one that goes on is left alone."""

    def __init__(self, transport: asyncio.Transport, within_s: float) -> None:
        self._transport = transport
        self._within_s = within_s
        self._left = -1
        self.has_ended_it = False
        self._timer = asyncio.get_running_loop().call_later(within_s, self._look)

    def _look(self) -> None:
        left = self._transport.get_write_buffer_size()
        if 0 <= self._left <= left:
            self.has_ended_it = True
            self._transport.abort()
            return
        self._left = left
        self._timer = asyncio.get_running_loop().call_later(self._within_s, self._look)

    def stop(self) -> None:
        self._timer.cancel()


class Silence:
    """Ends a connection from which nothing at all comes for twice `ping_s`; pings make the other side say something.

    Not the answer to a ping is waited for: on a slow line that comes behind messages which take longer.
    """

    def __init__(self, socket: Accepted | Dialled, ping_s: float) -> None:
        self._socket = socket
        self._ping_s = ping_s
        self.has_ended_it = False
        self._task = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        silent = 0
        while silent < 2:
            before = self._socket.heard
            if not self._socket.transport.get_write_buffer_size():  # else something is on its way already
                await self._socket.ping()
            await asyncio.sleep(self._ping_s)
            # Nobody listens while too much waits to be worked on.
            silent = silent + 1 if self._socket.heard == before and self._socket.transport.is_reading() else 0
        self.has_ended_it = True
        self._socket.transport.abort()

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def lost(error: ConnectionClosed) -> ConnectionLost:
    said = error.rcvd if error.rcvd_then_sent or error.sent is None else error.sent
    if said is not None and said.code == NOT_TRUSTED:
        return PeerRefused(f"the satellite does not believe this controller: {said.reason}", NOT_TRUSTED)
    return ConnectionLost(str(error), said.code if said else 1006)
