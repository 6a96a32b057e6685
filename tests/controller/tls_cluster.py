"""A controller and satellites in one loop, on real sockets with real certificates; the nodes are simulated."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from linstor_core.client.client import LinstorClient
from linstor_core.controller.certificate_office import OfficeChoices
from linstor_core.controller.daemon import ControllerDaemon
from linstor_core.controller.https import Https
from linstor_core.domain.cluster import key_of
from linstor_core.domain.nodes import Node
from linstor_core.satellite import joining
from linstor_core.satellite.clock import SystemClock
from linstor_core.satellite.joining import Host
from linstor_core.satellite.reconciler import World
from linstor_core.satellite.satellite import Satellite, SatelliteSettings
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.joining import parse_token
from linstor_core.wire.rest_certificates import InvitationCreate
from linstor_core.wire.rest_v1 import NetInterface as NetInterfaceFields
from linstor_core.wire.rest_v1 import ResourceDefinitionLayer
from tools import services

PATIENCE_S = 30.0


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


class Cluster:
    """A running controller and what can be said to it."""

    def __init__(self, daemon: ControllerDaemon, address: str) -> None:
        self.daemon = daemon
        self.address = address

    async def call(self, method: str, *arguments: object) -> object:
        """One of the client's methods, in a thread."""
        def ask() -> object:
            return getattr(LinstorClient(f"http://{self.address}"), method)(*arguments)
        return await asyncio.to_thread(ask)

    async def invite(self, **fields: object) -> str:
        """The token."""
        entries = await self.call("invite_node", InvitationCreate(**fields))  # type: ignore[arg-type]
        return str(entries[0].obj_refs["token"])  # type: ignore[index]

    async def join(self, token: str, name: str, state: Path, *, port: int = 0, address: str = "127.0.0.1",
                   by: str = "") -> joining.Joined:
        """`by` is another address than the controller's own."""
        host = Host(name, port or free_port(), state, address)
        return await asyncio.to_thread(joining.join, host, parse_token(token), by or self.address)

    async def expire(self, token: str) -> None:
        """Wait for the end of an invitation."""
        invitation = self.daemon.controller.cluster.invitations[parse_token(token).identity]
        await until(lambda: not invitation.is_valid(self.daemon.controller.context.now_ms()))

    def node(self, name: str) -> Node:
        return self.daemon.controller.cluster.nodes[key_of(name)]

    def status(self, name: str) -> str:
        seen = self.daemon.controller.cluster.nodes_seen.get(key_of(name))
        return seen.status.value if seen is not None else ""

    async def is_in_state(self, name: str, status: str) -> None:
        await until(lambda: self.status(name) == status)

    async def register(self, name: str, port: int, encryption: str = "SSL", address: str = "127.0.0.1") -> None:
        interface = NetInterfaceFields(name="default", address=address, satellite_port=port,
                                       satellite_encryption_type=encryption)
        await self.call("create_node", bodies.NodeCreate(name=name, type="SATELLITE", net_interfaces=(interface,)))

    async def place(self, resource: str, node: str) -> None:
        """A resource on that node's pool; returns when the satellite has made it."""
        if (key_of(node), "THIN") not in self.daemon.controller.cluster.storage_pools:
            await self.call("create_storage_pool", node, bodies.StoragePoolCreate(
                storage_pool_name="thin", provider_kind="FILE_THIN", props={"StorDriver/StorPoolName": "/pool"}))
        await self.call("create_resource_definition", bodies.ResourceDefinitionCreate(
            resource_definition=bodies.ResourceDefinitionFields(
                name=resource, layer_data=(ResourceDefinitionLayer(type="STORAGE"),))))
        await self.call("create_volume_definition", resource, bodies.VolumeDefinitionCreate(
            volume_definition=bodies.VolumeDefinitionFields(size_kib=4096)))
        await self.call("create_resource", resource, node, bodies.ResourceCreate(
            resource=bodies.ResourceFields(props={"StorPoolName": "thin"})))
        seen = self.daemon.controller.cluster.resources_seen[key_of(resource), key_of(node)]
        assert seen.volumes[0].present and not seen.failures


@contextlib.asynccontextmanager
async def controller_at(state: Path, https: Https | None = None, **choices: object) -> AsyncIterator[Cluster]:
    address = services.free_address()
    daemon = ControllerDaemon(state, "127.0.0.1", int(address.rpartition(":")[2]), https=https,
                              links=OfficeChoices(**choices))  # type: ignore[arg-type]
    await daemon.start()
    try:
        yield Cluster(daemon, address)
    finally:
        await daemon.stop()


@contextlib.asynccontextmanager
async def satellite_at(state: Path, name: str = "n1", port: int = 0, address: str = "127.0.0.1",
                       **settings: object) -> AsyncIterator[Satellite]:
    node = SimulatedNode(("/pool",))
    satellite = Satellite(SatelliteSettings(name, state, address, port, **settings),  # type: ignore[arg-type]
                          World(node, node, SystemClock(), lambda: 0.5))
    await satellite.start()
    try:
        yield satellite
    finally:
        await satellite.stop()


def free_port() -> int:
    return int(services.free_address().rpartition(":")[2])
