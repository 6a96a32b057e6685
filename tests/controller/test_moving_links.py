"""A link follows its node's addresses: what stands goes on until the satellite has answered at the new one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from linstor_core.controller.satellite_link import SatelliteLink, ways_to
from linstor_core.domain.nodes import NetInterface, Node, NodeType
from linstor_core.satellite.satellite import Satellite
from linstor_core.wire.rest_bodies import NetInterfaceBody
from tests.controller.tls_cluster import Cluster, controller_at, free_port, satellite_at, until


class Watch:
    """Remembers every state that a node's link had."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.states: list[str] = []
        self._name = name
        cluster.daemon.controller.on_publish(lambda *_: self._note(cluster))

    def _note(self, cluster: Cluster) -> None:
        state = cluster.status(self._name)
        if not self.states or self.states[-1] != state:
            self.states.append(state)


def peer_of(satellite: Satellite) -> str:
    """The address at which the satellite is being reached."""
    link = satellite._link
    if link is None:
        return ""
    return str(link._connection._connection.local_address[0])  # type: ignore[attr-defined]


@asynccontextmanager
async def two_addresses(tmp_path: Path) -> AsyncIterator[tuple[Cluster, Satellite, int]]:
    """A node that is reached at 127.0.0.2 and listens everywhere."""
    async with controller_at(tmp_path / "c") as cluster:
        port = free_port()
        async with satellite_at(tmp_path / "s", port=port, address="0.0.0.0") as satellite:
            await cluster.register("n1", port, "PLAIN", "127.0.0.2")
            await cluster.is_in_state("n1", "ONLINE")
            yield cluster, satellite, port


def test_the_active_interface_is_changed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with two_addresses(tmp_path) as (cluster, satellite, port):
            watch = Watch(cluster, "n1")
            await cluster.call("create_net_interface", "n1", NetInterfaceBody(
                name="other", address="127.0.0.3", satellite_port=port, satellite_encryption_type="PLAIN"))
            assert peer_of(satellite) == "127.0.0.2"
            await cluster.call("modify_net_interface", "n1", "other", NetInterfaceBody(is_active=True))
            await until(lambda: peer_of(satellite) == "127.0.0.3")
            await cluster.is_in_state("n1", "ONLINE")
            await cluster.place("web", "n1")
            assert "OFFLINE" not in watch.states
    asyncio.run(scenario())


def test_an_address_that_does_not_answer_costs_nothing_until_it_does(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with two_addresses(tmp_path) as (cluster, satellite, port):
            watch = Watch(cluster, "n1")
            link = satellite._link
            await cluster.call("modify_net_interface", "n1", "default", NetInterfaceBody(
                address="127.0.0.3", satellite_port=free_port()))
            await cluster.place("web", "n1")
            assert satellite._link is link and peer_of(satellite) == "127.0.0.2"
            await cluster.call("modify_net_interface", "n1", "default", NetInterfaceBody(satellite_port=port))
            await until(lambda: peer_of(satellite) == "127.0.0.3")
            await cluster.is_in_state("n1", "ONLINE")
            assert "OFFLINE" not in watch.states
    asyncio.run(scenario())


def test_another_satellite_at_the_new_address_is_not_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with two_addresses(tmp_path) as (cluster, satellite, _):
            link = satellite._link
            async with satellite_at(tmp_path / "t", name="n2", port=free_port()) as stranger:
                await cluster.call("modify_net_interface", "n1", "default", NetInterfaceBody(
                    address="127.0.0.1", satellite_port=stranger.port))
                await cluster.place("web", "n1")
                assert satellite._link is link and stranger._link is None
                assert cluster.status("n1") == "ONLINE"
    asyncio.run(scenario())


def test_an_address_that_is_changed_while_nothing_stands_is_dialled_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            await cluster.register("n1", free_port(), "PLAIN")
            async with satellite_at(tmp_path / "s") as satellite:
                await cluster.call("modify_net_interface", "n1", "default", NetInterfaceBody(
                    satellite_port=satellite.port))
                await cluster.is_in_state("n1", "ONLINE")
    asyncio.run(scenario())


def test_another_interface_is_tried_when_the_active_one_stays_silent(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            active, spare = free_port(), free_port()
            await cluster.register("n1", active, "PLAIN")
            await cluster.call("create_net_interface", "n1", NetInterfaceBody(
                name="spare", address="127.0.0.3", satellite_port=spare, satellite_encryption_type="PLAIN"))
            async with satellite_at(tmp_path / "s", port=spare, address="127.0.0.3") as satellite:
                await cluster.is_in_state("n1", "ONLINE")
                assert peer_of(satellite) == "127.0.0.3"
                assert cluster.node("n1").active_interface == "default"
                await cluster.place("web", "n1")
                # As soon as something answers where it should, that is taken.
                relay = await asyncio.start_server(lambda reader, writer: _pass_on(reader, writer, spare),
                                                   "127.0.0.1", active)
                async with relay:
                    before = satellite._link
                    cluster.daemon._engine.links._running["N1"][0].move()
                    await until(lambda: satellite._link not in (None, before))
                    await cluster.is_in_state("n1", "ONLINE")
                    await cluster.place("again", "n1")
    asyncio.run(scenario())


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    far_reader, far_writer = await asyncio.open_connection("127.0.0.3", port, local_addr=("127.0.0.1", 0))

    async def one_way(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.close()

    await asyncio.gather(one_way(reader, far_writer), one_way(far_reader, writer), return_exceptions=True)


def interface(name: str, encryption: str = "PLAIN", port: int | None = 3366) -> NetInterface:
    return NetInterface(name, name, "192.0.2.1", port, encryption if port else None)


@pytest.mark.parametrize(("interfaces", "active", "ways"), [
    ((interface("a"), interface("b")), "B", ["b", "a"]),
    ((interface("a"), interface("b")), "", ["a", "b"]),
    ((interface("a", port=None), interface("b")), "a", ["b"]),
    ((interface("a", "SSL"), interface("b"), interface("c", "SSL")), "a", ["a", "c"]),
    ((interface("a"), interface("b", "SSL")), "a", ["a"]),
    ((interface("a", port=None),), "a", []),
    ((), "", []),
])
def test_nobody_is_led_to_a_weaker_way(interfaces: tuple[NetInterface, ...], active: str, ways: list[str]) -> None:
    node = Node("u", "n", NodeType.SATELLITE, interfaces, active)
    assert [part.name for part in ways_to(node)] == ways


def test_the_active_one_keeps_every_second_attempt() -> None:
    ways = [interface("a"), interface("b"), interface("c")]
    link = SatelliteLink.__new__(SatelliteLink)

    async def chosen(down_for_s: float) -> str:
        link._broken_at = asyncio.get_running_loop().time() - down_for_s
        names = []
        for link._failures in range(9):
            names.append(link._way(ways).name)
        return "".join(names)

    assert asyncio.run(chosen(1.0)) == "a" * 9
    assert asyncio.run(chosen(60.0)) == "aacabacab"
