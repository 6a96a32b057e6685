"""Event streams: what is told, resumption, slow listeners, the end."""

from __future__ import annotations

import asyncio

from linstor_core.controller.change import Change
from linstor_core.controller.events import NODES, EventHub, node_events
from linstor_core.domain.cluster import Cluster, ControllerSettings, Document
from linstor_core.domain.nodes import Node, NodeType

EMPTY = Cluster(controller=ControllerSettings("c"))


def after(cluster: Cluster, *puts: Document) -> Cluster:
    return cluster.with_documents(puts, ())


def names(before: Cluster, change: Change) -> list[str]:
    return [name for name, _ in node_events(before, before.with_documents(change.puts, change.deletes), change)]


def test_each_turn_of_a_node_has_linstors_name() -> None:
    plain = Node("u", "alpha", NodeType.SATELLITE)
    evacuating = Node("u", "alpha", NodeType.SATELLITE, flags=("EVACUATE",))
    evicted = Node("u", "alpha", NodeType.SATELLITE, flags=("EVICTED",))
    renamed = Node("u", "alpha", NodeType.SATELLITE, props={"Aux/x": "1"})
    there = after(EMPTY, plain)
    assert names(EMPTY, Change(puts=(plain,))) == ["node-create"]
    assert names(there, Change(puts=(renamed,))) == ["node-modified"]
    assert names(there, Change(puts=(evacuating,))) == ["node-evacuate"]
    assert names(there, Change(puts=(evicted,))) == ["node-evicted"]
    assert names(after(EMPTY, evicted), Change(puts=(plain,))) == ["node-restored"]
    assert names(there, Change(deletes=((Node, "ALPHA"),))) == ["node-delete"]


def test_a_listener_that_comes_back_gets_what_it_missed() -> None:
    async def scene() -> list[bytes]:
        hub = EventHub()
        for number in range(4):
            hub.tell(NODES, "node-create", {"node_name": f"n{number}"})
        stream = hub.listen(NODES, last_seen=2)
        got = [await anext(stream) for _ in range(3)]
        await stream.aclose()  # type: ignore[attr-defined]
        return got

    hello, *missed = asyncio.run(scene())
    assert hello.startswith(b":")
    assert missed == [b'id: 3\nevent: node-create\ndata: {"node_name":"n2"}\n\n',
                      b'id: 4\nevent: node-create\ndata: {"node_name":"n3"}\n\n']


def test_a_listener_that_does_not_read_is_cut_off_and_the_others_go_on() -> None:
    async def scene() -> None:
        hub = EventHub()
        slow, quick = hub.listen(NODES, None), hub.listen(NODES, None)
        await anext(slow)
        await anext(quick)
        for number in range(hub.BACKLOG + 5):
            hub.tell(NODES, "node-modified", {"node_name": str(number)})
            await anext(quick)
        taken = [event async for event in slow]
        assert len(taken) == hub.BACKLOG
        hub.close()
        assert [event async for event in quick] == []

    asyncio.run(scene())
