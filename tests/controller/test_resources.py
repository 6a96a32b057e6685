"""Placing, resizing and deleting resources: what is stored, what callers are told, what reports complete."""

from __future__ import annotations

import pytest
from msgspec import structs

from linstor_core.controller import resource_specs
from linstor_core.controller.operations import (
    autoplace,
    reports,
    resource_definitions,
    resources,
    spawn,
    volume_definitions,
)
from linstor_core.domain.errors import Code, LinstorError
from linstor_core.domain.observed import Failure
from linstor_core.domain.resource_groups import AutoSelectFilter, VolumeGroup
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.testing.builders import GIB_KIB, Model, done
from linstor_core.wire import rest_bodies as bodies


def defined(model: Model, name: str = "r1", size_kib: int = 1024) -> None:
    fields = bodies.ResourceDefinitionFields(name=name, layer_data=(bodies.rest_v1.ResourceDefinitionLayer(
        type="STORAGE"),))
    model.run(resource_definitions.create, bodies.ResourceDefinitionCreate(resource_definition=fields))
    model.run(volume_definitions.create, bodies.VolumeDefinitionCreate(
        volume_definition=bodies.VolumeDefinitionFields(size_kib=size_kib)), resource=name)


def placed(model: Model, name: str = "r1", node: str = "n1", pool: str = "thin") -> None:
    body = bodies.ResourceCreate(resource=bodies.ResourceFields(props={"StorPoolName": pool}))
    model.run(resources.create_one, body, resource=name, node=node)


def refusal(model: Model, write: object, body: object = None, **path: str) -> LinstorError:
    before = model.cluster
    with pytest.raises(LinstorError) as caught:
        model.run(write, body, **path)  # type: ignore[arg-type]
    assert model.cluster is before
    return caught.value


def codes(model: Model, change: object) -> list[int] | None:
    entries = model.entries(change)  # type: ignore[arg-type]
    return None if entries is None else [entry.code for entry in entries]


def test_what_a_node_has_confirmed_is_not_made_anew_whatever_the_node_remembers() -> None:
    model = Model.with_nodes(1)
    defined(model)
    placed(model)
    (wanted,) = model.specs("n1")
    assert not wanted.volumes[0].must_exist
    model.answer("n1")
    (confirmed,) = model.specs("n1")
    assert confirmed.volumes[0].must_exist
    assert confirmed.generation == wanted.generation, "its node knows that: it has nothing to do"
    model.away("n1")
    model = model.restarted()
    assert model.specs("n1")[0].volumes[0].must_exist, "it is stored"


def test_a_placed_resource_is_told_when_its_node_has_answered() -> None:
    model = Model.with_nodes(2)
    defined(model)
    change = model.run(resources.create_one, bodies.ResourceCreate(
        resource=bodies.ResourceFields(props={"StorPoolName": "thin"})), resource="R1", node="N1")
    assert model.entries(change) is None
    model.answer("n2")
    assert model.entries(change) is None
    model.answer("n1")
    assert not any(entry.is_error for entry in model.entries(change) or [])
    volume = model.cluster.resources["R1", "N1"].volumes[0]
    assert (volume.identifier, volume.storage_pool, volume.source) == ("r1_00000", "thin", None)


def test_a_node_that_is_away_costs_a_warning_and_catches_up() -> None:
    model = Model.with_nodes(1)
    defined(model)
    model.away("n1")
    change = model.run(resources.create_one, bodies.ResourceCreate(
        resource=bodies.ResourceFields(props={"StorPoolName": "thin"})), resource="r1", node="n1")
    assert 1002 in (codes(model, change) or [])
    assert [spec.resource_name for spec in model.specs("n1")] == ["r1"]


def test_a_node_lost_while_a_caller_waits_lets_the_caller_go() -> None:
    model = Model.with_nodes(1)
    defined(model)
    change = model.run(resources.create_one, bodies.ResourceCreate(
        resource=bodies.ResourceFields(props={"StorPoolName": "thin"})), resource="r1", node="n1")
    model.away("n1")
    assert 1002 in (codes(model, change) or [])


def test_a_failure_reaches_the_caller_with_its_cause() -> None:
    model = Model.with_nodes(1)
    defined(model)
    change = model.run(resources.create_one, bodies.ResourceCreate(
        resource=bodies.ResourceFields(props={"StorPoolName": "thin"})), resource="r1", node="n1")
    model.answer(failures=(Failure("No space is left.", "The pool is full.", code=980),))
    entries = [entry for entry in model.entries(change) or [] if entry.is_error]
    assert [(entry.code, entry.cause) for entry in entries] == [(980, "The pool is full.")]
    assert model.cluster.resource("r1", "n1") is not None


@pytest.mark.parametrize(("pool", "code"), [("nope", 309), ("other", 310)])
def test_unknown_pools_are_refused(pool: str, code: int) -> None:
    model = Model.with_nodes(1)
    model.add_node("n2", pool_name="other")
    defined(model)
    body = bodies.ResourceCreate(resource=bodies.ResourceFields(props={"StorPoolName": pool}))
    assert refusal(model, resources.create_one, body, resource="r1", node="n1").code == code


def test_a_thick_pool_promises_nothing_twice() -> None:
    model = Model.with_nodes(1, ProviderKind.FILE, free_kib=10 * GIB_KIB)
    for number in range(2):
        defined(model, f"r{number}", 6 * GIB_KIB)
    placed(model, "r0")
    body = bodies.ResourceCreate(resource=bodies.ResourceFields(props={"StorPoolName": "thin"}))
    assert refusal(model, resources.create_one, body, resource="r1", node="n1").code == Code.NOT_ENOUGH_FREE_SPACE


def test_deletion_completes_only_when_the_volume_was_looked_for_and_not_found() -> None:
    model = Model.with_nodes(1)
    defined(model)
    placed(model)
    model.answer()
    stale = done(model.specs("n1")[0])
    change = model.run(resources.delete, resource="r1", node="n1")
    model.report("n1", [stale])
    assert model.entries(change) is None
    spec = model.specs("n1")[0]
    model.report("n1", [structs.replace(done(spec), volumes=())])  # said nothing about the volume
    assert model.cluster.resource("r1", "n1") is not None
    model.report("n1", [done(spec)])
    assert model.cluster.resource("r1", "n1") is None
    assert not model.cluster.resources_seen
    assert codes(model, change) == [2, 3, 2, 3, 2]
    assert model.cluster.usage["N1", "THIN"].reserved_kib == 0


def test_deletion_goes_on_after_a_restart_without_anybody_waiting() -> None:
    model = Model.with_nodes(2)
    defined(model)
    placed(model, node="n1")
    placed(model, node="n2")
    model.answer()
    model.away("n2")
    change = model.run(resource_definitions.delete, resource="r1")
    model.answer()
    assert 1002 in (codes(model, change) or [])
    later = model.restarted()
    later.put(*(structs.replace(seen, status=seen.status) for seen in model.cluster.nodes_seen.values()))
    later.back("n2")
    later.answer()
    assert later.cluster.definition("r1") is None
    assert ("R1", "N2") not in later.cluster.generations


def test_reports_may_be_repeated_and_upkeep_finds_nothing_more() -> None:
    model = Model.with_nodes(1)
    defined(model)
    placed(model)
    model.answer()
    before = model.cluster
    model.answer()
    model.run(lambda cluster, context, _: reports.upkeep(cluster.resource_definitions)(cluster, context))
    for kind in ("resources", "resource_definitions", "snapshots", "generations", "usage"):
        assert getattr(model.cluster, kind) == getattr(before, kind)


def test_upkeep_completes_what_was_reported_but_not_folded() -> None:
    model = Model.with_nodes(1)
    defined(model)
    placed(model)
    model.answer()
    model.run(resource_definitions.delete, resource="r1")
    model.put(done(model.specs("n1")[0]))  # the report is known, its completion was lost
    model.run(lambda cluster, context, _: reports.upkeep(cluster.resource_definitions)(cluster, context))
    assert model.cluster.definition("r1") is None


def test_what_is_in_use_is_not_deleted() -> None:
    model = Model.with_nodes(1)
    defined(model)
    placed(model)
    answer = done(model.specs("n1")[0])
    model.report("n1", [structs.replace(answer, volumes=(structs.replace(answer.volumes[0], in_use=True),))])
    assert refusal(model, resources.delete, resource="r1", node="n1").code == Code.IN_USE
    assert refusal(model, resource_definitions.delete, resource="r1").code == Code.IN_USE


def test_growing_ends_when_every_node_has_grown_and_shrinking_is_refused() -> None:
    model = Model.with_nodes(2)
    defined(model)
    placed(model, node="n1")
    placed(model, node="n2")
    model.answer()
    change = model.run(volume_definitions.modify, bodies.VolumeDefinitionModify(size_kib=2048), resource="r1",
                       number="0")
    model.answer("n1")
    assert model.cluster.resource_definitions["R1"].volume_definitions[0].flags == ("RESIZE",)
    assert model.entries(change) is None
    model.answer("n2")
    assert model.cluster.resource_definitions["R1"].volume_definitions[0].flags == ()
    assert model.cluster.usage["N1", "THIN"].reserved_kib == 2048
    fault = refusal(model, volume_definitions.modify, bodies.VolumeDefinitionModify(size_kib=1024), resource="r1",
                    number="0")
    assert fault.code == Code.INVLD_VLM_SIZE


def test_a_volume_definition_goes_with_its_last_volume() -> None:
    model = Model.with_nodes(2)
    defined(model)
    placed(model, node="n1")
    placed(model, node="n2")
    model.run(volume_definitions.create, bodies.VolumeDefinitionCreate(
        volume_definition=bodies.VolumeDefinitionFields(size_kib=4096)), resource="r1")
    model.answer()
    change = model.run(volume_definitions.delete, resource="r1", number="1")
    model.answer("n1")
    assert len(model.cluster.resource_definitions["R1"].volume_definitions) == 2
    assert model.entries(change) is None
    model.answer("n2")
    assert [volume.number for volume in model.cluster.resource_definitions["R1"].volume_definitions] == [0]
    assert all(len(resource.volumes) == 1 for resource in model.cluster.resources.values())


def test_reports_about_other_nodes_and_unwanted_resources_change_nothing() -> None:
    model = Model.with_nodes(2)
    defined(model)
    placed(model)
    model.answer()
    stranger = structs.replace(done(model.specs("n1")[0]), node_name="n2", generation=10**6)
    assert model.report("n1", [stranger]).puts == ()
    assert model.report("n2", [stranger]).puts == ()


def test_spawning_is_all_or_nothing() -> None:
    model = Model.with_nodes(1)
    group = structs.replace(model.cluster.resource_groups["DFLTRSCGRP"], volume_groups=(VolumeGroup("u", 0),),
                            select_filter=AutoSelectFilter(place_count=2, layer_stack=("STORAGE",)))
    model.put(group)
    body = bodies.ResourceGroupSpawn(resource_definition_name="s1", volume_sizes=(1024,))
    fault = refusal(model, spawn.spawn, body, group="DfltRscGrp")
    assert fault.code == Code.NOT_ENOUGH_NODES
    assert "n1/thin" in fault.details
    model.add_node("n2")
    model.run(spawn.spawn, body, group="DfltRscGrp")
    assert len(model.cluster.resources) == 2


def test_adjusting_adds_what_is_missing() -> None:
    model = Model.with_nodes(3)
    defined(model)
    placed(model)
    model.answer()
    model.run(spawn.adjust_all, bodies.SelectFilterBody())
    assert len(model.cluster.nodes_of["R1"]) == 2


def test_make_available_places_activates_or_leaves_alone() -> None:
    model = Model.with_nodes(2)
    defined(model)
    model.run(autoplace.make_available, bodies.MakeAvailable(), resource="r1", node="n2")
    assert list(model.cluster.resources) == [("R1", "N2")]
    model.answer()
    model.run(resources.deactivate, resource="r1", node="n2")
    assert not model.specs("n2")[0].active
    model.run(autoplace.make_available, bodies.MakeAvailable(), resource="r1", node="n2")
    assert model.specs("n2")[0].active
    assert model.run(autoplace.make_available, bodies.MakeAvailable(), resource="r1", node="n2").puts == ()


def test_generations_grow_with_every_change_of_a_spec_only() -> None:
    model = Model.with_nodes(1)
    defined(model)
    placed(model)
    first = model.cluster.generations["R1", "N1"]
    model.run(resources.modify, bodies.PropsModify(override_props={"Aux/a": "b"}), resource="r1", node="n1")
    assert model.cluster.generations["R1", "N1"] == first
    model.run(volume_definitions.modify, bodies.VolumeDefinitionModify(size_kib=4096), resource="r1", number="0")
    assert model.cluster.generations["R1", "N1"] > first
    assert resource_specs.build(model.cluster, ("R1", "N1")) is not None


def test_a_deletion_that_finds_it_in_use_is_called_off() -> None:
    model = Model.with_nodes(1)
    defined(model)
    placed(model)
    model.answer()
    for write, path in ((resource_definitions.delete, {"resource": "r1"}),
                        (resources.delete, {"resource": "r1", "node": "n1"}),
                        (volume_definitions.delete, {"resource": "r1", "number": "0"})):
        change = model.run(write, **path)
        model.answer(failures=(Failure("The device is open.", code=Code.IN_USE),))
        assert [entry.code for entry in model.entries(change) or [] if entry.is_error] == [Code.IN_USE]
        assert not model.specs("n1")[0].volumes[0].delete
        model.answer()
    definition, resource = model.cluster.resource_definitions["R1"], model.cluster.resources["R1", "N1"]
    assert (definition.flags, definition.volume_definitions[0].flags) == ((), ())
    assert (resource.flags, resource.volumes[0].flags) == ((), ())


def test_nothing_is_said_to_be_done_on_a_node_that_is_away() -> None:
    model = Model.with_nodes(2)
    defined(model)
    model.away("n2")
    body = tuple(bodies.ResourceCreate(resource=bodies.ResourceFields(
        node_name=node, props={"StorPoolName": "thin"})) for node in ("n1", "n2"))
    made = model.run(resources.create_many, body, resource="r1")
    grown = model.run(volume_definitions.modify, bodies.VolumeDefinitionModify(size_kib=2048), resource="r1",
                      number="0")
    model.answer("n1")
    for change in (made, grown):
        told = [entry for entry in model.entries(change) or [] if entry not in change.answers]
        assert [entry.ret_code & 0x7FFF for entry in told if "'n2'" in entry.message] == [1002]
        assert any("is ready on 'n1'" in entry.message for entry in told)
