"""Two ends of a connection without a network, in one event loop."""

from __future__ import annotations

import asyncio

from linstor_core.wire.connection import ConnectionLost


class PairedConnection:
    """A `Connection`. `breaks_after` frames that this end receives, both ends find it lost."""

    peer = "the other end"

    def __init__(self, incoming: asyncio.Queue[bytes | None], outgoing: asyncio.Queue[bytes | None],
                 breaks_after: int = -1) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._left = breaks_after

    async def send(self, frame: bytes) -> None:
        await self._outgoing.put(frame)

    async def receive(self) -> bytes:
        if self._left == 0:
            await self.close()
            raise ConnectionLost("broken on purpose")
        self._left -= 1
        frame = await self._incoming.get()
        if frame is None:
            self._incoming.put_nowait(None)
            raise ConnectionLost("the other end is gone")
        return frame

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self._outgoing.put_nowait(None)


def connected(breaks_after: int = -1) -> tuple[PairedConnection, PairedConnection]:
    """The dialling end, which may break, and the accepting one."""
    there: asyncio.Queue[bytes | None] = asyncio.Queue()
    back: asyncio.Queue[bytes | None] = asyncio.Queue()
    return PairedConnection(back, there, breaks_after), PairedConnection(there, back)
