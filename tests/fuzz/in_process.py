"""A whole controller without sockets: requests go straight into its HTTP bridge, its database is in memory.

`Fleet` plays the satellites of all nodes. A node does at once what it is asked to, unless its mood says otherwise.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from enum import Enum
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from linstor_core.controller import resource_specs
from linstor_core.controller.app import Services, create_app
from linstor_core.controller.change import Change
from linstor_core.controller.controller import Controller
from linstor_core.controller.diagnostics.error_reports import ErrorReports
from linstor_core.controller.diagnostics.instruments import Instruments
from linstor_core.controller.diagnostics.log_ring import LogRing
from linstor_core.controller.diagnostics.resource_metrics import ResourceMetrics
from linstor_core.controller.diagnostics.traffic import Traffic
from linstor_core.controller.events import EventHub
from linstor_core.controller.keyring import Keyring
from linstor_core.controller.operations import reports, seed
from linstor_core.controller.repository import Repository
from linstor_core.controller.routes import ROUTES
from linstor_core.controller.server import Bridge
from linstor_core.controller.token_gate import TokenGate
from linstor_core.domain.cluster import Cluster, key_of, pools_place
from linstor_core.domain.errors import Code
from linstor_core.domain.nodes import ConnectionStatus
from linstor_core.domain.observed import Failure, PoolSeen, ResourceSeen
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.testing import builders
from linstor_core.testing.builders import GIB_KIB, CountingContext
from linstor_core.wire.node_report import Report
from linstor_core.wire.resource_spec import ResourceSpec

ANSWER_WITHIN_S = 5.0
"""A call that takes longer hangs: nothing in here needs any time."""


class Mood(Enum):
    """What becomes of the work that a node is asked to do."""

    OBEDIENT = "does it"
    FAILING = "fails at it"
    BUSY = "has its volumes open, so takes none of them down"
    AWAY = "is not connected"


class Reply(Struct, frozen=True):
    """`body` is None where there was none, and bytes where it is no JSON."""

    status: int
    body: Any

    @property
    def codes(self) -> list[int]:
        return [entry["ret_code"] & 0x7FFF for entry in self.body]

    @property
    def has_error(self) -> bool:
        return any((entry["ret_code"] >> 62) & 3 == 3 for entry in self.body)


class Fleet:
    """The satellites of all nodes that run one; a node that is registered connects unless it is AWAY."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.moods: dict[str, Mood] = {}
        self._told: dict[tuple[str, str], int] = {}
        self._due = False
        controller.on_publish(self._published)

    def mood(self, node_key: str) -> Mood:
        return self.moods.get(node_key, Mood.OBEDIENT)

    def become(self, node_key: str, mood: Mood) -> None:
        """Change a node's mood; it looks at everything again then, as a satellite does from time to time."""
        was, self.moods[node_key] = self.mood(node_key), mood
        self._told = {place: told for place, told in self._told.items() if place[1] != node_key}
        if mood is Mood.AWAY and was is not Mood.AWAY:
            self._controller.fold(reports.link_broken(node_key, ConnectionStatus.OFFLINE, 1))
        self._wake()

    @property
    def is_idle(self) -> bool:
        return not self._due and self._controller.head is self._controller.cluster

    def _published(self, _: Cluster, __: Cluster, ___: Change) -> None:
        self._wake()

    def _wake(self) -> None:
        if not self._due:
            self._due = True
            asyncio.get_event_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._due = False
        cluster = self._controller.cluster
        for key, node in cluster.nodes.items():
            if not node.type.runs_satellite:
                continue
            if self.mood(key) is Mood.AWAY:
                if key not in cluster.nodes_seen:
                    self._controller.fold(reports.link_broken(key, ConnectionStatus.OFFLINE, 1))
            elif not cluster.is_online(node.name):
                self._connect(node.name)
            else:
                self._report(cluster, key, node.name)
        self._told = {place: told for place, told in self._told.items()
                      if self._controller.head.generations.get(place) == told}

    def _connect(self, name: str) -> None:
        seen = structs.replace(builders.online(name), orphans=())
        self._controller.fold(lambda _, __: Change(puts=(seen,)))

    def _report(self, cluster: Cluster, key: str, name: str) -> None:
        pools = ()
        if self._is_news(cluster, pools_place(key)):
            pools = tuple(self._pool(cluster, pool.name, name) for pool in cluster.pools_on(name)
                          if pool.provider_kind is not ProviderKind.DISKLESS)
        places = [place for place in sorted(resource_specs.places_on(cluster, key)) if self._is_news(cluster, place)]
        specs = [spec for place in places if (spec := resource_specs.build(cluster, place)) is not None]
        if pools or specs:
            resources = tuple(self._answer(key, spec) for spec in specs)
            self._controller.fold(reports.reported(name, Report(pools=pools, resources=resources)))

    def _is_news(self, cluster: Cluster, place: tuple[str, str]) -> bool:
        generation = cluster.generations.get(place)
        if generation is None or self._told.get(place) == generation:
            return False
        self._told[place] = generation
        return True

    def _pool(self, cluster: Cluster, name: str, node_name: str) -> PoolSeen:
        generation = cluster.generations.get(pools_place(key_of(node_name)), 0)
        pool = cluster.pool(node_name, name)
        assert pool is not None
        return PoolSeen(name, node_name, generation, 100 * GIB_KIB, 100 * GIB_KIB,
                        supports_snapshots=pool.provider_kind.is_thin)

    def _answer(self, key: str, spec: ResourceSpec) -> ResourceSeen:
        match self.mood(key):
            case Mood.FAILING:
                return builders.failed(spec, (Failure("No space is left.", code=Code.NOT_ENOUGH_FREE_SPACE),))
            case Mood.BUSY:
                return _with_open_volumes(spec)
            case _:
                return builders.done(spec)


def _with_open_volumes(spec: ResourceSpec) -> ResourceSeen:
    """Everything is done but what would take a volume away."""
    doomed = [volume for volume in spec.volumes if volume.delete]
    kept = builders.done(structs.replace(spec, volumes=tuple(structs.replace(volume, delete=False)
                                                             for volume in spec.volumes)))
    volumes = tuple(structs.replace(volume, in_use=True) for volume in kept.volumes)
    failures = (Failure("A volume is in use.", code=Code.IN_USE),) if doomed else ()
    return structs.replace(kept, volumes=volumes, failures=failures)


async def _nobody_to_ask(*_: object) -> None:
    """No satellite tells what it would do."""


class InProcessController:
    """Requests are answered by the real routes, the real operations and a real database in memory."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self.repository = Repository("sqlite://")
        self.repository.open()
        self.context = CountingContext()
        cluster = seed.fresh_cluster(self.context)
        self.repository.commit([(seed.documents(cluster), ())], cluster.revision)
        self._loop.run_until_complete(self._start(cluster, folder))

    async def _start(self, cluster: Cluster, folder: Path) -> None:
        self.controller = Controller(cluster, self.repository, self.context)
        self.fleet = Fleet(self.controller)
        self._reports = ErrorReports(folder / "error-reports", self.context.now_ms)
        instruments = Instruments(folder, ("127.0.0.1", 0), "", self.repository.copy_to, self._reports, Traffic(),
                                  LogRing(), ResourceMetrics(), self.context.now_ms)
        services = Services(controller=self.controller, events=EventHub(), keyring=Keyring(),
                            now_ms=self.context.now_ms, reconnect=lambda _: None, ask=_nobody_to_ask,
                            instruments=instruments)
        self._bridge = Bridge(create_app(services, ROUTES), services, TokenGate(cluster, self.context.now_ms))

    @property
    def cluster(self) -> Cluster:
        return self.controller.cluster

    def request(self, method: str, path: str, body: object = None, query: str = "") -> Reply:
        """Raises TimeoutError for a call that hangs. A `body` of bytes goes as it is."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self._loop.run_until_complete(self._request(method, path, data, query))

    def settle(self) -> None:
        """Until every satellite has done what it was asked to."""
        self._loop.run_until_complete(self._settle())

    def become(self, node: str, mood: Mood) -> None:
        async def change() -> None:
            self.fleet.become(key_of(node), mood)
            await self._settle()

        self._loop.run_until_complete(change())

    async def _settle(self) -> None:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while not self.fleet.is_idle:  # noqa: ASYNC110 - the committer's thread ends it, which sets no event
                await asyncio.sleep(0.0002)

    async def _request(self, method: str, path: str, body: bytes, query: str) -> Reply:
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "scheme": "http",
                 "query_string": query.encode(), "headers": [(b"content-type", b"application/json")],
                 "http_version": "1.1", "client": ("127.0.0.1", 1)}
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await self._bridge(scope, receive, send)
            await self._settle()
        data = b"".join(message.get("body", b"") for message in sent[1:])
        is_json = dict(sent[0]["headers"]).get(b"content-type") == b"application/json"
        return Reply(sent[0]["status"], json.loads(data) if data and is_json else data or None)

    def close(self) -> None:
        self._loop.run_until_complete(self.controller.stop())
        self._loop.close()
        self._reports.close()
        self.repository.close()
