"""Jobs that nobody pushes: they go on by themselves, past a database that fails, and past a job that can't be told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from msgspec import structs

from linstor_core.controller import resource_specs
from linstor_core.controller.change import Change
from linstor_core.controller.controller import Controller
from linstor_core.controller.eviction_clock import EvictionClock
from linstor_core.controller.job_runner import JobRunner
from linstor_core.controller.operations import jobs, reports
from linstor_core.controller.repository import Repository, Write
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import DatabaseUnavailable
from linstor_core.domain.jobs import Job, JobKind, JobState, Stage
from linstor_core.testing.builders import Model, done
from linstor_core.wire.node_report import Report
from linstor_core.wire.rest_jobs import ResourceMove
from tests.controller.moving import placed

PATIENCE_S = 20.0


class FailingRepository(Repository):
    """Every third commit fails."""

    commits = 0

    def commit(self, writes: Iterable[Write], revision: int) -> None:
        self.commits += 1
        if self.commits % 3 == 0:
            raise DatabaseUnavailable("The change could not be stored; nothing was changed.", 100)
        super().commit(writes, revision)


class QuickRunner(JobRunner):
    LOOK_S = 0.05


@pytest.fixture
def repository(tmp_path: Path) -> Iterable[FailingRepository]:
    opened = FailingRepository(f"sqlite:///{tmp_path / 'linstor.db'}")
    opened.open()
    yield opened
    opened.close()


def served(controller: Controller, model: Model) -> None:
    """Satellites that do what they are asked to as soon as it is published, again where a report was not stored."""

    def published(before: Cluster, after: Cluster, change: Change) -> None:
        for place in resource_specs.affected(after, change):
            asyncio.get_running_loop().call_soon(report, place)

    def report(place: tuple[str, str]) -> None:
        spec = resource_specs.build(controller.cluster, place)
        if spec is not None:
            folded = controller.fold(reports.reported(spec.node_name, Report(resources=(done(spec),))))
            folded.add_done_callback(lambda future: future.exception() and report(place))

    controller.on_publish(published)


async def until(controller: Controller, condition: Callable[[Cluster], bool]) -> None:
    """Of what is published."""
    news = asyncio.Event()
    controller.on_publish(lambda _, __, ___: news.set())
    async with asyncio.timeout(PATIENCE_S):
        while not condition(controller.cluster):
            news.clear()
            await news.wait()


def in_loop(repository: Repository, model: Model, *uuids: str) -> Cluster:
    """What becomes of these jobs."""

    async def scene() -> Cluster:
        controller = Controller(model.cluster, repository, model.context)
        served(controller, model)
        runner = QuickRunner(controller)
        runner.start()
        await until(controller, lambda cluster: all(cluster.jobs[uuid].is_finished for uuid in uuids))
        runner.stop()
        await controller.stop()
        return controller.cluster

    return asyncio.run(scene())


def started(model: Model, *names: str) -> list[str]:
    found = []
    for name in names:
        placed(model, name)
        change = model.run(jobs.move, ResourceMove(), resource=name, node="n1")
        found.append(change.answers[0].obj_refs["Job"] or "")
    return found


def test_they_go_on_though_the_database_fails_again_and_again(repository: FailingRepository) -> None:
    model = Model.with_nodes(3)
    uuids = started(model, *(f"data{number}" for number in range(5)))
    cluster = in_loop(repository, model, *uuids)
    assert {cluster.jobs[uuid].state for uuid in uuids} == {JobState.DONE}
    assert not [resource for resource in cluster.resources.values() if resource.node_name == "n1"]
    assert repository.commits > 20


def test_one_that_can_not_be_worked_out_holds_up_no_other(repository: FailingRepository,
                                                          caplog: pytest.LogCaptureFixture) -> None:
    model = Model.with_nodes(3)
    uuids = started(model, "data", "other")
    source = placed(model, "poison")
    model.put(Job("poison", JobKind.MOVE, "n1", stage=Stage.CLOSING, resource_name="poison",
                  resource_uuid=source.uuid, target_node="n2"),
              structs.replace(source, flags=("INACTIVE",)))
    model.answer()
    cluster = in_loop(repository, model, *uuids)
    assert {cluster.jobs[uuid].state for uuid in uuids} == {JobState.DONE}
    assert cluster.jobs["poison"].stage is Stage.CLOSING
    assert "Job poison can't go on" in caplog.text


def test_the_clock_gives_a_node_up(repository: FailingRepository) -> None:
    class QuickClock(EvictionClock):
        LOOK_S = 0.01

    model = Model.with_nodes(3)
    model.away("n1")
    seen = model.cluster.nodes_seen["N1"]
    model.put(structs.replace(seen, offline_since_ms=model.context.now_ms() - 800 * 60_000))

    async def scene() -> Cluster:
        controller = Controller(model.cluster, repository, model.context)
        clock = QuickClock(controller)
        clock.start()
        await until(controller, lambda cluster: "EVICTED" in cluster.nodes["N1"].flags)
        clock.stop()
        await controller.stop()
        return controller.cluster

    assert asyncio.run(scene()).nodes["N1"].eviction_timestamp_ms is not None
