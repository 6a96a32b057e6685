"""A controller without its REST server: the model's door, the links to the satellites, and what comes with time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable

from immutables import Map
from msgspec import structs

from linstor_core.controller import resource_specs
from linstor_core.controller.change import Context
from linstor_core.controller.committer import CommitterThread, StartCommitter
from linstor_core.controller.controller import Controller, next_epoch
from linstor_core.controller.dialing import Dial
from linstor_core.controller.dispatcher import Dispatcher
from linstor_core.controller.eviction_clock import EvictionClock
from linstor_core.controller.job_runner import JobRunner
from linstor_core.controller.lease_clock import LeaseClock
from linstor_core.controller.operations import reports, seed
from linstor_core.controller.repository import Database
from linstor_core.controller.satellite_link import Renew
from linstor_core.controller.satellite_links import SatelliteLinks
from linstor_core.domain.cluster import Cluster


def _for_nothing(_: int) -> None:
    """Nobody wants to know how large the model is."""


class Engine:
    """Make it in the loop in which it is to run; it does nothing by itself before `start`."""

    UPKEEP_S = 30.0
    """How often what was left over is completed."""

    UPKEEP_AT_ONCE = 500
    """How many definitions are looked at before others get a turn of the loop."""

    FAREWELL_S = 0.5
    """How long the links may take to be closed; a satellite that hangs would keep the end waiting."""

    def __init__(self, database: Database, context: Context, *, jitter: Callable[[], float], dial: Dial,
                 committer: StartCommitter = CommitterThread, renew: Renew | None = None) -> None:
        """Loads from a database that is open. Raises DatabaseUnavailable."""
        self.controller = Controller(_load(database, context), database, context, committer)
        dispatcher = Dispatcher()
        self.controller.on_publish(dispatcher.published)
        self.links = SatelliteLinks(self.controller, dispatcher, context.new_uuid(), jitter, dial=dial, renew=renew)
        self._leases = LeaseClock(self.controller)
        self._jobs = JobRunner(self.controller)
        self._evictions = EvictionClock(self.controller)

    def start(self, grown: Callable[[int], None] = _for_nothing) -> None:
        """`grown` is told now and then how many definitions there are, and resources that were reported."""
        self.links.start()
        self._leases.start()
        self._jobs.start()
        self._evictions.start()
        self._upkeep = asyncio.create_task(self._keep_up(grown), name="upkeep")

    async def _keep_up(self, grown: Callable[[int], None]) -> None:
        while True:
            await asyncio.sleep(self.UPKEEP_S)
            cluster = self.controller.cluster
            grown(len(cluster.resource_definitions) + len(cluster.resources_seen))
            keys = iter(tuple(self.controller.cluster.resource_definitions))
            while some := tuple(itertools.islice(keys, self.UPKEEP_AT_ONCE)):
                self.controller.fold(reports.upkeep(some))
                await asyncio.sleep(0)

    def quiet(self) -> None:
        """Begin nothing more by itself."""
        self._upkeep.cancel()
        self._leases.stop()
        self._jobs.stop()
        self._evictions.stop()

    async def stop(self) -> None:
        """Everything that was begun is committed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.links.stop(), self.FAREWELL_S)
        with contextlib.suppress(asyncio.CancelledError):
            await self.controller.stop()


def _load(database: Database, context: Context) -> Cluster:
    """The stored cluster under a new epoch, every spec as new as the last stored change."""
    stored, revision = database.load()
    if stored is None:
        cluster = seed.fresh_cluster(context)
        writes = [(seed.documents(cluster), ())]
    else:
        cluster = next_epoch(structs.replace(stored, revision=revision + 1))
        writes = [((cluster.controller,), ())]
    database.commit(writes, cluster.revision)
    places = {place for node in cluster.nodes for place in resource_specs.places_on(cluster, node)}
    return structs.replace(cluster, generations=Map(dict.fromkeys(places, cluster.revision)))
