"""How the controller reaches a satellite: a websocket client. Alone on this side in importing the library."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, WebSocketException

from linstor_core.domain.nodes import NetInterface
from linstor_core.wire.connection import NOT_TRUSTED, Connection, ConnectionLost, PeerRefused
from linstor_core.wire.node_report import MAX_FRAME_BYTES
from linstor_core.wire.peer_certificate import PeerCertificate, peer_certificate

Dial = Callable[[NetInterface], AbstractAsyncContextManager[Connection]]
"""The seam to the network: a connection to whoever listens on that interface. Raises OSError, which includes
TimeoutError, ConnectionLost and PeerRefused."""

OwnContext = Callable[[], Awaitable[ssl.SSLContext]]
"""Gives what to dial with by TLS. Raises PeerRefused while there is no certificate."""

SSL = "SSL"
_CLOSE_S = 1.0
STALLED_S = 15.0
"""A peer that takes nothing of what it is sent for so long is given up."""
PING_S = 5.0
"""So often the other side is made to say something; it is given up when nothing comes for twice that time."""


async def _no_certificate() -> ssl.SSLContext:
    raise PeerRefused("this controller has no certificate to show")


def dialing(own_context: OwnContext = _no_certificate, stalled_s: float = STALLED_S, ping_s: float = PING_S) -> Dial:
    """The real network."""

    @asynccontextmanager
    async def dial_one(interface: NetInterface) -> AsyncIterator[Connection]:
        context = await own_context() if interface.satellite_encryption_type == SSL else None
        socket = await _connected(interface, context)
        silence = _Silence(socket, ping_s)
        try:
            async with socket:
                yield _wrapped(socket, stalled_s, silence)
        finally:
            await silence.stop()

    return dial_one


dial = dialing()
"""Without certificates."""


async def _connected(interface: NetInterface, context: ssl.SSLContext | None) -> _Socket:
    host = f"[{interface.address}]" if ":" in interface.address else interface.address
    url = f"{'wss' if context else 'ws'}://{host}:{interface.satellite_port}/"
    options: dict[str, Any] = {"ssl": context, "ssl_shutdown_timeout": _CLOSE_S} if context else {}
    try:
        return cast(_Socket, await connect(
            url, create_connection=_Socket, compression=None, open_timeout=5, ping_interval=None,
            close_timeout=_CLOSE_S, max_size=MAX_FRAME_BYTES, max_queue=4, proxy=None, **options))
    except ssl.SSLCertVerificationError as error:
        raise PeerRefused(f"the satellite's certificate is not accepted: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise ConnectionLost(f"TLS fails ({error.reason}): does the satellite listen there without TLS?") from None
    except ConnectionResetError:
        if context is None:
            raise
        raise ConnectionLost("it breaks the TLS handshake off: does the satellite listen there without TLS "
                             "(PLAIN)?") from None
    except InvalidMessage as error:
        if context is not None and isinstance(error.__cause__, EOFError):
            # With TLS 1.3 a client's certificate is looked at when the client is through with the handshake already.
            raise PeerRefused("the satellite ends the connection at the sight of this controller's certificate: its "
                              "log says why") from None
        raise ConnectionLost("what listens there does not answer like a satellite: is it another program, or does the "
                             "satellite want TLS (SSL) there?") from None
    except WebSocketException as error:
        raise ConnectionLost(str(error) or type(error).__name__) from None


class _Heard:
    """Of a connection of the library: counts what comes in, of long messages each piece."""

    heard = 0

    def data_received(self, data: bytes) -> None:
        self.heard += 1
        super().data_received(data)  # type: ignore[misc]


class _Socket(_Heard, ClientConnection):
    pass


class WebsocketConnection:
    """A `Connection` that was dialled."""

    def __init__(self, socket: _Socket, stalled_s: float, silence: _Silence) -> None:
        self._socket = socket
        self._silence = silence
        self._stalled_s = stalled_s

    @property
    def peer(self) -> str:
        host, port, *_ = self._socket.remote_address or ("somebody", 0)
        return f"{host}:{port}"

    async def send(self, frame: bytes) -> None:
        watch = _Stalled(self._socket.transport, self._stalled_s)
        try:
            await self._socket.send(frame)
        except ConnectionClosed as error:
            if not watch.has_ended_it:
                raise _lost(error) from None
        finally:
            watch.stop()
        if watch.has_ended_it:
            raise ConnectionLost("it does not take what it is sent")

    async def receive(self) -> bytes:
        try:
            frame = await self._socket.recv()
        except ConnectionClosed as error:
            if self._silence.has_ended_it:
                raise ConnectionLost("nothing is heard of it any more") from None
            raise _lost(error) from None
        return frame if isinstance(frame, bytes) else frame.encode()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        try:
            async with asyncio.timeout(2 * _CLOSE_S):
                await self._socket.close(code, reason)
        except TimeoutError:
            self._socket.transport.abort()


class SecureWebsocketConnection(WebsocketConnection):
    """One by TLS, whose other end has shown a certificate."""

    def __init__(self, socket: _Socket, stalled_s: float, silence: _Silence, certificate: PeerCertificate) -> None:
        super().__init__(socket, stalled_s, silence)
        self.certificate = certificate


def _wrapped(socket: _Socket, stalled_s: float, silence: _Silence) -> WebsocketConnection:
    fields = socket.transport.get_extra_info("peercert")
    if fields:
        return SecureWebsocketConnection(socket, stalled_s, silence, peer_certificate(fields))
    return WebsocketConnection(socket, stalled_s, silence)


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

    def __init__(self, socket: _Socket, ping_s: float) -> None:
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
    if said is not None and said.code == NOT_TRUSTED:
        return PeerRefused(f"the satellite does not believe this controller: {said.reason}", NOT_TRUSTED)
    return ConnectionLost(str(error), said.code if said else 1006)
