"""Server-sent events: what changed, told to any number of listeners without a thread each."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Iterator

import msgspec
from msgspec import Struct

from linstor_core.controller.change import Change
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.jobs import Job, JobKind
from linstor_core.domain.nodes import Node

PROMOTION = "drbd/promotion"
NODES = "nodes"
JOBS = "jobs"
STREAMS = (NODES, PROMOTION, JOBS)
"""Each is served below /v1/events; LINSTOR has the first two."""


class Stream(str):
    """The answer of a listener: server-sent events without an end."""


class Event(Struct, frozen=True):
    """One event of a stream, ready to send."""

    number: int
    stream: str
    name: str
    data: bytes

    def encoded(self) -> bytes:
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (self.number, self.name.encode(), self.data)


def node_events(before: Cluster, after: Cluster, change: Change) -> Iterator[tuple[str, dict[str, str]]]:
    """Names and data of what happened to nodes, by LINSTOR's names."""
    for cls, key in change.deletes:
        if cls is Node and isinstance(key, str) and key in before.nodes:
            yield "node-delete", {"node_name": before.nodes[key].name}
    for document in change.puts:
        if isinstance(document, Node):
            yield _node_event(before.nodes.get(key_of(document.name)), document), {"node_name": document.name}


def _node_event(old: Node | None, new: Node) -> str:
    if old is None:
        return "node-create"
    gained, lost = set(new.flags) - set(old.flags), set(old.flags) - set(new.flags)
    if "EVACUATE" in gained:
        return "node-evacuate"
    if "EVICTED" in gained:
        return "node-evicted"
    if lost & {"EVACUATE", "EVICTED"}:
        return "node-restored"
    return "node-modified"


def job_events(before: Cluster, change: Change) -> Iterator[tuple[str, dict[str, str]]]:
    """What happened to jobs: where they are now, and what they wait for. What they fetch meanwhile is no event."""
    for cls, key in change.deletes:
        if cls is Job and isinstance(key, str) and key in before.jobs:
            yield "job-delete", {"uuid": key}
    for document in change.puts:
        if isinstance(document, Job):
            name = "job-modified" if document.uuid in before.jobs else "job-create"
            told = {"uuid": document.uuid, "kind": document.kind.value, "state": document.state.value,
                    "stage": document.stage.value if document.kind is JobKind.MOVE else "",
                    "node_name": document.node_name, "resource_name": document.resource_name,
                    "target_node": document.target_node, "message": document.message,
                    "blocked_by": document.blocked_by}
            yield "job-end" if document.is_finished else name, {field: value for field, value in told.items() if value}


class EventHub:
    """Keeps the last events for listeners that come back, and hands new ones to those that are there."""

    HISTORY = 1000
    BACKLOG = 1000
    """A listener this far behind is cut off; it resumes with Last-Event-ID."""
    KEEPALIVE_S = 15.0

    def __init__(self) -> None:
        self._history: dict[str, deque[Event]] = {stream: deque(maxlen=self.HISTORY) for stream in STREAMS}
        self._numbers = itertools.count(1)
        self._listeners: dict[str, set[asyncio.Queue[Event | None]]] = {
            stream: set() for stream in STREAMS}

    def published(self, before: Cluster, after: Cluster, change: Change) -> None:
        if before.nodes is not after.nodes:
            for name, data in node_events(before, after, change):
                self.tell(NODES, name, data)
        if before.jobs is not after.jobs:
            for name, data in job_events(before, change):
                self.tell(JOBS, name, data)

    def tell(self, stream: str, name: str, data: dict[str, str]) -> None:
        event = Event(next(self._numbers), stream, name, msgspec.json.encode(data))
        self._history[stream].append(event)
        for queue in tuple(self._listeners[stream]):
            if queue.qsize() >= self.BACKLOG:
                self._listeners[stream].discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(event)

    async def listen(self, stream: str, last_seen: int | None) -> AsyncIterator[bytes]:
        """The events of a stream from now on, or from the one after `last_seen` as far as they are still known."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        if last_seen is not None:
            for event in self._history[stream]:
                if event.number > last_seen:
                    queue.put_nowait(event)
        self._listeners[stream].add(queue)
        try:
            yield b": connected\n\n"
            while True:
                try:
                    event_or_end = await asyncio.wait_for(queue.get(), self.KEEPALIVE_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if event_or_end is None:
                    return
                yield event_or_end.encoded()
        finally:
            self._listeners[stream].discard(queue)

    def close(self) -> None:
        """End every stream, so that a shutdown does not wait for listeners."""
        for queues in self._listeners.values():
            for queue in queues:
                queue.put_nowait(None)
