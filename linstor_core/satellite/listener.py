"""Where controllers dial, and how other satellites are dialled: websockets. Alone on this side in importing them."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import WebSocketException
from websockets.server import ServerProtocol

from linstor_core.daemons.websocket_links import (
    CLOSE_S,
    OPEN_S,
    PING_S,
    STALLED_S,
    Accepted,
    Silence,
    dialled,
    kept,
    limit_frames,
    wrapped,
)
from linstor_core.satellite.seldom_log import SeldomLog
from linstor_core.wire.connection import Connection, ConnectionLost, PeerRefused
from linstor_core.wire.node_report import MAX_FRAME_BYTES
from linstor_core.wire.resource_spec import Address

_log = logging.getLogger(__name__)
_library_log = logging.getLogger(f"{__name__}.websockets")
_library_log.setLevel(logging.CRITICAL)  # Port scanners would fill the log; what matters is logged by the channel.

MAX_GREETING_BYTES = 64 * 1024
"""The largest first frame: nobody knows yet who sends it."""
MAX_OPENING = 64
"""So many connections may be about to open; of more, those that have waited longest are dropped."""
MAX_HANDSHAKES = 128
"""So many may be at their TLS handshake; each costs some 250 KiB. More are refused for the moment."""

Serve = Callable[[Connection], Awaitable[None]]
"""Runs as long as the connection, which is closed when it returns."""


class Listener(Protocol):
    """The seam to the network."""

    async def start(self, serve_one: Serve, address: str, port: int) -> int:
        """The port, which for 0 is a free one. Raises OSError."""

    async def stop(self) -> None:
        """Also ends the connections that are open."""


class WebsocketListener:
    """The real network: plain, or by TLS with a context that demands certificates of clients."""

    def __init__(self, context: ssl.SSLContext | None = None, stalled_s: float = STALLED_S,
                 ping_s: float = PING_S) -> None:
        self._context = context
        self._ping_s = ping_s
        self._stalled_s = stalled_s
        self._server: Server | None = None
        self._opening: dict[ServerConnection, None] = {}
        self._open: set[ServerConnection] = set()
        if context is not None:
            self._handshakes = _Handshakes(SeldomLog(_log))
            context.sslobject_class = self._handshakes.kind

    async def start(self, serve_one: Serve, address: str, port: int) -> int:
        async def accepted(connection: ServerConnection) -> None:
            self._opening.pop(connection, None)
            self._open.add(connection)
            silence = Silence(cast(_Counted, connection), self._ping_s)
            try:
                await serve_one(wrapped(connection, self._stalled_s, silence, is_new=True))
            finally:
                self._open.discard(connection)
                await silence.stop()

        def counted(*arguments: Any, **options: Any) -> _Counted:
            return _Counted(self._opening, *arguments, **options)

        tls: dict[str, Any] = {"ssl_handshake_timeout": OPEN_S, "ssl_shutdown_timeout": CLOSE_S}
        self._server = await serve(
            accepted, address, port, ssl=self._context, create_connection=cast(Any, counted), compression=None,
            max_size=MAX_FRAME_BYTES, max_queue=4, server_header=None, open_timeout=OPEN_S, ping_interval=None,
            close_timeout=CLOSE_S, logger=_library_log,
            origins=[None],  # no web page of a browser on the same network
            **(tls if self._context else {}))
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for connection in tuple(self._opening):
            connection.transport.abort()
        try:
            async with asyncio.timeout(1.5 * CLOSE_S):
                await asyncio.shield(self._server.wait_closed())
        except TimeoutError:
            # A peer that takes nothing any more does not take a farewell either.
            for connection in tuple(self._open):
                connection.transport.abort()
            await self._server.wait_closed()


class _Counted(Accepted):
    """Counts as opening from its first moment until it is accepted; takes no large frame before it was answered."""

    def __init__(self, opening: dict[ServerConnection, None], protocol: ServerProtocol, *arguments: Any,
                 **options: Any) -> None:
        super().__init__(protocol, *arguments, **options)
        self._opening = opening
        limit_frames(protocol, MAX_GREETING_BYTES)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opening[self] = None
        if len(self._opening) > MAX_OPENING:
            oldest = next(iter(self._opening))
            del self._opening[oldest]
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._opening.pop(self, None)
        super().connection_lost(exc)


class _Handshakes:
    """Those that are under way: the event loop says neither how many there are nor why one fails.

    `kind` is the class of their objects. One that nobody goes on with is forgotten when its time is over.
    """

    def __init__(self, log: SeldomLog, within_s: float = OPEN_S) -> None:
        self._log = log
        self._within_s = within_s
        self.under_way: dict[ssl.SSLObject, float] = {}
        handshakes = self

        class Handshake(ssl.SSLObject):
            def do_handshake(self) -> None:
                handshakes.begin(self)
                try:
                    super().do_handshake()
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    raise
                except ssl.SSLError as error:
                    handshakes.end(self, getattr(error, "verify_message", "") or error.reason or str(error))
                    raise
                handshakes.end(self)

        self.kind: type[ssl.SSLObject] = Handshake

    def begin(self, handshake: ssl.SSLObject) -> None:
        """Raises ssl.SSLError where there are too many. Those that have a link do not notice."""
        if handshake in self.under_way:
            return
        now = asyncio.get_running_loop().time()
        while self.under_way and next(iter(self.under_way.values())) + self._within_s < now:
            del self.under_way[next(iter(self.under_way))]
        if len(self.under_way) >= MAX_HANDSHAKES:
            self._log.warning("too many", f"a connection by TLS was refused: {MAX_HANDSHAKES} others are about to open")
            raise ssl.SSLError("too many handshakes")
        self.under_way[handshake] = now

    def end(self, handshake: ssl.SSLObject, refusal: str = "") -> None:
        self.under_way.pop(handshake, None)
        if refusal:
            self._log.warning(refusal, f"a connection by TLS was refused: {refusal}")


def dialing(own_context: Callable[[], ssl.SSLContext | None],
            stalled_s: float = STALLED_S) -> Callable[[Address], AbstractAsyncContextManager[Connection]]:
    """How satellites are dialled. `own_context` gives what to do it with by TLS, None while there is no certificate."""

    @asynccontextmanager
    async def dial(address: Address) -> AsyncIterator[Connection]:
        """Raises OSError, which includes TimeoutError, ConnectionLost and PeerRefused."""
        context = own_context() if address.encrypted else None
        if address.encrypted and context is None:
            raise PeerRefused("this satellite has no certificate to show")
        try:
            socket = await dialled(address.host, address.port, context)
        except WebSocketException as error:
            raise ConnectionLost(str(error) or type(error).__name__) from None
        async with kept(socket, stalled_s, PING_S) as connection:
            yield connection

    return dial
