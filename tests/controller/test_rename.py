"""Renaming a definition: everything follows, nothing is made or removed, and other work comes first."""

from __future__ import annotations

import pytest

from linstor_core.controller.operations import (
    clones,
    completion,
    connections,
    migration_windows,
    rename,
    resource_definitions,
    snapshots,
    spawn,
)
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, NotFound
from linstor_core.domain.resource_groups import AutoSelectFilter, ResourceGroup, VolumeGroup
from linstor_core.domain.schedules import ScheduleUse, Scope
from linstor_core.testing.builders import Model
from linstor_core.wire import rest_bodies as bodies


@pytest.fixture
def model() -> Model:
    """`data` on n1 and n2 with a snapshot."""
    made = Model.with_nodes(3)
    made.put(ResourceGroup("g", "grp", select_filter=AutoSelectFilter(place_count=2, layer_stack=("STORAGE",)),
                           volume_groups=(VolumeGroup("v", 0),)))
    spawned(made, "data")
    made.run(snapshots.create, bodies.SnapshotCreate(name="snap"), resource="data")
    made.answer()
    return made


def spawned(model: Model, name: str) -> None:
    body = bodies.ResourceGroupSpawn(resource_definition_name=name, volume_sizes=(1024,))
    model.run(spawn.spawn, body, group="grp")
    model.answer()


def renamed(model: Model, new: str, old: str = "data") -> list[int] | None:
    change = model.run(rename.rename, bodies.ResourceDefinitionRename(new), resource=old)
    entries = model.entries(change)
    return None if entries is None else [entry.code for entry in entries]


def contents(cluster: Cluster, name: str) -> set[tuple[str, str, str]]:
    return {(resource.node_name, volume.identifier, volume.data_id) for resource in cluster.resources_of(name)
            for volume in resource.volumes}


def test_everything_follows(model: Model) -> None:
    holders = [resource.node_name for resource in model.cluster.resources_of("data")]
    pair = {"resource": "data", "first": holders[0], "second": holders[1]}
    model.run(migration_windows.open_window, bodies.MigrationWindowOpen(60), **pair)
    model.run(connections.modify_resources, bodies.PropsModify({"Aux/a": "1"}), **pair)
    definition = model.cluster.definition("data")
    assert definition is not None
    model.put(ScheduleUse("rem", "daily", Scope.DEFINITION, "data", definition.uuid))
    before, usage = contents(model.cluster, "data"), model.cluster.usage
    change = model.run(rename.rename, bodies.ResourceDefinitionRename("other"), resource="data")
    assert model.entries(change) is None, "satellites have to take over the new name"
    cluster = model.cluster
    assert cluster.definition("data") is None and not cluster.resources_of("data")
    assert contents(cluster, "other") == before
    assert [snapshot.name for snapshot in cluster.snapshots_of_definition("other")] == ["snap"]
    assert cluster.usage == usage
    connection = next(iter(cluster.resource_connections.values()))
    assert (connection.resource_name, connection.props["Aux/a"]) == ("other", "1")
    assert connection.window_expires_ms is not None
    assert [use.owner for use in cluster.schedule_uses.values()] == ["other"]
    assert {key[0] for key in cluster.resources_seen} == {"OTHER"}
    assert all(seen.volume(0) is not None for seen in cluster.resources_seen.values())
    model.answer()
    assert model.entries(change) is not None
    assert not completion.is_pending(model.cluster, "OTHER")


def test_a_restart_finds_the_same(model: Model) -> None:
    renamed(model, "other")
    after = model.restarted().cluster
    assert contents(after, "other") == contents(model.cluster, "other")
    assert after.strange_identifiers == model.cluster.strange_identifiers


def test_the_old_name_is_free_and_its_files_are_not(model: Model) -> None:
    renamed(model, "other")
    model.answer()
    for _ in range(2):
        spawned(model, "data")
        taken = [(node, identifier) for name in ("data", "other") for node, identifier, _ in
                 contents(model.cluster, name)]
        assert len(taken) == len(set(taken)) == 4
        model.run(resource_definitions.delete, resource="data")
        model.answer()
    renamed(model, "data", old="other")
    assert not model.cluster.strange_identifiers


def test_the_same_name_in_other_letters(model: Model) -> None:
    renamed(model, "DATA")
    model.answer()
    definition = model.cluster.definition("data")
    assert definition is not None and definition.name == "DATA"
    assert {resource.name for resource in model.cluster.resources_of("data")} == {"DATA"}
    assert model.run(rename.rename, bodies.ResourceDefinitionRename("DATA"), resource="data").puts == ()


def test_refusals(model: Model) -> None:
    spawned(model, "taken")
    with pytest.raises(AlreadyExists) as exists:
        renamed(model, "TAKEN")
    assert exists.value.code == Code.EXISTS_RSC_DFN
    with pytest.raises(InvalidInput):
        renamed(model, "not valid")
    with pytest.raises(NotFound):
        renamed(model, "free", old="nobody")


def test_copies_come_first(model: Model) -> None:
    model.run(clones.clone, bodies.CloneRequest(name="copy"), resource="data")
    for name in ("data", "copy"):
        with pytest.raises(Conflict) as refusal:
            renamed(model, "free", old=name)
        assert refusal.value.code == Code.BUSY
    model.answer()
    renamed(model, "free")


def test_a_snapshot_under_way_and_a_deletion_come_first(model: Model) -> None:
    model.run(snapshots.create, bodies.SnapshotCreate(name="second"), resource="data")
    with pytest.raises(Conflict):
        renamed(model, "free")
    model.answer()
    spawned(model, "gone")
    model.run(resource_definitions.delete, resource="gone")
    with pytest.raises(Conflict):
        renamed(model, "free", old="gone")


def test_nobody_waits_for_a_node_that_is_away(model: Model) -> None:
    away = model.cluster.resources_of("data")[0].node_name
    model.away(away)
    change = model.run(rename.rename, bodies.ResourceDefinitionRename("other"), resource="data")
    model.answer()
    assert 1002 in [entry.code for entry in model.entries(change) or ()]
