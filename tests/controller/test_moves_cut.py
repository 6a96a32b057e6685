"""A move that is cut after every step: restarted, called off, one of its nodes away or lost, its definition deleted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec import structs

from linstor_core.controller.operations import jobs, nodes, resource_definitions, resources, snapshots
from linstor_core.domain.errors import Code, Conflict
from linstor_core.domain.jobs import Job, JobState, Stage
from linstor_core.testing.builders import Model
from linstor_core.wire.rest_bodies import SnapshotCreate
from tests.controller.moving import (
    MOST_ROUNDS,
    advanced,
    holders,
    moved,
    now,
    placed,
    refusing,
    restarted,
    settled,
    spec,
    until,
)


def stops(model: Model) -> Iterator[Model]:
    """The model after every step of the jobs, and after every answer of every satellite."""
    for _ in range(MOST_ROUNDS):
        advanced(model)
        yield model
        for node in sorted(model.cluster.nodes):
            model.answer(node)
            yield model
        if not model.cluster.live_jobs:
            return


def fresh() -> tuple[Model, Job]:
    """Two volumes and a snapshot of both."""
    model = Model.with_nodes(3)
    placed(model, volumes=2)
    model.run(snapshots.create, SnapshotCreate(name="before"), resource="data")
    model.answer()
    return model, moved(model, target="n2")


def snapshot_nodes(model: Model) -> list[str]:
    """Where all of it is."""
    parts = model.cluster.snapshots["DATA", "BEFORE"].nodes
    assert not [part for part in parts if part.flags or part.create_timestamp_ms is None]
    return [part.node_name for part in parts]


STOPS = sum(1 for _ in stops(fresh()[0]))


def after_stop(number: int) -> tuple[Model, Job]:
    model, job = fresh()
    for count, _ in enumerate(stops(model)):
        if count == number:
            return model, job
    raise AssertionError(number)


@pytest.mark.parametrize("number", range(STOPS))
def test_a_restart_after_every_step_gives_the_same_end(number: int) -> None:
    model, job = after_stop(number)
    again = restarted(model)
    settled(again)
    assert now(again, job).state is JobState.DONE
    assert holders(again) == ["n2"]
    assert all(volume.populated for volume in again.cluster.resources["DATA", "N2"].volumes)
    assert again.cluster.resources["DATA", "N2"].flags == ()
    assert not again.cluster.tombstones
    assert snapshot_nodes(again) == ["n2"]


@pytest.mark.parametrize("number", range(STOPS))
def test_called_off_after_every_step_it_is_as_before_or_goes_on_to_the_end(number: int) -> None:
    before, _ = fresh()
    source = before.cluster.resources["DATA", "N1"]
    model, job = after_stop(number)
    is_revertible = now(model, job).stage in (Stage.CHECKING, Stage.CLOSING, Stage.COPYING)
    try:
        model.run(jobs.cancel, job=job.uuid)
    except Conflict:
        assert not is_revertible
    settled(model)
    if is_revertible:
        assert now(model, job).state is JobState.CANCELLED
        assert holders(model) == ["n1"]
        assert model.cluster.resources["DATA", "N1"] == source
        assert spec(model, "n1").active and spec(model, "n1").volumes[0].offer == ""
        assert snapshot_nodes(model) == ["n1"]
    else:
        assert now(model, job).state is JobState.DONE
        assert holders(model) == ["n2"]
        assert snapshot_nodes(model) == ["n2"]


@pytest.mark.parametrize("number", range(STOPS))
@pytest.mark.parametrize("node", ["n1", "n2"])
def test_a_node_that_is_away_for_a_while_costs_time_only(number: int, node: str) -> None:
    model, job = after_stop(number)
    model.away(node)
    settled(model)
    data = model.cluster.resources_of("data")
    assert [each for each in data if not each.is_deleting and all(
        volume.populated or volume.source is None for volume in each.volumes)], "somebody has all of it"
    if not now(model, job).is_finished:
        assert now(model, job).blocked_by == f"The node '{node}' is not connected."
    model.back(node)
    model.answer()
    settled(model)
    assert now(model, job).state is JobState.DONE
    assert holders(model) == ["n2"]
    assert snapshot_nodes(model) == ["n2"]


@pytest.mark.parametrize("number", range(STOPS))
def test_a_lost_target_leaves_the_content_where_it_was(number: int) -> None:
    model, job = after_stop(number)
    stage = now(model, job).stage
    model.away("n2")
    model.run(nodes.lose, node="n2")
    settled(model)
    if stage in (Stage.CLOSING, Stage.COPYING, Stage.OPENING):
        assert holders(model) == ["n1"]
        assert spec(model, "n1").active
        assert snapshot_nodes(model) == ["n1"]
        assert now(model, job).blocked_by or now(model, job).state is JobState.FAILED
    assert stage is Stage.REMOVING or now(model, job).is_finished or holders(model) == ["n1"]


@pytest.mark.parametrize("number", range(STOPS))
def test_a_deleted_definition_ends_it(number: int) -> None:
    model, job = after_stop(number)
    model.put(*(structs.replace(part, flags=("DELETE",)) for part in model.cluster.snapshots.values()))
    model.answer()
    model.run(resource_definitions.delete, resource="data")
    settled(model)
    assert model.cluster.definition("data") is None
    assert now(model, job).is_finished
    assert not model.cluster.resources and not model.cluster.moving


def test_a_deletion_that_is_called_off_is_not_asked_for_without_end() -> None:
    model, job = fresh()
    until(model, job, Stage.REMOVING)
    asked = 0
    for _ in range(20):
        asked += model.cluster.resources["DATA", "N1"].is_deleting
        refusing(model, "n1", "data", Code.IN_USE)
        assert not model.cluster.resources["DATA", "N1"].is_deleting
        advanced(model)
    assert asked == 2
    settled(model)
    assert now(model, job).state is JobState.DONE
    assert holders(model) == ["n2"]


def forced(model: Model, node: str) -> None:
    model.run(resources.delete, resource="data", node=node, query={"force": ["true"]})


@pytest.mark.parametrize("stage", [Stage.COPYING, Stage.OPENING])
def test_a_target_that_is_ended_by_force_gives_the_source_back(stage: Stage) -> None:
    model, job = fresh()
    source = model.cluster.resources["DATA", "N1"]
    until(model, job, stage)
    refusing(model, "n2", "data", Code.UNKNOWN_ERROR)
    advanced(model)
    forced(model, "n2")
    settled(model)
    assert now(model, job).state is JobState.FAILED
    assert snapshot_nodes(model) == ["n1"]
    assert model.cluster.resources["DATA", "N1"] == source
    assert holders(model) == ["n1"]


def test_a_source_that_is_ended_by_force_ends_the_move_or_is_not_missed() -> None:
    model, job = fresh()
    until(model, job, Stage.REMOVING)
    refusing(model, "n1", "data", Code.UNKNOWN_ERROR)
    advanced(model)
    forced(model, "n1")
    settled(model)
    assert now(model, job).state is JobState.DONE
    assert holders(model) == ["n2"]
