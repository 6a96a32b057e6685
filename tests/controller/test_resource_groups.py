"""Resource groups, their rules of placement, and their volume groups."""

from __future__ import annotations

import pytest

from linstor_core.controller.call import Call
from linstor_core.controller.operations import resource_groups, volume_groups
from linstor_core.controller.queries import resource_groups as views
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, LinstorError, NotFound
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.testing.builders import Model
from linstor_core.wire.rest_bodies import FlagsModify, ResourceGroupCreate, ResourceGroupModify, VolumeGroupCreate


def test_a_group_has_two_places_unless_told_otherwise() -> None:
    model = Model()
    model.run(resource_groups.create, ResourceGroupCreate(name="gold"))
    assert model.cluster.resource_groups["GOLD"].select_filter == AutoSelectFilter(place_count=2)


def test_an_unknown_pool_is_a_warning_only() -> None:
    model = Model.with_nodes(1)
    asked = AutoSelectFilter(storage_pool_list=("THIN", "nowhere"))
    change = model.run(resource_groups.create, ResourceGroupCreate(name="gold", select_filter=asked))
    assert [entry.code for entry in change.answers] == [3000, 1]
    assert "nowhere" in change.answers[0].message


@pytest.mark.parametrize(("given", "code"), [
    (ResourceGroupCreate(name="not valid"), Code.INVLD_RSC_GRP_NAME),
    (ResourceGroupCreate(name="gg", select_filter=AutoSelectFilter(place_count=-1)), Code.INVLD_PLACE_COUNT),
    (ResourceGroupCreate(name="gg", select_filter=AutoSelectFilter(layer_stack=("FOO",))), Code.INVLD_LAYER_KIND),
    (ResourceGroupCreate(name="gg", select_filter=AutoSelectFilter(provider_list=("FOO",))), Code.INVLD_LAYER_KIND),
    (ResourceGroupCreate(name="gg", props={"Nonsense": "1"}), Code.INVLD_PROP),
    (ResourceGroupCreate(name="dfltrscgrp"), Code.EXISTS_RSC_GRP),
])
def test_what_no_group_can_be(given: ResourceGroupCreate, code: Code) -> None:
    model = Model()
    with pytest.raises(LinstorError) as refusal:
        model.run(resource_groups.create, given)
    assert refusal.value.code == code
    assert len(model.cluster.resource_groups) == 1


def test_rules_merge_and_an_empty_list_takes_one_away() -> None:
    before = AutoSelectFilter(place_count=2, storage_pool_list=("a1", "b1"), replicas_on_same=("Aux/zone",))
    after = resource_groups.merged_filter(before, AutoSelectFilter(place_count=3, replicas_on_same=()))
    assert after == AutoSelectFilter(place_count=3, storage_pool_list=("a1", "b1"))
    assert resource_groups.merged_filter(before, None) is before


def test_the_older_field_for_one_pool_is_understood_and_shown() -> None:
    model = Model.with_nodes(1)
    model.run(resource_groups.create, ResourceGroupCreate(name="gold",
                                                          select_filter=AutoSelectFilter(storage_pool="thin")))
    shown = views.show_group(model.cluster, Call(None, {"group": "GOLD"}))
    assert shown.select_filter.storage_pool == "thin"  # type: ignore[attr-defined]
    assert shown.select_filter.storage_pool_list == ("thin",)  # type: ignore[attr-defined]


def test_what_is_not_given_stays() -> None:
    model = Model()
    model.run(resource_groups.create, ResourceGroupCreate(name="gold", description="first", props={"Aux/a": "1"},
                                                          peer_slots=5))
    model.run(resource_groups.modify, ResourceGroupModify({"Aux/b": "2"}), group="gold")
    group = model.cluster.resource_groups["GOLD"]
    assert (group.description, group.props, group.peer_slots) == ("first", {"Aux/a": "1", "Aux/b": "2"}, 5)
    model.run(resource_groups.modify, ResourceGroupModify(description=""), group="gold")
    assert model.cluster.resource_groups["GOLD"].description == ""


def test_a_group_with_definitions_is_not_deleted() -> None:
    model = Model()
    model.put(ResourceDefinition("u1", "data", "DFLTRSCGRP"))
    with pytest.raises(Conflict) as refusal:
        model.run(resource_groups.delete, group="DfltRscGrp")
    assert "data" in refusal.value.details
    assert [entry.code for entry in model.run(resource_groups.delete, group="nobody").answers] == [3000]


def test_volume_groups_get_the_lowest_free_number() -> None:
    model = Model()
    path = {"group": "DfltRscGrp"}
    for number in (0, 2):
        model.run(volume_groups.create, VolumeGroupCreate(volume_number=number), **path)
    model.run(volume_groups.create, VolumeGroupCreate(), **path)
    group = model.cluster.resource_groups["DFLTRSCGRP"]
    assert [part.number for part in group.volume_groups] == [0, 1, 2]
    taken = model.run(volume_groups.create, VolumeGroupCreate(volume_number=1), **path)
    assert [(entry.code, entry.is_error) for entry in taken.answers] == [(Code.EXISTS_VLM_GRP, True)]
    assert model.cluster.resource_groups["DFLTRSCGRP"] is group
    with pytest.raises(InvalidInput):
        model.run(volume_groups.create, VolumeGroupCreate(volume_number=65535), **path)


def test_flags_and_properties_of_a_volume_group_change() -> None:
    model = Model()
    path = {"group": "DfltRscGrp", "number": "0"}
    model.run(volume_groups.create, VolumeGroupCreate(flags=("GROSS_SIZE",), props={"Aux/a": "1"}), group="DfltRscGrp")
    model.run(volume_groups.modify, FlagsModify({"Aux/b": "2"}, ("Aux/a",), flags=("-GROSS_SIZE", "ENCRYPTED")), **path)
    part = model.cluster.resource_groups["DFLTRSCGRP"].volume_groups[0]
    assert (part.flags, part.props) == (("ENCRYPTED",), {"Aux/b": "2"})
    model.run(volume_groups.delete, **path)
    for missing in (lambda: model.run(volume_groups.delete, **path),
                    lambda: model.run(volume_groups.modify, FlagsModify(), **path)):
        with pytest.raises(NotFound) as refusal:
            missing()
        assert refusal.value.code == Code.NOT_FOUND_VLM_GRP


def test_a_second_group_of_a_name_is_refused() -> None:
    with pytest.raises(AlreadyExists):
        Model().run(resource_groups.create, ResourceGroupCreate(name="DFLTRSCGRP"))
