"""Snapshots move with their resource; what can't hold them is no target."""

from __future__ import annotations

import pytest

from linstor_core.controller.operations import resources, snapshots
from linstor_core.domain.errors import Conflict
from linstor_core.domain.jobs import JobState, Stage
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.testing.builders import Model
from linstor_core.wire.rest_bodies import SnapshotCreate
from tests.controller.moving import advanced, moved, now, placed, settled, spec, until


@pytest.fixture
def model() -> Model:
    return Model.with_nodes(3)


def taken(model: Model, *names: str) -> None:
    for name in names:
        model.run(snapshots.create, SnapshotCreate(name=name), resource="data")
        model.answer()


def test_snapshots_go_with_it(model: Model) -> None:
    source = placed(model, volumes=2)
    taken(model, "first", "second")
    before = {name: model.cluster.snapshots["DATA", name].on_node("n1") for name in ("FIRST", "SECOND")}
    job = until(model, moved(model, target="n2"), Stage.COPYING)
    fetched = spec(model, "n2").snapshots[0].volumes[0]
    assert fetched.origin is not None and fetched.source is not None and fetched.source.snapshot_name == "first"
    assert fetched.origin.token == spec(model, "n1").snapshots[0].volumes[0].offer == job.secret
    assert not spec(model, "n1").snapshots[0].delete
    settled(model)
    assert now(model, job).state is JobState.DONE
    target = model.cluster.resources["DATA", "N2"]
    for name, old in before.items():
        snapshot = model.cluster.snapshots["DATA", name]
        assert [part.node_name for part in snapshot.nodes] == ["n2"]
        new = snapshot.nodes[0]
        assert old is not None and new.create_timestamp_ms == old.create_timestamp_ms
        for was, volume, placed_volume in zip(old.volumes, new.volumes, target.volumes, strict=True):
            assert volume.identifier == placed_volume.identifier and volume.data_id != was.data_id
            assert volume.source_data_id == was.source_data_id == source.volumes[volume.number].data_id
    assert all(volume.origin is None for each in spec(model, "n2").snapshots for volume in each.volumes)
    model.run(snapshots.delete, resource="data", snapshot="first")
    model.answer()
    assert sorted(model.cluster.snapshots) == [("DATA", "SECOND")]


def test_a_snapshot_that_is_not_whole_holds_it_up(model: Model) -> None:
    placed(model)
    model.run(snapshots.create, SnapshotCreate(name="late"), resource="data")
    job = moved(model, target="n2")
    advanced(model)
    assert "late" in now(model, job).blocked_by
    settled(model)
    assert now(model, job).state is JobState.DONE
    assert [part.node_name for part in model.cluster.snapshots["DATA", "LATE"].nodes] == ["n2"]


def test_snapshots_need_a_pool_that_can_hold_them(model: Model) -> None:
    placed(model)
    taken(model, "first")
    model.add_node("n4", kind=ProviderKind.FILE)
    with pytest.raises(Conflict) as refusal:
        moved(model, target="n4")
    assert "can't hold snapshots" in refusal.value.cause


def test_parts_that_are_there_already_are_never_mixed_up(model: Model) -> None:
    for node in ("n1", "n2"):
        placed(model, node=node)
    taken(model, "first")
    model.run(resources.delete, resource="data", node="n2")
    model.answer()
    assert model.cluster.snapshots["DATA", "FIRST"].on_node("n2") is not None
    with pytest.raises(Conflict) as refusal:
        moved(model, target="n2")
    assert "first" in refusal.value.cause
    job = moved(model)
    settled(model)
    assert now(model, job).target_node == "n3"
    assert [part.node_name for part in model.cluster.snapshots["DATA", "FIRST"].nodes] == ["n2", "n3"]
