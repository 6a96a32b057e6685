"""Lets a node fetch content from itself, as if it were another one: both ends of a transfer without a network."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from linstor_core.satellite.clock import SystemClock
from linstor_core.satellite.content_fetches import ContentFetches
from linstor_core.satellite.content_offers import ContentOffers, standing
from linstor_core.satellite.contents import NodeContents
from linstor_core.satellite.steps import FetchContent
from linstor_core.satellite.storage.driver import Pools
from linstor_core.satellite.transfer_limits import TransferLimits
from linstor_core.testing.connection_pair import connected
from linstor_core.wire.connection import Connection, ConnectionLost
from linstor_core.wire.content_transfer import decode_request
from linstor_core.wire.resource_spec import Address, ResourceSpec


def exchange(contents: NodeContents, specs: Sequence[ResourceSpec], pools: Pools, step: FetchContent,
             breaks_after: int = -1) -> None:
    """Fetch what one of the specs offers; the connection breaks after some frames. Raises SatelliteError."""
    asyncio.run(_exchanged(contents, specs, pools, step, breaks_after))


async def _exchanged(contents: NodeContents, specs: Sequence[ResourceSpec], pools: Pools, step: FetchContent,
                     breaks_after: int) -> None:
    clock, limits = SystemClock(), TransferLimits(checked_kib=1024)
    with ThreadPoolExecutor(2) as threads:
        offers = ContentOffers(contents, lambda request: standing(request, specs, (), pools), threads, limits, clock)

        @contextlib.asynccontextmanager
        async def dial(_: Address) -> AsyncIterator[Connection]:
            near, far = connected(breaks_after)

            async def accepted() -> None:
                with contextlib.suppress(ConnectionLost):
                    await offers.give(decode_request(await far.receive()), far)

            giving = asyncio.ensure_future(accepted())
            try:
                yield near
            finally:
                await near.close()
                await giving

        await ContentFetches(contents, dial, threads, limits, clock).fetch(step, lambda _, __: None)
