"""A slow line is no broken one: what takes longer than a sign of life may take gets through all the same."""

from __future__ import annotations

import asyncio
import os

import pytest

from linstor_core.controller.dialing import dialing
from linstor_core.domain.nodes import NetInterface
from linstor_core.satellite.listener import WebsocketListener
from linstor_core.testing.slow_link import SlowLink
from linstor_core.wire.connection import Connection, ConnectionLost

PING_S = 0.3
MESSAGE = os.urandom(8192)


async def _passed(delay_s: float, bytes_per_s: float, *, satellite_speaks: bool) -> bytes:
    """What comes of a message from one side to the other by a line that turns slow once it is open."""
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(connection: Connection) -> None:
        if satellite_speaks:
            await connection.send(MESSAGE)
            await connection.receive()
        else:
            received.set_result(await connection.receive())

    listener = WebsocketListener(ping_s=PING_S)
    port = await listener.start(serve, "127.0.0.1", 0)
    try:
        with SlowLink(f"127.0.0.1:{port}") as link:
            async with dialing(ping_s=PING_S)(NetInterface("u", "n", "127.0.0.1", link.port, "PLAIN")) as connection:
                link.delay_s, link.bytes_per_s = delay_s, bytes_per_s
                if not satellite_speaks:
                    await connection.send(MESSAGE)
                waiting = asyncio.ensure_future(connection.receive())
                await asyncio.wait((waiting, received), return_when=asyncio.FIRST_COMPLETED)
                if received.done():
                    waiting.cancel()
                    return received.result()
                return waiting.result()
    finally:
        await listener.stop()


@pytest.mark.parametrize("satellite_speaks", [True, False])
def test_a_message_may_take_longer_than_a_sign_of_life(satellite_speaks: bool) -> None:
    # At this rate it takes four seconds, seven times as long as silence may last.
    assert asyncio.run(_passed(0.1, 2048, satellite_speaks=satellite_speaks)) == MESSAGE


def test_a_line_by_which_nothing_comes_is_broken() -> None:
    with pytest.raises(ConnectionLost, match="nothing is heard of it"):
        asyncio.run(_passed(60, float("inf"), satellite_speaks=False))
