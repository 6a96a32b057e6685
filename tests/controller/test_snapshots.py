"""Snapshots, restore, rollback, clone: identities, what keeps what alive, and how each of them ends."""

from __future__ import annotations

import pytest
from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.operations import (
    clones,
    resource_definitions,
    resources,
    snapshot_restore,
    snapshot_rollback,
    snapshots,
    volume_definitions,
)
from linstor_core.controller.queries.resource_definitions import clone_status
from linstor_core.domain.errors import Code, LinstorError
from linstor_core.domain.observed import Failure
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.testing.builders import Model, done
from linstor_core.wire import rest_bodies as bodies

FAILURE = (Failure("It did not work.", "For a reason."),)


@pytest.fixture
def model() -> Model:
    """r1 with one volume of 1 MiB, placed on n1 and n2."""
    model = Model.with_nodes(2)
    define(model, "r1")
    model.run(volume_definitions.create, bodies.VolumeDefinitionCreate(
        volume_definition=bodies.VolumeDefinitionFields(size_kib=1024)), resource="r1")
    for node in ("n1", "n2"):
        model.run(resources.create_one, bodies.ResourceCreate(resource=bodies.ResourceFields(
            props={"StorPoolName": "thin"})), resource="r1", node=node)
    model.answer()
    return model


def define(model: Model, name: str) -> None:
    layers = (bodies.rest_v1.ResourceDefinitionLayer(type="STORAGE"),)
    model.run(resource_definitions.create, bodies.ResourceDefinitionCreate(
        resource_definition=bodies.ResourceDefinitionFields(name=name, layer_data=layers)))


def take(model: Model, name: str = "s1") -> object:
    return model.run(snapshots.create, bodies.SnapshotCreate(name=name), resource="r1")


def refusal(model: Model, write: object, body: object = None, **path: str) -> LinstorError:
    with pytest.raises(LinstorError) as caught:
        model.run(write, body, **path)  # type: ignore[arg-type]
    return caught.value


def restore(model: Model, name: str = "r2") -> None:
    define(model, name)
    model.run(snapshot_restore.volume_definitions, bodies.SnapshotRestore(to_resource=name), resource="r1",
              snapshot="s1")
    model.run(snapshot_restore.resource, bodies.SnapshotRestore(to_resource=name), resource="r1", snapshot="s1")


def test_a_snapshot_is_successful_when_every_node_has_its_part(model: Model) -> None:
    change = take(model)
    model.answer("n1")
    assert model.cluster.snapshots["R1", "S1"].flags == ()
    assert model.entries(change) is None  # type: ignore[arg-type]
    model.answer("n2")
    assert model.cluster.snapshots["R1", "S1"].flags == ("SUCCESSFUL",)
    assert not any(entry.is_error for entry in model.entries(change) or [])  # type: ignore[arg-type]


def test_a_failed_snapshot_is_told_and_its_pieces_go(model: Model) -> None:
    change = take(model)
    model.answer("n1")
    model.answer("n2", failures=FAILURE)
    assert model.cluster.snapshots["R1", "S1"].flags == ("FAILED_DEPLOYMENT",)
    assert any(entry.is_error for entry in model.entries(change) or [])  # type: ignore[arg-type]
    assert [each.delete for each in model.specs("n1")[0].snapshots] == [True]
    model.answer()
    assert model.cluster.snapshots["R1", "S1"].flags == ("FAILED_DEPLOYMENT",)


def test_pieces_that_have_gone_already_are_not_waited_for(model: Model) -> None:
    # Nothing changes for the satellites, so they would not report anew either.
    take(model)
    model.answer("n1")
    model.away("n2")
    model.answer("n1")
    model.back("n2")
    change = model.run(snapshots.delete, resource="r1", snapshot="s1")
    assert [part.node_name for part in model.cluster.snapshots["R1", "S1"].nodes] == ["n2"]
    assert model.entries(change) is None
    model.answer("n2")
    assert not model.cluster.snapshots
    assert not any(entry.is_error for entry in model.entries(change) or [])
    take(model)
    model.answer("n1")
    model.answer("n2", failures=FAILURE)
    model.answer()
    change = model.run(snapshots.delete, resource="r1", snapshot="s1")
    assert not model.cluster.snapshots
    assert not any(entry.is_error for entry in model.entries(change) or [])


def test_a_node_lost_while_a_snapshot_is_taken_fails_it(model: Model) -> None:
    change = take(model)
    model.answer("n1")
    model.away("n2")
    assert model.cluster.snapshots["R1", "S1"].flags == ("FAILED_DISCONNECT",)
    assert any(entry.is_error for entry in model.entries(change) or [])  # type: ignore[arg-type]


def test_nodes_that_are_away_are_left_out_and_named_ones_refused(model: Model) -> None:
    model.away("n2")
    take(model)
    assert [part.node_name for part in model.cluster.snapshots["R1", "S1"].nodes] == ["n1"]
    fault = refusal(model, snapshots.create, bodies.SnapshotCreate(name="s2", nodes=("n2",)), resource="r1")
    assert fault.code == Code.NOT_CONNECTED


def test_thick_file_pools_take_no_snapshots() -> None:
    model = Model.with_nodes(1, ProviderKind.FILE)
    define(model, "r1")
    model.run(volume_definitions.create, bodies.VolumeDefinitionCreate(
        volume_definition=bodies.VolumeDefinitionFields(size_kib=1024)), resource="r1")
    model.run(resources.create_one, bodies.ResourceCreate(resource=bodies.ResourceFields(
        props={"StorPoolName": "thin"})), resource="r1", node="n1")
    fault = refusal(model, snapshots.create, bodies.SnapshotCreate(name="s1"), resource="r1")
    assert fault.code == Code.SNAPSHOTS_NOT_SUPPORTED
    assert refusal(model, clones.clone, bodies.CloneRequest(name="r2"), resource="r1").code == Code.INVLD_PROVIDER


def test_a_replica_without_volumes_has_nothing_to_take_a_snapshot_of(model: Model) -> None:
    model.run(volume_definitions.delete, resource="r1", number="0")
    assert refusal(model, snapshots.create, bodies.SnapshotCreate(name="s1"), resource="r1").code == Code.NOT_FOUND_VLM
    model.answer()
    assert refusal(model, snapshots.create, bodies.SnapshotCreate(name="s1"), resource="r1").code == Code.NOT_FOUND_VLM


def test_several_snapshots_are_taken_together_or_not_at_all(model: Model) -> None:
    both = bodies.MultiSnapshotCreate(snapshots=(bodies.SnapshotCreate(name="m1", resource_name="r1"),
                                                 bodies.SnapshotCreate(name="m1", resource_name="nope")))
    assert refusal(model, snapshots.create_many, both).code == Code.NOT_FOUND_RSC_DFN
    assert not model.cluster.snapshots


def test_definitions_with_snapshots_stay(model: Model) -> None:
    take(model)
    model.answer()
    assert refusal(model, resource_definitions.delete, resource="r1").code == Code.EXISTS_SNAPSHOT_DFN


def test_a_snapshot_outlives_the_resource_on_its_node(model: Model) -> None:
    take(model)
    model.answer()
    model.run(resources.delete, resource="r1", node="n1")
    model.answer()
    assert model.cluster.resource("r1", "n1") is None
    assert [each.name for spec in model.specs("n1") for each in spec.snapshots] == ["s1"]


def test_a_part_that_goes_leaves_nothing_to_tell_its_node(model: Model) -> None:
    take(model)
    model.answer()
    model.run(resources.delete, resource="r1", node="n2")
    model.answer()
    snapshot = model.cluster.snapshots["R1", "S1"]
    assert ("R1", "N2") in model.cluster.generations
    model.put(structs.replace(snapshot, nodes=tuple(part for part in snapshot.nodes if part.node_name != "n2")))
    assert ("R1", "N2") not in model.cluster.generations


def test_restoring_copies_from_the_snapshot_and_keeps_it_until_the_copy_is_confirmed(model: Model) -> None:
    take(model)
    model.answer()
    restore(model)
    part = model.cluster.snapshots["R1", "S1"].nodes[0].volumes[0]
    volume = model.cluster.resources["R2", "N1"].volumes[0]
    assert volume.source is not None
    assert (volume.source.data_id, volume.source.snapshot_name) == (part.data_id, "s1")
    assert volume.data_id not in (part.data_id, part.source_data_id)
    assert refusal(model, snapshots.delete, resource="r1", snapshot="s1").code == Code.BUSY
    assert refusal(model.restarted(), snapshots.delete, resource="r1", snapshot="s1").code == Code.BUSY
    model.answer()
    assert not model.cluster.copying
    model.run(snapshots.delete, resource="r1", snapshot="s1")
    model.answer()
    assert not model.cluster.snapshots
    assert model.cluster.resource("r2", "n1") is not None


def test_a_stale_report_confirms_no_copy(model: Model) -> None:
    take(model)
    model.answer()
    restore(model)
    answers = [structs.replace(done(spec), generation=spec.generation - 1) for spec in model.specs("n1")]
    model.report("n1", answers)
    assert ("R2", "N1") in model.cluster.copying


def test_restoring_needs_an_empty_target_and_a_complete_snapshot(model: Model) -> None:
    take(model)
    define(model, "r2")
    body = bodies.SnapshotRestore(to_resource="r2")
    assert refusal(model, snapshot_restore.resource, body, resource="r1", snapshot="s1").code == Code.BUSY
    model.answer()
    assert refusal(model, snapshot_restore.resource, body, resource="r1",
                   snapshot="s1").code == Code.NOT_FOUND_VLM_DFN
    restore(model, "r3")
    assert refusal(model, snapshot_restore.resource, bodies.SnapshotRestore(to_resource="r3"), resource="r1",
                   snapshot="s1").code == Code.EXISTS_RSC


def test_a_rollback_gives_a_new_identity_and_names_what_it_replaces(model: Model) -> None:
    take(model)
    model.answer()
    take(model, "s2")
    model.answer()
    before = model.cluster.resources["R1", "N1"].volumes[0]
    change = model.run(snapshot_rollback.rollback, bodies.SnapshotRollback(), resource="r1", snapshot="s1")
    after = model.cluster.resources["R1", "N1"].volumes[0]
    assert (after.replaces, after.identifier) == (before.data_id, before.identifier)
    assert after.data_id != before.data_id
    for snapshot in ("s1", "s2"):
        fault = refusal(model, snapshot_rollback.rollback, bodies.SnapshotRollback(), resource="r1", snapshot=snapshot)
        assert fault.code == Code.BUSY
    assert refusal(model, snapshots.delete, resource="r1", snapshot="s1").code == Code.BUSY
    model.answer()
    assert not any(entry.is_error for entry in model.entries(change) or [])
    assert len(model.cluster.snapshots) == 2
    assert not model.cluster.copying


def test_a_rollback_waits_for_newer_work_and_for_all_nodes(model: Model) -> None:
    take(model)
    model.answer()
    model.run(volume_definitions.modify, bodies.VolumeDefinitionModify(size_kib=2048), resource="r1", number="0")
    roll = (snapshot_rollback.rollback, bodies.SnapshotRollback())
    assert refusal(model, *roll, resource="r1", snapshot="s1").code == Code.BUSY
    model.answer()
    model.away("n2")
    assert refusal(model, *roll, resource="r1", snapshot="s1").code == Code.NOT_CONNECTED


def test_a_rollback_is_refused_where_a_replica_has_no_part(model: Model) -> None:
    model.run(snapshots.create, bodies.SnapshotCreate(name="s1", nodes=("n1",)), resource="r1")
    model.answer()
    fault = refusal(model, snapshot_rollback.rollback, bodies.SnapshotRollback(), resource="r1", snapshot="s1")
    assert fault.code == Code.NOT_FOUND_SNAPSHOT


def status(model: Model) -> object:
    return clone_status(model.cluster, Call(None, {"resource": "r1", "clone": "c1"})).status  # type: ignore[attr-defined]


def test_a_clone_is_complete_when_every_copy_is_confirmed(model: Model) -> None:
    model.run(clones.clone, bodies.CloneRequest(name="c1"), resource="r1")
    assert status(model) == "CLONING"
    for write, path in ((resource_definitions.delete, {"resource": "r1"}),
                        (resources.delete, {"resource": "r1", "node": "n1"}),
                        (volume_definitions.delete, {"resource": "r1", "number": "0"})):
        assert refusal(model, write, **path).code == Code.BUSY
    model.answer("n1")
    assert status(model) == "CLONING"
    model.answer("n2")
    assert status(model) == "COMPLETE"
    model.run(resource_definitions.delete, resource="r1")
    model.answer()
    assert model.cluster.definition("r1") is None
    assert model.cluster.definition("c1") is not None


def test_a_clone_that_fails_says_so_and_may_still_succeed(model: Model) -> None:
    model.run(clones.clone, bodies.CloneRequest(name="c1"), resource="r1")
    model.answer("n1")
    model.answer("n2", failures=FAILURE)
    assert status(model) == "FAILED"
    model.answer("n2")
    assert status(model) == "COMPLETE"


def test_what_is_being_copied_is_neither_snapshotted_nor_cloned(model: Model) -> None:
    model.run(clones.clone, bodies.CloneRequest(name="c1"), resource="r1")
    assert refusal(model, snapshots.create, bodies.SnapshotCreate(name="s1"), resource="c1").code == Code.BUSY
    assert refusal(model, clones.clone, bodies.CloneRequest(name="c2"), resource="c1").code == Code.BUSY


def test_content_from_elsewhere_is_never_formatted(model: Model) -> None:
    model.run(resource_definitions.modify, bodies.ResourceDefinitionModify(
        override_props={"FileSystem/Type": "ext4"}), resource="r1")
    model.run(clones.clone, bodies.CloneRequest(name="c1"), resource="r1")
    for when in ("before", "after"):
        specs = {spec.resource_name: spec for spec in model.specs("n1")}
        assert specs["c1"].volumes[0].file_system is None, when
        model.answer()


def test_a_rollback_that_finds_it_in_use_is_called_off(model: Model) -> None:
    take(model)
    model.answer()
    before = model.cluster.resources["R1", "N1"].volumes[0].data_id
    change = model.run(snapshot_rollback.rollback, bodies.SnapshotRollback(), resource="r1", snapshot="s1")
    model.answer("n1", failures=(Failure("The device is open.", code=Code.IN_USE),))
    model.answer()
    assert [entry.code for entry in model.entries(change) or [] if entry.is_error] == [Code.IN_USE]
    after = model.cluster.resources["R1", "N1"].volumes[0]
    assert (after.data_id, after.source) == (before, None)
    assert model.specs("n1")[0].volumes[0].must_exist
    assert not model.cluster.copying


def test_a_volume_that_has_not_its_size_yet_is_not_snapshotted(model: Model) -> None:
    """The snapshot would be said to be larger than it is."""
    model.run(volume_definitions.modify, bodies.VolumeDefinitionModify(size_kib=2048), resource="r1", number="0")
    refused = refusal(model, snapshots.create, bodies.SnapshotCreate(name="s1"), resource="r1")
    assert refused.code == Code.BUSY and "n1" in refused.cause
    model.answer("n1")
    model.run(snapshots.create, bodies.SnapshotCreate(name="s1", nodes=("n1",)), resource="r1")
