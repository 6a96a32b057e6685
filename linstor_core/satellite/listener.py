"""Where controllers dial, and how other satellites are dialled: websockets. Alone on this side in importing them."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.server import ServerProtocol

from linstor_core.satellite.seldom_log import SeldomLog
from linstor_core.wire.connection import Connection, ConnectionLost, PeerRefused
from linstor_core.wire.node_report import MAX_FRAME_BYTES
from linstor_core.wire.peer_certificate import PeerCertificate, peer_certificate
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
_OPEN_S = 5.0
PING_S = 5.0
"""So often the other side is made to say something; it is given up when nothing comes for twice that time."""
_CLOSE_S = 1.0
STALLED_S = 15.0
"""A peer that takes nothing of what it is sent for so long is given up."""

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
            silence = _Silence(cast(_Counted, connection), self._ping_s)
            try:
                await serve_one(_wrapped(connection, self._stalled_s, silence))
            finally:
                self._open.discard(connection)
                await silence.stop()

        def counted(*arguments: Any, **options: Any) -> _Counted:
            return _Counted(self._opening, *arguments, **options)

        tls: dict[str, Any] = {"ssl_handshake_timeout": _OPEN_S, "ssl_shutdown_timeout": _CLOSE_S}
        self._server = await serve(
            accepted, address, port, ssl=self._context, create_connection=cast(Any, counted), compression=None,
            max_size=MAX_FRAME_BYTES, max_queue=4, server_header=None, open_timeout=_OPEN_S, ping_interval=None,
            close_timeout=_CLOSE_S, logger=_library_log,
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
            async with asyncio.timeout(1.5 * _CLOSE_S):
                await asyncio.shield(self._server.wait_closed())
        except TimeoutError:
            # A peer that takes nothing any more does not take a farewell either.
            for connection in tuple(self._open):
                connection.transport.abort()
            await self._server.wait_closed()


class _Heard:
    """Of a connection of the library: counts what comes in, of long messages each piece."""

    heard = 0

    def data_received(self, data: bytes) -> None:
        self.heard += 1
        super().data_received(data)  # type: ignore[misc]


class _Dialled(_Heard, ClientConnection):
    pass


class _Counted(_Heard, ServerConnection):
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


def limit_frames(protocol: object, size: int) -> None:
    """The largest message from now on. Releases of the library differ in the attribute's name."""
    name = "max_message_size" if hasattr(protocol, "max_message_size") else "max_size"
    setattr(protocol, name, size)


class _Handshakes:
    """Those that are under way: the event loop says neither how many there are nor why one fails.

    `kind` is the class of their objects. One that nobody goes on with is forgotten when its time is over.
    """

    def __init__(self, log: SeldomLog, within_s: float = _OPEN_S) -> None:
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
        host = f"[{address.host}]" if ":" in address.host else address.host
        tls: dict[str, Any] = {"ssl": context, "ssl_shutdown_timeout": _CLOSE_S} if context else {}
        try:
            socket = cast(_Dialled, await connect(
                f"{'wss' if context else 'ws'}://{host}:{address.port}/", create_connection=_Dialled, compression=None,
                open_timeout=_OPEN_S, ping_interval=None, close_timeout=_CLOSE_S, max_size=MAX_FRAME_BYTES,
                max_queue=4, proxy=None, **tls))
        except WebSocketException as error:
            raise ConnectionLost(str(error) or type(error).__name__) from None
        silence = _Silence(socket, PING_S)
        try:
            async with socket:
                yield _wrapped(socket, stalled_s, silence, is_new=False)
        finally:
            await silence.stop()

    return dial


class WebsocketConnection:
    """A `Connection` that was accepted, or (not `is_new`) dialled."""

    def __init__(self, connection: ServerConnection | ClientConnection, stalled_s: float, silence: _Silence, *,
                 is_new: bool = True) -> None:
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
        watch = _Stalled(self._connection.transport, self._stalled_s)
        try:
            await self._connection.send(frame)
        except ConnectionClosed as error:
            if not watch.has_ended_it:
                raise _lost(error) from None
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
            raise _lost(error) from None
        # No message begins with what can begin a text: it is refused like other garbage.
        return frame if isinstance(frame, bytes) else frame.encode()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        try:
            async with asyncio.timeout(2 * _CLOSE_S):
                await self._connection.close(code, reason)
        except TimeoutError:
            self._connection.transport.abort()


class SecureWebsocketConnection(WebsocketConnection):
    """One by TLS, whose other end has shown a certificate."""

    def __init__(self, connection: ServerConnection | ClientConnection, stalled_s: float, silence: _Silence,
                 certificate: PeerCertificate, *, is_new: bool = True) -> None:
        super().__init__(connection, stalled_s, silence, is_new=is_new)
        self.certificate = certificate


def _wrapped(connection: ServerConnection | ClientConnection, stalled_s: float, silence: _Silence, *,
             is_new: bool = True) -> WebsocketConnection:
    fields = connection.transport.get_extra_info("peercert")
    if fields:
        return SecureWebsocketConnection(connection, stalled_s, silence, peer_certificate(fields), is_new=is_new)
    return WebsocketConnection(connection, stalled_s, silence, is_new=is_new)


class _Stalled:
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


class _Silence:
    """Ends a connection from which nothing at all comes for twice `ping_s`; pings make the other side say something.

    Not the answer to a ping is waited for: on a slow line that comes behind messages which take longer.
    """

    def __init__(self, socket: _Counted | _Dialled, ping_s: float) -> None:
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


def _lost(error: ConnectionClosed) -> ConnectionLost:
    said = error.rcvd if error.rcvd_then_sent or error.sent is None else error.sent
    return ConnectionLost(str(error), said.code if said else 1006)
