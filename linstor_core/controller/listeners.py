"""Sockets that speak HTTP: uvicorn's protocol in the loop of the caller, plain and over TLS. The only uvicorn module.

uvicorn's own server would take the process's signals and end it where an address is taken.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import uvicorn
from msgspec import Struct
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Listen(Struct, frozen=True):
    """An address, and what answers there. With `tls` the answer goes over HTTPS. Port 0 takes a free one."""

    host: str
    port: int
    application: Application
    tls: ssl.SSLContext | None = None


class Redirect:
    """Sends every caller to HTTPS before anything is looked at, as LINSTOR does once it has a certificate."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        if not host:
            host = str((scope.get("server") or ("localhost", 0))[0])
        # What is behind the last colon is a port, unless it belongs to an IPv6 address in brackets.
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        location = f"https://{name}:{self._port}".encode("latin-1") + scope["raw_path"].split(b"?")[0] + query
        # LINSTOR's clients look for a 302; whoever writes has to repeat the body, which only 307 says.
        status = 302 if scope["method"] in ("GET", "HEAD") else 307
        await send({"type": "http.response.start", "status": status,
                    "headers": [(b"location", location), (b"content-length", b"0"), (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": b""})


class Listeners:
    """All addresses of a controller."""

    DRAIN_S = 0.6
    """How long requests may go on after the end has begun."""

    REFUSE_S = 0.3
    """How long the answers that end them may take to leave."""

    def __init__(self, listens: Sequence[Listen]) -> None:
        self._listens = listens
        self._state = ServerState()
        self._servers: list[asyncio.AbstractServer] = []
        self.addresses: list[tuple[str, int]] = []
        """Where it listens, once started."""

    async def start(self) -> None:
        """Raises OSError, which names the address, when one of them can't be bound; then none is."""
        sockets: list[socket.socket] = []
        try:
            for listen in self._listens:
                sockets.append(_bound(listen.host, listen.port))
        except OSError:
            for bound in sockets:
                bound.close()
            raise
        for listen, bound in zip(self._listens, sockets, strict=True):
            self.addresses.append(bound.getsockname()[:2])
            self._servers.append(await self._serve(listen, bound))

    async def _serve(self, listen: Listen, bound: socket.socket) -> asyncio.AbstractServer:
        config = uvicorn.Config(listen.application, http="httptools", loop="none", lifespan="off", access_log=False,
                                log_config=None, server_header=False, date_header=False, ws="none",
                                proxy_headers=False)
        config.load()
        loop = asyncio.get_running_loop()

        def protocol() -> HttpToolsProtocol:
            return HttpToolsProtocol(config=config, server_state=self._state, app_state={}, _loop=loop)

        return await loop.create_server(protocol, sock=bound, ssl=listen.tls, backlog=2048)

    def close(self) -> None:
        """Take no new connection, and let go of those that rest."""
        for server in self._servers:
            server.close()
        for connection in tuple(self._state.connections):
            connection.shutdown()

    async def drain(self) -> None:
        """Let requests end by themselves; those that do not are cancelled, and what still stands is cut."""
        await self._until_gone(self.DRAIN_S)
        for task in tuple(self._state.tasks):
            task.cancel()
        await self._until_gone(self.REFUSE_S)
        for connection in tuple(self._state.connections):
            transport = connection.transport
            assert isinstance(transport, asyncio.WriteTransport)
            transport.abort()

    async def _until_gone(self, within_s: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while (self._state.connections or self._state.tasks) and loop.time() < deadline:  # noqa: ASYNC110
            # uvicorn's sets tell nobody when they change.
            await asyncio.sleep(0.01)


def _bound(host: str, port: int) -> socket.socket:
    """A socket on the first address of a host. `::` takes IPv4, too, where the machine has both."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        made.bind(address)
    except OSError as fault:
        made.close()
        raise OSError(fault.errno, f"{fault.strerror}: {host} port {port}") from None
    made.setblocking(False)
    return made
