"""Histories in which the last copy of some data could go although nobody asked for that."""

from __future__ import annotations

import pytest
from msgspec import structs

from linstor_core.controller.operations import jobs, node_links, nodes, orphans, reports, snapshots
from linstor_core.domain.errors import Conflict
from linstor_core.domain.jobs import JobState, Stage
from linstor_core.domain.observed import Failure, OrphanSeen
from linstor_core.testing.builders import GIB_KIB, Model, done
from linstor_core.wire.node_report import Report
from linstor_core.wire.rest_bodies import NodeEvacuate, NodeRestore, SnapshotCreate
from linstor_core.wire.rest_tombstones import OrphanAdopt, OrphanRemove
from tests.controller.moving import advanced, holders, moved, now, placed, settled, spec, the_move, until


@pytest.fixture
def model() -> Model:
    return Model.with_nodes(3)


def kept_snapshots(model: Model) -> list[tuple[str, bool]]:
    """Where parts of snapshots are, and whether they are to go."""
    return [(part.node_name, "DELETE" in part.flags) for snapshot in model.cluster.snapshots.values()
            for part in snapshot.nodes]


def test_a_node_that_is_restored_while_it_is_left_keeps_its_snapshots(model: Model) -> None:
    placed(model)
    model.run(snapshots.create, SnapshotCreate(name="first"), resource="data")
    model.answer()
    model.run(node_links.evacuate, NodeEvacuate(), node="n1")
    advanced(model)
    until(model, the_move(model, "data"), Stage.COPYING)
    change = model.run(node_links.restore, NodeRestore(delete_resources=True, delete_snapshots=True), node="n1")
    assert all("deleted" not in entry.message for entry in change.answers)
    settled(model)
    assert holders(model) == ["n1"] and kept_snapshots(model) == [("n1", False)]


def test_replicas_that_nothing_replicates_are_no_copies_of_each_other(model: Model) -> None:
    for node in ("n1", "n2"):
        placed(model, node=node)
    model.run(snapshots.create, SnapshotCreate(name="first"), resource="data")
    model.answer()
    model.run(node_links.evacuate, NodeEvacuate(target=("n3",)), node="n1")
    model.run(node_links.restore, NodeRestore(delete_resources=True, delete_snapshots=True), node="n1")
    settled(model)
    assert sorted(holders(model)) == ["n1", "n2"]
    assert sorted(kept_snapshots(model)) == [("n1", False), ("n2", False)]


@pytest.mark.parametrize("is_called_off", [False, True])
def test_what_a_lost_source_has_given_away_completely_stays(model: Model, is_called_off: bool) -> None:
    """The target has all of it, but is out of reach when the source is declared lost."""
    placed(model)
    model.run(snapshots.create, SnapshotCreate(name="first"), resource="data")
    model.answer()
    job = until(model, moved(model, target="n2"), Stage.COPYING)
    model.away("n2")
    model.away("n1")
    model.run(nodes.lose, node="n1")
    if is_called_off:
        model.run(jobs.cancel, job=job.uuid)
    for _ in range(3):
        advanced(model)
    assert holders(model) == ["n2"] and not model.cluster.tombstones
    model.back("n2")
    model.answer("n2")
    settled(model)
    assert now(model, job).state is JobState.DONE
    assert holders(model) == ["n2"] and spec(model, "n2").active
    assert kept_snapshots(model) == [("n2", False)]
    assert model.cluster.snapshots["DATA", "FIRST"].nodes[0].create_timestamp_ms is not None


def test_of_a_lost_source_no_beginning_is_kept(model: Model) -> None:
    placed(model)
    job = until(model, moved(model, target="n2"), Stage.COPYING)
    model.away("n1")
    model.run(nodes.lose, node="n1")
    advanced(model)
    assert now(model, job).stage is Stage.COPYING and not spec(model, "n2").volumes[0].delete
    model.answer("n2", failures=(Failure("Nothing says how to get it."),))
    settled(model)
    assert now(model, job).state is JobState.FAILED and holders(model) == []


def orphan_on(model: Model, node: str, path: str = "/pools/thin/found_00001.img", data_id: str = "f1",
              size_kib: int = GIB_KIB) -> str:
    found = OrphanSeen(path, "thin", data_id, "ready", size_kib * 1024, 4, 1_700_000_000_000)
    change = reports.reported(node, Report(orphans=(path,), orphan_files=(found,)))(model.cluster, model.context)
    model.put(*change.puts)
    return path


@pytest.mark.parametrize("stage", [Stage.CLOSING, Stage.COPYING, Stage.OPENING])
def test_nothing_is_adopted_into_what_is_being_moved(model: Model, stage: Stage) -> None:
    """It would go with the source, without ever having been on the target."""
    placed(model)
    until(model, moved(model, target="n2"), stage)
    path = orphan_on(model, "n1")
    with pytest.raises(Conflict):
        model.run(orphans.adopt, OrphanAdopt(node_name="n1", path=path, resource_name="data", volume_number=1))
    settled(model)
    assert holders(model) == ["n2"]


def test_a_file_in_a_directory_that_two_nodes_share_is_the_others(model: Model) -> None:
    """Each satellite sees the other's volumes there as files that nobody names."""
    data = placed(model).volumes[0]
    path = orphan_on(model, "n2", f"/pools/thin/{data.identifier}.img", data.data_id)
    with pytest.raises(Conflict) as refusal:
        model.run(orphans.remove, OrphanRemove(node_name="n2", path=path, data_id=data.data_id))
    assert "n1" in refusal.value.cause
    with pytest.raises(Conflict) as refusal:
        model.run(orphans.adopt, OrphanAdopt(node_name="n2", path=path, resource_name="again"))
    assert "n1" in refusal.value.message


def test_what_is_given_away_is_never_made_anew(model: Model) -> None:
    """It was seen to be there. A satellite that has lost its memory, or a database from before an earlier move, must
    not have an empty volume moved in its place.
    """
    placed(model)
    job = until(model, moved(model, target="n2"), Stage.CLOSING)
    assert spec(model, "n1").volumes[0].must_exist
    until(model, job, Stage.COPYING)
    assert spec(model, "n1").volumes[0].must_exist and not spec(model, "n2").volumes[0].must_exist


def test_what_is_still_being_fetched_is_not_said_to_be_elsewhere(model: Model) -> None:
    placed(model)
    model.run(snapshots.create, SnapshotCreate(name="first"), resource="data")
    model.answer()
    until(model, moved(model, target="n2"), Stage.COPYING)
    model.away("n1")
    answers = model.run(nodes.lose, node="n1").answers
    assert [(entry.message.startswith("What exists nowhere else"), entry.details) for entry in answers[1:]] == [
        (True, "data, data/first.")]


@pytest.mark.parametrize("has_volume", [False, True])
def test_what_a_lost_source_has_given_away_in_part_stays(model: Model, has_volume: bool) -> None:
    """A snapshot comes before the volumes, and one volume before the other."""
    placed(model, volumes=2)
    model.run(snapshots.create, SnapshotCreate(name="first"), resource="data")
    model.answer()
    job = until(model, moved(model, target="n2"), Stage.COPYING)
    model.away("n1")
    model.run(nodes.lose, node="n1")
    seen = done(spec(model, "n2"))
    volumes = (structs.replace(seen.volumes[0], present=has_volume), structs.replace(seen.volumes[1], present=False))
    model.report("n2", [structs.replace(seen, volumes=volumes, failures=(Failure("Nothing says how to get it."),))])
    for _ in range(3):
        advanced(model)
    assert now(model, job).state is JobState.FAILED
    assert not spec(model, "n2").active and not any(volume.delete for volume in spec(model, "n2").volumes)
    assert kept_snapshots(model) == [("n2", False)]
    assert model.cluster.snapshots["DATA", "FIRST"].nodes[0].create_timestamp_ms is not None
