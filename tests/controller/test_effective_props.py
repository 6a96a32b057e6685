"""effective_props of a resource: the narrowest value counts, and says where it comes from."""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.operations import spawn
from linstor_core.controller.queries import resources
from linstor_core.controller.route import NoBody
from linstor_core.domain.resource_groups import AutoSelectFilter, VolumeGroup
from linstor_core.testing.builders import Model
from linstor_core.wire.rest_bodies import ResourceGroupSpawn
from linstor_core.wire.rest_resources import EffectiveProperty, Resource

KEY = "DrbdOptions/Net/ping-int"


def spawned() -> Model:
    model = Model.with_nodes(1)
    model.put(structs.replace(model.cluster.resource_groups["DFLTRSCGRP"], volume_groups=(VolumeGroup("u", 0),),
                              select_filter=AutoSelectFilter(place_count=1, layer_stack=("STORAGE",)),
                              props={KEY: "20"}))
    model.put(structs.replace(model.cluster.controller, props={KEY: "30", "Cluster/LocalID": "x"}))
    model.run(spawn.spawn, ResourceGroupSpawn(resource_definition_name="vol", volume_sizes=(1024,)),
              group="DfltRscGrp")
    return model


def effective(model: Model) -> dict[str, EffectiveProperty]:
    answer = resources.one(model.cluster, Call(NoBody(), {"resource": "vol", "node": "n1"}))
    assert isinstance(answer, Resource)
    return answer.effective_props


def test_the_narrowest_value_counts_and_names_what_it_hides() -> None:
    found = effective(spawned())[KEY]
    assert (found.type, found.value) == ("RG", "20")
    assert [(hidden.type, hidden.value) for hidden in found.other] == [("C", "30")]


def test_a_value_on_the_resource_hides_all_others() -> None:
    model = spawned()
    (resource,) = model.cluster.resources_of("vol")
    model.put(structs.replace(resource, props={**resource.props, KEY: "5"}))
    found = effective(model)[KEY]
    assert (found.type, found.value) == ("R", "5")
    assert [hidden.type for hidden in found.other] == ["RG", "C"]


def test_what_is_not_inherited_is_left_out() -> None:
    found = effective(spawned())
    assert "Cluster/LocalID" not in found
    assert "StorPoolName" not in found
