"""Deletions while nodes are away: names are free at once, the data goes when the node is back, nothing is forgotten."""

from __future__ import annotations

import pytest
from msgspec import structs

from linstor_core.controller.change import Change
from linstor_core.controller.operations import (
    nodes,
    resource_definitions,
    resources,
    snapshots,
    storage_pools,
    volume_definitions,
)
from linstor_core.domain.errors import Code, LinstorError
from linstor_core.domain.observed import Failure
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.domain.tombstones import Tombstone, TombstoneKind
from linstor_core.testing.builders import GIB_KIB, Model, done
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_v1 import ResourceDefinitionLayer

IN_USE = (Failure("It is in use.", "A device is open.", code=Code.IN_USE),)


@pytest.fixture
def model() -> Model:
    """r1 with one volume of 1 MiB, placed on n1 and n2."""
    model = Model.with_nodes(2)
    define(model)
    for node in ("n1", "n2"):
        place(model, node)
    model.answer()
    return model


def define(model: Model, name: str = "r1", size_kib: int = 1024) -> None:
    layers = (ResourceDefinitionLayer(type="STORAGE"),)
    model.run(resource_definitions.create, bodies.ResourceDefinitionCreate(
        resource_definition=bodies.ResourceDefinitionFields(name=name, layer_data=layers)))
    model.run(volume_definitions.create, bodies.VolumeDefinitionCreate(
        volume_definition=bodies.VolumeDefinitionFields(size_kib=size_kib)), resource=name)


def place(model: Model, node: str, name: str = "r1") -> Change:
    return model.run(resources.create_one, bodies.ResourceCreate(resource=bodies.ResourceFields(
        props={"StorPoolName": "thin"})), resource=name, node=node)


def stones(model: Model) -> list[Tombstone]:
    return list(model.cluster.tombstones.values())


def the_stone(model: Model) -> Tombstone:
    (found,) = stones(model)
    return found


def codes(model: Model, change: Change) -> list[int]:
    entries = model.entries(change)
    assert entries is not None, "the caller still waits"
    assert all(entry.details or entry.code != 1002 for entry in entries)
    return [entry.code for entry in entries]


def refused(model: Model, write: object, query: dict[str, list[str]] | None = None, **path: str) -> LinstorError:
    before = model.cluster
    with pytest.raises(LinstorError) as caught:
        model.run(write, query=query, **path)  # type: ignore[arg-type]
    assert model.cluster is before
    return caught.value


def nothing_waits(model: Model) -> bool:
    return not [place for place in model.cluster.generations if place[0].startswith("!")] and not stones(model) and (
        not model.cluster.tombstones_on and not model.cluster.strange_identifiers)


def test_a_resource_on_a_node_that_is_away_is_gone_at_once(model: Model) -> None:
    model.away("n2")
    uuid = model.cluster.resources["R1", "N2"].uuid
    data_id = model.cluster.resources["R1", "N2"].volumes[0].data_id
    change = model.run(resources.delete, resource="r1", node="n2")
    assert codes(model, change) == [2, 1002]
    assert model.cluster.resource("r1", "n2") is None
    assert ("R1", "N2") not in model.cluster.resources_seen
    assert (the_stone(model).uuid, the_stone(model).identity) == (uuid, uuid)
    (spec,) = model.specs("n2")
    assert (spec.uuid, [(volume.data_id, volume.delete) for volume in spec.volumes]) == (uuid, [(data_id, True)])
    assert uuid in str([entry.details for entry in change.answers])


def test_the_node_finds_nothing_left_and_the_tombstone_goes(model: Model) -> None:
    model.away("n2")
    model.run(resource_definitions.delete, resource="r1")
    model.answer()
    assert model.cluster.definition("r1") is None
    model.back("n2")
    spec = model.specs("n2")[0]
    model.report("n2", [structs.replace(done(spec), volumes=())])  # said nothing about the volume
    assert the_stone(model)
    model.report("n2", [structs.replace(done(spec), generation=spec.generation - 1)])
    assert the_stone(model)
    model.report("n2", [done(spec)])
    assert nothing_waits(model)
    assert not model.cluster.resources_seen
    model.report("n2", [done(spec)])
    assert not model.cluster.resources_seen


def test_a_definition_goes_when_the_reachable_nodes_are_done(model: Model) -> None:
    model.away("n2")
    change = model.run(resource_definitions.delete, resource="r1")
    assert model.entries(change) is None
    assert [stone.node_name for stone in stones(model)] == ["n2"]
    model.answer()
    assert 1002 in codes(model, change)
    assert model.cluster.definition("r1") is None
    assert the_stone(model).kind is TombstoneKind.RESOURCE


def test_the_name_can_be_used_again_on_the_very_node_without_a_collision(model: Model) -> None:
    model.away("n2")
    model.run(resource_definitions.delete, resource="r1")
    model.answer()
    define(model)
    assert 1002 in codes(model, place(model, "n2"))
    old, new = the_stone(model).volumes[0], model.cluster.resources["R1", "N2"].volumes[0]
    assert (old.identifier, new.identifier) == ("r1_00000", "r1.1_00000")
    assert [spec.uuid for spec in model.specs("n2")] == [the_stone(model).uuid,
                                                          model.cluster.resources["R1", "N2"].uuid]
    model.back("n2")
    model.answer()
    assert not stones(model)
    assert model.cluster.is_settled("r1", "n2")


def test_a_second_deletion_of_the_new_one_leaves_a_second_tombstone(model: Model) -> None:
    model.away("n2")
    for _ in range(3):
        model.run(resource_definitions.delete, resource="r1")
        model.answer()
        define(model)
        place(model, "n2")
    assert sorted(stone.volumes[0].identifier for stone in stones(model)) == [
        "r1.1_00000", "r1.2_00000", "r1_00000"]
    model.back("n2")
    model.answer()
    assert not stones(model)
    assert model.cluster.resource("r1", "n2") is not None


def test_a_link_that_breaks_turns_what_waits_into_tombstones(model: Model) -> None:
    change = model.run(resource_definitions.delete, resource="r1")
    model.answer("n1")
    assert model.entries(change) is None
    model.away("n2")
    assert codes(model, change) == [2, 2, 1002]
    assert model.cluster.definition("r1") is None
    assert the_stone(model).node_name == "n2"
    assert not model.cluster.resources_seen
    model.away("n2")
    assert the_stone(model).node_name == "n2"


@pytest.mark.parametrize("first", ["n1", "n2"])
def test_all_links_break_one_after_the_other(model: Model, first: str) -> None:
    change = model.run(resource_definitions.delete, resource="r1")
    for node in (first, "n1" if first == "n2" else "n2"):
        assert model.entries(change) is None
        model.away(node)
    assert codes(model, change) == [2, 2, 1002, 1002]
    assert model.cluster.definition("r1") is None
    assert len(stones(model)) == 2


def test_a_controller_that_finds_an_old_deletion_of_a_node_that_does_not_come_buries_it(model: Model) -> None:
    model.run(resources.delete, resource="r1", node="n2")
    later = model.restarted()
    assert later.cluster.resources["R1", "N2"].is_deleting
    later.away("n2")
    assert later.cluster.resource("r1", "n2") is None
    assert the_stone(later).node_name == "n2"


@pytest.mark.parametrize("comes", [True, False])
def test_a_node_that_was_not_dialled_yet_is_waited_for(model: Model, comes: bool) -> None:
    """A controller has just started: whether a device is open is known only when its satellite has told."""
    later = model.restarted()
    change = later.run(resource_definitions.delete, resource="r1")
    assert later.entries(change) is None
    assert not stones(later)
    if not comes:
        later.away("n1")
        later.away("n2")
        assert codes(later, change) == [2, 2, 1002, 1002]
        return
    later.put(*model.cluster.nodes_seen.values())
    seen = done(later.specs("n2")[0])
    later.report("n2", [structs.replace(seen, failures=IN_USE, volumes=(
        structs.replace(seen.volumes[0], present=True, in_use=True),))])
    later.answer("n1")
    assert [entry.code for entry in later.entries(change) or () if entry.is_error] == [Code.IN_USE]
    assert later.cluster.definition("r1") is not None
    assert not stones(later)


def test_tombstones_outlive_a_restart_and_end_afterwards(model: Model) -> None:
    model.away("n2")
    model.run(resource_definitions.delete, resource="r1")
    model.answer()
    later = model.restarted()
    later.put(*model.cluster.nodes_seen.values())
    later.back("n2")
    later.answer()
    assert nothing_waits(later)


def test_a_snapshot_on_nodes_that_are_away_is_gone_at_once(model: Model) -> None:
    model.run(snapshots.create, bodies.SnapshotCreate(name="s1"), resource="r1")
    model.answer()
    model.away("n2")
    change = model.run(snapshots.delete, resource="r1", snapshot="s1")
    assert model.entries(change) is None
    assert [part.node_name for part in model.cluster.snapshots["R1", "S1"].nodes] == ["n1"]
    model.answer()
    assert 1002 in codes(model, change)
    assert not model.cluster.snapshots
    model.back("n2")
    model.answer()
    assert nothing_waits(model)
    model.away("n1")
    model.away("n2")
    assert ("R1", "N1") in model.cluster.resources_seen, "the replica is still there"


def test_a_snapshot_of_the_same_name_waits_for_the_old_one(model: Model) -> None:
    model.run(snapshots.create, bodies.SnapshotCreate(name="s1"), resource="r1")
    model.answer()
    model.away("n2")
    model.run(snapshots.delete, resource="r1", snapshot="s1")
    model.answer()
    model.back("n2")
    with pytest.raises(LinstorError) as caught:
        model.run(snapshots.create, bodies.SnapshotCreate(name="S1"), resource="r1")
    assert caught.value.code == Code.BUSY
    model.answer()
    model.run(snapshots.create, bodies.SnapshotCreate(name="s1"), resource="r1")


def test_a_broken_link_buries_a_snapshot_that_is_being_removed(model: Model) -> None:
    model.run(snapshots.create, bodies.SnapshotCreate(name="s1"), resource="r1")
    model.answer()
    change = model.run(snapshots.delete, resource="r1", snapshot="s1")
    model.answer("n1")
    model.away("n2")
    assert codes(model, change) == [2, 2, 1002]
    assert not model.cluster.snapshots
    assert the_stone(model).kind is TombstoneKind.SNAPSHOT


def test_a_resource_whose_snapshots_stay_leaves_what_is_known_to_them(model: Model) -> None:
    model.run(snapshots.create, bodies.SnapshotCreate(name="s1"), resource="r1")
    model.answer()
    model.away("n2")
    uuid = model.cluster.resources["R1", "N2"].uuid
    model.run(resources.delete, resource="r1", node="n2")
    specs = {spec.resource_name: spec for spec in model.specs("n2")}
    assert uuid not in specs["r1"].identities | specs[the_stone(model).spec_name].identities
    model.back("n2")
    model.answer()
    assert nothing_waits(model)
    assert model.cluster.snapshot("r1", "s1") is not None


def test_a_volume_on_a_node_that_is_away_goes_without_the_others(model: Model) -> None:
    model.run(volume_definitions.create, bodies.VolumeDefinitionCreate(
        volume_definition=bodies.VolumeDefinitionFields(size_kib=1024)), resource="r1")
    model.answer()
    model.away("n2")
    change = model.run(volume_definitions.delete, resource="r1", number="1")
    assert [volume.number for volume in model.cluster.resources["R1", "N2"].volumes] == [0]
    assert model.entries(change) is None
    model.answer()
    assert 1002 in codes(model, change)
    assert [volume.number for volume in model.cluster.resource_definitions["R1"].volume_definitions] == [0]
    assert (the_stone(model).kind, the_stone(model).volumes[0].identifier) == (TombstoneKind.VOLUME, "r1_00001")
    model.run(volume_definitions.create, bodies.VolumeDefinitionCreate(
        volume_definition=bodies.VolumeDefinitionFields(size_kib=1024)), resource="r1")
    assert model.cluster.resources["R1", "N2"].volumes[1].identifier == "r1.1_00001"
    model.back("n2")
    model.answer()
    assert not stones(model)


def test_a_broken_link_buries_a_volume_that_is_being_removed(model: Model) -> None:
    change = model.run(volume_definitions.delete, resource="r1", number="0")
    model.answer("n1")
    model.away("n2")
    assert codes(model, change) == [2, 2, 1002]
    assert model.cluster.resource_definitions["R1"].volume_definitions == ()
    assert model.cluster.resource("r1", "n2") is not None


def test_a_tombstone_takes_up_room_until_it_is_gone() -> None:
    model = Model.with_nodes(1, ProviderKind.FILE, free_kib=10 * GIB_KIB)
    define(model, size_kib=6 * GIB_KIB)
    place(model, "n1")
    model.answer()
    model.away("n1")
    model.run(resource_definitions.delete, resource="r1")
    usage = model.cluster.usage["N1", "THIN"]
    assert (usage.reserved_kib, usage.volumes, usage.pending_kib) == (6 * GIB_KIB, 1, 0)
    model.back("n1")
    model.answer()
    assert model.cluster.usage["N1", "THIN"].reserved_kib == 0


def test_a_device_in_use_keeps_the_tombstone_and_is_tried_again(model: Model) -> None:
    model.away("n2")
    model.run(resource_definitions.delete, resource="r1")
    model.answer()
    model.back("n2")
    model.answer("n2", failures=IN_USE)
    assert model.cluster.resources_seen[the_stone(model).place].failures == IN_USE
    assert [volume.delete for volume in model.specs("n2")[0].volumes] == [True]
    model.answer("n2")
    assert nothing_waits(model)


def test_what_a_lost_node_had_open_hinders_nobody(model: Model) -> None:
    seen = model.cluster.resources_seen["R1", "N2"]
    model.put(structs.replace(seen, volumes=(structs.replace(seen.volumes[0], in_use=True),)))
    assert refused(model, resource_definitions.delete, resource="r1").code == Code.IN_USE
    model.away("n2")
    model.run(resource_definitions.delete, resource="r1")
    model.answer()
    assert model.cluster.definition("r1") is None


def test_pools_and_nodes_stay_while_something_is_to_be_removed_there(model: Model) -> None:
    model.away("n2")
    model.run(resource_definitions.delete, resource="r1")
    model.answer()
    assert refused(model, storage_pools.delete, node="n2", pool="thin").code == Code.IN_USE
    assert refused(model, nodes.delete, node="n2").code == Code.IN_USE
    change = model.run(nodes.lose, node="n2")
    assert [entry.code for entry in change.answers] == [2, 0]
    assert "r1" in change.answers[1].details
    assert nothing_waits(model)


def test_losing_a_node_says_what_exists_nowhere_else(model: Model) -> None:
    define(model, "only")
    place(model, "n2", "only")
    model.run(snapshots.create, bodies.SnapshotCreate(name="s1", nodes=("n2",)), resource="r1")
    model.answer()
    model.away("n2")
    answers = model.run(nodes.lose, node="n2").answers
    assert [entry.details for entry in answers[1:]] == ["only, r1/s1.", "r1."]
