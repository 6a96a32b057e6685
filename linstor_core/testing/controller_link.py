"""A controller's end of the channel, for tests of satellites: sends what it is told to, and keeps what comes back."""

from __future__ import annotations

import asyncio
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from linstor_core.domain.observed import PoolSeen, ResourceSeen
from linstor_core.wire.node_report import (
    MAX_FRAME_BYTES,
    ApplyResource,
    FullSync,
    Hello,
    HelloAnswer,
    PlannedSteps,
    PlanResource,
    Report,
    ToController,
    ToSatellite,
    decode_for_controller,
    encode,
)
from linstor_core.wire.resource_spec import PoolSpec, ResourceSpec

_PATIENCE_S = 20.0


class ControllerLink:
    """`async with ControllerLink(port) as link`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: ClientConnection | None = None
        self.pools: dict[str, PoolSeen] = {}
        self.resources: dict[str, ResourceSeen] = {}
        self.orphans: tuple[str, ...] | None = None

    async def __aenter__(self) -> Self:
        self._connection = await connect(f"ws://127.0.0.1:{self._port}", compression=None, max_size=MAX_FRAME_BYTES)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()

    @property
    def connection(self) -> ClientConnection:
        assert self._connection is not None
        return self._connection

    async def send(self, message: ToSatellite) -> None:
        await self.connection.send(encode(message))

    async def receive(self) -> ToController:
        async with asyncio.timeout(_PATIENCE_S):
            frame = await self.connection.recv()
        assert isinstance(frame, bytes)
        message = decode_for_controller(frame)
        if isinstance(message, Report):
            self.pools.update({pool.name: pool for pool in message.pools})
            self.resources.update({seen.resource_name: seen for seen in message.resources})
            self.orphans = self.orphans if message.orphans is None else message.orphans
        return message

    async def greet(self, *, cluster_id: str = "cluster", epoch: int = 1, node_name: str = "node1",
                    protocols: tuple[int, int] = (1, 1)) -> HelloAnswer:
        """`protocols`: oldest and newest."""
        await self.send(Hello(cluster_id, "controller", epoch, node_name, "uuid", protocols[1], protocols[0]))
        answer = await self.receive()
        assert isinstance(answer, HelloAnswer)
        return answer

    async def sync(self, pools: tuple[PoolSpec, ...], *specs: ResourceSpec, generation: int = 1) -> None:
        """Returns when the satellite has answered to all of it."""
        await self.send(FullSync(generation, pools, specs))
        while True:
            report = await self.receive()
            if isinstance(report, Report) and report.synced == generation:
                return

    async def bring(self, spec: ResourceSpec) -> ResourceSeen:
        """Send a spec and wait for the answer to it."""
        await self.send(ApplyResource(spec))
        while True:
            await self.receive()
            seen = self.resources.get(spec.resource_name)
            if seen is not None and seen.generation >= spec.generation:
                return seen

    async def plan(self, spec: ResourceSpec) -> PlannedSteps:
        """What the satellite would do."""
        await self.send(PlanResource(1, spec))
        while True:
            message = await self.receive()
            if isinstance(message, PlannedSteps):
                return message

    async def closed(self) -> int:
        """Waits for the satellite to end the connection; its code."""
        try:
            while True:
                await self.receive()
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd else 1006
