"""Where controllers dial: a websocket server. Alone on this side in importing the library."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from linstor_core.wire.connection import Connection, ConnectionLost
from linstor_core.wire.node_report import MAX_FRAME_BYTES

_library_log = logging.getLogger(f"{__name__}.websockets")
_library_log.setLevel(logging.CRITICAL)  # Port scanners would fill the log; what matters is logged by the channel.

Serve = Callable[[Connection], Awaitable[None]]
"""Runs as long as the connection, which is closed when it returns."""


class Listener(Protocol):
    """The seam to the network."""

    async def start(self, serve_one: Serve, address: str, port: int) -> int:
        """The port, which for 0 is a free one. Raises OSError."""

    async def stop(self) -> None:
        """Also ends the connections that are open."""


class WebsocketListener:
    """The real network."""

    def __init__(self) -> None:
        self._server: Server | None = None

    async def start(self, serve_one: Serve, address: str, port: int) -> int:
        async def accepted(connection: ServerConnection) -> None:
            await serve_one(WebsocketConnection(connection))

        self._server = await serve(
            accepted, address, port, compression=None, max_size=MAX_FRAME_BYTES, server_header=None,
            ping_interval=5, ping_timeout=10, close_timeout=1, logger=_library_log,
            origins=[None])  # no web page of a browser on the same network
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


class WebsocketConnection:
    """A `Connection` that was accepted."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    @property
    def peer(self) -> str:
        return str(self._connection.remote_address)

    async def send(self, frame: bytes) -> None:
        try:
            await self._connection.send(frame)
        except ConnectionClosed as error:
            raise _lost(error) from None

    async def receive(self) -> bytes:
        try:
            frame = await self._connection.recv()
        except ConnectionClosed as error:
            raise _lost(error) from None
        # No message begins with what can begin a text: it is refused like other garbage.
        return frame if isinstance(frame, bytes) else frame.encode()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._connection.close(code, reason)


def _lost(error: ConnectionClosed) -> ConnectionLost:
    return ConnectionLost(str(error), error.rcvd.code if error.rcvd else 1006)
