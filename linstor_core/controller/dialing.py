"""How the controller reaches a satellite: a websocket client. Alone on this side in importing the library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from linstor_core.domain.nodes import NetInterface
from linstor_core.wire.connection import Connection, ConnectionLost
from linstor_core.wire.node_report import MAX_FRAME_BYTES

Dial = Callable[[NetInterface], AbstractAsyncContextManager[Connection]]
"""The seam to the network: a connection to whoever listens on that interface. Raises OSError, which includes
TimeoutError and ConnectionLost."""


@asynccontextmanager
async def dial(interface: NetInterface) -> AsyncIterator[Connection]:
    """The real network."""
    host = f"[{interface.address}]" if ":" in interface.address else interface.address
    try:
        socket = await connect(f"ws://{host}:{interface.satellite_port}/", compression=None, open_timeout=5,
                               ping_interval=5, ping_timeout=10, max_size=MAX_FRAME_BYTES, proxy=None)
    except WebSocketException as error:
        raise ConnectionLost(str(error) or type(error).__name__) from None
    async with socket:
        yield WebsocketConnection(socket)


class WebsocketConnection:
    """A `Connection` that was dialled."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @property
    def peer(self) -> str:
        return str(self._socket.remote_address)

    async def send(self, frame: bytes) -> None:
        try:
            await self._socket.send(frame)
        except ConnectionClosed as error:
            raise _lost(error) from None

    async def receive(self) -> bytes:
        try:
            frame = await self._socket.recv()
        except ConnectionClosed as error:
            raise _lost(error) from None
        return frame if isinstance(frame, bytes) else frame.encode()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._socket.close(code, reason)


def _lost(error: ConnectionClosed) -> ConnectionLost:
    return ConnectionLost(str(error), error.rcvd.code if error.rcvd else 1006)
