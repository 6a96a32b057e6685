"""The one door: order, group commit, failure of the database, waiting for satellites."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from linstor_core.controller.change import Change, Context, Operation
from linstor_core.controller.controller import Controller
from linstor_core.controller.repository import Repository, Write
from linstor_core.domain.cluster import Cluster, ControllerSettings
from linstor_core.domain.errors import AlreadyExists, DatabaseUnavailable
from linstor_core.domain.observed import ResourceSeen
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.wire.api_call_rc import ApiCallRc


class CountingContext:
    """Numbers in place of clock and randomness."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def now_ms(self) -> int:
        return next(self._numbers)

    def new_uuid(self) -> str:
        return f"uuid-{next(self._numbers)}"

    def new_secret(self) -> str:
        return f"secret-{next(self._numbers)}"


class SlowRepository(Repository):
    """A real database whose commits can be held back or made to fail."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.gate = threading.Event()
        self.gate.set()
        self.broken = False
        self.batches: list[int] = []

    def commit(self, writes: Iterable[Write], revision: int) -> None:
        self.gate.wait(10)
        held = list(writes)
        self.batches.append(len(held))
        if self.broken:
            raise DatabaseUnavailable("The change could not be stored; nothing was changed.", 100)
        super().commit(held, revision)


@pytest.fixture
def repository(tmp_path: Path) -> Iterable[SlowRepository]:
    opened = SlowRepository(f"sqlite:///{tmp_path / 'linstor.db'}")
    opened.open()
    yield opened
    opened.gate.set()
    opened.close()


def fresh(repository: Repository) -> Controller:
    return Controller(Cluster(controller=ControllerSettings("c")), repository, CountingContext())


def create(name: str) -> Operation:
    def operate(cluster: Cluster, context: Context) -> Change:
        if cluster.definition(name) is not None:
            raise AlreadyExists(f"{name} exists", 501)
        return Change(puts=(ResourceDefinition(context.new_uuid(), name, "DfltRscGrp"),),
                      answers=(ApiCallRc(1, f"{name} created"),))

    return operate


def test_callers_that_wait_together_share_one_commit(repository: SlowRepository) -> None:
    async def scene() -> None:
        controller = fresh(repository)
        repository.gate.clear()
        first = asyncio.create_task(controller.apply(create("first")))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(controller.apply(create(f"r{number}"))) for number in range(20)]
        await asyncio.sleep(0.05)
        assert not controller.cluster.resource_definitions, "nothing is visible before it is durable"
        repository.gate.set()
        await asyncio.gather(first, *others)
        assert len(controller.cluster.resource_definitions) == 21
        assert repository.batches == [1, 20]
        await controller.stop()

    asyncio.run(scene())


def test_an_operation_builds_on_changes_that_are_still_being_stored(repository: SlowRepository) -> None:
    async def scene() -> None:
        controller = fresh(repository)
        repository.gate.clear()
        first = asyncio.create_task(controller.apply(create("one")))
        await asyncio.sleep(0)
        with pytest.raises(AlreadyExists):
            await controller.apply(create("ONE"))
        repository.gate.set()
        await first
        await controller.stop()

    asyncio.run(scene())


def test_when_the_database_fails_every_change_on_top_is_refused_and_the_next_one_works(
        repository: SlowRepository) -> None:
    async def scene() -> None:
        controller = fresh(repository)
        await controller.apply(create("kept"))
        repository.gate.clear()
        repository.broken = True
        tasks = [asyncio.create_task(controller.apply(create(f"lost{number}"))) for number in range(5)]
        await asyncio.sleep(0.02)
        repository.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, DatabaseUnavailable) for result in results)
        assert set(controller.cluster.resource_definitions) == {"KEPT"}
        repository.broken = False
        await controller.apply(create("lost0"))
        assert set(controller.cluster.resource_definitions) == {"KEPT", "LOST0"}
        await controller.stop()
        cluster, _ = repository.load()
        assert cluster is None or set(cluster.resource_definitions) == {"KEPT", "LOST0"}

    asyncio.run(scene())


def test_a_caller_is_kept_until_the_report_comes(repository: SlowRepository) -> None:
    def outcome(cluster: Cluster) -> tuple[ApiCallRc, ...] | None:
        seen = cluster.seen("vol", "alpha")
        return (ApiCallRc(3, "ready"),) if seen is not None else None

    def start(_: Cluster, __: Context) -> Change:
        return Change(answers=(ApiCallRc(1, "accepted"),), outcome=outcome, watch=("VOL",))

    async def scene() -> None:
        controller = fresh(repository)
        caller = asyncio.create_task(controller.apply(start))
        await asyncio.sleep(0.02)
        assert not caller.done()
        controller.fold(lambda cluster, context: Change(puts=(ResourceSeen("vol", "alpha", 1),)))
        answers = await caller
        assert [entry.message for entry in answers] == ["accepted", "ready"]
        assert repository.batches == [], "what satellites see is not stored"
        await controller.stop()

    asyncio.run(scene())
