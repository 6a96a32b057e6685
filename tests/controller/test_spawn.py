"""What a spawned definition takes from the call itself, beside what the group gives."""

from __future__ import annotations

import pytest
from msgspec import structs

from linstor_core.controller.operations import spawn
from linstor_core.domain.errors import Code, InvalidInput
from linstor_core.domain.resource_groups import AutoSelectFilter, VolumeGroup
from linstor_core.testing.builders import Model
from linstor_core.wire.rest_bodies import ResourceGroupSpawn, SelectFilterBody


def ready_to_spawn() -> Model:
    model = Model.with_nodes(1)
    model.put(structs.replace(model.cluster.resource_groups["DFLTRSCGRP"], volume_groups=(VolumeGroup("u", 0),),
                              select_filter=AutoSelectFilter(place_count=1, layer_stack=("STORAGE",))))
    return model


def body(props: dict[str, str]) -> ResourceGroupSpawn:
    return ResourceGroupSpawn(resource_definition_name="s1", volume_sizes=(1024,), resource_definition_props=props)


def test_the_definition_gets_the_properties_of_the_call() -> None:
    model = ready_to_spawn()
    model.run(spawn.spawn, body({"Aux/template-for": "gold"}), group="DfltRscGrp")
    assert model.cluster.resource_definitions["S1"].props["Aux/template-for"] == "gold"


def test_a_property_that_is_refused_leaves_nothing_behind() -> None:
    model = ready_to_spawn()
    with pytest.raises(InvalidInput) as refusal:
        model.run(spawn.spawn, body({"no-such-property": "1"}), group="DfltRscGrp")
    assert refusal.value.code == Code.INVLD_PROP
    assert not model.cluster.resource_definitions


def test_adjusting_waits_until_the_new_replicas_are_there() -> None:
    model = ready_to_spawn()
    model.run(spawn.spawn, body({}), group="DfltRscGrp")
    model.answer()
    model.add_node("n2")
    group = model.cluster.resource_groups["DFLTRSCGRP"]
    model.put(structs.replace(group, select_filter=AutoSelectFilter(place_count=2, layer_stack=("STORAGE",))))
    change = model.run(spawn.adjust_one, SelectFilterBody(), group="DfltRscGrp")
    assert len(model.cluster.resources_of("s1")) == 2
    assert model.entries(change) is None
    model.answer()
    assert model.entries(change)
