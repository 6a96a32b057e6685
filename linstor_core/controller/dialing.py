"""How the controller reaches a satellite: a websocket client. Alone on this side in importing the library."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from websockets.exceptions import InvalidMessage, WebSocketException

from linstor_core.daemons.websocket_links import PING_S, STALLED_S, Dialled, dialled, kept
from linstor_core.domain.nodes import NetInterface
from linstor_core.wire.connection import Connection, ConnectionLost, PeerRefused

Dial = Callable[[NetInterface], AbstractAsyncContextManager[Connection]]
"""The seam to the network: a connection to whoever listens on that interface. Raises OSError, which includes
TimeoutError, ConnectionLost and PeerRefused."""

OwnContext = Callable[[], Awaitable[ssl.SSLContext]]
"""Gives what to dial with by TLS. Raises PeerRefused while there is no certificate."""

SSL = "SSL"


async def _no_certificate() -> ssl.SSLContext:
    raise PeerRefused("this controller has no certificate to show")


def dialing(own_context: OwnContext = _no_certificate, stalled_s: float = STALLED_S, ping_s: float = PING_S) -> Dial:
    """The real network."""

    @asynccontextmanager
    async def dial_one(interface: NetInterface) -> AsyncIterator[Connection]:
        context = await own_context() if interface.satellite_encryption_type == SSL else None
        socket = await _connected(interface, context)
        async with kept(socket, stalled_s, ping_s) as connection:
            yield connection

    return dial_one


dial = dialing()
"""Without certificates."""


async def _connected(interface: NetInterface, context: ssl.SSLContext | None) -> Dialled:
    if interface.satellite_port is None:
        raise ConnectionLost("no satellite listens on this interface")
    try:
        return await dialled(interface.address, interface.satellite_port, context)
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
