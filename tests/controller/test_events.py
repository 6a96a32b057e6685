"""Event streams: what is told, resumption, slow listeners, the end."""

from __future__ import annotations

import asyncio

import msgspec

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change
from linstor_core.controller.events import JOBS, NODES, STREAMS, EventHub, node_events
from linstor_core.controller.route import NoBody
from linstor_core.controller.routes import ROUTES
from linstor_core.domain.cluster import Cluster, ControllerSettings, Document
from linstor_core.domain.jobs import Job
from linstor_core.domain.nodes import Node, NodeType
from linstor_core.testing.builders import Model
from tests.controller.moving import moved, placed, round_of

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


def test_what_happens_to_jobs_is_told_without_their_tokens() -> None:
    async def scene() -> list[bytes]:
        hub, model = EventHub(), Model.with_nodes(2)
        placed(model)
        stream = hub.listen(JOBS, None)
        await anext(stream)
        before = model.cluster
        job = moved(model, target="n2")
        told, tokens = 0, set()
        while True:
            changed = model.cluster.jobs[job.uuid]
            tokens.add(changed.secret)
            if changed is not before.jobs.get(job.uuid):
                hub.published(before, model.cluster, Change(puts=(changed,)))
                told += 1
            if changed.is_finished:
                break
            before = model.cluster
            round_of(model)
        hub.published(model.cluster, after(model.cluster).with_documents((), ((Job, job.uuid),)),
                      Change(deletes=((Job, job.uuid),)))
        got = [await anext(stream) for _ in range(told + 1)]
        await stream.aclose()  # type: ignore[attr-defined]
        assert not [event for event in got for token in tokens if token and token.encode() in event]
        return got

    got = asyncio.run(scene())
    names_told = [event.split(b"event: ")[1].split(b"\n")[0].decode() for event in got]
    assert names_told == ["job-create", "job-modified", "job-modified", "job-modified", "job-modified", "job-end",
                          "job-delete"]
    assert b'"state":"DONE"' in got[-2] and b'"resource_name":"data"' in got[-2]


def test_noise_on_one_stream_costs_no_other_its_history() -> None:
    async def scene() -> bytes:
        hub = EventHub()
        hub.tell(NODES, "node-create", {"node_name": "n1"})
        for number in range(hub.HISTORY + 1):
            hub.tell(JOBS, "job-modified", {"uuid": str(number)})
        stream = hub.listen(NODES, last_seen=0)
        await anext(stream)
        found = await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        return found

    assert b"node-create" in asyncio.run(scene())


def test_every_stream_is_described() -> None:
    (described,) = [route.read for route in ROUTES if route.path == "/v1/openapi.json"]
    assert described is not None
    paths = msgspec.to_builtins(described(EMPTY, Call(NoBody(), {}, {}, 0)))["paths"]
    assert [path for path in paths if path.startswith("/v1/events/")] == sorted(f"/v1/events/{name}"
                                                                               for name in STREAMS)
    for name in STREAMS:
        assert list(paths[f"/v1/events/{name}"]["get"]["responses"]["200"]["content"]) == ["text/event-stream"]
